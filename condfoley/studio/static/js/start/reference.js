// The chosen reference: its picture and waveform with the events found in it, and the two seconds that are used.

import * as api from "../api.js";
import { t } from "../texts.js";
import { button, field, fill, h } from "../widgets.js";
import { eventsOf, facts, playable } from "./clips.js";
import { waveform } from "./waveform.js";

export const WINDOW = 1.86; // s of a reference that the model uses at once

/** @param {import("../types.js").Clip} clip
 * @param {{begin: number|null, onbegin: (begin: number|null) => void, remove: () => void}} given
 *   begin: of the window in s; null: where the events are clearest
 * @returns {{element: HTMLElement, close: () => void, amongOthers: (several: boolean) => void}}
 *   amongOthers: whether the window is looked for in several references, so that none can be chosen */
export function referenceView(clip, { begin, onbegin, remove }) {
  const media = h(clip.picture ? "video.thumbnail" : "audio", { preload: "metadata", playsInline: true, "aria-label": clip.name });
  const wave = h("div.wave", { "aria-hidden": "true" });
  const marks = h("div.marks", { "aria-hidden": "true" });
  const words = h("p.hint", { role: "status" });
  const start = h("input.digits", { type: "number", min: 0, max: Math.max(0, clip.duration - WINDOW).toFixed(2), step: 0.05,
    placeholder: t("reference.auto"), dataset: { value: "reference-start" },
    onchange: () => move(start.value === "" ? null : Number(start.value)) });
  const place = field(t("reference.start"), start, { kind: "inline" });
  const best = button(t("reference.best"), () => move(null), { pressed: true, name: "best-part" });
  const play = button(t("action.play"), () => audition(0, clip.duration), { icon: "play", shown: true, disabled: true });
  const playWindow = button(t("reference.play_window"), () => audition(begin ?? 0, (begin ?? 0) + WINDOW), { icon: "play", shown: true });
  /** @type {import("./waveform.js").Waveform|null} */
  let drawn = null;
  let alive = true;
  let several = false;
  /** @type {string|null} what the server says of the clip's media; null: the events are not known yet */
  let note = null;
  let count = 0;

  function say() {
    if (note === null) return;
    words.textContent = [t("reference.events", { count }), several ? "" : t("reference.part"), note].filter(Boolean).join(" ");
  }

  /** @param {number|null} to */
  function move(to) {
    begin = to === null || several ? null : Math.min(Math.max(to, 0), Math.max(clip.duration - WINDOW, 0));
    start.value = begin === null ? "" : begin.toFixed(2);
    best.setAttribute("aria-pressed", String(begin === null));
    playWindow.hidden = begin === null;
    drawn?.setWindow(begin);
    onbegin(begin);
  }

  /** @param {number} from @param {number} to */
  function audition(from, to) {
    if (drawn?.isPlaying()) drawn.pause();
    else drawn?.play(from, Math.min(to, clip.duration));
  }

  async function load() {
    words.textContent = t("clip.preparing");
    const ready = await playable(clip, () => alive);
    if (!alive) return;
    media.src = api.clipMedia(clip.id);
    const made = await waveform({ clip, container: wave, media, window: WINDOW, onwindow: move,
      onclick: (at) => move(at - WINDOW / 2) });
    if (!alive) return made.destroy();
    drawn = made;
    drawn.setWindow(begin);
    play.disabled = false;
    words.textContent = t("reference.listening");
    const { onsets } = await eventsOf(clip, () => alive);
    fill(marks, (onsets ?? []).map((onset) =>
      h("i.mark", { style: { left: `${(100 * onset.time) / clip.duration}%`, "--strength": onset.strength ?? 1 } })));
    [count, note] = [onsets?.length ?? 0, ready.media.note];
    say();
  }

  const element = h("div.clip-view", { dataset: { clip: clip.id, role: "reference" } },
    clipHead(clip, clip.picture && media, t("clip.remove_reference"), remove),
    clip.sound
      ? [h("div.wave-box", {}, wave, marks), words,
        h("div.row.wrap", {}, play, playWindow, h("span.grow"), place, best)]
      : h("p.error", { role: "alert" }, t("reference.silent")));
  move(begin);
  if (clip.sound) load().catch((problem) => alive && fill(words, h("span.error", { role: "alert" }, problem.message)));
  const redraw = () => drawn?.redraw();
  window.addEventListener("themechange", redraw);
  return {
    element,
    amongOthers(now) {
      several = place.hidden = best.hidden = now;
      if (now && begin !== null) move(null);
      say();
    },
    close() {
      alive = false;
      window.removeEventListener("themechange", redraw);
      drawn?.destroy();
      media.pause();
      media.removeAttribute("src");
    },
  };
}

/** The head of a chosen clip: picture, name, facts, and how to take another.
 * @param {import("../types.js").Clip} clip @param {HTMLElement|null} picture @param {string} words @param {() => void} remove */
export function clipHead(clip, picture, words, remove) {
  return h("div.clip-head", {}, picture, h("div.grow", {}, h("strong.ellipsis", { title: clip.name }, clip.name),
    h("small.hint", {}, facts(clip))), button(words, remove, { icon: "close" }));
}
