// Play, shuttle, seek, loop, listen to one cue: the picture's clock and the sound that follows it.

import * as api from "./api.js";
import { TimerClock, VideoClock } from "./player/clocks.js";
import { SoundStream } from "./player/sound.js";

const FASTEST = 4;
const BACK = 100; // ms between the pictures of playing backwards

/** Events: "state" (playing, rate, source, loop, volume), "time" (each animation frame while playing, and after a
 * seek). */
export class Player extends EventTarget {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    super();
    this.store = store;
    /** @type {VideoClock|TimerClock} */
    this.clock = new TimerClock(() => store.view.duration);
    this.sound = new SoundStream(store);
    /** @type {number} 0: paused; below 0: backwards */
    this.rate = 0;
    /** @type {import("./types.js").Span|null} */
    this.loop = null;
    this.volume = 1;
    this.frame = 0;
    /** @type {{node: AudioBufferSourceNode, cue: number}|null} */
    this.alone = null;
    /** @type {import("./types.js").Source} */
    this.source = {};
    store.on("solo", () => this.setSource(this.source));
  }

  /** s of the target. */
  get time() {
    return Math.min(this.clock.time, this.store.view.duration);
  }

  get playing() {
    return this.rate !== 0;
  }

  /** What is heard, with the layers that are heard alone. @returns {import("./types.js").Source} */
  get heard() {
    const { solo } = this.store;
    return solo.size && !this.source.candidate && !this.source.true
      ? { layers: [...solo], ...this.source }
      : this.source;
  }

  /** What is to be heard; {}: the current soundtrack. @param {import("./types.js").Source} source */
  setSource(source) {
    this.source = source;
    this.sound.setSource(this.heard);
    if (!this.playing) this.warm();
    this.tell("state");
  }

  /** @param {string} name */
  tell(name) {
    this.dispatchEvent(new Event(name));
  }

  /** Takes the picture as the clock, once it can be shown. @param {HTMLVideoElement} video */
  useVideo(video) {
    const time = this.time;
    this.pause();
    this.clock = new VideoClock(video);
    if (time) this.seek(time);
    this.store.tell("clock");
    video.addEventListener("seeked", () => this.tell("time"));
    for (const name of ["timeupdate", "ended"]) video.addEventListener(name, () => document.hidden && this.advance());
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  /** @param {number} [rate] 1, 2 or 4; below 0: backwards, without sound */
  async play(rate = 1) {
    this.stopAlone();
    const fresh = !this.playing || this.rate < 0;
    this.sound.stop();
    if (rate > 0 && this.time >= this.store.view.duration - 0.02) this.seek(this.loop ? this.loop[0] : 0);
    if (this.loop && rate > 0 && fresh && (this.time < this.loop[0] || this.time >= this.loop[1]))
      this.seek(this.loop[0]);
    this.rate = rate;
    this.tell("state");
    clearInterval(this.backwards);
    if (rate < 0) {
      this.clock.pause();
      this.backwards = setInterval(() => this.goBack(), BACK);
      return;
    }
    await this.sound.context.resume();
    await this.sound.prepare(this.time);
    if (this.rate !== rate) return;
    try {
      await this.clock.play(rate);
    } catch {
      if (this.rate === rate) this.pause(); // the browser refuses, or something else paused it
      return;
    }
    this.follow();
  }

  pause() {
    clearInterval(this.backwards);
    this.sound.stop();
    this.clock.pause();
    if (this.rate === 0) return;
    this.rate = 0;
    this.tell("state");
    this.tell("time");
    this.warm();
  }

  /** @param {number} time s */
  seek(time) {
    const to = Math.max(0, Math.min(time, this.store.view.duration));
    this.sound.stop();
    this.clock.seek(to);
    this.tell("time");
    if (!this.playing) this.warm();
  }

  /** By frames of the picture. @param {number} frames */
  step(frames) {
    if (this.playing) this.pause();
    const fps = this.store.clip?.picture?.fps || 25;
    const at = Math.round(this.time * fps - 0.5) + frames;
    this.seek((at + 0.5) / fps); // the middle of a frame, as seeking to its edge may show the one before
  }

  /** J, L: backwards, forwards, faster each time. @param {1|-1} direction */
  shuttle(direction) {
    const same = Math.sign(this.rate) === direction;
    void this.play(same ? Math.max(-FASTEST, Math.min(FASTEST, this.rate * 2)) : direction);
  }

  goBack() {
    const to = this.time + (this.rate * BACK) / 1000;
    this.clock.seek(Math.max(0, to));
    this.tell("time");
    if (to <= 0) this.pause();
  }

  /** @param {import("./types.js").Span|null} span */
  setLoop(span) {
    this.loop = span;
    this.tell("state");
  }

  /** @param {number} volume 0 to 1 */
  setVolume(volume) {
    this.volume = volume;
    this.sound.context.resume();
    /** @type {GainNode} */ (this.sound.output).gain.value = volume;
    this.tell("state");
  }

  /** Advances with each animation frame while playing; a hidden page, which has none, with the picture's own events. */
  follow() {
    cancelAnimationFrame(this.frame);
    const turn = () => {
      this.advance();
      if (this.rate > 0) this.frame = requestAnimationFrame(turn);
    };
    this.frame = requestAnimationFrame(turn);
  }

  /** While playing: sound beside picture, loop, end. */
  advance() {
    if (this.rate <= 0) return;
    const time = this.time;
    if (!this.clock.playing) return this.stopped(time);
    if (this.loop && time >= this.loop[1]) this.seek(this.loop[0]);
    else if (this.clock.steady) {
      if (this.sound.playing) this.sound.hold(time);
      else this.sound.start(time, this.rate);
      this.sound.schedule();
    } else this.sound.stop();
    this.tell("time");
  }

  /** The clock stands still: at the end, where a loop to the end begins again, or something else paused it.
   * @param {number} time s */
  stopped(time) {
    const again = this.loop && this.loop[1] > this.store.view.duration - 0.1 && time > this.store.view.duration - 0.2;
    if (!again) return this.pause();
    this.seek(/** @type {import("./types.js").Span} */ (this.loop)[0]);
    this.clock.play(this.rate).catch(() => this.pause());
  }

  /** Fetches the sound at the playhead, so that play begins at once. */
  warm() {
    clearTimeout(this.warming);
    this.warming = setTimeout(() => this.store.closed || void this.sound.prepare(this.time), 150);
  }

  /** Plays a cue by itself, or one of its alternatives; resolves when it has ended. Raises ApiError.
   * @param {number} cue @param {number|null} [alternative] */
  async playCue(cue, alternative = null) {
    this.pause();
    this.stopAlone();
    const context = this.sound.context;
    await context.resume();
    const query = { revision: this.store.server.revision, alternative };
    const answer = await api.request("GET", api.withQuery(`/api/projects/${this.store.id}/cues/${cue}/sound`, query));
    await this.playBuffer(await answer.arrayBuffer(), cue);
  }

  /** Plays a sound file by itself, in place of anything else. @param {ArrayBuffer} file @param {number} [cue] */
  async playBuffer(file, cue = 0) {
    this.pause();
    this.stopAlone();
    const context = this.sound.context;
    await context.resume();
    const node = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(file) });
    node.connect(/** @type {GainNode} */ (this.sound.output));
    this.alone = { node, cue };
    node.start();
    await new Promise((resolve) => node.addEventListener("ended", resolve, { once: true }));
    if (this.alone?.node === node) this.alone = null;
  }

  stopAlone() {
    this.alone?.node.stop();
    this.alone = null;
  }

  /** Peak and RMS of what is heard now, dB, for each channel. @returns {{peak: number, rms: number}[]} */
  levels() {
    const meters = this.sound.made ? (this.sound.meters ?? []) : [];
    return meters.slice(0, Math.min(2, this.store.view.channels)).map((meter) => {
      const part = new Float32Array(meter.fftSize);
      meter.getFloatTimeDomainData(part);
      let [peak, power] = [0, 0];
      for (const sample of part) {
        peak = Math.max(peak, Math.abs(sample));
        power += sample * sample;
      }
      return { peak: 20 * Math.log10(peak + 1e-9), rms: 10 * Math.log10(power / part.length + 1e-18) };
    });
  }

  close() {
    this.pause();
    this.stopAlone();
    clearTimeout(this.warming);
    cancelAnimationFrame(this.frame);
    this.sound.close();
  }
}
