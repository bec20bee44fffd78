// All words that the page shows come from texts/LANGUAGE.json: one file to translate, chosen by the `lang` of <html>.

/** @typedef {string|Record<string, string>} Text its forms by Intl.PluralRules where it has several */

const FORMS = new Set(["zero", "one", "two", "few", "many", "other"]);
/** @type {Record<string, Text>} by key such as "editor.play" */
let words = {};
let plurals = new Intl.PluralRules("en");
let numbers = new Intl.NumberFormat("en");

/** Reads the words of the page's language. Nothing else of the page may run before. @param {string} [language] */
export async function loadTexts(language = document.documentElement.lang || "en") {
  const answer = await fetch(`/static/texts/${language}.json`);
  words = flat(await answer.json());
  plurals = new Intl.PluralRules(language);
  numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
}

/** Sections of the file become prefixes of keys; a text in several forms stays together.
 * @param {Record<string, any>} section @param {string} [prefix] @returns {Record<string, Text>} */
function flat(section, prefix = "") {
  /** @type {Record<string, Text>} */
  const all = {};
  for (const [name, value] of Object.entries(section))
    if (typeof value === "string" || Object.keys(value).every((form) => FORMS.has(form))) all[prefix + name] = value;
    else Object.assign(all, flat(value, `${prefix}${name}.`));
  return all;
}

/** The text of a key with its {placeholders} filled in; one in several forms is chosen by `count`. An unknown key is shown
 * as it is, which tests/studio/test_texts.py finds before a user does.
 * @param {string} key @param {Record<string, string|number>} [values] @returns {string} */
export function t(key, values = {}) {
  const found = words[key] ?? key;
  const text = typeof found === "string" ? found : (found[plurals.select(Number(values.count))] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));
}

/** The text of a key that ends with a value known only at run time, such as a kind.
 * @param {string} family its keys are `family.value` @param {string} value @param {string} [otherwise] where there is none */
export function tOf(family, value, otherwise = value) {
  return `${family}.${value}` in words ? t(`${family}.${value}`) : otherwise;
}

/** @param {string|number} value */
function shown(value) {
  return typeof value === "number" ? numbers.format(value) : value;
}

/** Seconds as people read them: 1.250 s, 1:02.500. @param {number} seconds @param {number} [digits] after the point */
export function time(seconds, digits = 3) {
  const scale = 10 ** digits;
  const all = Math.round(Math.abs(seconds) * scale) / scale;
  const minutes = Math.floor(all / 60);
  const rest = (all - 60 * minutes).toFixed(digits);
  const sign = seconds < 0 ? "-" : "";
  return minutes ? `${sign}${minutes}:${rest.padStart(digits ? 3 + digits : 2, "0")}` : `${sign}${rest} s`;
}

/** A level with its sign: +3.0 dB, -1.5 dB. @param {number} level @param {number} [digits] */
export function decibels(level, digits = 1) {
  return `${level > 0 ? "+" : ""}${level.toFixed(digits)} dB`;
}

/** A size as people read it: 3.4 MB. @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const amount = bytes / 1000 ** unit;
  return `${numbers.format(unit < 2 ? Math.round(amount) : Math.round(10 * amount) / 10)} ${units[unit]}`;
}
