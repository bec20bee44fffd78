// What is done to cues, by keys and buttons alike: each is one edit, and says what came of it.

import { announce, toast } from "../dom.js";
import { t, time as words } from "../texts.js";

/** @typedef {import("../types.js").Cue} Cue */
const exact = (/** @type {number} */ value) => Math.round(value * 1e6) / 1e6;
const within = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.max(low, Math.min(high, value));
const NEAR = 0.05; // s, within which a new cue is as strong as the picture's impact
const TOGETHER = 0.03; // s between two cues of a layer, below which they are one hit
const COPIED = /** @type {const} */ (["strength", "kind", "duration", "layer", "gain", "pan", "reference_at"]);

export class Actions {
  /** @param {import("../types.js").EditorContext} context
   * @param {import("./cue_lanes.js").CueLanes} lanes
   * @param {import("./snap.js").Snap} snap */
  constructor(context, lanes, snap) {
    this.context = context;
    this.lanes = lanes;
    this.snap = snap;
    /** @type {Partial<Cue>[]} times from the first one on */
    this.clipboard = [];
  }

  /** Layer that new cues get: that of the selected cue, else the first one with a reference. */
  get layer() {
    const { store } = this.context;
    return store.selected()[0]?.layer ?? store.view.layers.find((layer) => !layer.ambience)?.name ?? "main";
  }

  /** Changes the selected cues that are not locked; one edit.
   * @param {(cue: Cue) => Partial<Cue>} values
   * @param {boolean} [locked] these too */
  async change(values, locked = false) {
    const { store } = this.context;
    const cues = store.selected().filter((cue) => locked || !cue.locked);
    if (!cues.length) return toast(t(store.selection.size ? "editor.locked" : "editor.nothing_selected"));
    const view = await store.edit(cues.map((cue) => ({ op: "change", cue: cue.id, values: values(cue) })));
    if (view) announce(cues.length > 1 ? t("editor.changed", { count: cues.length }) : this.lanes.name(cues[0].id));
  }

  /** Adds a cue; where its layer has one already, that one is selected. @param {number} time s @param {string} [layer]
   * @param {{altKey?: boolean}} [event] Alt: without snap */
  async add(time, layer = this.layer, event) {
    const { store, player } = this.context;
    const at = event && !event.altKey ? this.snap.near(time).time : time;
    const there = this.cueAt(at, layer);
    if (there) return this.found(there);
    const before = new Set(store.view.cues.map((cue) => cue.id));
    const seen = store.events?.impacts?.find((impact) => Math.abs(impact.time - at) < NEAR);
    const values = { time: exact(within(at, 0, store.view.duration - 0.001)), strength: seen?.strength ?? 0.5, layer };
    const view = await store.edit([{ op: "add", values }]);
    const made = view?.cues.find((cue) => !before.has(cue.id));
    if (!made) return;
    if (!player.playing) store.select([made.id]);
    announce(t("editor.added", { name: this.lanes.name(made.id) }));
  }

  /** Selects a cue in place of adding one beside it. @param {Cue} cue */
  found(cue) {
    if (cue.id < 0) return; // on its way to the server still
    this.lanes.primary = cue.id;
    this.context.store.select([cue.id]);
    toast(t("editor.there_already", { name: this.lanes.name(cue.id) }));
  }

  /** The cue of a layer that a new one would overlap: one hit with it, or a slide that lasts until then.
   * @param {number} time s @param {string} layer @returns {Cue|undefined} the nearest */
  cueAt(time, layer) {
    const overlaps = (/** @type {Cue} */ cue) =>
      time < cue.time ? cue.time - time < TOGETHER : time - cue.time < Math.max(cue.duration ?? 0, TOGETHER);
    return this.context.store.view.cues
      .filter((cue) => cue.layer === layer && overlaps(cue))
      .sort((a, b) => Math.abs(a.time - time) - Math.abs(b.time - time))[0];
  }

  /** At the playhead; while playing, where it is heard. */
  tap() {
    return this.add(this.context.player.time);
  }

