// A generation under way: where it is in the queue, what is being done, how far it is; and how to stop it.

import * as api from "../api.js";
import { announce } from "../dom.js";
import { t, tOf } from "../texts.js";
import { button, h } from "../widgets.js";

/** @typedef {import("../types.js").Job} Job */

/** A job's progress on the page, from now until it is over.
 * @param {string} id of the job @param {(job: Job) => void} onover told once: done, failed or cancelled
 * @returns {{element: HTMLElement, leave: () => void}} leave: stop asking; the job itself goes on */
export function jobProgress(id, onover) {
  const words = h("p", { role: "status" }, t("job.starting"));
  const bar = h("progress", { max: 1, "aria-label": t("job.progress") });
  const stop = button(t("action.cancel"), cancel, { name: "cancel-job", id });
  const element = h("div.job", { dataset: { job: id } }, h("div.grow", {}, words, bar), stop);
  const leaving = new AbortController();

  /** @param {Job} job */
  function draw(job) {
    const now = jobWords(job);
    if (words.textContent !== now) words.textContent = now;
    if (job.state === "running" && job.progress > 0) bar.value = job.progress;
    else bar.removeAttribute("value"); // an indeterminate bar
  }

  async function cancel() {
    stop.disabled = true;
    words.textContent = t("job.cancelling");
    try {
      await api.cancelJob(id);
    } catch (problem) {
      words.textContent = /** @type {Error} */ (problem).message;
    }
  }

  api.followJob(id, draw, leaving.signal).then((job) => {
    announce(jobWords(job));
    onover(job);
  }, (problem) => {
    if (problem.name !== "AbortError") onover(/** @type {any} */ ({ id, state: "failed", error: lost(problem), notes: [] }));
  });
  return { element, leave: () => leaving.abort() };
}

/** What a job does now, in one line. @param {Job} job */
export function jobWords(job) {
  if (job.state === "queued") return job.position > 1 ? t("job.queued", { count: job.position - 1 }) : t("job.next");
  if (job.state === "running") return job.stage ? tOf("stage", job.stage) : t("job.running");
  if (job.state === "done") return t("job.done");
  return job.state === "cancelled" ? t("job.cancelled") : job.error;
}

/** @param {any} problem */
function lost(problem) {
  return problem.status === 404 ? t("job.lost") : problem.message;
}
