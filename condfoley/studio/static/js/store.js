// One project's state: the server's View, edits on their way to it, selection, lease. Tells what changed by events.

import * as api from "./api.js";
import { ApiError } from "./api.js";
import { EditQueue } from "./edit_queue.js";
import { foreseen } from "./foreseen.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Cue} Cue */
/** @typedef {import("./types.js").Operation} Operation */

const LEASE = 5000; // ms between renewals

/** Events: "view" (detail: {changed: Span[]|null, before: View|null}), "selection", "span", "solo", "drag" (cues are
 * being
 * dragged), "lease", "pending" (edits are on their way, or none any more), "clock" (the picture became the clock),
 * "target" (clip or events of the target came), "refused" (detail: the server's line), "notes" (detail: string[]). */
export class Store extends EventTarget {
  /** @param {string} id of the project */
  constructor(id) {
    super();
    this.id = id;
    /** @type {View} the server's, with edits on their way drawn in. Set before anything else runs. */
    this.view = /** @type {any} */ (null);
    /** @type {View} the server's, without them */
    this.server = this.view;
    /** @type {Set<number>} ids of cues */
    this.selection = new Set();
    /** @type {import("./types.js").Span|null} */
    this.span = null;
    /** @type {Set<string>} layers that alone are heard; empty: all */
    this.solo = new Set();
    this.writable = false;
    this.why = "";
    /** @type {import("./types.js").Clip|null} */
    this.clip = null;
    /** @type {import("./types.js").Events|null} */
    this.events = null;
    this.edits = new EditQueue(this);
    this.closed = false;
  }

  /** Reads the project and takes the lease. Raises ApiError. */
  async open() {
    const lease = await api.takeLease(this.id);
    [this.writable, this.why] = [lease.writable, lease.why];
    this.server = this.view = await api.project(this.id);
    this.timer = setInterval(() => this.renew(), LEASE);
    this.leave = () => api.dropLease(this.id);
    addEventListener("pagehide", this.leave);
    this.edits.restore();
    void this.measure();
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    if (this.leave) {
      removeEventListener("pagehide", this.leave);
      this.leave();
    }
  }

  /** @param {string} name @param {any} [detail] */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Calls an action at an event; gives back how to stop that.
   * @param {string} names separated by spaces @param {(detail: any) => void} action */
  on(names, action) {
    const listener = (/** @type {Event} */ event) => action(/** @type {CustomEvent} */ (event).detail);
    for (const name of names.split(" ")) this.addEventListener(name, listener);
    return () => names.split(" ").forEach((name) => this.removeEventListener(name, listener));
  }

  /** @param {number} id @returns {Cue|undefined} */
  cue(id) {
    return this.view.cues.find((cue) => cue.id === id);
  }

  /** Selected cues in order of time. @returns {Cue[]} */
  selected() {
    return this.view.cues.filter((cue) => this.selection.has(cue.id)).sort((a, b) => a.time - b.time);
  }

  /** @param {Iterable<number>} ids */
  select(ids) {
    this.selection = new Set(ids);
    this.tell("selection");
  }

  /** @param {import("./types.js").Span|null} span */
  setSpan(span) {
    this.span = span;
    this.tell("span");
  }

  /** Hears a layer alone, or with the others again. @param {string} layer */
  toggleSolo(layer) {
    if (!this.solo.delete(layer)) this.solo.add(layer);
    this.tell("solo");
  }

  /** Edits: drawn at once, sent in order. Gives the server's View, or null when it refused (which is told).
   * @param {Operation[]} operations @returns {Promise<View|null>} */
  edit(operations) {
    return this.edits.add(operations);
  }

  undo() {
    return this.view.can_undo ? this.goTo(() => this.view.undo_to) : Promise.resolve(null);
  }

  redo() {
    return this.view.can_redo ? this.goTo(() => this.view.redo_to) : Promise.resolve(null);
  }

  /** Another revision, after the edits that are on their way.
   * @param {number|(() => number|null)} to @returns {Promise<View|null>} */
  goTo(to) {
    return this.edits.goTo(to);
  }

  /** When no edit is on its way. */
  settled() {
    return this.edits.settled();
  }

  /** Takes a View that came another way, such as after a job. @param {View} view */
  accept(view) {
    const before = this.server ?? null;
    this.server = view;
    this.redraw(before, view.changed);
    if (view.notes?.length) this.tell("notes", view.notes);
    void this.measure();
    return view;
  }

  /** Asks for the loudness where the View came without it, as that of a long project does. */
  async measure() {
    const { revision, loudness } = this.server;
    if (!loudness.pending) return;
    try {
      const found = await api.loudness(this.id, revision);
      if (this.closed || this.server.revision !== revision) return;
      this.server = { ...this.server, loudness: found };
      this.redraw();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the next View brings it
    }
  }

  /** Reads the project anew, such as after a job. */
  async reload() {
    return this.accept(await api.project(this.id));
  }

  /** @param {View|null} [before] @param {import("./types.js").Span[]|null} [changed] */
  redraw(before = null, changed = []) {
    this.view = this.edits.list.reduce((view, { operations }) => foreseen(view, operations), this.server);
    const there = new Set(this.view.cues.map((cue) => cue.id));
    const kept = [...this.selection].filter((id) => there.has(id));
    this.tell("view", { changed, before });
    if (kept.length !== this.selection.size) this.select(kept);
  }

  async renew() {
    try {
      const { writable, why } = await api.takeLease(this.id);
      const gained = writable && !this.writable;
      const changed = writable !== this.writable || why !== this.why;
      [this.writable, this.why] = [writable, why];
      if (changed) this.tell("lease");
      if (!gained || this.edits.list.length) return;
      await this.reload();
      this.edits.restore();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the server is away; the banner says so
    }
  }
}
