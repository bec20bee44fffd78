// Choose a recording among the sounds of the library that are most like a clip's own, or fit its picture best.

import * as api from "../api.js";
import { t } from "../texts.js";
import { button, fill, h, openDialog } from "../widgets.js";

const EVERY = 1000; // ms between two questions

/** @typedef {import("../types.js").Clip} Clip */

/** @param {Clip} sought @param {(clip: Clip) => void} onclip called once, when the user has chosen
 * @param {(clip: Clip) => string} [refusal] why a clip cannot be chosen; empty: it can */
export async function openFitting(sought, onclip, refusal = () => "") {
  const error = h("p.error", { role: "alert", hidden: true });
  const list = h("div.stack", {}, h("p", { role: "status" }, t("fitting.looking", { name: sought.name })));
  const { close } = openDialog(t("fitting.heading"), error, list);

  /** @param {string} name */
  async function choose(name) {
    try {
      const clip = await api.clipFromLibrary(name);
      const refused = refusal(clip);
      if (refused) throw new Error(refused);
      close();
      onclip(clip);
    } catch (problem) {
      fail(problem);
    }
  }

  /** @param {any} problem */
  function fail(problem) {
    error.hidden = false;
    error.textContent = problem.message;
  }

  /** @param {{name: string, score: number}} one */
  const entry = ({ name, score }) => h("li.entry", {}, h("span.entry-name.ellipsis", { title: name }, name),
    h("span.hint.digits", {}, score.toFixed(2)),
    button(t("library.use"), () => choose(name), { "aria-label": t("library.use_named", { name }) }));

  try {
    for (;;) {
      const answer = await api.fitting(sought.id);
      if (!list.isConnected) return; // closed meanwhile
      if (answer.state === "failed") throw new Error(answer.error);
      if (answer.state === "done") {
        fill(list, h("p.hint", {}, t(`fitting.by_${answer.by}`, { name: sought.name })),
          answer.note && h("p.hint", {}, t("fitting.by_chance")), h("ol.plain-list", {}, answer.found.map(entry)),
          answer.left_out > 0 && h("p.hint", {}, t("fitting.left_out", { count: answer.left_out })));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  } catch (problem) {
    fill(list);
    fail(problem);
  }
}
