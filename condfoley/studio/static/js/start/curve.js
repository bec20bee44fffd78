// How probable the model finds an impact at each moment of the picture, and the impacts that it takes, as a drawing;
// or the cues that are performed and followed instead.

import { pen as sharp } from "../panels/wave_canvas.js";
import { colour } from "./waveform.js";

/** @param {HTMLCanvasElement} canvas drawn at the size that it has on the page @param {number} duration s
 * @param {Pick<import("../types.js").Events, "curve"|"impacts">} seen @param {{time: number, strength: number}[]|null} performed */
export function drawCurve(canvas, duration, { curve, impacts }, performed) {
  const { context: pen, width, height } = sharp(canvas);
  const x = (/** @type {number} */ seconds) => (seconds / duration) * width;
  if (curve) {
    pen.beginPath();
    pen.moveTo(0, height);
    curve.probability.forEach((value, frame) => pen.lineTo(x((frame + 0.5) / curve.fps), height - 1 - value * (height - 9)));
    pen.lineTo(width, height);
    pen.fillStyle = pen.strokeStyle = colour(canvas, "--wave");
    pen.globalAlpha = 0.3;
    pen.fill();
    pen.globalAlpha = 1;
    pen.stroke();
  }
  pen.fillStyle = colour(canvas, performed ? "--layer-2" : "--layer-1");
  const marks = performed?.map(({ time, strength }) => ({ time, sure: strength })) ?? impacts?.map(({ time, confidence }) => ({ time, sure: confidence ?? 1 }));
  for (const { time, sure } of marks ?? []) {
    pen.globalAlpha = 0.45 + 0.55 * sure;
    pen.fillRect(x(time) - 0.75, 0, 1.5, height);
    pen.beginPath();
    pen.arc(x(time), 4, 3.5, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.globalAlpha = 1;
}
