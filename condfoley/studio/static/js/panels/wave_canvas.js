// Small waveforms on a canvas.

/** A canvas sharp on any screen, cleared. @param {HTMLCanvasElement} canvas */
export function pen(canvas) {
  const dense = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [Math.round(width * dense), Math.round(height * dense)];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(dense, dense);
  return { context, width, height };
}

/** Draws peaks over the whole canvas, the loudest one as high as it is.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} min @param {ArrayLike<number>} max of each point, the outermost of channels */
export function drawPeaks(canvas, min, max) {
  const { context, width, height } = pen(canvas);
  let top = 1e-4;
  for (let k = 0; k < max.length; k += 1) top = Math.max(top, max[k], -min[k]);
  context.fillStyle = getComputedStyle(canvas).color;
  for (let x = 0; x < width; x += 1) {
    const from = Math.floor((x / width) * max.length);
    const to = Math.max(from + 1, Math.floor(((x + 1) / width) * max.length));
    let [low, high] = [0, 0];
    for (let k = from; k < to && k < max.length; k += 1) [low, high] = [Math.min(low, min[k]), Math.max(high, max[k])];
    const y = (height / 2) * (1 - high / top);
    context.fillRect(x, y, 1, Math.max(1, (height / 2) * (1 - low / top) - y));
  }
}

/** Draws a sound file. @param {HTMLCanvasElement} canvas @param {ArrayBuffer} file is used up */
export async function drawSound(canvas, file) {
  const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(file);
  const samples = sound.getChannelData(0);
  if (canvas.isConnected) drawPeaks(canvas, samples, samples);
}
