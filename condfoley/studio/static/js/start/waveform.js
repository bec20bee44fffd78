// The waveform of a clip: wavesurfer.js on the page's own media element, with peaks that the server made.

import { getJson, withQuery } from "../api.js";

const POINTS = 1600;

/** @typedef {{setWindow: (begin: number|null) => void, play: (from: number, to: number) => void, isPlaying: () => boolean,
 *   pause: () => void, redraw: () => void, destroy: () => void}} Waveform */

/** @param {{clip: import("../types.js").Clip, container: HTMLElement, media: HTMLMediaElement, height?: number, window?: number,
 *   onwindow?: (begin: number) => void, onclick?: (time: number) => void}} given
 *   window: s of a span that can be dragged; onwindow: told where it begins after that. Raises ApiError. @returns {Promise<Waveform>} */
export async function waveform({ clip, container, media, height = 84, window = 0, onwindow, onclick }) {
  const [{ default: WaveSurfer }, { default: Regions }, peaks] = await Promise.all([
    import("/vendor/wavesurfer.esm.js"),
    import("/vendor/plugins/regions.esm.js"),
    getJson(withQuery(`/api/clips/${clip.id}/peaks`, { begin: 0, end: clip.duration, points: POINTS })),
  ]);
  const regions = Regions.create();
  const surfer = WaveSurfer.create({
    container, media, height,
    peaks: [outermost(peaks.max, Math.max), outermost(peaks.min, Math.min)],
    duration: clip.duration,
    normalize: true,
    cursorWidth: 2,
    dragToSeek: !window,
    plugins: window ? [regions] : [],
    cspNonce: /** @type {HTMLMetaElement|null} */ (document.querySelector('meta[name="csp-nonce"]'))?.content,
    ...colours(container),
  });
  /** @type {any} */
  let region = null;
  if (window) regions.on("region-updated", (/** @type {any} */ moved) => onwindow?.(moved.start));
  surfer.on("click", (/** @type {number} */ share) => onclick?.(share * clip.duration));
  return {
    setWindow: (begin) => {
      region?.remove();
      region = begin === null ? null : regions.addRegion({ start: begin, end: Math.min(begin + window, clip.duration),
        drag: true, resize: false, color: colour(container, "--shade") });
    },
    play: (from, to) => void surfer.play(from, to),
    isPlaying: () => surfer.isPlaying(),
    pause: () => surfer.pause(),
    redraw: () => surfer.setOptions(colours(container)),
    destroy: () => surfer.destroy(),
  };
}

/** For each point the outermost of the channels. @param {number[][]} channels @param {(...values: number[]) => number} outer */
function outermost(channels, outer) {
  return channels[0].map((_, point) => outer(...channels.map((channel) => channel[point])));
}

/** @param {Element} element */
function colours(element) {
  return { waveColor: colour(element, "--wave-soft"), progressColor: colour(element, "--wave"), cursorColor: colour(element, "--playhead") };
}

/** A colour of the design by its name. @param {Element} element @param {string} name */
export function colour(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}
