"use strict";
/* Sounds that the browser makes itself: the one to set the volume by, and a headphone check.

   The check follows Woods, Siegel, Traer and McDermott (2017): of three 200 Hz tones one is 6 dB softer and another
   has its channels in opposite phase. Loudspeakers cancel that one in the air, so it is taken for the softest. */
window.Headphones = (() => {
  let context = null;

  function started() {
    context ??= new AudioContext();
    context.resume();
    return context;
  }

  function tone(at, seconds, gain, opposite) {
    const audio = started();
    const oscillator = new OscillatorNode(audio, { frequency: 200 });
    const merger = new ChannelMergerNode(audio, { numberOfInputs: 2 });
    for (const [side, sign] of [[0, 1], [1, opposite ? -1 : 1]]) {
      const level = new GainNode(audio, { gain: 0 });
      level.gain.setValueAtTime(0, at);
      level.gain.linearRampToValueAtTime(sign * gain, at + 0.1);
      level.gain.setValueAtTime(sign * gain, at + seconds - 0.1);
      level.gain.linearRampToValueAtTime(0, at + seconds);
      oscillator.connect(level).connect(merger, 0, side);
    }
    merger.connect(audio.destination);
    oscillator.start(at);
    oscillator.stop(at + seconds);
  }

  const GAIN = 0.1; // of full scale, near the loudness of the clips
  const SECONDS = 1;

  /* A second of the tone. */
  function volume() {
    tone(started().currentTime + 0.05, SECONDS, GAIN, false);
  }

  /* A round of the check: {softest: 0..2, play()}; play resolves when the tones are over. */
  function round() {
    const softest = Math.floor(Math.random() * 3);
    const opposite = (softest + 1 + Math.floor(Math.random() * 2)) % 3;
    const play = () => {
      const begin = started().currentTime + 0.05;
      for (const k of [0, 1, 2]) tone(begin + 1.3 * k, SECONDS, k === softest ? GAIN / 2 : GAIN, k === opposite);
      return new Promise((resolve) => setTimeout(resolve, 1000 * (1.3 * 2 + SECONDS)));
    };
    return { softest, play };
  }

  return { volume, round };
})();
