// What part of the target is shown, and the lanes that show it. One animation frame draws all lanes that need it.

import { h } from "../widgets.js";

const FINEST = 4000; // px per second
const HEAD = 128; // px of the lanes' heads, as --head of editor.css

/** A lane: a row of the timeline with a head (name, controls) and a body that is as wide as the view.
 * draw(lane) is called when the view moves or invalidate() was called; it draws what lies in the view.
 * height: px at least; grow: share of the room that is left, up to `most` px.
 * @typedef {{id: string, label: string, height: number, grow?: number, most?: number, head?: HTMLElement|null, after?:
 *   string|null, className?: string,
 *   draw: (lane: Lane) => void}} LaneGiven
 * @typedef {LaneGiven & {row: HTMLElement, body: HTMLElement, tall: number, stale: boolean, invalidate: () => void,
 *   remove: () => void}} Lane tall: px that it has now */

/** Events: "move" (view changed), "layout" (lanes or sizes changed). */
export class Timeline extends EventTarget {
  /** @param {HTMLElement} root @param {number} duration s */
  constructor(root, duration) {
    super();
    this.root = root;
    this.duration = duration;
    this.begin = 0; // s at the left edge
    this.scale = 1; // px per second
    this.width = 0; // px of the lanes' bodies
    /** @type {Lane[]} */
    this.lanes = [];
    /** @type {HTMLElement} */
    this.rows = h("div.lanes");
    this.playhead = h("div.playhead", { "aria-hidden": "true" });
    this.overlay = h("div.lanes-overlay", {}, this.playhead);
    root.append(h("div.stage", {}, this.rows, this.overlay));
    this.frame = 0;
    this.playheadTime = 0; // s
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(root);
    this.measure();
    this.fit();
  }

  close() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  /** px per second at which the whole target is in view. */
  get widest() {
    return Math.max(1, this.width) / Math.max(this.duration, 0.001);
  }

  get end() {
    return this.begin + this.width / this.scale;
  }

  /** px from the left edge of the lanes' bodies. @param {number} time s */
  x(time) {
    return (time - this.begin) * this.scale;
  }

  /** s. @param {number} x px from the left edge of the lanes' bodies */
  time(x) {
    return this.begin + x / this.scale;
  }

  /** s of the target under a pointer, not before its beginning or after its end. @param {{clientX: number}} event */
  timeAt(event) {
    const left = this.rows.getBoundingClientRect().left + HEAD;
    return Math.min(this.duration, Math.max(0, this.time(event.clientX - left)));
  }

  measure() {
    const width = Math.max(50, this.root.clientWidth - HEAD);
    this.arrange();
    if (width === this.width) return;
    const whole = this.width && Math.abs(this.scale - this.widest) < 1e-6;
    this.width = width;
    if (whole) this.fit();
    else this.show(this.begin, this.scale);
    this.dispatchEvent(new Event("layout"));
  }

  /** Gives lanes that grow the room that is left. */
  arrange() {
    const needed = this.lanes.reduce((sum, lane) => sum + lane.height + 1, 0); // with the lines between
    let room = this.root.clientHeight - needed;
    let shares = this.lanes.reduce((sum, lane) => sum + (lane.grow ?? 0), 0);
    // Those with the least room to grow first, so that what they leave goes to the others.
    const order = [...this.lanes].sort((a, b) => left(a) - left(b));
    for (const lane of order) {
      const more =
        lane.grow && room > 0
          ? Math.min(Math.floor((room * lane.grow) / shares), (lane.most ?? Infinity) - lane.height)
          : 0;
      room -= more;
      shares -= lane.grow ?? 0;
      if (lane.tall === lane.height + more) continue;
      lane.tall = lane.height + more;
      lane.row.style.height = `${lane.tall}px`;
      lane.invalidate();
    }
  }

  fit() {
    this.show(0, this.widest);
  }

  /** @param {number} begin s @param {number} [scale] px per second */
  show(begin, scale = this.scale) {
    this.scale = Math.min(Math.max(FINEST, this.widest), Math.max(this.widest, scale));
    this.begin = Math.max(0, Math.min(begin, this.duration - this.width / this.scale));
    for (const lane of this.lanes) lane.stale = true;
    this.request();
    this.dispatchEvent(new Event("move"));
  }

