// What the picture shows: the probability of an impact over time, and the impacts that were found.

import { t } from "../texts.js";
import { colours } from "../theme.js";
import { laneCanvas } from "./timeline.js";

/** @param {import("../types.js").EditorContext} context */
export function addPictureLane({ timeline, store, onLeave }) {
  const lane = timeline.addLane({
    id: "picture",
    label: t("editor.lanes.picture"),
    height: 28,
    after: store.clip?.picture ? "film" : "ruler",
    draw: () => draw(),
  });
  const { begin: clear } = laneCanvas(lane);
  const draw = () => {
    const { context: pen, width, height } = clear();
    const shown = colours(["wave-soft", "warn", "text-2", "font"]);
    const { curve, impacts, state } = store.events ?? {};
    if (state !== "done") {
      pen.font = `11px ${shown.font}`;
      pen.fillStyle = shown["text-2"];
      pen.fillText(t(state === "failed" ? "editor.picture_failed" : "editor.picture_running"), 8, height / 2 + 4);
      return;
    }
    if (curve) drawCurve(pen, timeline, curve, width, height, shown["wave-soft"]);
    pen.fillStyle = shown.warn;
    for (const { time, confidence } of impacts ?? []) {
      const x = timeline.x(time);
      if (x < -6 || x > width + 6) continue;
      pen.globalAlpha = 0.35 + 0.65 * confidence;
      pen.fillRect(x - 0.75, 3, 1.5, height - 3);
      pen.beginPath();
      pen.moveTo(x - 4.5, 0);
      pen.lineTo(x + 4.5, 0);
      pen.lineTo(x, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
  };
  const stop = store.on("target", lane.invalidate);
  addEventListener("themechange", lane.invalidate);
  onLeave(() => (stop(), removeEventListener("themechange", lane.invalidate)));
}

/** @param {CanvasRenderingContext2D} pen @param {import("./timeline.js").Timeline} timeline
 * @param {{fps: number, probability: number[]}} curve
 * @param {number} width
 * @param {number} height
 * @param {string} colour */
function drawCurve(pen, timeline, { fps, probability }, width, height, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(0, height);
  const first = Math.max(0, Math.floor(timeline.begin * fps));
  const last = Math.min(probability.length - 1, Math.ceil(timeline.end * fps) + 1);
  const each = Math.max(1, Math.floor((last - first) / (2 * width))); // values that share a pixel: the highest is drawn
  for (let k = first; k <= last; k += each) {
    let high = 0;
    for (let j = k; j < Math.min(k + each, last + 1); j++) high = Math.max(high, probability[j]);
    pen.lineTo(timeline.x(k / fps), height - high * (height - 3));
  }
  pen.lineTo(timeline.x(last / fps), height);
  pen.fill();
}