  async remove() {
    const { store } = this.context;
    const cues = store.selected().filter((cue) => !cue.locked);
    if (!cues.length) return toast(t(store.selection.size ? "editor.locked" : "editor.nothing_selected"));
    const next = store.view.cues
      .filter((cue) => cue.time > cues[cues.length - 1].time && !store.selection.has(cue.id))
      .sort((a, b) => a.time - b.time)[0];
    const view = await store.edit(cues.map((cue) => ({ op: "remove", cue: cue.id })));
    if (!view) return;
    announce(t("editor.removed", { count: cues.length }));
    if (next && document.activeElement?.closest(".cue-list, body") !== null) this.go(next);
  }

  copy() {
    const cues = this.context.store.selected();
    if (!cues.length) return toast(t("editor.nothing_selected"));
    this.clipboard = cues.map((cue) => ({
      ...Object.fromEntries(COPIED.map((name) => [name, cue[name]])),
      time: cue.time - cues[0].time,
    }));
    announce(t("editor.copied", { count: cues.length }));
  }

  /** At the playhead. */
  async paste() {
    const { store, player } = this.context;
    const at = player.time;
    const before = new Set(store.view.cues.map((cue) => cue.id));
    const fit = this.clipboard.filter((values) => at + (values.time ?? 0) < store.view.duration);
    if (!fit.length) return toast(t("editor.nothing_copied"));
    const view = await store.edit(
      fit.map((values) => ({ op: "add", values: { ...values, time: exact(at + (values.time ?? 0)) } })),
    );
    if (!view) return;
    store.select(view.cues.filter((cue) => !before.has(cue.id)).map((cue) => cue.id));
    announce(t("editor.pasted", { count: fit.length }));
  }

  /** Moves the selected cues. @param {number} by s */
  nudge(by) {
    const { duration } = this.context.store.view;
    return this.change((cue) => ({ time: exact(within(cue.time + by, 0, duration - 0.001)) }));
  }

  /** The cue before (-1) or after (1) the selected one or the playhead.
   * @param {1|-1} direction
   * @param {boolean} [extend] */
  step(direction, extend = false) {
    const { store, player } = this.context;
    const cues = this.lanes.cues();
    const chosen = store.cue(this.lanes.primary ?? -1);
    const from = chosen && store.selection.has(chosen.id) ? cues.findIndex((cue) => cue.id === chosen.id) : null;
    const next =
      from !== null
        ? cues[from + direction]
        : direction > 0
          ? cues.find((cue) => cue.time > player.time + 1e-4)
          : cues.filter((cue) => cue.time < player.time - 1e-4).pop();
    if (next) this.go(next, extend);
  }

  /** Selects a cue and puts playhead and focus there. @param {Cue} cue @param {boolean} [extend] */
  go(cue, extend = false) {
    const { store, player } = this.context;
    this.lanes.primary = cue.id;
    store.select(extend ? [...store.selection, cue.id] : [cue.id]);
    if (!player.playing) player.seek(cue.time);
    this.lanes.focus(cue.id);
  }

  /** Plays the selected cue by itself. */
  async listen() {
    const { store, player } = this.context;
    const cue = store.cue(this.lanes.primary ?? -1) ?? store.selected()[0];
    if (!cue) return toast(t("editor.nothing_selected"));
    if (!cue.has_sound) return toast(t("editor.cue.silent"));
    await player.playCue(cue.id);
  }

  /** One end of the span to the playhead. @param {0|1} which */
  mark(which) {
    const { store, player } = this.context;
    const other = store.span?.[1 - which] ?? (which ? 0 : store.view.duration);
    const span = which ? [Math.min(other, player.time), player.time] : [player.time, Math.max(other, player.time)];
    store.setSpan(span);
    announce(t("editor.span", { begin: words(span[0]), end: words(span[1]) }));
  }

  loop() {
    const { store, player } = this.context;
    player.setLoop(player.loop ? null : (store.span ?? [0, store.view.duration]));
    announce(t(player.loop ? "editor.loop_on" : "editor.loop_off"));
  }
}
