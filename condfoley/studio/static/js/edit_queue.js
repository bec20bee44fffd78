// Edits on their way to the server: sent in order, each for the revision that the one before it made; nothing is lost
// while the server is away, busy with a job, or the page is loaded again.

import * as api from "./api.js";
import { ApiError } from "./api.js";
import { isDone } from "./foreseen.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Operation} Operation */

const AGAIN = 1000; // ms until an edit is sent again while the server is away or busy with the project
const MOST = 120; // times that this is done while it is busy

const pause = (/** @type {number} */ milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class EditQueue {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    this.key = `unsent ${store.id}`;
    /** @type {{operations: Operation[], resolve: (view: View|null) => void}[]} */
    this.list = [];
    this.sending = false;
    this.tries = 0;
  }

  /** Adds an edit; the server's View, or null when it refused, which is told. @param {Operation[]} operations
   * @returns {Promise<View|null>} */
  add(operations) {
    const { store } = this;
    if (!store.writable) {
      store.tell("refused", store.why);
      return Promise.resolve(null);
    }
    return new Promise((resolve) => {
      this.list.push({ operations, resolve });
      store.redraw();
      this.keep();
      store.tell("pending");
      void this.work();
    });
  }

  /** When there is none any more. */
  async settled() {
    while (this.list.length && !this.store.closed) await pause(20);
  }

  /** Another revision, once no edit is on its way.
   * @param {number|(() => number|null)} to
   * @returns {Promise<View|null>} */
  async goTo(to) {
    const { store } = this;
    if (!store.writable) {
      store.tell("refused", store.why);
      return null;
    }
    await this.settled();
    const revision = typeof to === "number" ? to : to();
    if (revision === null) return null;
    try {
      const view = await api.goToRevision(store.id, revision);
      this.tries = 0;
      return store.accept(view);
    } catch (error) {
      if (error instanceof ApiError && error.status === 423 && (await this.leased())) return this.goTo(to);
      return this.refuse(error);
    }
  }

  /** Sends what is there. */
  async work() {
    if (this.sending) return;
    this.sending = true;
    while (this.list.length && !this.store.closed) {
      const [{ operations, resolve }] = this.list;
      try {
        const view = await api.editProject(this.store.id, this.store.server.revision, operations);
        this.finished();
        this.store.accept(view);
        resolve(view);
      } catch (error) {
        if (!(await this.recovered(error, operations))) {
          this.finished();
          resolve(this.refuse(error));
        }
      }
      this.keep();
    }
    this.sending = false;
    this.store.tell("pending");
  }

  finished() {
    this.list.shift();
    this.tries = 0;
  }

  /** Whether the first edit shall be sent again: the server was away or busy, or the project was edited elsewhere.
   * @param {unknown} error @param {Operation[]} operations */
  async recovered(error, operations) {
    if (!(error instanceof ApiError)) throw error;
    if (error.away) {
      await pause(AGAIN);
      return true;
    }
    if (error.status === 423) return this.leased();
    if (error.status !== 409) return false;
    try {
      return this.rebased(await api.project(this.store.id), operations);
    } catch (other) {
      return other instanceof ApiError && other.away;
    }
  }

  /** Takes another revision and leaves out what it has already, as when an answer was lost; whether the rest still
   * fits.
   * @param {View} view @param {Operation[]} operations */
  rebased(view, operations) {
    const [former, [first]] = [this.store.server.revision, this.list];
    first.operations = operations.filter((one) => !isDone(view, one));
    if (!first.operations.length) {
      this.finished();
      first.resolve(view);
    }
    this.store.accept({ ...view, changed: null });
    const fits = first.operations.every((one) => one.cue === undefined || view.cues.some((cue) => cue.id === one.cue));
    return !first.operations.length || (view.revision !== former && fits);
  }

  /** Whether an edit that was refused for now shall be sent again: not if another tab has the lease; else the server
   * was
   * started again, or a job is working on the project. */
  async leased() {
    await this.store.renew();
    if (!this.store.writable || this.tries++ > MOST) return false;
    if (this.tries > 1) await pause(AGAIN);
    return true;
  }

  /** @param {unknown} error @returns {null} */
  refuse(error) {
    if (!(error instanceof ApiError)) throw error;
    this.store.redraw();
    this.store.tell("refused", error.message);
    return null;
  }

  /** Keeps in the browser what is not sent yet. */
  keep() {
    if (!this.list.length) return sessionStorage.removeItem(this.key);
    sessionStorage.setItem(this.key, JSON.stringify(this.list.map(({ operations }) => operations)));
  }

  /** Sends what a reload of the page interrupted, once this tab may edit. */
  restore() {
    if (!this.store.writable || this.list.length) return;
    for (const operations of JSON.parse(sessionStorage.getItem(this.key) ?? "[]")) {
      const left = operations.filter((/** @type {Operation} */ one) => !isDone(this.store.view, one));
      if (left.length) void this.add(left);
    }
    this.keep();
  }
}
