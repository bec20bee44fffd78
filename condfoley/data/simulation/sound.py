"""An instrument: everything that the sounds of one video have in common."""

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

QUIETEST = 0.15  # gain of a hit of strength 0; one of strength 1 has gain 1
BLOWS = 6  # different blows kept ready, so that no two hits in a row need to be the same
MORPHED, SYNTHETIC = 0.30, 0.25  # shares of instruments mixed from two materials / synthesised
CEILING = 0.95


@dataclass(frozen=True)
class Instrument:
    """The struck thing of one video with its room and microphone.

    hard, soft: the same blows, bright and dull, each (N,) float32 with its attack at the first sample.
    scratch: (M,) float32 loop, RMS 1.   scratch_level: its RMS beside a full hit of peak 1.
    response: (R,) impulse response of the room.   level: peak of a full hit in the file, 0..1.
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
        """One video's instrument, a pure function of the generator's state and the bank."""
        rate = bank.sample_rate
        names = bank.materials
        # Square root: materials with many recordings come more often, but no material dominates.
        weights = np.sqrt([len(bank.hits[name]) for name in names])
        material = str(rng.choice(names, p=weights / weights.sum()))
        blows, settings = _blows(material, rng, bank)
        tone, room, noise = Tone.draw(rng), Room.draw(rng), Noise.draw(rng)
        decay = None if rng.random() < 0.35 else float(np.exp(rng.uniform(np.log(0.015), np.log(0.4))))
        hard = tuple(_finish(tone.apply(wav, rate), decay, rate) for wav in blows)
        dullness = float(rng.uniform(0.3, 0.8))
        soft = tuple(_dull(wav, dullness) for wav in hard)
        scratch, scratch_source = _scratch(hard, tone, rng, bank)
        scratch_level = float(np.exp(rng.uniform(np.log(0.05), np.log(0.35))))
        level = float(10 ** (rng.uniform(-16, -1) / 20))
        settings |= {
            "decay": decay, "dullness": dullness, "scratch": scratch_source, "scratch_level": scratch_level,
            "level": level, "tone": describe(tone), "room": describe(room), "noise": describe(noise),
        }  # fmt: skip
        return cls(material, rate, hard, soft, scratch, scratch_level, room.response(rate), noise, level, settings)

    def describe(self) -> dict[str, Any]:
        """How the instrument was made, as plain JSON values."""
        return {"material": self.material, **self.settings}

    def render(self, events: Sequence[Event], duration: float, rng: Rng, sample_rate: int | None = None) -> Wav:
        """The sound of the events: (round(duration * sample_rate),) float32, inside [-1, 1], mean 0.

        A hit's attack starts at its event's time.  duration: s.   sample_rate: Hz, the bank's when None.
        Parts of an event outside 0..duration are not heard.
        """
        length = round(duration * self.sample_rate)
        wav = np.zeros(length, np.float32)
        for event in events:
            sound = self._hit(event, rng) if event.kind == "hit" else self._stroke(event, rng)
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
        return wav * np.float32(CEILING / peak) if peak > CEILING else wav

    def _hit(self, event: Event, rng: Rng) -> Wav:
        index = int(rng.integers(len(self.hard)))
        hard, soft = self.hard[index], self.soft[index]
        brightness = np.float32(np.clip(event.strength + rng.normal(0, 0.1), 0, 1))
        gain = np.float32(gain_of(event.strength) * 10 ** (rng.normal(0, 0.7) / 20))
        return (hard * brightness + soft * (1 - brightness)) * gain

    def _stroke(self, event: Event, rng: Rng) -> Wav:
        length = max(round(event.duration * self.sample_rate), 1)
        speed = rubbing.stroke_profile(length, self.sample_rate, rng)
        gain = np.float32(gain_of(event.strength) * self.scratch_level)
        return rubbing.take(self.scratch, length, rng) * speed * gain


def gain_of(strength: float) -> float:
    """Gain of an event: QUIETEST at strength 0, 1 at strength 1."""
    return QUIETEST + (1 - QUIETEST) * strength


def _blows(material: str, rng: Rng, bank: SoundBank) -> tuple[list[Wav], dict[str, Any]]:
    """BLOWS raw sounds of one object, peak 1, and how they were made."""
    pitch = float(np.exp(rng.uniform(np.log(0.65), np.log(1.5))))
    settings: dict[str, Any] = {"pitch": pitch, "synthetic": bool(rng.random() < SYNTHETIC)}
    if settings["synthetic"]:
        return modal.strike(material, BLOWS, bank.sample_rate, rng), settings
    blows, settings["recordings"] = _recorded(material, pitch, rng, bank)
    if rng.random() >= MORPHED:
        return blows, settings
    other = str(rng.choice(bank.materials))
    second, names = _recorded(other, pitch * float(np.exp(rng.normal(0, 0.2))), rng, bank)
    share = float(rng.uniform(0.15, 0.5))
    settings |= {"second": other, "second_share": share, "second_recordings": names}
    return [_mix(a, b, share) for a, b in zip(blows, second, strict=True)], settings


def _recorded(material: str, pitch: float, rng: Rng, bank: SoundBank) -> tuple[list[Wav], list[str]]:
    import soxr

    group = bank.hits[material]
    count = min(int(rng.integers(1, 5)), len(group))
    chosen = [group[i] for i in rng.choice(len(group), count, replace=False)]
    blows = []
    for blow in range(BLOWS):
        # The pitch of a blow wavers by a percent: the point of contact is never quite the same.
        ratio = pitch * float(np.exp(rng.normal(0, 0.01)))
        blows.append(soxr.resample(chosen[blow % count].wav, bank.sample_rate * ratio, bank.sample_rate, "LQ"))
    return blows, [recording.name for recording in chosen]


def _mix(first: Wav, second: Wav, share: float) -> Wav:
    mixed = np.zeros(max(len(first), len(second)), np.float32)
    mixed[: len(first)] += first * np.float32(1 - share)
    mixed[: len(second)] += second * np.float32(share)
    return mixed


def _finish(wav: Wav, decay: float | None, sample_rate: int) -> Wav:
    """Shape the decay (time constant in s), cut the inaudible tail, bring the peak to 1."""
    if decay is not None:
        wav = wav * np.exp(np.arange(len(wav), dtype=np.float32) / np.float32(-decay * sample_rate))
    wav = wav / max(float(np.abs(wav).max(initial=0.0)), 1e-6)
    audible = np.flatnonzero(np.abs(wav) > 1e-3)
    wav = wav[: audible[-1] + 1] if len(audible) else wav
    fade = min(round(0.01 * sample_rate), len(wav))
    wav[len(wav) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wav


def _dull(wav: Wav, dullness: float) -> Wav:
    """The same blow without its highs, peak 1: what a gentle blow sounds like."""
    from scipy import signal

    dull = signal.lfilter([1 - dullness], [1, -dullness], wav).astype(np.float32)
    return dull / max(float(np.abs(dull).max(initial=0.0)), 1e-6)


def _scratch(blows: Sequence[Wav], tone: Tone, rng: Rng, bank: SoundBank) -> tuple[Wav, str]:
    if bank.scratches and rng.random() < 0.5:
        count = min(int(rng.integers(1, 3)), len(bank.scratches))
        chosen = [bank.scratches[i] for i in rng.choice(len(bank.scratches), count, replace=False)]
        loop = rubbing.grains([recording.wav for recording in chosen], bank.sample_rate, rng)
        # The loop runs through the filter twice, so that its end fits its start.
        loop = tone.apply(np.tile(loop, 2), bank.sample_rate)[len(loop) :]
        return loop / max(float(np.sqrt(np.mean(loop**2))), 1e-6), ", ".join(r.name for r in chosen)
    return rubbing.rubbed(blows, bank.sample_rate, rng), "rubbed"
