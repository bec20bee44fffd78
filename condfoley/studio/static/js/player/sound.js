// The sound of the timeline: chunks scheduled without gaps on the audio clock, held to the picture's clock.

import { CHUNK, Chunks } from "./chunks.js";

const SOON = 0.03; // s between a decision and the sound
const FADE = 0.008; // s, where one sound is exchanged for another
const AHEAD = 2.5; // s before its beginning that a chunk is scheduled
const DRIFT = 0.02; // s between sound and picture that are put right

/** @typedef {{chunk: import("./chunks.js").Chunk, node: AudioBufferSourceNode, gain: GainNode, end: number}} Voice */

export class SoundStream {
  /** @param {import("../store.js").Store} store */
  constructor(store) {
    this.store = store;
    /** @type {import("../types.js").Source} */
    this.source = {};
    /** @type {AudioContext|null} */
    this.made = null;
    this.chunks = new Chunks(store, () => this.context);
    /** @type {Map<number, Voice>} by number of the chunk */
    this.voices = new Map();
    /** @type {{time: number, at: number, rate: number}|null} project time `time` is heard at context time `at` */
    this.anchor = null;
    /** @type {number[]} */
    this.drifts = [];
    this.stopListening = store.on("view", ({ changed }) => {
      if (changed === null || changed.length) this.refresh(changed);
    });
  }

  /** The audio context, at the project's own rate, so that chunks are played sample by sample. */
  get context() {
    if (!this.made) {
      this.made = new AudioContext({ sampleRate: this.store.view.rate, latencyHint: "interactive" });
      this.output = this.made.createGain();
      this.output.connect(this.made.destination);
      this.meters = [0, 1].map(() => new AnalyserNode(/** @type {AudioContext} */ (this.made), { fftSize: 2048 }));
      const channels = this.made.createChannelSplitter(2);
      const stereo = new GainNode(this.made, {
        channelCount: 2,
        channelCountMode: "explicit",
        channelInterpretation: "speakers",
      });
      this.output.connect(stereo).connect(channels);
      this.meters.forEach((meter, k) => channels.connect(meter, k));
    }
    return this.made;
  }

  get playing() {
    return this.anchor !== null;
  }

  /** s of the project that is heard now. */
  get heard() {
    const { time, at, rate } = /** @type {NonNullable<SoundStream["anchor"]>} */ (this.anchor);
    const late = this.context.outputLatency || this.context.baseLatency || 0;
    return time + (this.context.currentTime - late - at) * rate;
  }

  /** Fetches what is heard at a time. @param {number} time s */
  prepare(time) {
    const last = Math.ceil(this.store.view.duration / CHUNK) - 1;
    return this.chunks.get(this.source, Math.min(last, Math.floor(time / CHUNK))).ready;
  }

  /** Sounds from a time on. @param {number} time s @param {number} rate above 0 */
  start(time, rate) {
    const former = [...this.voices.values()];
    this.voices.clear();
    const { sampleRate, currentTime } = this.context;
    const late = this.context.outputLatency || this.context.baseLatency || 0;
    const whole = (/** @type {number} */ seconds) => Math.round(seconds * sampleRate) / sampleRate;
    this.anchor = { time: whole(time), at: whole(currentTime - late), rate };
    this.drifts = [];
    this.schedule();
    former.forEach((voice) => this.silence(voice, currentTime + SOON)); // when the new ones begin
  }

  stop() {
    this.anchor = null;
    for (const voice of this.voices.values()) this.silence(voice);
    this.voices.clear();
  }

  /** @param {Voice} voice @param {number} [at] s of the context */
  silence({ node, gain }, at = this.context.currentTime) {
    gain.gain.cancelScheduledValues(at);
    gain.gain.setValueAtTime(1, at);
    gain.gain.linearRampToValueAtTime(0, at + FADE);
    node.stop(at + FADE + 0.002);
  }

  /** Schedules the chunk that is heard and the next one when it is near. Called often while playing. */
  schedule() {
    if (!this.anchor) return;
    const now = this.heard;
    const first = Math.max(0, Math.floor(now / CHUNK));
    const last = Math.floor((now + AHEAD * this.anchor.rate) / CHUNK);
    for (const [number, voice] of this.voices)
      if (number < first - 1) [voice.node.disconnect(), this.voices.delete(number)];
    for (let number = first; number <= last && number * CHUNK < this.store.view.duration; number++) this.sound(number);
    if ((last + 1) * CHUNK < this.store.view.duration) this.chunks.get(this.source, last + 1);
  }

  /** @param {number} number */
  sound(number) {
    const chunk = this.chunks.get(this.source, number);
    if (this.voices.get(number)?.chunk === chunk) return;
    if (!chunk.buffer) {
      if (!chunk.waited) {
        chunk.waited = true;
        void chunk.ready.then(() => this.schedule());
      }
      return; // a former voice goes on until the new sound is there
    }
    const context = this.context;
    const { time, at, rate } = /** @type {NonNullable<SoundStream["anchor"]>} */ (this.anchor);
    const former = this.voices.get(number);
    const begin = at + (number * CHUNK - time) / rate; // context time of the chunk's beginning
    const from = Math.max(begin, context.currentTime + SOON);
    const offset = (from - begin) * rate;
    if (offset >= chunk.buffer.duration) return;
    const node = new AudioBufferSourceNode(context, { buffer: chunk.buffer, playbackRate: rate });
    const gain = new GainNode(context);
    if (offset > 0) {
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(1, from + FADE);
    }
    node.connect(gain).connect(/** @type {GainNode} */ (this.output));
    node.start(from, offset);
    if (former) this.silence(former, from);
    this.voices.set(number, { chunk, node, gain, end: from + chunk.buffer.duration - offset });
  }

  /** Holds the sound to the picture. Called often while playing. @param {number} time s of the picture */
  hold(time) {
    if (!this.anchor) return;
    this.drifts.push(time - this.heard);
    if (this.drifts.length < 9) return;
    const drift = [...this.drifts].sort((a, b) => a - b)[4];
    this.drifts = [];
    if (Math.abs(drift) > DRIFT) this.start(this.heard + drift, this.anchor.rate);
  }

  /** What is heard changes: another source, or an edit. @param {import("../types.js").Span[]|null} [spans] */
  refresh(spans = null) {
    this.chunks.changed(spans);
    this.schedule();
  }

  /** @param {import("../types.js").Source} source */
  setSource(source) {
    this.source = source;
    this.schedule();
  }

  close() {
    this.stopListening();
    if (this.made) {
      this.stop();
      void this.made.close();
    }
  }
}
