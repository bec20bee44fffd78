// The panels of the editor: one for each thing that is looked at, with what belongs to all of them.

import { toast } from "../dom.js";
import { t } from "../texts.js";
import { cuePanel } from "./cue.js";
import { downloadPanel } from "./downloads.js";
import { mountHelp } from "./help.js";
import { ProjectJobs } from "./jobs.js";
import { layerPanel } from "./layers.js";
import { mountLease } from "./lease.js";
import { mountListening } from "./listening.js";
import { masterPanel } from "./master.js";
import { mountMeters } from "./meters.js";
import { tabs } from "./tabs.js";
import { takePanel } from "./takes.js";
import { versionPanel } from "./versions.js";

/** What a panel is: drawn when it is shown, and while it is shown whenever the project or the selection changes.
 * @typedef {{element: HTMLElement, draw: () => void}} Panel */

/** @param {import("../types.js").EditorContext} context */
export function mountPanels(context) {
  const { store, slots } = context;
  const jobs = new ProjectJobs(context);
  const shown = tabs(t("panels.heading"), [
    { id: "cue", words: t("panels.cue"), panel: cuePanel(context, jobs) },
    { id: "layers", words: t("panels.layers"), panel: layerPanel(context, jobs) },
    { id: "master", words: t("panels.master"), panel: masterPanel(context, jobs) },
    { id: "takes", words: t("panels.takes"), panel: takePanel(context) },
    { id: "versions", words: t("panels.versions"), panel: versionPanel(context) },
    { id: "files", words: t("panels.files"), panel: downloadPanel(context, jobs) },
  ]);
  slots.panels.setAttribute("aria-label", t("panels.heading"));
  slots.panels.append(shown.element, jobs.element);
  context.onLeave(store.on("view lease span", () => shown.draw()));
  context.onLeave(store.on("selection", () => (store.selection.size ? shown.show("cue") : shown.draw())));
  context.onLeave(store.on("notes", (/** @type {string[]} */ notes) => notes.forEach((note) => toast(note))));
  mountMeters(context);
  mountHelp(context);
  mountListening(context);
  mountLease(context);
  void jobs.resume();
}
