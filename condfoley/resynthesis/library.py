"""What a reference recording has: its impacts as one-shots, and the stretches in which something slides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from condfoley.audio.levels import peak_rms_db
from condfoley.audio.onsets import detect_onsets
from condfoley.resynthesis.background import bed_of, without_background
from condfoley.resynthesis.bands import band_powers, hop

LEAD = 0.008  # s before an onset with which a one-shot begins
LONGEST = 1.5  # s of a one-shot
SHORTEST = 0.05
DIGITAL_SILENCE = 1e-5  # amplitude; what a file has of it at its end belongs to no impact
DETECTION_RATE = 22050  # Hz at which onsets are looked for


@dataclass(frozen=True, eq=False)
class OneShot:
    """An impact of the reference until the next one. samples: (C, N) float32 with the onset at sample `onset`; raw: with
    the background.

    time: s, where it is in the reference. slides: whether something slides there. open_end: whether it ends because the
    next impact begins, rather than by its own decay.
    """

    samples: np.ndarray
    raw: np.ndarray
    rate: int
    onset: int
    time: float
    slides: bool
    open_end: bool

    @cached_property
    def powers(self) -> np.ndarray:
        """Band powers from the onset on: (B, M)."""
        return band_powers(self.samples[:, self.onset :], self.rate)

    @cached_property
    def raw_powers(self) -> np.ndarray:
        """The same with the background."""
        return band_powers(self.raw[:, self.onset :], self.rate)

    @cached_property
    def level(self) -> float:
        """dB."""
        return peak_rms_db(self.samples, self.rate)


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
        found = bed_of(self.sound, self.rate, self.onsets, samples)
        return np.zeros((len(self.sound), samples), np.float32) if found is None else found

    @property
    def impacts(self) -> list[OneShot]:
        """The one-shots in which nothing slides."""
        return [shot for shot in self.shots if not shot.slides]

    @cached_property
    def powers(self) -> np.ndarray:
        """Band powers of all of it, without its background: (B, M)."""
        return band_powers(self.clean, self.rate)


def library_of(sound: np.ndarray, rate: int, sliding: np.ndarray | None = None, fps: float = 15.0) -> Library:
    """The library of a recording, (C, N) float32 at `rate` Hz.

    sliding: (T,) in [0, 1] at `fps`, how likely its picture slides; None: its sound alone says so.
    """
    import soxr

    heard = np.flatnonzero(np.abs(sound).max(0) > DIGITAL_SILENCE)
    sound = sound[:, : int(heard[-1]) + 1] if len(heard) else sound
    mono = sound.mean(0)
    coarse = mono if rate == DETECTION_RATE else soxr.resample(mono, rate, DETECTION_RATE)
    onsets = detect_onsets(coarse, DETECTION_RATE)[0]
    slides = sliding_spans(sound, rate, onsets, sliding, fps)
    clean = without_background(sound, rate, band_powers(sound, rate))
    lead, total, shots = round(LEAD * rate), sound.shape[1], []
    for time, following in zip(onsets, [*onsets[1:], total / rate + LEAD]):
        begin = max(0, round(float(time) * rate) - lead)
        natural = round((float(following) - LEAD) * rate)
        end = min(natural, begin + round(LONGEST * rate), total)
        if end - begin < SHORTEST * rate:
            continue
        middle = begin + lead + round(0.05 * rate)
        inside = any(a <= middle < b for a, b in slides)
        shots.append(
            OneShot(clean[:, begin:end], sound[:, begin:end], rate, lead, float(time), inside, end == natural < total)
        )
    return Library(sound, clean, rate, tuple(shots), slides, onsets)


def sliding_spans(
    sound: np.ndarray, rate: int, onsets: np.ndarray, sliding: np.ndarray | None, fps: float
) -> tuple[tuple[int, int], ...]:
    """Where something slides: as the picture shows it, or where the sound goes on long without decaying."""
    if sliding is not None and len(sliding):
        active = np.concatenate([[False], np.asarray(sliding) > 0.5, [False]])
        changes = np.flatnonzero(np.diff(active.astype(int)))
        spans = [(round(a / fps * rate), round(b / fps * rate)) for a, b in zip(changes[::2], changes[1::2])]
        return tuple((a, min(b, sound.shape[1])) for a, b in spans if b - a >= 0.15 * rate)
    step, found = hop(rate), []
    level = 10 * np.log10(band_powers(sound, rate).sum(0))
    for time, following in zip(onsets, [*onsets[1:], sound.shape[1] / rate]):
        first, last = round(time * rate / step), round(min(following, time + 1.0) * rate / step)
        part = level[first:last]
        if len(part) >= 0.2 * rate / step and np.mean(part > part.max() - 15) > 0.7:  # still loud behind the attack
            found.append((round(time * rate), round(min(following, time + 1.5) * rate)))
    return tuple(found)
