// What can be chosen about a soundtrack: two settings at once, the others under "More" and "Level, room and panning", from the
// server's schema.

import { t, tOf } from "../texts.js";
import { field, h, select, toggle } from "../widgets.js";

const MORE = ["rate", "channels", "seed", "generator", "steps", "temperature", "guidance", "picture_guidance", "eq_match", "decay_match",
  "texture_match", "dynamics", "scene_cuts"];
const DELIVERY = ["loudness", "true_peak", "bits", "room", "room_gain", "pan", "pan_width"];
/** Least and greatest value of a setting, and its step. @type {Record<string, [number, number, number]>} */
const RANGES = { steps: [1, 1000, 1], loudness: [-60, -5, 0.5], true_peak: [-30, 0, 0.1], room_gain: [-60, 60, 0.5], pan_width: [0, 1, 0.05] };
/** Settings that count with some values of another one only: not with these. @type {Record<string, {of: string, without: string[]}>} */
const DEPENDENT = { room_gain: { of: "room", without: ["dry"] }, pan_width: { of: "pan", without: ["middle"] },
  steps: { of: "generator", without: ["auto", "transformer"] } };
const RATES = [22050, 44100, 48000, 96000];

/** @typedef {Record<string, any>} Values settings that differ from what the server takes by itself */

/** @param {any} about of the server @param {Values} values changed in place @param {() => void} onchange */
export function optionsForm(about, values, onchange) {
  const known = about.settings?.properties ?? {};
  const set = (/** @type {string} */ name) => (/** @type {any} */ value) => {
    if (value === null || value === "" || value === known[name]?.default) delete values[name];
    else values[name] = value;
    for (const [other, { of, without }] of Object.entries(DEPENDENT)) if (of === name && without.includes(value ?? without[0])) delete values[other];
    allow();
    onchange();
  };
  const control = (/** @type {string} */ name) => known[name] && controlOf(name, known[name], values[name], set(name));
  const form = h("div.options", {},
    h("div.row.wrap", {}, control("candidates"), renderOf(about, values.render, set("render"))),
    h("details.more", { dataset: { options: "delivery" } }, h("summary", {}, t("options.delivery")), h("div.options-grid", {}, DELIVERY.map(control))),
    h("details.more", { dataset: { options: "more" } }, h("summary", {}, t("options.more")), h("div.options-grid", {}, MORE.map(control))));

  /** What counts only with another setting can be changed only then, and is as the server has it otherwise. */
  function allow() {
    for (const [name, { of, without }] of Object.entries(DEPENDENT)) {
      const box = form.querySelector(`[data-setting=${name}]`);
      if (!box) continue;
      box.disabled = without.includes(values[of] ?? without[0]);
      if (box.disabled) box.value = known[name].default ?? "";
    }
  }

  allow();
  return form;
}

/** @param {any} about @param {string|undefined} value @param {(value: string) => void} onchange */
function renderOf(about, value, onchange) {
  const ways = about.render ?? ["vocoder"];
  return h("fieldset.segmented", {}, h("legend", {}, t("options.render")), ways.map((/** @type {string} */ way, /** @type {number} */ place) =>
    h("label", { title: tOf("render_hint", way, "") }, h("input", { type: "radio", name: "render", value: way, checked: value ? value === way : !place,
      onchange: () => onchange(way) }), h("span", {}, tOf("render", way)))));
}

/** The control of one setting by its type in the schema.
 * @param {string} name @param {any} schema @param {any} value @param {(value: any) => void} onchange */
export function controlOf(name, schema, value, onchange) {
  const words = tOf("setting", name);
  const hint = tOf("setting_hint", name, schema.description ?? "");
  const given = { dataset: { setting: name } };
  if (name === "rate") return choice(words, hint, RATES.map((rate) => [String(rate), t("options.rate", { rate: rate / 1000 })]), value, onchange, given);
  if (name === "channels") return choice(words, hint, [["1", t("options.mono")], ["2", t("options.stereo")]], value, onchange, given);
  if (schema.enum) {
    const options = schema.enum.map((/** @type {string} */ one) => [one, tOf("choice", `${name}.${one}`)]);
    return field(words, select(options, value ?? schema.default, onchange, given), { hint });
  }
  if (typesOf(schema).includes("boolean"))
    return h("div.field", {}, toggle(words, value ?? schema.default ?? false, onchange, given), h("small.hint", {}, hint));
  const whole = typesOf(schema).includes("integer");
  const share = name.endsWith("_match") || name === "dynamics" ? 1 : null;
  const [low, high, step] = RANGES[name] ?? [schema.minimum ?? 0, schema.maximum ?? share, whole ? 1 : 0.05];
  const box = h("input", { type: "number", min: low, max: high, step, value: value ?? schema.default ?? "",
    placeholder: tOf("setting_default", name, t("options.default")), onchange: () => onchange(box.value === "" ? null : Number(box.value)), ...given });
  return field(words, box, { hint });
}

/** @param {string} words @param {string} hint @param {[string, string][]} options @param {any} value
 * @param {(value: number|null) => void} onchange @param {any} given */
function choice(words, hint, options, value, onchange, given) {
  return field(words, select([["", t("options.as_reference")], ...options], String(value ?? ""), (chosen) =>
    onchange(chosen ? Number(chosen) : null), given), { hint });
}

/** @param {any} schema @returns {string[]} */
function typesOf(schema) {
  return [schema, ...(schema.anyOf ?? [])].flatMap((one) => one.type ?? []);
}
