// Cues tapped while the picture plays.

import * as api from "../api.js";
import { t, time as clock } from "../texts.js";
import { button, h } from "../widgets.js";

const APART = 0.03; // s between two cues of a layer

/** @param {import("../types.js").EditorContext} context @param {(times: number[]) => void} ontimes told the times in s, in order
 * @returns {HTMLElement} */
export function tapping({ store, player }, ontimes) {
  const video = store.clip ? h("video.perform-picture", { muted: true, playsInline: true, src: api.clipMedia(store.clip.id), "aria-label": store.clip.name }) : null;
  const words = h("p", { role: "status" }, t("tapping.how"));
  /** @type {number[]} */
  let times = [];
  let began = 0;
  const now = () => (video ? video.currentTime : (performance.now() - began) / 1000);

  function tap() {
    const time = Math.round(1000 * now()) / 1000;
    if (time > store.view.duration || times.some((other) => Math.abs(other - time) < APART)) return;
    times = [...times, time].sort((a, b) => a - b);
    words.textContent = t("tapping.count", { count: times.length, time: clock(time) });
    ontimes(times);
  }

  async function begin() {
    player.pause();
    times = [];
    ontimes(times);
    began = performance.now();
    if (video) {
      video.currentTime = 0;
      await video.play();
    }
    pad.disabled = false;
    pad.focus();
  }

  const pad = button(t("tapping.tap"), () => {}, { kind: "tap-pad", disabled: true, name: "tap" });
  pad.addEventListener("pointerdown", tap); // at the press, not at the release
  pad.addEventListener("keydown", (event) => !event.repeat && (event.key === " " || event.key === "Enter" || event.key.toLowerCase() === "t") && tap());
  return h("div.stack", {}, video, h("div.row", {}, button(t("tapping.begin"), begin, { icon: "play", shown: true, name: "begin-tapping" }), pad), words);
}
