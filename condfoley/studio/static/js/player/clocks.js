// What time it is: the picture's <video>, or a timer where the target's picture cannot be shown.

/** A clock over a <video>. The same members as TimerClock. */
export class VideoClock {
  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
    /** @type {number|null} */
    this.wanted = null;
    video.addEventListener("seeked", () => {
      if (this.wanted === null) return;
      const next = this.wanted;
      this.wanted = null;
      if (Math.abs(next - video.currentTime) > 1e-4) this.seek(next);
    });
  }

  get time() {
    return this.wanted ?? this.video.currentTime;
  }

  /** Whether the time is moving or about to. */
  get playing() {
    return !this.video.paused && !this.video.ended;
  }

  /** Whether the time moves now: not while the browser seeks or waits for data. */
  get steady() {
    return this.playing && !this.video.seeking && this.video.readyState >= 3 && this.wanted === null;
  }

  /** Seeks that come while one is on its way are put together. @param {number} time s */
  seek(time) {
    if (this.video.seeking) this.wanted = time;
    else this.video.currentTime = time;
  }

  /** @param {number} rate above 0 */
  async play(rate) {
    this.video.playbackRate = rate;
    await this.video.play();
  }

  pause() {
    this.video.pause();
  }
}

/** A clock without a picture. */
export class TimerClock {
  /** @param {() => number} duration s */
  constructor(duration) {
    this.duration = duration;
    this.at = 0;
    this.since = 0;
    this.rate = 1;
    this.playing = false;
  }

  get time() {
    if (!this.playing) return this.at;
    const now = this.at + ((performance.now() - this.since) / 1000) * this.rate;
    if (now < this.duration()) return now;
    this.at = this.duration();
    this.playing = false;
    return this.at;
  }

  get steady() {
    return this.playing;
  }

  /** @param {number} time s */
  seek(time) {
    this.at = time;
    this.since = performance.now();
  }

  /** @param {number} rate above 0 */
  async play(rate) {
    this.at = this.time;
    this.since = performance.now();
    this.rate = rate;
    this.playing = true;
  }

  pause() {
    this.at = this.time;
    this.playing = false;
  }
}
