// Jobs of the opened project: started from its current revision, shown while they run, then the project is read anew.

import * as api from "../api.js";
import { announce, toast } from "../dom.js";
import { t } from "../texts.js";
import { h } from "../widgets.js";
import { jobProgress } from "./job_progress.js";

/** @typedef {import("../types.js").Job} Job */

export class ProjectJobs {
  /** @param {import("../types.js").EditorContext} context */
  constructor({ store, onLeave, about }) {
    this.store = store;
    /** @type {string[]} of the weights */
    this.generators = about.generators;
    this.element = h("div.jobs", { hidden: true, role: "group", "aria-label": t("job.heading") });
    /** @type {Set<() => void>} */
    this.leaving = new Set();
    /** @type {import("./drawing.js").Drawing} */
    this.drawing = { generator: "auto", strength: null };
    onLeave(() => this.leaving.forEach((leave) => leave()));
  }

  /** Runs a job; gives it when it is over, or null when it was refused, which is told. @param {Record<string, any>} wanted
   * @returns {Promise<Job|null>} */
  async run(wanted) {
    await this.store.settled();
    try {
      const base = wanted.kind === "files" ? {} : { base: this.store.server.revision };
      const job = await api.startJob({ project: this.store.id, ...base, ...wanted });
      return await this.follow(job.id);
    } catch (problem) {
      toast(/** @type {Error} */ (problem).message, "error");
      return null;
    }
  }

  /** Has a span or a cue drawn anew, as `drawing` says. @param {{span?: number[], layer?: string|null, cue?: number, variations?: number}} wanted */
  redraw(wanted) {
    return this.run({ kind: "redo", span: null, layer: null, cue: null, variations: null, ...this.drawing, ...wanted });
  }

  /** @param {string} id @returns {Promise<Job>} */
  follow(id) {
    return new Promise((resolve) => {
      const row = jobProgress(id, async (job) => {
        this.leaving.delete(row.leave);
        row.element.remove();
        this.element.hidden = !this.element.childElementCount;
        await this.over(job);
        resolve(job);
      });
      this.leaving.add(row.leave);
      this.element.append(row.element);
      this.element.hidden = false;
    });
  }

  /** @param {Job} job */
  async over(job) {
    if (job.state === "failed") toast(job.error, "error");
    for (const note of job.notes) toast(note);
    if (job.state === "done" && !job.file) {
      await this.store.reload();
      announce(t("job.done"));
    }
  }

  /** Jobs that were under way when the page was loaded. */
  async resume() {
    try {
      const all = /** @type {Job[]} */ (await api.jobs());
      for (const { id, project, state } of all) if (project === this.store.id && (state === "queued" || state === "running")) void this.follow(id);
    } catch (problem) {
      if (!(problem instanceof api.ApiError)) throw problem; // the server is away; the banner says so
    }
  }
}
