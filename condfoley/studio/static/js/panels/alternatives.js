// The sounds that a cue can have, side by side: each is heard alone, one click takes it.

import * as api from "../api.js";
import { t } from "../texts.js";
import { button, fill, h } from "../widgets.js";
import { drawSound } from "./wave_canvas.js";

/** @param {import("../types.js").EditorContext} context @param {import("../types.js").Cue} cue @returns {import("./cue.js").Part} */
export function alternatives(context, cue) {
  const { store } = context;
  const list = h("ul.alternatives", { "aria-label": t("alternatives.heading") });
  const element = h("section.stack", { hidden: true }, h("h2", {}, t("alternatives.heading")), list);
  let drawn = "";
  return {
    element,
    update([now]) {
      const state = `${now?.alternatives} ${store.server.revision}`;
      if (!now || state === drawn) return;
      drawn = state;
      element.hidden = !now.alternatives;
      if (now.alternatives) fill(list, card(context, cue, null), Array.from({ length: now.alternatives }, (_, k) => card(context, cue, k + 1)));
    },
  };
}

/** @param {import("../types.js").EditorContext} context @param {import("../types.js").Cue} cue
 * @param {number|null} number of the alternative, from 1; null: the sound that it has */
function card({ store, player }, cue, number) {
  const name = number === null ? t("alternatives.now") : t("alternatives.number", { number });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const path = api.withQuery(`/api/projects/${store.id}/cues/${cue.id}/sound`, { revision: store.server.revision, alternative: number });
  const sound = api.request("GET", path).then((answer) => answer.arrayBuffer());
  sound.then((bytes) => drawSound(canvas, bytes.slice(0)), () => canvas.classList.add("missing"));
  const listen = button(t("alternatives.listen", { name }), async () => player.playBuffer((await sound).slice(0), cue.id), { icon: "play", name: "play-alternative", id: String(number ?? 0) });
  const use = number !== null &&
    button(t("alternatives.use"), () => store.edit([{ op: "choose", cue: cue.id, alternative: number }]),
      { disabled: !store.writable || cue.locked, name: "use-alternative", id: String(number) });
  return h(`li.card.alternative${number === null ? ".current" : ""}`, {}, h("span.label", {}, name), canvas, h("div.row.center", {}, listen, use));
}
