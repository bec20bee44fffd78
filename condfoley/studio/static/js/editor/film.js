// The film strip of the target.

import * as api from "../api.js";
import { t } from "../texts.js";
import { Tiles } from "./tiles.js";
import { laneCanvas } from "./timeline.js";

const FRAMES = 8; // of a tile
const HEIGHT = 44; // px

/** @param {import("../types.js").EditorContext} context */
export function addFilm({ timeline, store }) {
  const picture = store.clip?.picture;
  if (!picture) return;
  const wide = Math.max(20, Math.min(120, (HEIGHT * picture.width) / picture.height)); // px of a frame
  const lane = timeline.addLane({
    id: "film",
    label: t("editor.lanes.film"),
    height: HEIGHT,
    after: "ruler",
    draw: () => draw(),
  });
  const { begin: clear } = laneCanvas(lane);
  /** @type {Tiles<ImageBitmap>} */
  const tiles = new Tiles({
    load: async (begin, end, level) => {
      const count = Math.max(1, Math.round((end - begin) * 2 ** level));
      const path = api.withQuery(`/api/clips/${store.view.target}/strip.jpg`, {
        begin,
        end,
        count,
        height: HEIGHT * 2,
      });
      return createImageBitmap(await (await api.request("GET", path)).blob());
    },
    seconds: (level) => FRAMES / 2 ** level,
    duration: store.view.duration,
    onReady: () => lane.invalidate(),
    kept: 60,
  });
  const draw = () => {
    const { context: pen, height } = clear();
    const level = Math.max(-8, Math.min(6, Math.floor(Math.log2(timeline.scale / wide)) + 1)); // frames a second
    for (const { begin, end, from, to, value, level: has } of tiles.cover(level, timeline.begin, timeline.end)) {
      const frames = Math.max(1, Math.round((end - begin) * 2 ** has));
      const source = value.width / frames; // px of a frame in the strip
      const shown = ((end - begin) / frames) * timeline.scale; // px of a frame on the screen
      const used = Math.min(source, (shown * value.height) / height); // its middle, where there is less room
      for (let k = 0; k < frames; k++) {
        const at = begin + (k * (end - begin)) / frames;
        if (at + (end - begin) / frames <= from + 1e-6 || at >= to - 1e-6) continue;
        pen.drawImage(
          value,
          k * source + (source - used) / 2,
          0,
          used,
          value.height,
          timeline.x(at),
          0,
          Math.min(shown, (used * height) / value.height) - 1,
          height,
        );
      }
    }
  };
  lane.invalidate();
}