  /** Zooms so that a time stays where it is. @param {number} factor above 1: closer @param {number} around s */
  zoom(factor, around) {
    const kept = this.x(around);
    const scale = Math.min(Math.max(FINEST, this.widest), Math.max(this.widest, this.scale * factor));
    this.show(around - kept / scale, scale);
  }

  /** Shows a span with some room around it. @param {import("../types.js").Span} span */
  showSpan([begin, end]) {
    const room = Math.max(0.1, 0.1 * (end - begin));
    this.show(begin - room, this.width / (end - begin + 2 * room));
  }

  /** Moves the view when a time is not in it.
   * @param {number} time s
   * @param {boolean} [turning] as while playing: by a page */
  reveal(time, turning = false) {
    const shown = this.width / this.scale;
    if (time >= this.begin + (turning ? 0 : 0.02 * shown) && time <= this.end - (turning ? 0.03 : 0.02) * shown) return;
    if (shown >= this.duration) return;
    this.show(turning ? time - 0.05 * shown : time - 0.5 * shown);
  }

  /** Adds a lane; `after`: id of the lane it goes below, else it goes to the end.
   * @param {LaneGiven} given
   * @returns {Lane} */
  addLane(given) {
    const body = h("div.lane-body");
    const head = given.head ?? h("div", {}, h("span.lane-name", {}, given.label));
    head.classList.add("lane-head");
    const row = h(`section.lane.lane-${given.id.split(":")[0]}`, { "aria-label": given.label }, head, body);
    if (given.className) row.classList.add(given.className);
    /** @type {Lane} */
    const lane = {
      ...given,
      row,
      body,
      tall: 0,
      stale: true,
      invalidate: () => {
        lane.stale = true;
        this.request();
      },
      remove: () => {
        row.remove();
        this.lanes = this.lanes.filter((one) => one !== lane);
        this.arrange();
        this.dispatchEvent(new Event("layout"));
      },
    };
    const before = given.after ? this.lanes.findIndex((one) => one.id === given.after) : -1;
    const at = before < 0 ? this.lanes.length : before + 1;
    this.rows.insertBefore(row, this.lanes[at]?.row ?? null);
    this.lanes.splice(at, 0, lane);
    this.arrange();
    this.request();
    this.dispatchEvent(new Event("layout"));
    return lane;
  }

  /** Draws stale lanes in the next animation frame. */
  request() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const lane of this.lanes) {
        if (!lane.stale) continue;
        lane.stale = false;
        lane.draw(lane);
      }
      this.drawPlayhead();
    });
  }

  /** @param {number} [time] s */
  drawPlayhead(time = this.playheadTime) {
    this.playheadTime = time;
    const x = this.x(time);
    this.playhead.style.transform = `translateX(${HEAD + x}px)`;
    this.playhead.hidden = x < -1 || x > this.width + 1;
  }
}

/** px for each share that a lane may grow by. @param {Lane} lane */
const left = (lane) => ((lane.most ?? Infinity) - lane.height) / (lane.grow ?? 0);

/** A canvas that fills a lane's body, sharp on any screen; begin() gives its cleared context, drawn in CSS px.
 * @param {Lane} lane @param {Record<string, any>} [given] of the element */
export function laneCanvas(lane, given = {}) {
  const canvas = h("canvas", { "aria-hidden": "true", ...given });
  lane.body.append(canvas);
  return {
    canvas,
    /** @returns {{context: CanvasRenderingContext2D, width: number, height: number}} */
    begin() {
      const dense = devicePixelRatio || 1;
      const [width, height] = [lane.body.clientWidth, lane.body.clientHeight];
      const size = [Math.round(width * dense), Math.round(height * dense)];
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
      const context = canvas.getContext("2d");
      context.setTransform(dense, 0, 0, dense, 0, 0);
      context.clearRect(0, 0, width, height);
      return { context, width, height };
    },
  };
}
