// Peak and RMS of what is heard, and the loudness of the whole soundtrack.

import { t } from "../texts.js";
import { fill, h } from "../widgets.js";

const LOWEST = -60; // dB at the left end
const HOLD = 1500; // ms that the highest peak stays
const MARKS = [-48, -36, -24, -18, -12, -6, 0];
const CLIPPED = -0.1; // dB from which on the light is on

/** @param {import("../types.js").EditorContext} context */
export function mountMeters({ store, player, slots, onLeave }) {
  const bars = [bar(), bar()];
  const share = (/** @type {number} */ level) => Math.min(1, Math.max(0, 1 - level / LOWEST));
  const scale = h("div.meter-scale", { "aria-hidden": "true" }, MARKS.map((mark) => h("span", { style: { left: `${100 * share(mark)}%` } }, String(mark))));
  const loudness = h("dl.loudness");
  const light = h("button.clip-light", { type: "button", "aria-label": t("meters.clipped_none"), title: t("meters.clipped_hint"), onclick: () => clipped(false) });
  slots.meters.append(h("div.meter", { role: "group", "aria-label": t("meters.heading") }, h("div.meter-bars", {}, bars.map((one) => one.element), scale), light), loudness);
  let frame = 0;

  /** @param {boolean} on */
  function clipped(on) {
    light.classList.toggle("on", on);
    light.setAttribute("aria-label", on ? t("meters.clipped") : t("meters.clipped_none"));
  }

  function turn() {
    const levels = player.levels();
    bars[1].element.hidden = levels.length < 2;
    levels.forEach(({ peak, rms }, k) => {
      if (peak >= CLIPPED && player.playing) clipped(true);
      bars[k].draw(share(peak), share(rms));
    });
    frame = requestAnimationFrame(turn);
  }

  function start() {
    cancelAnimationFrame(frame);
    if (player.playing) turn();
    else setTimeout(() => bars.forEach((one) => one.draw(0, 0)), 200);
  }

  function drawLoudness() {
    const { integrated_lufs: lufs, true_peak_db: peak } = store.view.loudness;
    fill(loudness, h("div", { title: t("meters.loudness_hint") }, h("dt", {}, t("meters.loudness")), h("dd.number", {}, lufs === null ? "–" : `${lufs.toFixed(1)} LUFS`)),
      h(`div${peak !== null && peak > -1 ? ".hot" : ""}`, { title: t("meters.true_peak_hint") }, h("dt", {}, t("meters.true_peak")), h("dd.number", {}, peak === null ? "–" : `${peak.toFixed(1)} dBTP`)));
  }

  player.addEventListener("state", start);
  onLeave(store.on("view", drawLoudness));
  onLeave(() => {
    player.removeEventListener("state", start);
    cancelAnimationFrame(frame);
  });
  drawLoudness();
}

function bar() {
  const [rms, peak, held] = [h("i.rms"), h("i.peak"), h("i.held")];
  let [highest, since] = [0, 0];
  return {
    element: h("div.meter-bar", { "aria-hidden": "true" }, peak, rms, held),
    /** @param {number} peakShare @param {number} rmsShare 0 to 1 of the bar */
    draw(peakShare, rmsShare) {
      const now = performance.now();
      if (peakShare >= highest || now - since > HOLD || !peakShare) [highest, since] = [peakShare, now];
      peak.style.clipPath = `inset(0 ${100 * (1 - peakShare)}% 0 0)`;
      rms.style.clipPath = `inset(0 ${100 * (1 - rmsShare)}% 0 0)`;
      held.style.left = `${100 * highest}%`;
    },
  };
}
