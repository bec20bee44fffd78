"""Impacts of two sounds compared at their full band, and how alike those are that follow one another. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.audio.splice import until_next

LEAD = 0.003  # s before an onset that belong to its impact
GAP = 0.008  # s before the next onset in which an impact ends
LONGEST, SHORTEST = 0.5, 0.08  # s of an impact
MOST = 12  # impacts of a sound that are compared, evenly spread over it
ATTACK = 0.06  # s from the onset on whose power every impact is scaled to the same
LEVEL = 0.1  # RMS that it is scaled to
FLOOR = 1e-4  # added to magnitudes before their logarithm, as in `networks.distances`
WINDOWS = (0.0116, 0.0232, 0.0464, 0.0929)  # s: 256 to 2048 samples at 22.05 kHz
SHAPE, LAG = 0.2, 0.005  # s of two impacts that are correlated, and by which one may be moved
HIGH_BAND = (8000.0, 20_000.0)  # Hz, above what the model's vocoder makes


@dataclass(frozen=True)
class Distances:
    """Distance of a sound's impacts from those of another one, mean over them: from the nearest, and from all."""

    nearest: float
    mean: float


def impacts_of(sound: np.ndarray, onsets: np.ndarray, rate: int, most: int = MOST) -> list[np.ndarray]:
    """The impacts of a sound, each until the next one, equally loud: (n,) float64 each, SHORTEST to LONGEST s.

    sound: (N,) or (C, N), whose channels are averaged. onsets: (E,) s, ascending.
    """
    mono = np.atleast_2d(np.asarray(sound, np.float64)).mean(0)
    found = []
    for time, following in until_next(onsets, len(mono) / rate + GAP):
        begin = max(0, round((float(time) - LEAD) * rate))
        piece = mono[begin : min(round((float(following) - GAP) * rate), begin + round(LONGEST * rate))]
        level = np.sqrt(np.square(piece[: round(ATTACK * rate)]).mean()) if len(piece) else 0.0
        if len(piece) >= SHORTEST * rate and level > 1e-6:
            found.append(piece * (LEVEL / level))
    if len(found) > most:
        found = [found[i] for i in np.linspace(0, len(found) - 1, most).round().astype(int)]
    return found


def impact_distances(
    estimated: Sequence[np.ndarray], true: Sequence[np.ndarray], rate: int, band: tuple[float, float] | None = None
) -> Distances | None:
    """Multi-resolution STFT distance of impacts from others, whatever their levels; None where there are none to compare.

    Spectral convergence and L1 of log magnitudes (Yamamoto et al. 2020), over as long as both last. estimated, true: as from
    `impacts_of`, both at `rate` Hz. band: Hz, within which they are compared; None: all.
    """
    if not estimated or not true:
        return None
    ours, theirs = ([_spectra(x, rate, band) for x in impacts] for impacts in (estimated, true))
    each = np.array([[_distance(a, b) for b in theirs] for a in ours])
    return Distances(float(each.min(1).mean()), float(each.mean()))


def _spectra(impact: np.ndarray, rate: int, band: tuple[float, float] | None) -> list[np.ndarray]:
    """Magnitudes (frames, bins) at each resolution; windows are scaled so that levels do not depend on the rate."""
    out = []
    for seconds in WINDOWS:
        size = 2 ** round(np.log2(seconds * rate))
        padded = np.pad(impact, (size // 2, size))
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[: len(impact) : size // 4]
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1))
        hz = np.fft.rfftfreq(size, 1 / rate)
        low, high = band or (0.0, rate / 2)
        out.append(spectrum[:, (hz >= low) & (hz <= high)])
    return out


def _distance(estimated: list[np.ndarray], true: list[np.ndarray]) -> float:
    total = 0.0
    for a, b in zip(estimated, true, strict=True):
        frames = min(len(a), len(b))
        a, b = a[:frames], b[:frames]
        convergence = np.linalg.norm(a - b) / (np.linalg.norm(b) + 1e-3)
        total += min(float(convergence), 4.0) + float(np.abs(np.log(a + FLOOR) - np.log(b + FLOOR)).mean())
    return total / len(true)


def repetition(impacts: Sequence[np.ndarray], rate: int) -> float | None:
    """How alike impacts are that follow one another: mean highest correlation of their waveforms, in [-1, 1].

    impacts: as from `impacts_of`, of one sound, in order. 1: each is the same as the one before. None for fewer than two.
    """
    values = [_alike(a, b, rate) for a, b in zip(impacts, impacts[1:])]
    return float(np.mean(values)) if values else None


def _alike(a: np.ndarray, b: np.ndarray, rate: int) -> float:
    """Highest normalised correlation of two impacts of which one is moved by up to LAG."""
    lag = round(LAG * rate)
    size = min(len(a), len(b), round(SHAPE * rate))
    own, other = a[:size], np.pad(b[: size + lag], (lag, lag))
    products = np.correlate(other, own, "valid")
    energy = np.concatenate([[0.0], np.cumsum(np.square(other))])
    scale = np.sqrt(np.square(own).sum() * (energy[size:] - energy[:-size]))
    return float((products / np.maximum(scale[: len(products)], 1e-12)).max())
