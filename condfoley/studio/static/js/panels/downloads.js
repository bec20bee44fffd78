// What can be taken along: made from the current version when it is asked for, then saved by the browser.

import * as api from "../api.js";
import { t, tOf } from "../texts.js";
import { button, h } from "../widgets.js";

const WHAT = ["video", "soundtrack", "stems", "timeline", "reaper", "all"];

/** @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs
 * @returns {import("./panels.js").Panel} */
export function downloadPanel({ store }, jobs) {
  /** @param {string} what */
  const row = (what) => {
    const state = h("span.hint", { role: "status" }, tOf("download_hint", what));
    const make = button(tOf("download", what), async () => {
      make.disabled = true;
      state.textContent = t("download.making");
      const file = await made(what);
      make.disabled = false;
      state.textContent = file ? t("download.done") : tOf("download_hint", what);
      if (file) save(file);
    }, { kind: what === "video" ? "primary" : "", icon: "download", shown: true, name: "download", id: what });
    return h("li.download", {}, make, state);
  };

  /** The address of a file of the current version, or null where it could not be made, which is told. @param {string} what */
  async function made(what) {
    const job = await jobs.run({ kind: "files", what });
    if (job?.state !== "done") return null;
    return job.file ?? api.withQuery(`/api/projects/${store.id}/files/${what}`, { revision: store.server.revision });
  }

  return { element: h("div.stack", {}, h("p.hint", {}, t("download.lead")), h("ul.plain-list.downloads", {}, WHAT.map(row))), draw() {} };
}

/** @param {string} address */
function save(address) {
  const link = h("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
