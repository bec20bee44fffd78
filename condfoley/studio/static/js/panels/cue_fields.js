// What can be set about the selected cues. Of several, strength and gain move together and keep their differences.

import { t, time as clock } from "../texts.js";
import { field, h, select, slider } from "../widgets.js";

/** @typedef {import("../types.js").Cue} Cue */

const HIGHEST = 24; // dB that the slider reaches; digits go on to 60
const NOT_YET = 0.05; // s that a cue becomes long when it is made a slide

/** @param {import("../types.js").EditorContext} context @param {Cue[]} cues @returns {import("./cue.js").Part} */
export function cueFields(context, cues) {
  const { store } = context;
  const [first] = cues;
  const disabled = !store.writable || cues.every((cue) => cue.locked);
  const ids = new Set(cues.map(({ id }) => id));
  const current = () => store.view.cues.filter((cue) => ids.has(cue.id) && !cue.locked);
  const set = (/** @type {Record<string, any>} */ values) => store.edit(current().map((cue) => ({ op: "change", cue: cue.id, values })));
  const move = (/** @type {"strength"|"gain"} */ name, /** @type {number} */ to, /** @type {number} */ low, /** @type {number} */ high) => {
    const by = to - mean(current(), name);
    return store.edit(current().map((cue) => ({ op: "change", cue: cue.id,
      values: { [name]: rounded(Math.min(high, Math.max(low, (cue[name] ?? 0.5) + by))) } })));
  };
  const numbers = h("div.row.wrap", {}, cues.length === 1 && [
    field(t("cue.time"), number("time", first.time, 0, store.view.duration, disabled, (time) => set({ time }))),
    first.kind === "slide" && field(t("cue.duration"), number("duration", first.duration, 0.01, store.view.duration, disabled, (duration) => set({ duration }))),
  ]);
  const kinds = /** @type {[string, string][]} */ ([["impact", t("cue.impact")], ["slide", t("cue.slide")]]);
  numbers.append(
    field(t("cue.kind"), select(kinds, first.kind, (kind) => set(kind === "slide" && !first.duration ? { kind, duration: slideLength(store, first) } : { kind }),
      { disabled, dataset: { value: "kind" } })),
    field(t("cue.layer"), select(store.view.layers.filter((layer) => !layer.ambience).map(({ name }) => [name, name]), first.layer,
      (layer) => set({ layer }), { disabled, dataset: { value: "layer" } })));
  const strength = slider({ words: t("cue.strength"), value: 0, min: 0, max: 1, step: 0.01, digits: 2, disabled, name: "strength",
    onchange: (to) => move("strength", to, 0, 1) });
  const gain = slider({ words: t("cue.gain"), value: 0, min: -HIGHEST, max: HIGHEST, step: 0.5, unit: "dB", disabled, name: "gain",
    onchange: (to) => move("gain", to, -60, 60) });
  const pan = slider({ words: t("cue.pan"), value: 0, min: -1, max: 1, step: 0.05, digits: 2, disabled: disabled || store.view.channels < 2, name: "pan",
    onchange: (to) => set({ pan: to }) });
  if (store.view.channels < 2) pan.title = t("cue.mono");
  const facts = h("p.hint");
  return {
    element: h("div.stack", {}, numbers, strength, gain, pan, facts),
    update(now) {
      write(strength, mean(now, "strength"), 2);
      write(gain, mean(now, "gain"), 1);
      write(pan, mean(now, "pan"), 2);
      if (now.length === 1) writeNumbers(numbers, now[0]);
      facts.textContent = now.length === 1 ? about(now[0]) : "";
    },
  };
}

/** @param {string} name @param {number|null} value @param {number} min @param {number} max @param {boolean} disabled
 * @param {(value: number) => void} onchange */
function number(name, value, min, max, disabled, onchange) {
  const box = h("input.digits", { type: "number", min, max, step: 0.001, disabled, dataset: { value: name }, value: (value ?? 0).toFixed(3),
    onchange: () => box.value !== "" && box.validity.valid && onchange(Number(box.value)) });
  return box;
}

/** @param {HTMLElement} row @param {Cue} cue */
function writeNumbers(row, cue) {
  for (const box of row.querySelectorAll("input"))
    if (box !== document.activeElement) box.value = (cue[/** @type {"time"} */ (box.dataset.value)] ?? 0).toFixed(3);
}

/** @param {HTMLElement} made by slider() @param {number} value @param {number} digits */
function write(made, value, digits) {
  const [range, digitsOf] = made.querySelectorAll("input");
  if (range !== document.activeElement || !range.matches(":active")) range.value = String(value);
  if (digitsOf !== document.activeElement) digitsOf.value = value.toFixed(digits);
}

/** What is known of a cue beside what can be set, in one line. @param {Cue} cue */
function about(cue) {
  const words = [cue.confidence === null ? "" : t("cue.confidence", { percent: Math.round(100 * cue.confidence) }),
    cue.seen === null ? t("cue.unseen") : "",
    !cue.has_sound ? t("cue.no_sound") : cue.begin === null ? "" : t("cue.heard", { begin: clock(cue.begin), end: clock(cue.end) }),
    cue.made_of === "vocoder" ? t("cue.of_model") : cue.made_of === "grains" ? t("cue.of_grains") : "",
    cue.locked ? t("cue.is_locked") : ""];
  return words.filter(Boolean).join(" ");
}

/** How long a cue becomes that is made a slide: until the next one, at most half a second.
 * @param {import("../store.js").Store} store @param {Cue} cue */
function slideLength(store, cue) {
  const after = store.view.cues.filter((one) => one.layer === cue.layer && one.time > cue.time).map((one) => one.time - cue.time - 0.03);
  return rounded(Math.max(NOT_YET, Math.min(0.5, store.view.duration - cue.time, ...after)));
}

/** @param {Cue[]} cues @param {"strength"|"gain"|"pan"} name */
function mean(cues, name) {
  return cues.reduce((sum, cue) => sum + (cue[name] ?? 0.5), 0) / Math.max(1, cues.length);
}

/** @param {number} value */
function rounded(value) {
  return Math.round(value * 1000) / 1000;
}
