// The selected span, and what a pointer does beside cues: click goes there, drag selects, wheel moves and zooms.

import { h } from "../widgets.js";

const SLACK = 3; // px before a press is a drag
const IMPACT = 10; // px around an impact of the picture
const BARE = ".lane-wave, .lane-spectrum, .lane-cues, .lane-film, .lane-picture, .lane-take";

/** @param {import("../types.js").EditorContext} context */
export function addSpans(context) {
  const { timeline, store } = context;
  const shade = h(
    "div.span",
    { hidden: true, "aria-hidden": "true" },
    h("div.span-edge.left"),
    h("div.span-edge.right"),
  );
  timeline.overlay.append(shade);
  const draw = () => {
    shade.hidden = store.span === null;
    if (!store.span) return;
    const [left, right] = store.span.map((time) => timeline.x(time));
    const [from, to] = [Math.max(-4, left), Math.min(timeline.width + 4, right)];
    shade.hidden = to < from;
    shade.style.transform = `translateX(${from}px)`;
    shade.style.width = `${to - from}px`;
  };
  store.on("span", draw);
  timeline.addEventListener("move", draw);
  timeline.addEventListener("layout", draw);
  addEdges(context, shade);
  addBackground(context);
  addWheel(context);
  timeline.rows.addEventListener("dblclick", (event) => addCueAt(context, event));
}

/** @param {import("../types.js").EditorContext} context @param {HTMLElement} shade */
function addEdges({ timeline, store }, shade) {
  [...shade.children].forEach((edge, which) => {
    edge.addEventListener("pointerdown", (/** @type {any} */ event) => {
      event.stopPropagation();
      edge.setPointerCapture(event.pointerId);
      const other = store.span?.[1 - which] ?? 0;
      const move = (/** @type {any} */ now) => store.setSpan([other, timeline.timeAt(now)].sort((a, b) => a - b));
      edge.addEventListener("pointermove", move);
      edge.addEventListener("lostpointercapture", () => edge.removeEventListener("pointermove", move), { once: true });
    });
  });
}

/** @param {import("../types.js").EditorContext} context */
function addBackground({ timeline, store, player }) {
  /** @type {{x: number, time: number, layer: string|null, wide: boolean, add: boolean}|null} */
  let press = null;
  const rows = timeline.rows;
  rows.addEventListener("pointerdown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.button !== 0 || target.closest(".cue, .lane-head, button") || !target.closest(BARE)) return;
    const layer = /** @type {HTMLElement|null} */ (target.closest("[data-layer]"))?.dataset.layer ?? null;
    press = {
      x: event.clientX,
      time: timeline.timeAt(event),
      layer,
      wide: false,
      add: event.shiftKey || event.ctrlKey || event.metaKey,
    };
    rows.setPointerCapture(event.pointerId);
  });
  rows.addEventListener("pointermove", (event) => {
    if (!press || (!press.wide && Math.abs(event.clientX - press.x) < SLACK)) return;
    press.wide = true;
    const span = [press.time, timeline.timeAt(event)].sort((a, b) => a - b);
    store.setSpan(span);
    const inside = store.view.cues.filter(
      (cue) => cue.time >= span[0] && cue.time <= span[1] && (!press?.layer || cue.layer === press.layer),
    );
    store.select(inside.map((cue) => cue.id));
  });
  rows.addEventListener("pointerup", () => {
    if (press && !press.wide) {
      if (store.span) store.setSpan(null);
      if (!press.add && store.selection.size) store.select([]);
      player.seek(press.time);
    }
    press = null;
  });
  rows.addEventListener("pointercancel", () => (press = null));
}

/** @param {import("../types.js").EditorContext} context */
function addWheel({ timeline }) {
  timeline.root.addEventListener(
    "wheel",
    (event) => {
      const { deltaX, deltaY, deltaMode } = event;
      const unit = deltaMode === 1 ? 16 : 1;
      if (event.ctrlKey || event.metaKey || event.altKey) {
        event.preventDefault();
        timeline.zoom(Math.exp(-deltaY * unit * 0.003), timeline.timeAt(event));
        return;
      }
      const tall = timeline.root.scrollHeight > timeline.root.clientHeight + 1;
      const along = deltaX + (event.shiftKey || !tall ? deltaY : 0);
      if (!along) return;
      event.preventDefault();
      timeline.show(timeline.begin + (along * unit) / timeline.scale);
    },
    { passive: false },
  );
}

/** Double click in a cue lane: a cue there; in the lane of the picture's impacts: a cue at the nearest one.
 * @param {import("../types.js").EditorContext} context
 * @param {MouseEvent} event */
function addCueAt(context, event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const { store, timeline, actions } = context;
  const layer = /** @type {HTMLElement|null} */ (target.closest("[data-layer]"))?.dataset.layer;
  const picture = target.closest(".lane-picture") !== null;
  if (!(layer || picture) || target.closest(".cue, .lane-head")) return;
  store.setSpan(null);
  const time = timeline.timeAt(event);
  if (layer) return void actions.add(time, layer, event);
  const near = (store.events?.impacts ?? []).filter((impact) => Math.abs(impact.time - time) * timeline.scale < IMPACT);
  near.sort((a, b) => Math.abs(a.time - time) - Math.abs(b.time - time));
  void actions.add(near[0]?.time ?? time);
}
