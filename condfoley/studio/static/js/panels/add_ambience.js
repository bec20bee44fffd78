// A bed beneath the impacts, from the quiet parts of a clip.

import * as api from "../api.js";
import { t } from "../texts.js";
import { button, fill, h, openDialog, slider } from "../widgets.js";
import { dropZone } from "../start/drop.js";
import { clipHead } from "../start/reference.js";

/** @typedef {import("../types.js").Clip} Clip */

const SOFTER = -6; // dB that is offered

/** @param {import("../types.js").EditorContext} context @param {import("./jobs.js").ProjectJobs} jobs */
export async function openAmbience({ store, about }, jobs) {
  const own = store.view.references.main ?? Object.values(store.view.references).find(Boolean) ?? null;
  /** @type {Clip|null} */
  let clip = own ? await api.clip(own).catch(() => null) : null;
  let gain = SOFTER;
  const reference = h("div");
  const go = button(t("ambience.go"), start, { kind: "primary", name: "make-ambience" });
  const { close, closed } = openDialog(t("ambience.heading"), h("p.hint", {}, t("ambience.how")), reference,
    slider({ words: t("layers.gain"), value: gain, min: -40, max: 12, step: 0.5, unit: "dB", name: "ambience-gain", onchange: (to) => (gain = to) }),
    h("div.row.end", {}, go));

  /** @param {Clip|null} to */
  function choose(to) {
    clip = to;
    go.disabled = !to?.sound;
    fill(reference, to ? clipHead(to, null, t("clip.remove_reference"), () => choose(null))
      : dropZone({ name: "reference", title: t("ambience.drop"), hint: t("start.reference_hint"), about, onclip: choose }).element);
  }

  async function start() {
    close();
    await jobs.run({ kind: "ambience", reference: clip?.id, gain });
  }

  choose(clip);
  await closed;
}
