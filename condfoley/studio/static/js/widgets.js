// What the page is made of, without a framework: elements in one line, buttons, labelled fields, dialogs.

import { t } from "./texts.js";

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "muted", "textContent"]);

/** An element by tag and classes: h("div.row.wrap", { onclick }, "words", other). Words are always text, never HTML.
 * @param {string} what @param {Record<string, any>} [values] attributes; `on...` are listeners; `dataset` and `style` are objects;
 *   true, false, null and undefined set or leave out an attribute @param {...any} children nodes, words, lists of them;
 *   null, undefined and false are left out @returns {any} */
export function h(what, values = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(values)) set(made, name, value);
  made.append(...shown(children));
  return made;
}

/** @param {any} made @param {string} name @param {any} value */
function set(made, name, value) {
  if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
  else if (name === "dataset") Object.assign(made.dataset, value);
  else if (name === "style") for (const [key, one] of Object.entries(value)) made.style.setProperty(key, String(one));
  else if (PROPERTIES.has(name)) made[name] = value;
  else if (value === true) made.setAttribute(name, "");
  else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
}

/** Replaces the children of an element. @param {any} place @param {...any} children */
export function fill(place, ...children) {
  place.replaceChildren(...shown(children));
  return place;
}

/** @param {any[]} children */
function shown(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** A button that shows its words; with an icon only the icon, unless `shown`. The other values are as of `h`.
 * @param {string} words @param {(event: MouseEvent) => any} run
 * @param {{kind?: string, icon?: string, shown?: boolean, name?: string, id?: string, pressed?: boolean|null, [more: string]: any}} [given]
 *   kind: classes such as "primary"; icon: of css/icons.css; name, id: how tests find it (data-do, data-of)
 * @returns {HTMLButtonElement} */
export function button(words, run, { kind = "", icon = "", shown: visible = !icon, name, id, pressed = null, ...values } = {}) {
  const made = h(`button${kind && `.${kind}`}${visible ? "" : ".icon-only"}`, { type: "button", onclick: run, ...values,
    ...(visible ? {} : { "aria-label": words, title: words }), "aria-pressed": pressed === null ? null : String(pressed) },
    icon && h(`span.icon.icon-${icon}`, { "aria-hidden": "true" }), visible && words);
  if (name) made.dataset.do = name;
  if (id !== undefined) made.dataset.of = id;
  return made;
}

let counter = 0;

/** An id that no other element has. @param {string} prefix */
export function uniqueId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}

/** A control with its label. @param {string} words @param {any} control without an id
 * @param {{hint?: string, kind?: string}} [given] */
export function field(words, control, { hint = "", kind = "" } = {}) {
  control.id = uniqueId("field");
  const note = hint ? h("small.hint", { id: `${control.id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h(`div.field${kind && `.${kind}`}`, {}, h("label", { for: control.id }, words), control, note);
}

/** A list to choose from. @param {[string, string][]} options value and words @param {string} value
 * @param {(value: string) => void} onchange @param {Record<string, any>} [given] */
export function select(options, value, onchange, given = {}) {
  const control = h("select", { ...given, onchange: () => onchange(control.value) },
    options.map(([key, words]) => h("option", { value: key }, words)));
  control.value = value;
  return control;
}

/** A number with its range as a slider and as digits; told when the user lets go, by `oninput` meanwhile.
 * @param {{words: string, value: number, min: number, max: number, step: number, unit?: string, disabled?: boolean,
 *   name?: string, onchange: (value: number) => void, oninput?: (value: number) => void, digits?: number}} given */
export function slider({ words, value, min, max, step, unit = "", disabled = false, name = "", onchange, oninput, digits = 1 }) {
  const range = h("input", { type: "range", min, max, step, disabled, "aria-label": words, value: String(value), dataset: { slide: name } });
  const digitsOf = h("input.digits", { type: "number", min, max, step: "any", disabled, "aria-label": unit ? `${words}, ${unit}` : words,
    value: value.toFixed(digits), dataset: { value: name } });
  const legal = (/** @type {string} */ word) => Math.min(max, Math.max(min, Number(word)));
  range.addEventListener("input", () => {
    digitsOf.value = Number(range.value).toFixed(digits);
    oninput?.(Number(range.value));
  });
  range.addEventListener("change", () => onchange(Number(range.value)));
  digitsOf.addEventListener("change", () => digitsOf.value !== "" && onchange(legal(digitsOf.value)));
  return h("div.slider", {}, h("span.slider-words", { "aria-hidden": "true" }, words), range, digitsOf, h("span.unit", { "aria-hidden": "true" }, unit));
}

/** A switch. @param {string} words @param {boolean} value @param {(value: boolean) => void} onchange @param {Record<string, any>} [given] */
export function toggle(words, value, onchange, given = {}) {
  const box = h("input", { type: "checkbox", checked: value, onchange: () => onchange(box.checked), ...given });
  return h("label.toggle", {}, box, h("span", {}, words));
}

/** A modal dialog with a heading; Escape, its button and `close` close it, then the focus is where it was.
 * @param {string} heading @param {...any} children @returns {{body: HTMLElement, close: () => void, closed: Promise<void>}} */
export function openDialog(heading, ...children) {
  const id = uniqueId("dialog");
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  const body = h("div.dialog-body", {}, ...children);
  const close = () => dialog.close();
  const dialog = h("dialog", { "aria-labelledby": id },
    h("div.dialog-head", {}, h("h2", { id }, heading), button(t("action.close"), close, { icon: "close", name: "close-dialog" })), body);
  const closed = new Promise((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    resolve(undefined);
  }));
  dialog.addEventListener("keydown", (/** @type {Event} */ event) => event.stopPropagation()); // the editor's keys rest
  document.body.append(dialog);
  dialog.showModal();
  return { body, close, closed };
}

/** Asks before something that cannot be undone. @param {string} heading @param {string} words @param {string} yes
 * @returns {Promise<boolean>} */
export async function confirmed(heading, words, yes) {
  let agreed = false;
  const { body, close, closed } = openDialog(heading, h("p", {}, words));
  body.append(h("div.row.end", {}, button(t("action.keep"), close),
    button(yes, () => ((agreed = true), close()), { kind: "danger", name: "confirm" })));
  await closed;
  return agreed;
}
