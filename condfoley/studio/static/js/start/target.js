// The chosen target: its picture, a film strip, and the impacts that the model sees in it with their probability.

import * as api from "../api.js";
import { t } from "../texts.js";
import { button, fill, h } from "../widgets.js";
import { eventsOf, playable } from "./clips.js";
import { drawCurve } from "./curve.js";
import { openMicrophone } from "./microphone.js";
import { clipHead } from "./reference.js";

const FRAMES = 12;

/** @typedef {{time: number, strength: number}[]} Performed cues that are followed instead of the picture */

/** @param {import("../types.js").Clip} clip
 * @param {{performed: Performed|null, onperformed: (cues: Performed|null) => void, remove: () => void}} given
 * @returns {{element: HTMLElement, close: () => void}} */
export function targetView(clip, { performed, onperformed, remove }) {
  const video = h("video.thumbnail", { muted: true, preload: "auto", playsInline: true, "aria-label": clip.name });
  const canvas = h("canvas.curve", { "aria-hidden": "true" });
  const cursor = h("i.cursor", { "aria-hidden": "true" });
  const strip = h("img.strip", { alt: "", draggable: "false" });
  const words = h("p.hint", { role: "status" });
  const play = button(t("action.play"), () => (video.paused ? video.play() : video.pause()), { icon: "play", shown: true, disabled: true });
  const performance = h("div.row.wrap");
  const frames = h("div.strip-box", { onpointerdown: seek, onpointermove: (/** @type {PointerEvent} */ event) => event.buttons && seek(event) },
    strip, canvas, cursor);
  /** @type {Pick<import("../types.js").Events, "curve"|"impacts">} */
  let seen = { curve: null, impacts: null };
  let alive = true;

  async function load() {
    words.textContent = t("clip.preparing");
    const ready = await playable(clip, () => alive);
    if (!alive) return;
    video.src = api.clipMedia(clip.id);
    strip.src = api.withQuery(`/api/clips/${clip.id}/strip.jpg`, { begin: 0, end: clip.duration, count: FRAMES, height: 48 });
    play.disabled = false;
    words.textContent = t("target.looking");
    seen = await eventsOf(clip, () => alive);
    drawCurve(canvas, clip.duration, seen, performed);
    const count = seen.impacts?.length ?? 0;
    words.textContent = [t("target.impacts", { count }), count ? "" : t("target.none_seen"), ready.media.note].filter(Boolean).join(" ");
  }

  function showPerformance() {
    fill(performance, performed
      ? [h("span.chip", { role: "status" }, t("perform.used", { count: performed.length })), button(t("perform.drop"), () => use(null))]
      : button(t("perform.open"), () => openMicrophone({ target: clip, ondone: listen }), { icon: "microphone", shown: true, name: "perform" }));
  }

  /** @param {Performed|null} cues */
  function use(cues) {
    performed = cues;
    onperformed(cues);
    showPerformance();
    drawCurve(canvas, clip.duration, seen, performed);
  }

  /** @param {import("../types.js").Clip} recorded */
  async function listen(recorded) {
    fill(performance, h("span", { role: "status" }, t("perform.listening")));
    try {
      const { onsets } = await eventsOf(recorded, () => alive);
      const cues = (onsets ?? []).filter((onset) => onset.time < clip.duration);
      if (!cues.length) throw new Error(t("perform.nothing"));
      use(cues.map(({ time, strength }) => ({ time, strength })));
    } catch (problem) {
      showPerformance();
      performance.append(h("span.error", { role: "alert" }, /** @type {Error} */ (problem).message));
    }
  }

  /** @param {PointerEvent} event */
  function seek(event) {
    const box = frames.getBoundingClientRect();
    video.currentTime = (Math.min(Math.max(event.clientX - box.left, 0), box.width) / box.width) * clip.duration;
  }

  function follow() {
    if (!alive) return;
    cursor.style.left = `${(100 * video.currentTime) / clip.duration}%`;
    requestAnimationFrame(follow);
  }

  const element = h("div.clip-view", { dataset: { clip: clip.id, role: "target" } },
    clipHead(clip, clip.picture && video, t("clip.remove_target"), remove),
    clip.picture ? [frames, words, h("div.row.wrap", {}, play, performance)] : h("p.error", { role: "alert" }, t("target.no_picture")));
  showPerformance();
  if (clip.picture) load().catch((problem) => alive && fill(words, h("span.error", { role: "alert" }, problem.message)));
  follow();
  const redraw = () => drawCurve(canvas, clip.duration, seen, performed);
  const sized = new ResizeObserver(redraw);
  sized.observe(canvas);
  window.addEventListener("themechange", redraw);
  return {
    element,
    close() {
      alive = false;
      sized.disconnect();
      window.removeEventListener("themechange", redraw);
      video.pause();
      video.removeAttribute("src");
    },
  };
}
