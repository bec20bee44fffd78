// The panel of the selected cues: what they are, and other sounds for them.

import { announce } from "../dom.js";
import { cueNumber } from "../editor/cue_element.js";
import { t, time as clock } from "../texts.js";
import { button, fill, h } from "../widgets.js";
import { alternatives } from "./alternatives.js";
import { cueFields } from "./cue_fields.js";
import { drawingOptions } from "./drawing.js";
import { moment } from "./moment.js";

/** @typedef {import("../types.js").Cue} Cue */
/** @typedef {{element: HTMLElement, update: (cues: Cue[]) => void}} Part drawn once for a selection, then updated */

const VARIATIONS = 3;

/** @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs
 * @returns {import("./panels.js").Panel} */
export function cuePanel(context, jobs) {
  const { store } = context;
  const element = h("div");
  /** @type {Part[]} */
  let parts = [];
  let drawn = "";

  function draw() {
    const cues = store.selected();
    const now = [store.writable, ...cues.flatMap(({ id, locked, kind, layer }) => [id, locked, kind, layer])].join();
    if (now !== drawn || !cues.length) {
      drawn = now;
      parts = cues.length ? build(cues) : [];
      const made = parts.map((part) => part.element);
      fill(element, cues.length ? h("div.halves", {}, h("div.stack", {}, made.slice(0, 2)), h("div.stack", {}, made.slice(2))) : nothing(context, jobs));
    }
    for (const part of parts) part.update(cues);
  }

  /** @param {Cue[]} cues */
  function build(cues) {
    const parts = [head(context, cues), cueFields(context, cues), redrawing(context, jobs, cues)];
    if (cues.length === 1) parts.push(alternatives(context, cues[0]), moment(context, cues[0]));
    return parts;
  }

  return { element, draw };
}

/** What is said without a selection: how many cues there are, and those worth a look.
 * @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs */
function nothing({ store, player }, jobs) {
  const { cues } = store.view;
  const doubtful = cues.filter((cue) => cue.confidence !== null && cue.confidence < 0.5).map((cue) => cue.id);
  const soundless = cues.filter((cue) => !cue.has_sound).map((cue) => cue.id);
  const modelled = cues.filter((cue) => cue.made_of === "vocoder").map((cue) => cue.id);
  const next = (/** @type {number[]} */ ids) => () => {
    const after = inOrder(store).filter((cue) => ids.includes(cue.id));
    const chosen = after.find((cue) => cue.time > player.time + 0.001) ?? after[0];
    store.select([chosen.id]);
    player.seek(chosen.time);
  };
  return h("div.stack.start", {}, h("p", {}, t("cue.count", { count: cues.length })), h("p.hint", {}, t("cue.none_selected")),
    store.span && ofSpan(store, jobs, store.span),
    doubtful.length > 0 && button(t("cue.doubtful", { count: doubtful.length }), next(doubtful), { name: "next-doubtful" }),
    soundless.length > 0 && button(t("cue.soundless", { count: soundless.length }), next(soundless), { name: "next-soundless" }),
    modelled.length > 0 && modelled.length < cues.length
      && button(t("cue.modelled", { count: modelled.length }), next(modelled), { name: "next-modelled" }));
}

/** What can be done with a selected span. @param {import("../store.js").Store} store @param {import("./jobs.js").ProjectJobs} jobs
 * @param {import("../types.js").Span} span */
function ofSpan(store, jobs, [begin, end]) {
  const inside = store.view.cues.filter((cue) => cue.time >= begin && cue.time <= end).map((cue) => cue.id);
  const draw = () => jobs.redraw({ span: [begin, end] });
  return h("div.row.wrap", {}, h("span", {}, t("cue.span", { begin: clock(begin), end: clock(end), count: inside.length })),
    button(t("cue.draw_span"), draw, { icon: "refresh", shown: true, disabled: !store.writable, name: "redraw-span" }),
    button(t("cue.select_span"), () => store.select(inside), { disabled: !inside.length, name: "select-span" }),
    drawingOptions(jobs, !store.writable));
}

/** @param {import("../types.js").EditorContext} context @param {Cue[]} cues @returns {Part} */
function head({ store, player }, cues) {
  const [first] = cues;
  const change = (/** @type {Record<string, any>} */ values) => store.edit(cues.map(({ id }) => ({ op: "change", cue: id, values })));
  const free = store.writable && !cues.every((cue) => cue.locked);
  const listen = button(t("cue.listen"), () => player.playCue(first.id), { icon: "play", name: "play-cue", disabled: cues.length > 1 || !first.has_sound });
  const lock = button(t("cue.lock"), () => change({ locked: !first.locked }), { icon: "lock", name: "lock", pressed: first.locked, disabled: !store.writable });
  const mute = button(t("cue.mute"), () => change({ muted: !store.cue(first.id)?.muted }), { icon: "mute", name: "mute", pressed: first.muted, disabled: !free });
  const remove = button(t("cue.remove"), () => store.edit(cues.filter((cue) => !cue.locked).map(({ id }) => ({ op: "remove", cue: id }))),
    { icon: "trash", name: "remove-cue", disabled: !free });
  const heading = h("h2.grow");
  return {
    element: h("header.row", {}, heading, listen, mute, lock, remove),
    update(now) {
      heading.textContent = now.length === 1 ? t("cue.heading", { number: cueNumber(now[0]) }) : t("cue.selected", { count: now.length });
      mute.setAttribute("aria-pressed", String(now[0]?.muted));
    },
  };
}

/** Other sounds: at once, or as alternatives to choose from.
 * @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs @param {Cue[]} cues @returns {Part} */
function redrawing({ store }, jobs, cues) {
  const disabled = !store.writable || cues.every((cue) => cue.locked);
  const again = async (/** @type {{span?: number[], layer?: string|null, cue?: number, variations?: number}} */ wanted) => {
    const job = await jobs.redraw(wanted);
    if (job?.state === "done") announce(t("cue.redrawn"));
  };
  const [first, last] = [cues[0], cues[cues.length - 1]];
  const layer = new Set(cues.map((cue) => cue.layer)).size === 1 ? first.layer : null;
  const span = () => store.span ?? [Math.max(0, first.time - 0.01), Math.min(store.view.duration, Math.max(last.end ?? 0, last.time + 0.05))];
  const bar = cues.length === 1
    ? [button(t("cue.redraw"), () => again({ cue: first.id }), { icon: "refresh", shown: true, disabled, name: "redraw" }),
      button(t("cue.offer", { count: VARIATIONS }), () => again({ cue: first.id, variations: VARIATIONS }), { disabled, name: "variations" })]
    : [button(t("cue.redraw_span"), () => again({ span: span(), layer }), { icon: "refresh", shown: true, disabled, name: "redraw" })];
  return { element: h("div.stack", {}, h("div.row.wrap", {}, bar), drawingOptions(jobs, disabled)), update() {} };
}

/** All cues by time, as people count them. @param {import("../store.js").Store} store */
function inOrder(store) {
  return [...store.view.cues].sort((a, b) => a.time - b.time);
}
