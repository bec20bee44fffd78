// How a cue looks and what it is called: height is strength, shape is kind, colour is its layer.

import { decibels, t, time as words } from "../texts.js";
import { h } from "../widgets.js";

const DOUBTFUL = 0.5; // confidence below which the picture hardly shows it

/** @typedef {import("../types.js").Cue} Cue */

/** How strong a cue is drawn; one of unknown strength in the middle. @param {Cue} cue */
export const strengthOf = (cue) => cue.strength ?? 0.5;

/** The element of a cue, to be filled by paintCue. @param {number} id */
export function cueElement(id) {
  return h(
    "div.cue",
    { role: "option", id: `cue-${id}`, "aria-selected": "false", tabindex: "-1", dataset: { cue: String(id) } },
    h("span.cue-stem"),
    h("span.cue-head"),
    h("span.cue-mark"),
  );
}

/** Brings an element up to date. @param {HTMLElement} made @param {Cue} cue
 * @param {{x: number, scale: number, height: number, selected: boolean, focusable: boolean, dense: boolean}} where */
export function paintCue(made, cue, { x, scale, height, selected, focusable, dense }) {
  made.style.transform = `translateX(${x.toFixed(2)}px)`;
  const doubtful = cue.confidence !== null && cue.confidence < DOUBTFUL;
  const shown = [
    cue.time,
    cue.strength,
    cue.kind,
    cue.duration && cue.duration * scale,
    cue.gain,
    cue.locked,
    cue.muted,
    cue.has_sound,
    doubtful,
    selected,
    focusable,
    dense,
    height,
    cue.layer,
  ].join();
  if (made.dataset.shown === shown) return;
  made.dataset.shown = shown;
  const tall = Math.round((height - 18) * Math.max(0, Math.min(1, strengthOf(cue))));
  made.style.setProperty("--tall", `${tall + 4}px`);
  made.style.setProperty(
    "--long",
    cue.kind === "slide" ? `${Math.max(dense ? 4 : 14, (cue.duration ?? 0) * scale)}px` : "0px",
  );
  made.className = "cue";
  made.classList.toggle("slide", cue.kind === "slide");
  made.classList.toggle("locked", cue.locked);
  made.classList.toggle("muted", cue.muted);
  made.classList.toggle("silent", !cue.has_sound);
  made.classList.toggle("doubtful", doubtful);
  made.classList.toggle("dense", dense);
  const mark = /** @type {HTMLElement} */ (made.lastElementChild);
  mark.textContent = dense ? "" : cue.gain ? `${cue.gain > 0 ? "+" : ""}${Number(cue.gain.toFixed(1))}` : "";
  made.setAttribute("aria-selected", String(selected));
  made.tabIndex = focusable ? 0 : -1;
  const name = cueName(cue);
  made.setAttribute("aria-label", name);
  made.title = name;
}

/** A cue's number, as in cues.csv and in what the server says; of a new one until the server has named it: "…".
 * @param {Cue} cue */
export const cueNumber = (cue) => (cue.id > 0 ? String(cue.id) : "…");

/** What a cue is called: number, kind, time, strength, and what is special about it. @param {Cue} cue */
export function cueName(cue) {
  const parts = [t(`editor.cue.${cue.kind}`, { number: cueNumber(cue) }), words(cue.time)];
  if (cue.strength !== null) parts.push(t("editor.cue.strength", { strength: cue.strength.toFixed(2) }));
  if (cue.kind === "slide" && cue.duration) parts.push(t("editor.cue.long", { duration: words(cue.duration) }));
  if (cue.gain) parts.push(decibels(cue.gain));
  if (cue.locked) parts.push(t("editor.cue.locked"));
  if (cue.muted) parts.push(t("editor.cue.muted"));
  if (!cue.has_sound) parts.push(t("editor.cue.silent"));
  if (cue.confidence !== null && cue.confidence < DOUBTFUL) parts.push(t("editor.cue.doubtful"));
  return parts.join(", ");
}
