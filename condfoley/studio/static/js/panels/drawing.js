// How sounds are drawn anew: by which generator, and whether they start from what is heard. Kept while the project is open.

import * as api from "../api.js";
import { t, tOf } from "../texts.js";
import { field, fill, h, select } from "../widgets.js";

const KNOWING_BOTH_SIDES = "flow";

/** @typedef {{generator: string, strength: number|null}} Drawing strength: 0 to 1; null: a new sound */

/** The settings, folded; nothing for weights with one generator that cannot start from a sound.
 * @param {Drawing} drawing changed in place @param {boolean} disabled */
export function drawingOptions(drawing, disabled) {
  const element = h("details.more", { hidden: true, dataset: { options: "drawing" } });
  void api.about().then(({ generators }) => {
    if (!generators.includes(KNOWING_BOTH_SIDES)) return;
    const strength = h("input", { type: "number", min: 0, max: 1, step: 0.05, value: drawing.strength ?? "", placeholder: t("drawing.new_sound"),
      dataset: { setting: "strength" }, onchange: () => (drawing.strength = share(strength)) });
    const allow = () => {
      strength.disabled = disabled || drawing.generator !== KNOWING_BOTH_SIDES;
      if (strength.disabled) strength.value = "";
      drawing.strength = share(strength);
    };
    const options = ["auto", ...generators].map((/** @type {string} */ name) => [name, tOf("drawn_by", name)]);
    const generator = select(options, drawing.generator, (chosen) => {
      drawing.generator = chosen;
      allow();
    }, { disabled, dataset: { setting: "generator" } });
    allow();
    fill(element, h("summary", {}, t("drawing.heading")), h("div.options-grid", {},
      field(t("drawing.generator"), generator, { hint: t("drawing.generator_hint") }),
      field(t("drawing.strength"), strength, { hint: t("drawing.strength_hint") })));
    element.hidden = false;
  }, () => {}); // the server is away; the banner says so
  return element;
}

/** The share that a box says, null where it is empty. @param {HTMLInputElement} box */
function share(box) {
  if (box.value === "") return null;
  const value = Math.min(1, Math.max(0, Number(box.value)));
  box.value = String(value);
  return value;
}
