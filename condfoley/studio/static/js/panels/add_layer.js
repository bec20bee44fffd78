// Another layer: its reference, and where its cues come from.

import { t } from "../texts.js";
import { button, field, fill, h, openDialog } from "../widgets.js";
import { dropZone } from "../start/drop.js";
import { openMicrophone } from "../start/microphone.js";
import { clipHead } from "../start/reference.js";
import { tapping } from "./tapping.js";

/** @typedef {import("../types.js").Clip} Clip */

const NAME = /^[A-Za-z0-9_-]+$/;
const TAKEN = ["ambience"];

/** @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs */
export async function openAddLayer(context, jobs) {
  const { store, player, about } = context;
  player.pause();
  /** @type {{clip: Clip|null, from: string, times: number[], performance: Clip|null}} */
  const chosen = { clip: null, from: "picture", times: [], performance: null };
  const name = h("input", { type: "text", value: freeName(store), maxLength: 40, pattern: "[A-Za-z0-9_\\-]+", dataset: { value: "layer-name" } });
  const reference = h("div");
  const cues = h("fieldset.stack", {}, h("legend", {}, t("add_layer.cues")));
  const detail = h("div.stack");
  const error = h("p.error", { role: "alert", hidden: true });
  const { body, close, closed } = openDialog(t("add_layer.heading"), field(t("add_layer.name"), name), reference, cues, detail, error);
  const go = button(t("add_layer.go"), start, { kind: "primary", name: "make-layer" });
  body.append(h("div.row.end", {}, go));

  /** @param {Clip|null} clip */
  function choose(clip) {
    chosen.clip = clip;
    const zone = () => dropZone({ name: "reference", title: t("add_layer.drop"), hint: t("start.reference_hint"), about, onclip: choose }).element;
    fill(reference, clip ? clipHead(clip, null, t("clip.remove_reference"), () => choose(null)) : zone());
  }

  /** @param {string} from */
  function source(from) {
    chosen.from = from;
    fill(detail,
      from === "tapped" && tapping(context, (times) => (chosen.times = times)),
      from === "performance" && performed());
  }

  function performed() {
    const state = h("span", { role: "status" }, chosen.performance ? t("add_layer.recorded") : "");
    const record = () => openMicrophone({ target: /** @type {Clip} */ (store.clip), ondone: (clip) => {
      chosen.performance = clip;
      state.textContent = t("add_layer.recorded");
    } });
    return h("div.row", {}, button(t("perform.open"), record, { icon: "microphone", shown: true, disabled: !store.clip }), state);
  }

  async function start() {
    const problem = refusal(chosen, name.value, store);
    error.hidden = !problem;
    error.textContent = problem;
    if (problem) return;
    const times = { tapped: chosen.times, selected: store.selected().map((cue) => cue.time) }[chosen.from] ?? null;
    close();
    await jobs.run({ kind: "layer", reference: chosen.clip?.id, layer: name.value, times, performance: chosen.from === "performance" ? chosen.performance?.id : null });
  }

  const ways = ["picture", ...(store.selection.size ? ["selected"] : []), "tapped", "performance"];
  const words = { picture: t("add_layer.picture"), selected: t("add_layer.selected", { count: store.selection.size }), tapped: t("add_layer.tapped"),
    performance: t("add_layer.performance") };
  cues.append(...ways.map((way) => h("label.toggle", {}, h("input", { type: "radio", name: "cues", value: way, checked: way === chosen.from, onchange: () => source(way) }),
    h("span", {}, words[/** @type {"picture"} */ (way)]))));
  choose(null);
  await closed;
}

/** Why a layer cannot be made so, or "". @param {{clip: Clip|null, from: string, times: number[], performance: Clip|null}} chosen
 * @param {string} name @param {import("../store.js").Store} store */
function refusal({ clip, from, times, performance }, name, store) {
  if (!NAME.test(name)) return t("add_layer.bad_name");
  if (TAKEN.includes(name) || store.view.layers.some((layer) => layer.name === name)) return t("add_layer.taken", { name });
  if (!clip) return t("add_layer.no_clip");
  if (!clip.sound) return t("reference.silent");
  if (from === "tapped" && !times.length) return t("add_layer.no_taps");
  if (from === "performance" && !performance) return t("add_layer.no_performance");
  return "";
}

/** @param {import("../store.js").Store} store */
function freeName(store) {
  const taken = store.view.layers.map((layer) => layer.name);
  let number = 2;
  while (taken.includes(`layer${number}`)) number += 1;
  return `layer${number}`;
}
