// What a dragged cue snaps to: the picture's impacts, other cues, found onsets, frames, the playhead.

/** @typedef {"impacts"|"cues"|"onsets"|"frames"} SnapKind */
const RADIUS = 7; // px

/** Event "change": switched on or off, or snaps to something else. Kept in the browser. */
export class Snap extends EventTarget {
  /** @param {import("../types.js").EditorContext} context */
  constructor(context) {
    super();
    this.context = context;
    /** @type {SnapKind[]} */
    this.kinds = ["impacts", "cues", "onsets", "frames"];
    const kept = JSON.parse(localStorage.getItem("snap") ?? "{}");
    this.on = kept.on ?? true;
    /** @type {Record<SnapKind, boolean>} */
    this.to = { impacts: true, cues: false, onsets: false, frames: false, ...kept.to };
  }

  /** @param {{on?: boolean, to?: Record<SnapKind, boolean>}} values */
  set(values) {
    Object.assign(this, values);
    localStorage.setItem("snap", JSON.stringify({ on: this.on, to: this.to }));
    this.dispatchEvent(new Event("change"));
  }

  /** The time that a time snaps to, and to what; the time itself where nothing is near.
   * @param {number} time s @param {Set<number>} [without] cues that are not snapped to
   * @returns {{time: number, kind: SnapKind|"playhead"|null}} */
  near(time, without = new Set()) {
    const { store, timeline, player } = this.context;
    if (!this.on) return { time, kind: null };
    const radius = RADIUS / timeline.scale;
    /** @type {{time: number, kind: SnapKind|"playhead"|null}} */
    let best = { time, kind: null };
    let distance = radius;
    const offer = (/** @type {number} */ at, /** @type {SnapKind|"playhead"} */ kind) => {
      if (Math.abs(at - time) >= distance) return;
      distance = Math.abs(at - time);
      best = { time: at, kind };
    };
    if (this.to.impacts) for (const impact of store.events?.impacts ?? []) offer(impact.time, "impacts");
    if (this.to.cues) for (const cue of store.view.cues) if (!without.has(cue.id)) offer(cue.time, "cues");
    if (this.to.onsets)
      for (const layer of store.view.layers)
        for (const one of layer.candidates) one.onsets.forEach((at) => offer(at, "onsets"));
    if (!player.playing) offer(player.time, "playhead");
    const fps = store.clip?.picture?.fps;
    if (best.kind === null && this.to.frames && fps) {
      const frame = Math.round(time * fps) / fps;
      if (Math.abs(frame - time) < Math.max(radius, 0.5 / fps)) best = { time: frame, kind: "frames" };
    }
    return best;
  }
}
