"""What a reference recording has: its impacts as one-shots, and the stretches in which something slides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from condfoley.audio.ambience import bed
from condfoley.audio.onsets import RATE, detect_onsets
from condfoley.audio.splice import until_next
from condfoley.media import resample
from condfoley.resynthesis.background import without_background
from condfoley.resynthesis.bands import band_powers, hop

LEAD = 0.008  # s before an onset with which a one-shot begins
LONGEST = 1.5  # s of a one-shot
SHORTEST = 0.05
SLIDING = 0.5  # probability above which a picture shows something that slides
DIGITAL_SILENCE = 1e-5  # amplitude; what a file has of it at its end belongs to no impact


@dataclass(frozen=True, eq=False)
class OneShot:
    """An impact of the reference until the next one. samples: (C, N) float32 with the onset at sample `onset`; raw: with
    the background.

    time: s, where it is in the reference. slides: whether something slides there.
    """

    samples: np.ndarray
    raw: np.ndarray
    rate: int
    onset: int
    time: float
    slides: bool

    @cached_property
    def powers(self) -> np.ndarray:
        """Band powers from the onset on: (B, M)."""
        return band_powers(self.samples[:, self.onset :], self.rate)

    @cached_property
    def raw_powers(self) -> np.ndarray:
        """The same with the background."""
        return band_powers(self.raw[:, self.onset :], self.rate)


@dataclass(frozen=True, eq=False)
class Library:
    """All that a recording has.

    sound: (C, N) float32 at `rate` Hz, and `clean`, the same without its background. slides: (begin, end) samples of
    sliding. onsets: (E,) s. note: what a user should know of it.
    """

    sound: np.ndarray
    clean: np.ndarray
    rate: int
    shots: tuple[OneShot, ...]
    slides: tuple[tuple[int, int], ...]
    onsets: np.ndarray
    note: str = ""

    def bed(self, samples: int) -> np.ndarray:
        """Its background, beneath `samples` of another sound: (C, samples); silence where it has no quiet part."""
        found = bed(self.sound, self.rate, self.onsets, samples)
        return np.zeros((len(self.sound), samples), np.float32) if found is None else found

    @cached_property
    def powers(self) -> np.ndarray:
        """Band powers of all of it, without its background: (B, M)."""
        return band_powers(self.clean, self.rate)


def library_of(sound: np.ndarray, rate: int, sliding: np.ndarray | None = None, fps: float = 15.0) -> Library:
    """The library of a recording, (C, N) float32 at `rate` Hz.

    sliding: (T,) in [0, 1] at `fps`, how likely its picture slides; None: its sound alone says so.
    """
    heard = np.flatnonzero(np.abs(sound).max(0) > DIGITAL_SILENCE)
    sound = sound[:, : int(heard[-1]) + 1] if len(heard) else sound
    onsets, powers = detect_onsets(resample(sound.mean(0), rate, RATE), RATE)[0], band_powers(sound, rate)
    if sliding is not None and len(sliding):
        slides = seen_slides(sliding, fps, rate, sound.shape[1])
    else:
        slides = heard_slides(powers, rate, onsets, sound.shape[1])
    clean = without_background(sound, rate, powers)
    lead, total, shots = round(LEAD * rate), sound.shape[1], []
    for time, following in until_next(onsets, total / rate + LEAD):
        begin = max(0, round(float(time) * rate) - lead)
        end = min(round((float(following) - LEAD) * rate), begin + round(LONGEST * rate), total)
        if end - begin < SHORTEST * rate:
            continue
        middle = begin + lead + round(0.05 * rate)
        inside = any(a <= middle < b for a, b in slides)
        shots.append(OneShot(clean[:, begin:end], sound[:, begin:end], rate, lead, float(time), inside))
    return Library(sound, clean, rate, tuple(shots), slides, onsets)


def seen_slides(sliding: np.ndarray, fps: float, rate: int, samples: int) -> tuple[tuple[int, int], ...]:
    """Where the picture shows something slide, (begin, end) samples of a sound of `samples` at `rate` Hz.

    sliding: (T,) in [0, 1] at `fps`.
    """
    active = np.concatenate([[False], np.asarray(sliding) > SLIDING, [False]])
    changes = np.flatnonzero(np.diff(active.astype(int)))
    spans = [(round(a / fps * rate), round(b / fps * rate)) for a, b in zip(changes[::2], changes[1::2])]
    return tuple((a, min(b, samples)) for a, b in spans if b - a >= 0.15 * rate)


def heard_slides(powers: np.ndarray, rate: int, onsets: np.ndarray, samples: int) -> tuple[tuple[int, int], ...]:
    """Where a sound of `samples` goes on long without decaying behind an onset, (begin, end) samples.

    powers: (B, M) of its bands. onsets: (E,) s.
    """
    step, found, level = hop(rate), [], 10 * np.log10(powers.sum(0))
    for time, following in until_next(onsets, samples / rate):
        first, last = round(time * rate / step), round(min(following, time + 1.0) * rate / step)
        part = level[first:last]
        if len(part) >= 0.2 * rate / step and np.mean(part > part.max() - 15) > 0.7:  # still loud behind the attack
            found.append((round(time * rate), round(min(following, time + 1.5) * rate)))
    return tuple(found)
