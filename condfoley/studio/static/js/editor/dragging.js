// Cues by the pointer: select, move in time or strength, stretch slides; drawn at once, one edit when it is let go.

import { announce, toast } from "../dom.js";
import { decibels, t, time as words } from "../texts.js";
import { h } from "../widgets.js";
import { strengthOf } from "./cue_element.js";

const SLACK = 3; // px before a press is a drag

/** @typedef {import("../types.js").Cue} Cue */
/** @typedef {{id: number, from: {x: number, y: number}, mode: "time"|"strength"|"gain"|"duration"|null, cues: Cue[],
 *   time: number}} Drag */

const exact = (/** @type {number} */ value) => Math.round(value * 1e6) / 1e6;
const within = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.max(low, Math.min(high, value));

export class Dragging {
  /** @param {import("../types.js").EditorContext} context
   * @param {import("./cue_lanes.js").CueLanes} lanes
   * @param {import("./snap.js").Snap} snap */
  constructor(context, lanes, snap) {
    this.context = context;
    this.lanes = lanes;
    this.snap = snap;
    /** @type {Drag|null} */
    this.drag = null;
    this.tip = h("div.drag-tip", { hidden: true, "aria-hidden": "true" });
    this.guide = h("div.snap-guide", { hidden: true, "aria-hidden": "true" });
    context.timeline.overlay.append(this.guide, this.tip);
    const rows = context.timeline.rows;
    rows.addEventListener("pointerdown", (event) => this.down(event));
    rows.addEventListener("pointermove", (event) => this.move(event));
    rows.addEventListener("pointerup", (event) => this.up(event));
    rows.addEventListener("pointercancel", () => this.cancel());
    rows.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.drag) return;
      event.preventDefault();
      this.cancel();
    });
  }

  /** @param {PointerEvent} event */
  down(event) {
    const made = /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest(".cue"));
    if (!made || event.button !== 0) return;
    const { store } = this.context;
    const id = Number(made.dataset.cue);
    const cue = store.cue(id);
    if (!cue) return;
    event.preventDefault();
    this.choose(id, event);
    made.focus();
    const cues = store.selection.has(id) ? store.selected() : [cue];
    const edge =
      cue.kind === "slide" &&
      event.clientX > made.getBoundingClientRect().left + (cue.duration ?? 0) * this.context.timeline.scale - 4;
    this.drag = { id, from: { x: event.clientX, y: event.clientY }, mode: null, cues, time: cue.time };
    this.edge = edge && cue.duration !== null;
    this.context.timeline.rows.setPointerCapture(event.pointerId);
  }

  /** Selects by a press: alone, or with Shift and Ctrl to the others. @param {number} id @param {PointerEvent} event */
  choose(id, event) {
    const { store } = this.context;
    this.lanes.primary = id;
    if (event.ctrlKey || event.metaKey) {
      const now = new Set(store.selection);
      if (!now.delete(id)) now.add(id);
      store.select(now);
    } else if (event.shiftKey && store.selection.size) {
      const times = [...store.selected(), store.cue(id)].map((cue) => /** @type {Cue} */ (cue).time);
      const [low, high] = [Math.min(...times), Math.max(...times)];
      store.select(store.view.cues.filter((cue) => cue.time >= low && cue.time <= high).map((cue) => cue.id));
    } else if (!store.selection.has(id)) store.select([id]);
    else this.narrow = true; // a click on one of several selects it alone, a drag moves all
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { drag } = this;
    if (!drag) return;
    const { timeline, store } = this.context;
    const [dx, dy] = [event.clientX - drag.from.x, event.clientY - drag.from.y];
    if (!drag.mode) {
      if (Math.hypot(dx, dy) < SLACK) return;
      if (!this.allowed(drag)) return this.cancel();
      const across = Math.abs(dx) >= Math.abs(dy);
      drag.mode = across ? (this.edge ? "duration" : "time") : event.shiftKey ? "gain" : "strength";
      document.body.dataset.drag = across ? "across" : "up";
    }
    this.lanes.preview.clear();
    const of = store.cue(drag.id) ?? drag.cues[0];
    if (drag.mode === "time") this.moveTimes(drag, dx / timeline.scale, event.altKey);
    else if (drag.mode === "duration") this.stretch(of, dx / timeline.scale, event.altKey);
    else this.raise(drag, -dy, drag.mode);
    this.showTip(event, of);
    this.lanes.invalidate();
    store.tell("drag");
  }

  /** Whether what is being dragged may be changed; says why not. @param {Drag} drag */
  allowed(drag) {
    const { store } = this.context;
    if (!store.writable) store.tell("refused", store.why);
    else if (drag.cues.every((cue) => cue.locked)) toast(t("editor.locked"));
    else return true;
    return false;
  }

  /** @param {Drag} drag @param {number} by s @param {boolean} free without snap */
  moveTimes(drag, by, free) {
    const { store } = this.context;
    const cues = drag.cues.filter((cue) => !cue.locked);
    const low = -Math.min(...cues.map((cue) => cue.time));
    const high = store.view.duration - 0.001 - Math.max(...cues.map((cue) => cue.time));
    const snapped = free
      ? { time: drag.time + by, kind: null }
      : this.snap.near(drag.time + by, new Set(cues.map((cue) => cue.id)));
    const shift = within(snapped.time - drag.time, low, high);
    for (const cue of cues)
      this.lanes.preview.set(cue.id, { time: exact(cue.time + shift), begin: cue.begin + shift, end: cue.end + shift });
    const to = drag.time + shift;
    this.showGuide(to, snapped.kind !== null && Math.abs(to - snapped.time) < 1e-6);
    if (!this.context.player.playing) this.context.player.seek(to); // shows the picture that the cue would be at
  }

  /** @param {Cue} cue @param {number} by s @param {boolean} free without snap */
  stretch(cue, by, free) {
    const end = cue.time + (cue.duration ?? 0) + by;
    const to = free ? end : this.snap.near(end, new Set([cue.id])).time;
    this.lanes.preview.set(cue.id, {
      duration: exact(within(to - cue.time, 0.05, this.context.store.view.duration - cue.time)),
    });
  }

  /** @param {Drag} drag @param {number} up px @param {"strength"|"gain"} what */
  raise(drag, up, what) {
    for (const cue of drag.cues.filter((one) => !one.locked))
      this.lanes.preview.set(
        cue.id,
        what === "gain"
          ? { gain: within(Math.round((cue.gain + up / 6) * 2) / 2, -60, 60) }
          : { strength: within(Math.round((strengthOf(cue) + up / 80) * 100) / 100, 0, 1) },
      );
  }

  /** @param {PointerEvent} event @param {Cue} cue as it was */
  showTip(event, cue) {
    const now = this.lanes.preview.get(cue.id);
    if (!now) return;
    const { left, top } = this.context.timeline.overlay.getBoundingClientRect();
    const by = (now.time ?? 0) - cue.time;
    this.tip.textContent =
      now.time !== undefined
        ? `${words(now.time)}  ${by < 0 ? "−" : "+"}${Math.abs(by * 1000).toFixed(0)} ms`
        : now.duration != null
          ? words(now.duration)
          : now.gain !== undefined
            ? decibels(now.gain)
            : t("editor.cue.strength", { strength: (now.strength ?? 0).toFixed(2) });
    this.tip.style.transform = `translate(${event.clientX - left + 14}px, ${event.clientY - top - 30}px)`;
    this.tip.hidden = false;
  }

  /** @param {number} time s @param {boolean} snapped */
  showGuide(time, snapped) {
    this.guide.hidden = false;
    this.guide.classList.toggle("snapped", snapped);
    this.guide.style.transform = `translateX(${this.context.timeline.x(time)}px)`;
  }

  /** @param {PointerEvent} event */
  up(event) {
    const {
      drag,
      context: { store },
    } = this;
    if (!drag) return;
    const values = new Map(this.lanes.preview);
    const moved = drag.mode !== null;
    if (!moved && this.narrow && !event.shiftKey) store.select([drag.id]);
    this.cancel();
    if (!moved) return;
    const operations = [...values].map(([cue, { begin, end, ...rest }]) => ({ op: "change", cue, values: rest }));
    if (!operations.length) return;
    void store.edit(operations).then((view) => {
      if (view)
        announce(operations.length > 1 ? t("editor.changed", { count: operations.length }) : this.lanes.name(drag.id));
    });
  }

  cancel() {
    this.drag = null;
    this.narrow = false;
    this.lanes.preview.clear();
    this.tip.hidden = this.guide.hidden = true;
    delete document.body.dataset.drag;
    this.lanes.invalidate();
    this.context.store.tell("drag");
  }
}
