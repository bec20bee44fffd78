// The sheet of all keys, and what the mouse does.

import { tool } from "../dom.js";
import { shown } from "../editor/commands.js";
import { t, tOf } from "../texts.js";
import { h, openDialog } from "../widgets.js";

const GROUPS = ["play", "view", "cues", "edit", "other"];
const MOUSE = ["drag", "free", "strength", "gain", "several", "add", "span", "zoom", "slide"];

/** @param {import("../types.js").EditorContext} context */
export function mountHelp({ commands, slots }) {
  const open = () => openDialog(t("help.heading"), h("div.help", {},
    GROUPS.map((group) => keys(tOf("help_group", group), commands.list.filter((one) => one.group === group && one.keys.length))),
    h("section", {}, h("h3", {}, t("help.mouse")), h("dl.keys", {}, MOUSE.map((what) => [h("dt", {}, tOf("mouse", what)), h("dd", {}, tOf("mouse_does", what))])))));
  commands.add({ id: "help", keys: ["?", "F1"], label: t("help.heading"), group: "other", run: open });
  slots.topbar.append(tool(t("help.open"), open, { icon: "keyboard", kind: "quiet", keys: "?", name: "help" }));
}

/** @param {string} heading @param {import("../editor/commands.js").Command[]} list */
function keys(heading, list) {
  return list.length > 0 && h("section", {}, h("h3", {}, heading), h("dl.keys", {}, list.map((one) =>
    [h("dt", {}, one.keys.map((key) => h("kbd", {}, shown(key)))), h("dd", {}, one.label)])));
}
