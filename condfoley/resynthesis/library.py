"""What a reference recording has: its impacts as one-shots, and the stretches in which something slides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from condfoley.audio.ambience import bed
from condfoley.audio.onsets import RATE, detect_onsets
from condfoley.audio.splice import until_next
from condfoley.media import resample
from condfoley.memory import sound_array
from condfoley.resynthesis.background import without_background
from condfoley.resynthesis.bands import band_powers, hop
from condfoley.resynthesis.kinds import kinds_of

if TYPE_CHECKING:
    from condfoley.references.selection import Source

LEAD = 0.008  # s before an onset with which a one-shot begins
LONGEST = 1.5  # s of a one-shot
SHORTEST = 0.05
LEAST_SLIDE = 0.08  # s of a slide that grains can be taken of
LOUD_DB = 15.0  # below the loudest moment of a slide, down to which it goes on
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
    sliding. onsets: (E,) s. notes: what a user should know of it. sources: of which references
    `sound` is put together.
    """

    sound: np.ndarray
    clean: np.ndarray
    rate: int
    shots: tuple[OneShot, ...]
    slides: tuple[tuple[int, int], ...]
    onsets: np.ndarray
    notes: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()

    def bed(self, samples: int) -> np.ndarray:
        """Its background, beneath `samples` of another sound: (C, samples); silence where it has no quiet part.

        Of a long one only what is being used is in memory (`memory.sound_array`).
        """
        out = sound_array((len(self.sound), samples))
        bed(self.sound, self.rate, self.onsets, samples, out=out)
        return out

    @cached_property
    def struck(self) -> tuple[OneShot, ...]:
        """Those of its one-shots at which nothing slides."""
        return tuple(shot for shot in self.shots if not shot.slides)

    @cached_property
    def powers(self) -> np.ndarray:
        """Band powers of all of it, without its background: (B, M)."""
        return band_powers(self.clean, self.rate)


def library_of(
    sound: np.ndarray,
    rate: int,
    sliding: np.ndarray | None = None,
    fps: float = 15.0,
    onsets: np.ndarray | None = None,
) -> Library:
    """The library of a recording, (C, N) float32 at `rate` Hz.

    sliding: (T,) in [0, 1] at `fps`, how likely its picture slides; None: its sound alone says so. onsets: (E,) s; None: are
    detected.
    """
    heard = np.flatnonzero(np.abs(sound).max(0) > DIGITAL_SILENCE)
    sound = sound[:, : int(heard[-1]) + 1] if len(heard) else sound
    if onsets is None:
        onsets = detect_onsets(resample(sound.mean(0), rate, RATE), RATE)[0]
    powers = band_powers(sound, rate)
    clean = without_background(sound, rate, powers)
    kinds = kinds_of(sound, rate, onsets, sliding, fps)
    lead, total, shots, slides = round(LEAD * rate), sound.shape[1], [], []
    for (time, following), kind in zip(until_next(onsets, total / rate + LEAD), kinds, strict=True):
        begin = max(0, round(float(time) * rate) - lead)
        end = min(round((float(following) - LEAD) * rate), begin + round(LONGEST * rate), total)
        if end - begin < SHORTEST * rate:
            continue
        shots.append(OneShot(clean[:, begin:end], sound[:, begin:end], rate, lead, float(time), kind))
        if kind and (part := loud_part(powers, rate, begin + lead, end)) and part[1] - part[0] >= LEAST_SLIDE * rate:
            slides.append(part)
    return Library(sound, clean, rate, tuple(shots), tuple(slides), onsets)


def loud_part(powers: np.ndarray, rate: int, begin: int, end: int) -> tuple[int, int]:
    """The part of a slide, [begin, end) samples, until it is last heard loud. powers: (B, M) of the whole recording."""
    step = hop(rate)
    level = 10 * np.log10(powers[:, begin // step : max(end // step, begin // step + 1)].sum(0))
    last = int(np.flatnonzero(level > level.max() - LOUD_DB)[-1]) + 1
    return begin, min(end, begin + last * step)
