// The foot of the start screen: the settings and "Generate", or the generation that is under way.

import { jobProgress } from "../panels/job_progress.js";
import { t } from "../texts.js";
import { button, fill, h } from "../widgets.js";
import { optionsForm } from "./options.js";

export class GenerateArea {
  /** @param {any} about what the server says of itself @param {Record<string, any>} settings changed in place
   * @param {() => void} onchange told when a setting was changed @param {() => void} start told by the button
   * @param {HTMLElement} beginning what the soundtrack starts from */
  constructor(about, settings, onchange, start, beginning) {
    this.go = button(t("start.generate"), start, { kind: "primary.large", icon: "wave", shown: true, name: "generate", disabled: true });
    this.hint = h("small.hint", {}, t("start.need_both"));
    this.error = h("p.error", { role: "alert", hidden: true });
    this.form = [h("div.row.wrap", {}, h("div.grow", {}, optionsForm(about, settings, onchange), beginning), h("div.stack.end", {}, this.go, this.hint)), this.error];
    this.element = h("section.generate", { "aria-label": t("start.generate_area") }, this.form);
  }

  /** @param {boolean} usable both clips are there */
  allow(usable) {
    this.go.disabled = !usable;
    this.hint.hidden = usable;
  }

  /** The settings again. @param {string} [error] why the last generation ended */
  idle(error = "") {
    this.progress = null;
    fill(this.element, this.form);
    this.error.hidden = !error;
    this.error.textContent = error;
  }

  /** The progress of a job in their place. @param {string} id @param {(job: import("../types.js").Job) => void} onover */
  busy(id, onover) {
    this.progress = jobProgress(id, onover);
    fill(this.element, this.progress.element);
    this.progress.element.querySelector("button")?.focus();
  }

  close() {
    this.progress?.leave();
  }
}
