// The ruler: times, scene cuts; click and drag to go to a time.

import { t, time as words } from "../texts.js";
import { colours } from "../theme.js";
import { laneCanvas } from "./timeline.js";

const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const APART = 76; // px between labels

/** @param {import("../types.js").EditorContext} context */
export function addRuler({ timeline, store, player, onLeave }) {
  const lane = timeline.addLane({ id: "ruler", label: t("editor.lanes.ruler"), height: 24, draw: () => draw() });
  const { begin: clear } = laneCanvas(lane);
  const draw = () => {
    const { context: pen, height } = clear();
    const shown = colours(["text-2", "line-strong", "font", "warn"]);
    const step = STEPS.find((one) => one * timeline.scale >= APART) ?? 1200;
    const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
    const fine = step / (String(step).includes("2") ? 4 : 5);
    pen.font = `11px ${shown.font}`;
    for (let k = Math.floor(timeline.begin / fine); k * fine <= timeline.end; k++) {
      const x = Math.round(timeline.x(k * fine)) + 0.5;
      const whole = Math.abs((k * fine) / step - Math.round((k * fine) / step)) < 1e-6;
      pen.fillStyle = shown["line-strong"];
      pen.fillRect(x, whole ? height - 9 : height - 4, 1, 9);
      if (!whole) continue;
      pen.fillStyle = shown["text-2"];
      pen.fillText(label(k * fine, digits), x + 4, height - 9);
    }
    pen.fillStyle = shown.warn;
    for (const cut of store.view.scene_cuts) {
      const x = timeline.x(cut);
      pen.fillRect(x - 0.5, 0, 1, height);
      pen.fillRect(x - 3, 0, 6, 4);
    }
  };
  scrub(lane.body, (at) => player.seek(at), timeline);
  lane.body.setAttribute("role", "slider");
  lane.body.setAttribute("tabindex", "0");
  lane.body.setAttribute("aria-label", t("editor.playhead"));
  lane.body.setAttribute("aria-valuemin", "0");
  lane.body.setAttribute("aria-valuemax", store.view.duration.toFixed(3));
  const tell = () => {
    if (player.playing) return;
    lane.body.setAttribute("aria-valuenow", player.time.toFixed(3));
    lane.body.setAttribute("aria-valuetext", words(player.time));
  };
  tell();
  player.addEventListener("time", tell);
  player.addEventListener("state", tell);
  addEventListener("themechange", lane.invalidate);
  onLeave(() => removeEventListener("themechange", lane.invalidate));
}

/** @param {number} seconds @param {number} digits */
function label(seconds, digits) {
  const minutes = Math.floor(seconds / 60 + 1e-9);
  return `${minutes}:${Math.max(0, seconds - 60 * minutes)
    .toFixed(digits)
    .padStart(digits ? digits + 3 : 2, "0")}`;
}

/** Calls an action with the time under a pressed pointer.
 * @param {HTMLElement} body
 * @param {(time: number) => void} action
 * @param {import("./timeline.js").Timeline} timeline */
export function scrub(body, action, timeline) {
  body.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    body.setPointerCapture(event.pointerId);
    action(timeline.timeAt(event));
    const move = (/** @type {PointerEvent} */ now) => action(timeline.timeAt(now));
    body.addEventListener("pointermove", move);
    body.addEventListener("lostpointercapture", () => body.removeEventListener("pointermove", move), { once: true });
  });
}
