// Times as editors count them: frames, or timecode where the target has a start timecode.

/** Words of a time: "10:00:01:12" with a start timecode, else the frame's number; "" without a picture.
 * @param {number} time s @param {import("../types.js").Clip|null} clip @returns {string} */
export function frameWords(time, clip) {
  const fps = clip?.picture?.fps;
  if (!fps) return "";
  const frame = Math.floor(time * fps + 1e-6);
  const start = clip?.timecode?.match(/^(\d+):(\d\d):(\d\d)([:;])(\d\d)$/);
  if (!start) return `#${frame}`;
  const [hours, minutes, seconds, frames] = [start[1], start[2], start[3], start[5]].map(Number);
  const base = Math.round(fps);
  const drop = start[4] === ";" ? Math.round(base / 15) : 0; // numbers left out each minute but every tenth
  let count = ((hours * 60 + minutes) * 60 + seconds) * base + frames;
  if (drop) count -= drop * (hours * 60 + minutes - Math.floor((hours * 60 + minutes) / 10));
  count += frame;
  if (drop) {
    const ten = 600 * base - 9 * drop; // frames of ten minutes
    const [tens, rest] = [Math.floor(count / ten), count % ten];
    count += 9 * drop * tens + (rest >= drop ? drop * Math.floor((rest - drop) / (60 * base - drop)) : 0);
  }
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, "0");
  const whole = Math.floor(count / base);
  return `${two((whole / 3600) % 24)}:${two((whole / 60) % 60)}:${two(whole % 60)}${start[4]}${two(count % base)}`;
}
