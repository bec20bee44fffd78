// What becomes of the sum of all layers: its level, its room, and where impacts are heard between left and right.

import { t, tOf } from "../texts.js";
import { controlOf } from "../start/options.js";
import { button, field, fill, h, select } from "../widgets.js";

const LEVELS = ["loudness", "true_peak", "bits"];
const ROOM = ["room", "room_gain"];
const WIDTH = 0.6; // as by default

/** @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs
 * @returns {import("./panels.js").Panel} */
export function masterPanel(context, jobs) {
  const { store } = context;
  const known = context.about.settings.properties;
  const element = h("div.master");
  let drawn = "";

  function draw() {
    const now = String(store.writable);
    if (now !== drawn) {
      drawn = now;
      fill(element, h("div.halves", {}, levels(store, known), h("div.stack", {}, room(store, known), panning(store, jobs, known))));
      if (!store.writable) for (const control of element.querySelectorAll("input, select, button")) control.disabled = true;
    }
    update(store, element);
  }

  return { element, draw };
}

/** One edit. @param {import("../store.js").Store} store @param {Record<string, any>} values null: as by default */
const set = (store, values) => store.edit([{ op: "master", values }]);

/** @param {import("../store.js").Store} store @param {any} known @param {string[]} names */
function controls(store, known, names) {
  return names.map((name) => {
    const made = controlOf(name, known[name], /** @type {any} */ (store.view.master)[name], (value) => set(store, { [name]: value === "" ? null : value }));
    made.title = tOf("setting_hint", name); // there is no room for it beside the picture
    return made;
  });
}

/** @param {import("../store.js").Store} store @param {any} known */
function levels(store, known) {
  const again = () => set(store, { loudness: store.view.master.loudness });
  return h("section.stack", { "aria-label": t("master.level") }, h("h2", {}, t("master.level")),
    h("div.options-grid", {}, controls(store, known, LEVELS)),
    h("div.row.wrap", {}, button(t("master.again"), again, { name: "level-again" }), h("small.hint", {}, t("master.again_hint"))));
}

/** @param {import("../store.js").Store} store @param {any} known */
function room(store, known) {
  return h("section.stack", { "aria-label": t("master.room") }, h("h2", {}, t("master.room")), h("div.options-grid", {}, controls(store, known, ROOM)));
}

/** Panning watches the picture again, so it is a job. @param {import("../store.js").Store} store
 * @param {import("./jobs.js").ProjectJobs} jobs @param {any} known */
function panning(store, jobs, known) {
  const width = h("input", { type: "number", min: 0, max: 1, step: 0.05, value: WIDTH, dataset: { setting: "pan_width" } });
  const where = select(known.pan.enum.map((/** @type {string} */ one) => [one, tOf("choice", `pan.${one}`)]), "picture",
    (chosen) => (width.disabled = chosen !== "picture"), { dataset: { setting: "pan" } });
  const go = () => width.validity.valid && jobs.run({ kind: "pan", pan: where.value, width: Number(width.value) });
  return h("section.stack", { "aria-label": t("master.pan") }, h("h2", {}, t("master.pan")),
    h("div.row.wrap.bottom", {}, field(tOf("setting", "pan"), where), field(tOf("setting", "pan_width"), width),
      button(t("master.pan_go"), go, { name: "pan-all" })), h("small.hint", {}, t("master.pan_hint")));
}

/** @param {import("../store.js").Store} store @param {HTMLElement} element */
function update(store, element) {
  for (const [name, value] of Object.entries(store.view.master)) {
    const control = /** @type {HTMLInputElement|null} */ (element.querySelector(`[data-setting=${name}]`));
    if (control && control !== document.activeElement) control.value = String(value ?? "");
  }
  const { room, loudness } = store.view.master;
  const disable = (/** @type {string} */ css, /** @type {boolean} */ unused) =>
    element.querySelector(css)?.toggleAttribute("disabled", unused || !store.writable);
  disable("[data-setting=room_gain]", room === "dry");
  disable("[data-do=level-again]", loudness === null);
}
