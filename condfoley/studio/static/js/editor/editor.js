// The editor's screen: picture, panels and timeline of one project.

import * as api from "../api.js";
import { announce, toast } from "../dom.js";
import { mountPanels } from "../panels/panels.js";
import { Player } from "../player.js";
import { Store } from "../store.js";
import { t } from "../texts.js";
import { themeButton } from "../theme.js";
import { h } from "../widgets.js";
import { Actions } from "./actions.js";
import { Commands } from "./commands.js";
import { CueLanes } from "./cue_lanes.js";
import { Dragging } from "./dragging.js";
import { addFilm } from "./film.js";
import { addCommands } from "./keymap.js";
import { addOverview } from "./overview.js";
import { showPicture } from "./picture.js";
import { addPictureLane } from "./picture_lane.js";
import { addRuler } from "./ruler.js";
import { Snap } from "./snap.js";
import { addSpectrogram, addWaveform } from "./sound_lanes.js";
import { addSpans } from "./spans.js";
import { addSplitter } from "./splitter.js";
import { Timeline } from "./timeline.js";
import { addTransport } from "./transport.js";

/** Opens a project. Raises ApiError. @param {HTMLElement} root @param {HTMLElement} topbar @param {string} project
 * @returns {Promise<() => void>} what closes it */
export async function openEditor(root, topbar, project) {
  const about = await api.about();
  const store = new Store(project);
  await store.open();
  const slots = {
    panels: h("aside.panels", { "aria-label": t("editor.panels") }),
    topbar: h("div.topbar-end"),
    meters: h("div.meters"),
    tools: h("div.row.tools"),
  };
  const picture = h("div.picture");
  const transport = h("div.transport", { role: "toolbar", "aria-label": t("editor.transport") }, slots.tools);
  const overview = h("div.overview");
  const stage = h("div.timeline", { role: "region", "aria-label": t("editor.timeline") });
  const upper = h("div.upper", {}, picture, slots.meters, slots.panels);
  root.append(h("div.editor", {}, upper, transport, overview, stage));
  addSplitter(upper, transport);
  const name = h("h1.project-name", { title: store.view.name }, store.view.name);
  topbar.append(
    h(
      "a.button-link",
      { href: "#/", "aria-label": t("app.back"), title: t("app.back") },
      h("span.icon.icon-back", { "aria-hidden": "true" }),
    ),
    name,
    slots.topbar,
    themeButton(),
  );
  store.on("view", () => (name.textContent = name.title = store.view.name));
  document.title = `${store.view.name} – ${t("app.title")}`;

  /** @type {(() => void)[]} */
  const leaving = [];
  const player = new Player(store);
  const timeline = new Timeline(stage, store.view.duration);
  const commands = new Commands();
  /** @type {import("../types.js").EditorContext} */
  const context = {
    about,
    store,
    player,
    timeline,
    commands,
    slots,
    actions: /** @type {any} */ (null),
    lanes: /** @type {any} */ (null),
    onLeave: (action) => leaving.push(action),
  };
  await build(context, { picture, transport, overview });
  return () => {
    leaving.forEach((action) => action());
    commands.close();
    player.close();
    timeline.close();
    store.close();
    document.title = t("app.title");
  };
}

/** @param {import("../types.js").EditorContext} context @param {Record<string, HTMLElement>} places */
async function build(context, { picture, transport, overview }) {
  const { store, player, timeline } = context;
  await showPicture(context, picture);
  addRuler(context);
  addFilm(context);
  addPictureLane(context);
  const lanes = (context.lanes = new CueLanes(context));
  addWaveform(context);
  addSpectrogram(context);
  const snap = new Snap(context);
  const actions = (context.actions = new Actions(context, lanes, snap));
  addCommands(context, actions, lanes, snap);
  addTransport(context, transport, snap);
  addOverview(context, overview);
  new Dragging(context, lanes, snap);
  addSpans(context);
  store.on("refused", (line) => {
    toast(line, "error");
    announce(line);
  });
  player.addEventListener("time", () => {
    const time = player.time;
    timeline.drawPlayhead(time);
    if (player.playing) timeline.reveal(time, true);
  });
  mountPanels(context);
  Object.assign(globalThis, { studio: context }); // for the browser's console, and what is measured
}
