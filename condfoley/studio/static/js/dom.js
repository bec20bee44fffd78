// Announcements to screen readers, toasts, buttons of the editor.

import { t } from "./texts.js";
import { button, h } from "./widgets.js";

/** Says something to screen readers without showing it. @param {string} words */
export function announce(words) {
  const region = document.getElementById("announce");
  // The same words are said again only if something changes.
  if (region) region.textContent = region.textContent === words ? `${words}\u00a0` : words;
}

/** Shows a message for some seconds; errors stay until closed. @param {string} words @param {"info"|"error"} [kind] */
export function toast(words, kind = "info") {
  const region = document.getElementById("toasts");
  if (!region) return;
  const made = h(`div.toast.toast-${kind}`, {}, h("span", {}, words));
  made.append(button(t("app.dismiss"), () => made.remove(), { icon: "close", kind: "quiet.toast-close" }));
  region.append(made);
  while (region.childElementCount > 4) region.firstElementChild?.remove();
  if (kind === "info") setTimeout(() => made.remove(), 6000);
}

/** As `button`, but a click leaves the keyboard's focus where it is, so that space still plays.
 * @param {string} words
 * @param {() => any} action
 * @param {Record<string, any>} [given] as of `button`; keys: told in the tooltip */
export function tool(words, action, { keys = "", ...given } = {}) {
  const made = button(words, action, given);
  made.title = keys ? `${words} (${keys})` : words;
  made.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => event.preventDefault());
  return made;
}
