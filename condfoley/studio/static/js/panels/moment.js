// The moment of the reference that a cue is to sound like, chosen on the reference's waveform.

import * as api from "../api.js";
import { t } from "../texts.js";
import { button, field, fill, h } from "../widgets.js";
import { drawPeaks } from "./wave_canvas.js";

/** @typedef {{clip: import("../types.js").Clip, peaks: any, onsets: number[]}} Reference */

const POINTS = 600;
const HEARD = 0.6; // s that are played from a moment on
/** @type {Map<string, Promise<Reference>>} by id of the clip */
const references = new Map();

/** @param {import("../types.js").EditorContext} context @param {import("../types.js").Cue} cue @returns {import("./cue.js").Part} */
export function moment({ store, player }, cue) {
  const disabled = !store.writable || cue.locked;
  const canvas = h("canvas.reference-wave", { "aria-hidden": "true" });
  const marks = h("div.marks", { "aria-hidden": "true" });
  const place = h("i.cursor", { hidden: true, "aria-hidden": "true" });
  const box = h("div.wave-box.small", {}, canvas, marks, place);
  const digits = h("input.digits", { type: "number", min: 0, step: 0.01, disabled, placeholder: t("moment.any"), dataset: { value: "reference-at" },
    onchange: () => set(digits.value === "" ? null : Number(digits.value)) });
  const words = h("p.hint");
  const element = h("section.stack", {}, h("h2", {}, t("moment.heading")), box,
    h("div.row.wrap", {}, button(t("moment.before"), () => step(-1), { icon: "frame-back", disabled, name: "moment-before" }),
      button(t("moment.after"), () => step(1), { icon: "frame-on", disabled, name: "moment-after" }),
      button(t("moment.listen"), listen, { icon: "play", name: "play-moment" }), field(t("moment.at"), digits, { kind: "inline" }),
      button(t("moment.clear"), () => set(null), { disabled, name: "clear-moment" })), words);
  /** @type {Reference|null} */
  let known = null;
  /** @type {number|null} */
  let at = cue.reference_at;
  let clip = cue.reference;

  /** @param {number|null} to */
  function set(to) {
    const limited = to === null ? null : Math.round(100 * Math.min(Math.max(to, 0), known?.clip.duration ?? to)) / 100;
    return store.edit([{ op: "change", cue: cue.id, values: { reference_at: limited } }]);
  }

  /** @param {-1|1} direction */
  function step(direction) {
    const onsets = known?.onsets ?? [];
    const from = at ?? (direction > 0 ? -1 : Infinity);
    const found = direction > 0 ? onsets.find((onset) => onset > from + 0.006) : [...onsets].reverse().find((onset) => onset < from - 0.006);
    if (found !== undefined) void set(found).then(listen);
  }

  async function listen() {
    if (!known) return;
    const begin = Math.max(0, (at ?? known.onsets[0] ?? 0) - 0.02);
    const query = { begin, end: Math.min(known.clip.duration, begin + HEARD) };
    const answer = await api.request("GET", api.withQuery(`/api/clips/${known.clip.id}/sound`, query));
    await player.playBuffer(await answer.arrayBuffer());
  }

  function drawPlace() {
    place.hidden = at === null || !known;
    if (known && at !== null) place.style.left = `${(100 * at) / known.clip.duration}%`;
  }

  if (!disabled) box.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const area = box.getBoundingClientRect();
    if (known) void set(((event.clientX - area.left) / area.width) * known.clip.duration);
  });
  /** Another clip is the cue's reference. @param {string|null} id */
  function use(id) {
    clip = id;
    load(id).then((found) => {
      if (clip !== id) return;
      known = found;
      element.hidden = !found;
      if (!found) return;
      fill(marks, found.onsets.map((onset) => h("i.mark", { style: { left: `${(100 * onset) / found.clip.duration}%` } })));
      requestAnimationFrame(() => drawPeaks(canvas, found.peaks.min[0], found.peaks.max[0]));
      drawPlace();
    }, () => (element.hidden = clip === id)); // the reference is not there any more; the cue keeps its sound
  }

  use(cue.reference);
  return {
    element,
    update([now]) {
      if (!now) return;
      if (now.reference !== clip) use(now.reference);
      at = now.reference_at;
      if (digits !== document.activeElement) digits.value = at === null ? "" : at.toFixed(2);
      words.textContent = at === null ? t("moment.hint") : now.pinned ? t("moment.set") : t("moment.made");
      drawPlace();
    },
  };
}

/** @param {string|null|undefined} id of a clip @returns {Promise<Reference|null>} */
function load(id) {
  if (!id) return Promise.resolve(null);
  const found = references.get(id) ?? fetched(id);
  references.set(id, found);
  found.catch(() => references.delete(id));
  return found;
}

/** @param {string} id @returns {Promise<Reference>} */
async function fetched(id) {
  const clip = await api.clip(id);
  const [peaks, events] = await Promise.all([
    api.getJson(api.withQuery(`/api/clips/${id}/peaks`, { begin: 0, end: clip.duration, points: POINTS })), api.events(id)]);
  return { clip, peaks, onsets: (events.onsets ?? []).map(({ time }) => time) };
}
