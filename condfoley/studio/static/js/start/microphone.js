// Record by the microphone: a performance of the target's cues while it plays, or a sound as reference.

import * as api from "../api.js";
import { t, time as clock } from "../texts.js";
import { button, fill, h, openDialog } from "../widgets.js";

const COUNT_IN = 3; // s before a performance begins
const PLAIN = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Nothing is recorded before the user asks for it here, and nothing is sent before the user has heard it and agrees.
 * @param {{target?: import("../types.js").Clip, ondone: (clip: import("../types.js").Clip) => void}} given
 *   target: clip that is performed to, else any sound is recorded */
export async function openMicrophone({ target, ondone }) {
  const kind = target ? "perform" : "record";
  const video = target ? h("video.perform-picture", { muted: true, preload: "auto", playsInline: true, src: api.clipMedia(target.id),
    "aria-label": target.name }) : null;
  const words = h("p", { role: "status" });
  const controls = h("div.row.wrap");
  const { body, close, closed } = openDialog(target ? t("perform.heading") : t("record.heading"), video, words, controls);
  /** @type {MediaStream|null} */
  let stream = null;
  /** @type {MediaRecorder|null} */
  let recorder = null;

  function ready() {
    words.textContent = target ? t("perform.how") : t("record.how");
    fill(controls, button(t("record.consent"), begin, { kind: "primary", icon: "microphone", shown: true, name: "record" }));
  }

  async function begin() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
    } catch {
      return fail(t("record.refused"));
    }
    fill(controls);
    if (video) video.currentTime = 0;
    for (let left = video ? COUNT_IN : 0; left > 0; left -= 1) {
      words.textContent = t("perform.count_in", { left });
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    if (body.isConnected) record(stream);
    else stop();
  }

  /** @param {MediaStream} from */
  function record(from) {
    /** @type {Blob[]} */
    const pieces = [];
    const made = (recorder = new MediaRecorder(from));
    made.ondataavailable = (event) => pieces.push(event.data);
    made.onstart = () => video?.play();
    made.onstop = () => body.isConnected && review(new Blob(pieces, { type: made.mimeType }));
    made.start();
    if (video) video.onended = stop;
    const began = performance.now();
    const tick = () => {
      if (made.state !== "recording") return;
      words.textContent = t("record.running", { time: clock((performance.now() - began) / 1000, 1) });
      setTimeout(tick, 100);
    };
    tick();
    const end = button(t("record.stop"), stop, { kind: "danger", icon: "stop", shown: true, name: "stop-recording" });
    fill(controls, end);
    end.focus();
  }

  function stop() {
    if (recorder?.state === "recording") recorder.stop();
    video?.pause();
    stream?.getTracks().forEach((track) => track.stop());
  }

  /** @param {Blob} recorded */
  function review(recorded) {
    const address = URL.createObjectURL(recorded);
    words.textContent = t("record.review");
    fill(controls, h("audio", { controls: true, src: address, "aria-label": t("record.yours") }),
      button(t("record.use"), () => send(recorded), { kind: "primary", name: "use-recording" }), button(t("record.again"), ready));
    void closed.then(() => URL.revokeObjectURL(address));
  }

  /** @param {Blob} recorded */
  async function send(recorded) {
    const name = target ? t("perform.name", { name: target.name }) : t("record.name");
    const bar = h("progress", { max: 1, value: 0, "aria-label": t("upload.progress", { name }) });
    fill(controls, bar);
    try {
      const clip = await api.upload(recorded, name, (part) => (bar.value = part)).done;
      close();
      ondone(clip);
    } catch (problem) {
      fail(/** @type {Error} */ (problem).message);
    }
  }

  /** @param {string} why */
  function fail(why) {
    words.textContent = why;
    fill(controls, button(t("record.again"), ready));
  }

  body.dataset.dialog = kind;
  ready();
  await closed;
  stop();
}
