// The layers: how loud each is, which are heard, where they come from; and how more are added.

import { t } from "../texts.js";
import { button, fill, h, slider } from "../widgets.js";
import { openAmbience } from "./add_ambience.js";
import { openAddLayer } from "./add_layer.js";

/** @typedef {import("../types.js").Layer} Layer */

const COLOURS = 6; // of app.css

/** @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs
 * @returns {import("./panels.js").Panel} */
export function layerPanel(context, jobs) {
  const { store, onLeave } = context;
  const list = h("ul.plain-list.layers");
  const add = h("div.row.wrap");
  let drawn = "";

  function draw() {
    const now = JSON.stringify([store.writable, store.view.layers.map(({ name }) => name)]);
    if (now !== drawn) {
      drawn = now;
      fill(list, store.view.layers.map((layer) => row(context, layer)));
      fill(add, button(t("layers.add"), () => openAddLayer(context, jobs), { icon: "plus", shown: true, disabled: !store.writable, name: "add-layer" }),
        button(t("layers.ambience"), () => openAmbience(context, jobs), { icon: "plus", shown: true, disabled: !store.writable, name: "add-ambience" }));
    }
    for (const layer of store.view.layers) update(context, list.querySelector(`[data-layer="${CSS.escape(layer.name)}"]`), layer);
  }

  onLeave(store.on("solo", draw));
  return { element: h("div.stack", {}, list, add), draw };
}

/** @param {import("../types.js").EditorContext} context @param {Layer} layer */
function row({ store }, layer) {
  const { name } = layer;
  const set = (/** @type {Record<string, any>} */ values) => store.edit([{ op: "layer", layer: name, values }]);
  const colour = () => store.view.layers.find((one) => one.name === name)?.colour ?? 0;
  const muted = () => Boolean(store.view.layers.find((one) => one.name === name)?.muted);
  return h("li.card.layer", { dataset: { layer: name } },
    h("div.row", {}, h("button.swatch", { type: "button", "aria-label": t("layers.colour", { name }), title: t("layers.colour", { name }),
      disabled: !store.writable, dataset: { do: "colour-layer", of: name }, onclick: () => set({ colour: (colour() + 1) % COLOURS }) }), h("strong.grow.ellipsis", { title: name }, name),
      button(t("layers.mute", { name }), () => set({ muted: !muted() }), { icon: "mute", name: "mute-layer", id: name, pressed: layer.muted, disabled: !store.writable }),
      button(t("layers.solo", { name }), () => store.toggleSolo(name), { icon: "solo", name: "solo-layer", id: name, pressed: false })),
    slider({ words: t("layers.gain"), value: layer.gain, min: -40, max: 12, step: 0.5, unit: "dB", disabled: !store.writable, name: `gain-${name}`,
      onchange: (gain) => set({ gain }) }),
    h("small.hint"));
}

/** @param {import("../types.js").EditorContext} context @param {HTMLElement|null} row @param {Layer} layer */
function update({ store }, row, layer) {
  if (!row) return;
  row.style.setProperty("--layer", `var(--layer-${layer.colour})`);
  row.querySelector("[data-do=mute-layer]")?.setAttribute("aria-pressed", String(layer.muted));
  row.querySelector("[data-do=solo-layer]")?.setAttribute("aria-pressed", String(store.solo.has(layer.name)));
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (row.querySelectorAll(".slider input")))
    if (box !== document.activeElement) box.value = box.type === "number" ? layer.gain.toFixed(1) : String(layer.gain);
  const count = store.view.cues.filter((cue) => cue.layer === layer.name).length;
  const words = layer.ambience ? t("layers.bed") : t("layers.facts", { count });
  /** @type {HTMLElement} */ (row.querySelector(".hint")).textContent = words;
}
