// The whole soundtrack in a row, drawn by wavesurfer.js on the picture's own clock; a region is the part in view.

import WaveSurfer from "/vendor/wavesurfer.esm.js";
import Regions from "/vendor/plugins/regions.esm.js";
import * as api from "../api.js";
import { t } from "../texts.js";
import { colours } from "../theme.js";
import { h } from "../widgets.js";

const POINTS = 2000;
const HEIGHT = 30; // px

/** @param {import("../types.js").EditorContext} context @param {HTMLElement} root */
export function addOverview(context, root) {
  const { store, timeline, player, onLeave } = context;
  const box = h("div.overview-wave", { "aria-hidden": "true" }); // the ruler and keys do the same
  root.append(h("div.overview-head", { "aria-hidden": "true" }, t("editor.lanes.overview")), box);
  /** @type {any} */
  let surfer = null;
  /** @type {any} */
  let shown = null;
  let asked = 0;

  const colour = () => {
    const has = colours(["wave", "wave-soft", "playhead"]);
    return { waveColor: has["wave-soft"], progressColor: has.wave, cursorColor: has.playhead };
  };

  async function draw() {
    const turn = ++asked;
    const query = { revision: store.server.revision, begin: 0, end: store.view.duration, points: POINTS };
    const { min, max } = await api.getJson(api.withQuery(`/api/projects/${store.id}/peaks`, query));
    if (turn !== asked || store.closed) return;
    const peaks = [
      max[0].map((/** @type {number} */ high, /** @type {number} */ k) => (high > -min[0][k] ? high : min[0][k])),
    ];
    const media = /** @type {any} */ (player.clock).video ?? undefined;
    if (surfer && surfer.getMediaElement() !== (media ?? surfer.getMediaElement())) {
      surfer.destroy();
      surfer = null;
    }
    if (surfer) return surfer.load(media?.currentSrc ?? "", peaks, store.view.duration);
    surfer = WaveSurfer.create({
      container: box,
      height: HEIGHT,
      peaks,
      duration: store.view.duration,
      media,
      interact: false,
      normalize: true,
      cursorWidth: 1,
      hideScrollbar: true,
      cspNonce: nonce(),
      ...colour(),
    });
    const regions = surfer.registerPlugin(Regions.create());
    surfer.on("decode", () => {
      regions.clearRegions();
      shown = regions.addRegion({
        start: timeline.begin,
        end: timeline.end,
        color: colours(["shade"]).shade,
        drag: true,
        resize: true,
      });
      shown.on("update", () => timeline.show(shown.start, timeline.width / Math.max(0.01, shown.end - shown.start)));
    });
  }

  const again = () => void draw().catch(() => {}); // the next revision draws it
  const stops = [
    store.on("view", ({ changed }) => (changed === null || changed.length) && again()),
    store.on("clock", again),
  ];
  const follow = () => {
    if (!shown || (Math.abs(shown.start - timeline.begin) < 1e-3 && Math.abs(shown.end - timeline.end) < 1e-3)) return;
    shown.setOptions({ start: timeline.begin, end: Math.min(timeline.end, store.view.duration) });
  };
  timeline.addEventListener("move", follow);
  // The timeline's scroll bar takes room that is left free here too.
  const align = () => (root.style.paddingRight = `${timeline.root.offsetWidth - timeline.root.clientWidth}px`);
  timeline.addEventListener("layout", align);
  align();
  onPlainClick(box, (event) => {
    const { left, width } = box.getBoundingClientRect();
    const time = ((event.clientX - left) / width) * store.view.duration;
    player.seek(time);
    timeline.reveal(time);
  });
  const repaint = () => surfer?.setOptions(colour());
  addEventListener("themechange", repaint);
  onLeave(() => {
    stops.forEach((stop) => stop());
    removeEventListener("themechange", repaint);
    surfer?.destroy();
  });
  again();
}

const nonce = () => /** @type {HTMLMetaElement|null} */ (document.querySelector('meta[name="csp-nonce"]'))?.content;

/** Calls an action for clicks that are no drags.
 * @param {HTMLElement} box
 * @param {(event: PointerEvent) => void} action */
function onPlainClick(box, action) {
  let from = 0;
  box.addEventListener("pointerdown", (event) => (from = event.clientX), true);
  box.addEventListener("pointerup", (event) => Math.abs(event.clientX - from) < 4 && action(event), true);
}
