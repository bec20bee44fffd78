// How sounds are drawn anew: by which generator, and whether they start from what is heard. Kept while the project is open.

import { t, tOf } from "../texts.js";
import { field, h, select } from "../widgets.js";

const KNOWING_BOTH_SIDES = "flow";

/** @typedef {{generator: string, strength: number|null}} Drawing strength: 0 to 1; null: a new sound */

/** The settings, folded; null for weights without a generator that starts from a sound.
 * @param {import("./jobs.js").ProjectJobs} jobs whose `drawing` is changed @param {boolean} disabled */
export function drawingOptions({ drawing, generators }, disabled) {
  if (!generators.includes(KNOWING_BOTH_SIDES)) return null;
  const strength = h("input", { type: "number", min: 0, max: 1, step: 0.05, value: drawing.strength ?? "", placeholder: t("drawing.new_sound"),
    dataset: { setting: "strength" }, onchange: () => (drawing.strength = share(strength)) });
  const allow = () => {
    strength.disabled = disabled || drawing.generator !== KNOWING_BOTH_SIDES;
    if (strength.disabled) strength.value = "";
    drawing.strength = share(strength);
  };
  const options = /** @type {[string, string][]} */ (["auto", ...generators].map((name) => [name, tOf("drawn_by", name)]));
  const generator = select(options, drawing.generator, (chosen) => {
    drawing.generator = chosen;
    allow();
  }, { disabled, dataset: { setting: "generator" } });
  allow();
  return h("details.more", { dataset: { options: "drawing" } }, h("summary", {}, t("drawing.heading")), h("div.options-grid", {},
    field(t("drawing.generator"), generator, { hint: t("drawing.generator_hint") }),
    field(t("drawing.strength"), strength, { hint: t("drawing.strength_hint") })));
}

/** The share that a box says, null where it is empty. @param {HTMLInputElement} box */
function share(box) {
  if (box.value === "") return null;
  const value = Math.min(1, Math.max(0, Number(box.value)));
  box.value = String(value);
  return value;
}
