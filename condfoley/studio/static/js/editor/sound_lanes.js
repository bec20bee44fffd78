// Lanes that show what is heard: the waveform and the spectrogram.

import * as api from "../api.js";
import { t } from "../texts.js";
import { colours } from "../theme.js";
import { colourOf } from "./cue_lanes.js";
import { levelFor, Tiles } from "./tiles.js";
import { laneCanvas } from "./timeline.js";

const POINTS = 1024; // of a tile of the waveform
const PIXELS = 512; // width of a tile of the spectrogram
const ROWS = 192;

/** @typedef {{min: number[][], max: number[][]}} Peaks per channel, a list each */

/** Where pictures of what is heard come from.
 * @param {import("../types.js").EditorContext} context @param {string} what @param {Record<string, any>} query */
function address({ store, player }, what, query) {
  const heard = player.heard;
  const { layers, candidate } = heard;
  const revision = heard.revision ?? store.server.revision;
  return api.withQuery(`/api/projects/${store.id}/${what}`, {
    revision,
    layers,
    candidate,
    true: heard.true,
    ...query,
  });
}

/** Keeps tiles true to edits and to what is heard.
 * @param {import("../types.js").EditorContext} context
 * @param {Tiles<any>} tiles */
function follow({ store, player }, tiles) {
  let shown = JSON.stringify(player.heard);
  store.on("view", ({ changed }) => {
    if (!player.heard.revision && !player.heard.true && (changed === null || changed.length)) tiles.changed(changed);
  });
  player.addEventListener("state", () => {
    const now = JSON.stringify(player.heard);
    if (now === shown) return;
    shown = now;
    tiles.clear();
  });
}

/** @param {import("../types.js").EditorContext} context */
export function addWaveform(context) {
  const { timeline, store } = context;
  /** @type {Tiles<Peaks>} */
  const tiles = new Tiles({
    load: (begin, end, level) =>
      api.getJson(address(context, "peaks", { begin, end, points: pointsOf(begin, end, level) })),
    seconds: (level) => POINTS / 2 ** level,
    duration: store.view.duration,
    onReady: () => lane.invalidate(),
  });
  const lane = timeline.addLane({
    id: "wave",
    label: t("editor.lanes.wave"),
    height: 72,
    grow: 2,
    most: 220,
    draw: () => draw(),
  });
  const { begin: clear } = laneCanvas(lane);
  const draw = () => {
    const { context: pen, width, height } = clear();
    const shown = colours(["wave", "line"]);
    const level = levelFor(timeline.scale * Math.min(2, devicePixelRatio), -6, Math.floor(Math.log2(store.view.rate)));
    const rows = store.view.channels > 1 ? 2 : 1;
    pen.fillStyle = shown.line;
    for (let row = 0; row < rows; row++) pen.fillRect(0, ((row + 0.5) * height) / rows - 0.5, width, 1);
    pen.fillStyle = shown.wave;
    for (const part of tiles.cover(level, timeline.begin, timeline.end)) drawPeaks(pen, timeline, part, rows, height);
    drawCues(context, pen, height);
  };
  store.on("selection view drag", lane.invalidate);
  follow(context, tiles);
  addEventListener("themechange", lane.invalidate);
  context.onLeave(() => removeEventListener("themechange", lane.invalidate));
}

/** Where cues are, across the waveform; those of the picture's impacts are in their own lane.
 * @param {import("../types.js").EditorContext} context @param {CanvasRenderingContext2D} pen @param {number} height */
function drawCues({ store, timeline, lanes }, pen, height) {
  const shown = colours([0, 1, 2, 3, 4, 5].map((k) => `layer-${k}`));
  const near = (timeline.scale * timeline.duration) / Math.max(1, store.view.cues.length) > 8; // px: else they hide it
  for (const cue of lanes.cues()) {
    const chosen = store.selection.has(cue.id);
    if (cue.time < timeline.begin || cue.time > timeline.end || !(near || chosen)) continue;
    pen.globalAlpha = chosen ? 0.9 : 0.3;
    pen.fillStyle = shown[`layer-${colourOf(store.view, cue.layer)}`];
    pen.fillRect(Math.round(timeline.x(cue.time)) - 0.5, 0, 1, height);
  }
  pen.globalAlpha = 1;
}

/** @param {number} begin @param {number} end @param {number} level */
const pointsOf = (begin, end, level) => Math.max(1, Math.round((end - begin) * 2 ** level));

/** @param {CanvasRenderingContext2D} pen @param {import("./timeline.js").Timeline} timeline
 * @param {{begin: number, end: number, from: number, to: number, value: Peaks}} part
 * @param {number} rows
 * @param {number} height */
function drawPeaks(pen, timeline, { begin, end, from, to, value }, rows, height) {
  const many = value.max[0].length;
  const step = (end - begin) / many;
  const first = Math.max(0, Math.floor((Math.max(from, timeline.begin) - begin) / step));
  const last = Math.min(many, Math.ceil((Math.min(to, timeline.end) - begin) / step) + 1);
  const wide = Math.max(0.5, step * timeline.scale + 0.3);
  for (let row = 0; row < rows; row++) {
    const channel = Math.min(row, value.max.length - 1);
    const [low, high] = [value.min[channel], value.max[channel]];
    const half = height / rows / 2 - 2;
    const middle = ((row + 0.5) * height) / rows;
    for (let k = first; k < last; k++) {
      const [above, below] = [Math.min(1, high[k]) * half, Math.max(-1, low[k]) * half];
      pen.fillRect(timeline.x(begin + k * step), middle - above - 0.4, wide, above - below + 0.8);
    }
  }
}

/** @param {import("../types.js").EditorContext} context */
export function addSpectrogram(context) {
  const { timeline, store } = context;
  /** @type {Tiles<ImageBitmap>} */
  const tiles = new Tiles({
    load: async (begin, end, level) => {
      const width = Math.max(1, Math.round((end - begin) * 2 ** level));
      const path = address(context, "spectrogram.png", { begin, end, width, height: ROWS });
      return createImageBitmap(await (await api.request("GET", path)).blob());
    },
    seconds: (level) => PIXELS / 2 ** level,
    duration: store.view.duration,
    onReady: () => lane.invalidate(),
    kept: 80,
  });
  const lane = timeline.addLane({
    id: "spectrum",
    label: t("editor.lanes.spectrum"),
    height: 64,
    grow: 2,
    most: 220,
    draw: () => draw(),
  });
  const { begin: clear } = laneCanvas(lane);
  const draw = () => {
    const { context: pen, height } = clear();
    const level = levelFor(timeline.scale, -6, 9);
    for (const { begin, end, from, to, value } of tiles.cover(level, timeline.begin, timeline.end)) {
      const of = value.width / (end - begin);
      const x = timeline.x(from);
      pen.drawImage(
        value,
        (from - begin) * of,
        0,
        (to - from) * of,
        value.height,
        x,
        0,
        timeline.x(to) - x + 0.5,
        height,
      );
    }
  };
  follow(context, tiles);
}
