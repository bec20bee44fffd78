"""The instrument of a video: all that its sounds have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condfoley.data.events import Event
from condfoley.data.simulation import modal, rubbing
from condfoley.data.simulation.bank import SoundBank
from condfoley.data.simulation.room import Noise, Room, Tone, describe, reverberate

Rng = np.random.Generator
Wav = NDArray[np.float32]

MIN_GAIN = 0.15  # gain of a hit of strength 0; strength 1 has gain 1
IMPACTS = 6  # number of different impacts, so that hits are not all the same
MORPHED = 0.30  # share of instruments that mix two materials
SYNTHETIC = 0.25  # share of instruments that are synthesised
MAX_PEAK = 0.95


@dataclass(frozen=True)
class Instrument:
    """The struck object of one video with its room and microphone.

    hard, soft: the same impacts, bright and dull, each (N,) float32 with its attack at the first sample.
    scratch: (M,) float32 loop, RMS 1. scratch_level: its RMS relative to the peak of a hit of strength 1.
    response: (R,) impulse response of the room. level: peak of a hit of strength 1 in the file, 0..1.
    """

    material: str
    sample_rate: int
    hard: tuple[Wav, ...]
    soft: tuple[Wav, ...]
    scratch: Wav
    scratch_level: float
    response: Wav
    noise: Noise
    level: float
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def draw(cls, rng: Rng, bank: SoundBank) -> Instrument:
        """A random instrument, a pure function of the generator's state and the bank."""
        rate = bank.sample_rate
        names = bank.materials
        # Square root: materials with many recordings are more frequent, but do not dominate.
        weights = np.sqrt([len(bank.hits[name]) for name in names])
        material = str(rng.choice(names, p=weights / weights.sum()))
        impacts, settings = _draw_impacts(material, rng, bank)
        tone, room, noise = Tone.draw(rng), Room.draw(rng), Noise.draw(rng)
        decay = None if rng.random() < 0.35 else float(np.exp(rng.uniform(np.log(0.015), np.log(0.4))))
        hard = tuple(_shape_decay(tone.apply(wav, rate), decay, rate) for wav in impacts)
        dullness = float(rng.uniform(0.3, 0.8))
        soft = tuple(_lowpass(wav, dullness) for wav in hard)
        scratch, scratch_source = _draw_scratch(hard, tone, rng, bank)
        scratch_level = float(np.exp(rng.uniform(np.log(0.05), np.log(0.35))))
        level = float(10 ** (rng.uniform(-16, -1) / 20))
        settings |= {
            "decay": decay, "dullness": dullness, "scratch": scratch_source, "scratch_level": scratch_level,
            "level": level, "tone": describe(tone), "room": describe(room), "noise": describe(noise),
        }  # fmt: skip
        return cls(material, rate, hard, soft, scratch, scratch_level, room.response(rate), noise, level, settings)

    def describe(self) -> dict[str, Any]:
        """Settings of the instrument, as plain JSON values."""
        return {"material": self.material, **self.settings}

    def render(self, events: Sequence[Event], duration: float, rng: Rng, sample_rate: int | None = None) -> Wav:
        """The sound of the events: (round(duration * sample_rate),) float32, in [-1, 1], mean 0.

        The attack of a hit starts at the event's time. duration: s. sample_rate: Hz; None: that of the bank. Parts of
        an event outside 0..duration are cut.
        """
        length = round(duration * self.sample_rate)
        wav = np.zeros(length, np.float32)
        for event in events:
            sound = self._render_hit(event, rng) if event.kind == "hit" else self._render_scratch(event, rng)
            start = round(event.time * self.sample_rate)
            sound = sound[max(-start, 0) :][: max(length - max(start, 0), 0)]
            wav[max(start, 0) :][: len(sound)] += sound
        wav = reverberate(wav, self.response) * np.float32(self.level)
        wav += self.noise.render(length, self.sample_rate, rng)
        if sample_rate is not None and sample_rate != self.sample_rate:
            import soxr

            wav = soxr.resample(wav, self.sample_rate, sample_rate)
            length = round(duration * sample_rate)
            wav = np.pad(wav[:length], (0, max(length - len(wav), 0)))
        wav -= wav.mean(dtype=np.float64).astype(np.float32) if length else 0
        peak = float(np.abs(wav).max(initial=0.0))
        return wav * np.float32(MAX_PEAK / peak) if peak > MAX_PEAK else wav

    def _render_hit(self, event: Event, rng: Rng) -> Wav:
        index = int(rng.integers(len(self.hard)))
        hard, soft = self.hard[index], self.soft[index]
        brightness = np.float32(np.clip(event.strength + rng.normal(0, 0.1), 0, 1))
        gain = np.float32(event_gain(event.strength) * 10 ** (rng.normal(0, 0.7) / 20))
        return (hard * brightness + soft * (1 - brightness)) * gain

    def _render_scratch(self, event: Event, rng: Rng) -> Wav:
        length = max(round(event.duration * self.sample_rate), 1)
        speed = rubbing.stroke_profile(length, self.sample_rate, rng)
        gain = np.float32(event_gain(event.strength) * self.scratch_level)
        return rubbing.loop_excerpt(self.scratch, length, rng) * speed * gain


