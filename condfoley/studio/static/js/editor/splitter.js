// The line between picture and timeline, which can be moved by pointer and keys.

import { t } from "../texts.js";
import { h } from "../widgets.js";

const [LEAST, MOST] = [150, 560]; // px

/** @param {HTMLElement} upper @param {HTMLElement} before */
export function addSplitter(upper, before) {
  /** @type {HTMLElement} */
  const line = h("div.splitter", {
    role: "separator",
    tabindex: "0",
    "aria-orientation": "horizontal",
    "aria-label": t("editor.splitter"),
    "aria-valuemin": LEAST,
    "aria-valuemax": MOST,
  });
  before.before(line);
  const set = (/** @type {number} */ height) => {
    const now = Math.round(Math.max(LEAST, Math.min(height, MOST, innerHeight - 300)));
    upper.style.height = `${now}px`;
    line.setAttribute("aria-valuenow", String(now));
    localStorage.setItem("upper", String(now));
  };
  set(Number(localStorage.getItem("upper")) || Math.round(innerHeight * 0.36));
  line.addEventListener("pointerdown", (event) => {
    line.setPointerCapture(event.pointerId);
    const by = upper.clientHeight - event.clientY;
    const move = (/** @type {PointerEvent} */ now) => set(now.clientY + by);
    line.addEventListener("pointermove", move);
    line.addEventListener("lostpointercapture", () => line.removeEventListener("pointermove", move), { once: true });
  });
  line.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowUp" ? -16 : event.key === "ArrowDown" ? 16 : 0;
    if (!by) return;
    event.preventDefault();
    set(upper.clientHeight + by);
  });
}
