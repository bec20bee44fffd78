// What the server knows of a clip, asked for until it is there.

import * as api from "../api.js";
import { t, time as clock } from "../texts.js";

/** @typedef {import("../types.js").Clip} Clip */

const EVERY = 600; // ms between two questions

/** The clip once a browser can play it. Raises ApiError, and an Error where no proxy could be made.
 * @param {Clip} clip @param {() => boolean} [wanted] false: nobody waits any more @returns {Promise<Clip>} */
export async function playable(clip, wanted = () => true) {
  while (clip.media.state === "preparing" && wanted()) {
    await pause();
    clip = await api.clip(clip.id);
  }
  if (clip.media.state === "failed") throw new Error(clip.media.error);
  return clip;
}

/** The events found in a clip, once they are. Raises ApiError, and an Error where they could not be found.
 * @param {Clip} clip @param {() => boolean} [wanted] @returns {Promise<import("../types.js").Events>} */
export async function eventsOf(clip, wanted = () => true) {
  for (;;) {
    const events = await api.events(clip.id);
    if (events.state === "failed") throw new Error(events.error);
    if (events.state === "done" || !wanted()) return events;
    await pause();
  }
}

/** One line about a clip: 0:06.0, 1280 × 720, 25 fps, 48 kHz, stereo. @param {Clip} clip */
export function facts(clip) {
  const { picture, sound } = clip;
  return [clock(clip.duration, 1), picture && `${picture.width} × ${picture.height}`, picture && t("clip.fps", { fps: picture.fps }),
    sound ? t("clip.sound", { rate: sound.rate / 1000, count: sound.channels }) : t("clip.silent")].filter(Boolean).join(", ");
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, EVERY));
}