def event_gain(strength: float) -> float:
    """Linear gain of an event: MIN_GAIN at strength 0, 1 at strength 1."""
    return MIN_GAIN + (1 - MIN_GAIN) * strength


def _draw_impacts(material: str, rng: Rng, bank: SoundBank) -> tuple[list[Wav], dict[str, Any]]:
    """IMPACTS raw sounds of one object, peak 1, and their settings."""
    pitch = float(np.exp(rng.uniform(np.log(0.65), np.log(1.5))))
    settings: dict[str, Any] = {"pitch": pitch, "synthetic": bool(rng.random() < SYNTHETIC)}
    if settings["synthetic"]:
        return modal.synthesise_impacts(material, IMPACTS, bank.sample_rate, rng), settings
    impacts, settings["recordings"] = _recorded_impacts(material, pitch, rng, bank)
    if rng.random() >= MORPHED:
        return impacts, settings
    other = str(rng.choice(bank.materials))
    second, names = _recorded_impacts(other, pitch * float(np.exp(rng.normal(0, 0.2))), rng, bank)
    share = float(rng.uniform(0.15, 0.5))
    settings |= {"second": other, "second_share": share, "second_recordings": names}
    return [_mix(a, b, share) for a, b in zip(impacts, second, strict=True)], settings


def _recorded_impacts(material: str, pitch: float, rng: Rng, bank: SoundBank) -> tuple[list[Wav], list[str]]:
    import soxr

    group = bank.hits[material]
    count = min(int(rng.integers(1, 5)), len(group))
    chosen = [group[i] for i in rng.choice(len(group), count, replace=False)]
    impacts = []
    for impact in range(IMPACTS):
        # The pitch varies by a percent, as the point of contact does.
        ratio = pitch * float(np.exp(rng.normal(0, 0.01)))
        impacts.append(soxr.resample(chosen[impact % count].wav, bank.sample_rate * ratio, bank.sample_rate, "LQ"))
    return impacts, [recording.name for recording in chosen]


def _mix(first: Wav, second: Wav, share: float) -> Wav:
    mixed = np.zeros(max(len(first), len(second)), np.float32)
    mixed[: len(first)] += first * np.float32(1 - share)
    mixed[: len(second)] += second * np.float32(share)
    return mixed


def _shape_decay(wav: Wav, decay: float | None, sample_rate: int) -> Wav:
    """Applies an exponential decay (time constant in s; None: none), cuts the inaudible tail, normalises the peak to 1."""
    if decay is not None:
        wav = wav * np.exp(np.arange(len(wav), dtype=np.float32) / np.float32(-decay * sample_rate))
    wav = wav / max(float(np.abs(wav).max(initial=0.0)), 1e-6)
    audible = np.flatnonzero(np.abs(wav) > 1e-3)
    wav = wav[: audible[-1] + 1] if len(audible) else wav
    fade = min(round(0.01 * sample_rate), len(wav))
    wav[len(wav) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wav


def _lowpass(wav: Wav, dullness: float) -> Wav:
    """The same impact with damped high frequencies, peak 1, as of a gentle hit."""
    from scipy import signal

    dull = signal.lfilter([1 - dullness], [1, -dullness], wav).astype(np.float32)
    return dull / max(float(np.abs(dull).max(initial=0.0)), 1e-6)


def _draw_scratch(impacts: Sequence[Wav], tone: Tone, rng: Rng, bank: SoundBank) -> tuple[Wav, str]:
    if bank.scratches and rng.random() < 0.5:
        count = min(int(rng.integers(1, 3)), len(bank.scratches))
        chosen = [bank.scratches[i] for i in rng.choice(len(bank.scratches), count, replace=False)]
        loop = rubbing.granular_loop([recording.wav for recording in chosen], bank.sample_rate, rng)
        # The loop passes the filter twice, so that its end fits its start.
        loop = tone.apply(np.tile(loop, 2), bank.sample_rate)[len(loop) :]
        return loop / max(float(np.sqrt(np.mean(loop**2))), 1e-6), ", ".join(r.name for r in chosen)
    return rubbing.synthesise_rubbing(impacts, bank.sample_rate, rng), "rubbed"
