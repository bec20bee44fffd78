// Light, dark, or as the system has it; kept in the browser.

import { t } from "./texts.js";
import { button } from "./widgets.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const ICONS = { auto: "auto", light: "sun", dark: "moon" };

/** @returns {"auto"|"light"|"dark"} */
const chosen = () => /** @type {any} */ (localStorage.getItem("theme") ?? "auto");

/** Sets what was chosen; "themechange" of the window tells that colours must be read anew. */
export function applyTheme() {
  const theme = chosen();
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  dispatchEvent(new Event("themechange"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));

/** The button that goes through the three. @returns {HTMLElement} */
export function themeButton() {
  const holder = document.createElement("span");
  const draw = () => {
    const now = chosen();
    holder.replaceChildren(
      button(
        t(`theme.${now}`),
        () => {
          localStorage.setItem("theme", NEXT[now]);
          applyTheme();
          draw();
          holder.querySelector("button")?.focus();
        },
        { icon: ICONS[now], kind: "quiet" },
      ),
    );
  };
  draw();
  return holder;
}

/** Colours of the style sheet for canvases.
 * @param {string[]} names without the dashes
 * @returns {Record<string, string>} */
export function colours(names) {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
