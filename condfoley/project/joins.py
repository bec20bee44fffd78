"""Where a project's sounds meet, and whether that can be heard: energy and spectral flux there against elsewhere.

Around a join, steps of the level and rises of the spectrum are compared with those at the same distance from other impacts,
where nothing was joined: a tail or the silence before an attack is compared with others of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from condfoley.audio.mel import frames_to_spectra, hann, mel_filters
from condfoley.project.model import Project
from condfoley.project.render import goes_on, place_layer

REACH = 0.012  # s around a place in which it is looked for a step or a rise
STEP = 0.0025  # s between the frames that are compared
WINDOW = 0.01  # s, of a frame
BANDS = 24  # mel bands of the flux
QUIET_DB = -80.0  # dBFS, below which levels count as equal
APART = 0.04  # s that lie at least between a place that is compared and any join


@dataclass(frozen=True)
class JoinStatistics:
    """At J joins and at K places without one: steps of the level, dB, and rises of the spectrum, dB; (J,) and (K,) each."""

    energy: np.ndarray
    flux: np.ndarray
    inside_energy: np.ndarray
    inside_flux: np.ndarray

    @property
    def p_energy(self) -> float:
        """Probability of a difference as great by chance, by a two-sided Mann-Whitney test of the steps; nan without data."""
        return _p_value(self.energy, self.inside_energy)

    @property
    def p_flux(self) -> float:
        """The same of the rises."""
        return _p_value(self.flux, self.inside_flux)


def joins_of(project: Project) -> list[int]:
    """Samples of the target at which excerpts meet that do not follow one another in their sound; without scene cuts."""
    cuts = {round(cut * project.rate) for cut in project.scene_cuts}
    found = set()
    for layer in project.layers:
        for before, after in pairwise(place_layer(project, layer)):
            if before.stop == after.begin and after.begin not in cuts and (after.fade or not goes_on(before, after)):
                found.add(after.begin - after.follows // 2)
    return sorted(found)


def join_statistics(
    samples: np.ndarray, rate: int, joins: Sequence[int], onsets: np.ndarray, inside: np.ndarray | None = None
) -> JoinStatistics:
    """How much the sound changes at its joins and elsewhere.

    samples: (N,) float32 at `rate` Hz. joins: samples. onsets: (E,) s, ascending, of its impacts. inside: (N,), a sound with
    the same onsets and without joins, to compare with; None: the sound itself, where it has none.
    """
    energy, flux = changes(samples, rate)
    quiet = np.zeros(0, int) if inside is not None else np.asarray(joins, int)
    places = [place for join in joins for place in like(join / rate, onsets, quiet / rate, len(samples) / rate)]
    other = (energy, flux) if inside is None else changes(inside, rate)
    at = [_around(values, np.asarray(joins, float) / rate) for values in (energy, flux)]
    elsewhere = [_around(values, np.asarray(places, float)) for values in other]
    return JoinStatistics(*at, *elsewhere)


def pooled(parts: Sequence[JoinStatistics]) -> JoinStatistics:
    """Those of several soundtracks as one."""
    names = ("energy", "flux", "inside_energy", "inside_flux")
    return JoinStatistics(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def like(join: float, onsets: np.ndarray, joins: np.ndarray, duration: float) -> list[float]:
    """Places, s, that are as far from another impact as a join is from the nearest one, and APART from all joins."""
    if not len(onsets):
        return []
    nearest = int(np.abs(onsets - join).argmin())
    out = []
    for i, onset in enumerate(onsets):
        place = float(onset + join - onsets[nearest])
        if i == nearest or not REACH < place < duration - REACH:
            continue
        own = int(np.abs(onsets - place).argmin()) == i  # else another impact is nearer there
        if own and (not len(joins) or np.abs(joins - place).min() >= APART):
            out.append(place)
    return out


def changes(samples: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Changes of level and spectrum from each frame to the one that begins where it ends: (T,) dB each, every STEP s.

    Number k is the change at k * STEP s: the absolute step of the level, and the mean rise over bands of the spectrum.
    """
    hop, lag = round(STEP * rate), round(WINDOW / STEP)
    size = lag * hop
    padded = np.pad(samples.astype(np.float32), (size, size))
    spectra = frames_to_spectra(padded, size, hop)
    power = np.square(np.abs(spectra))
    filters = mel_filters(rate, size, BANDS, 100.0, rate / 2, "slaney")
    floor = 10 ** (QUIET_DB / 10) * float(np.square(hann(size)).sum())  # power of a bin of noise that is as soft
    bands = 10 * np.log10(power @ (filters / filters.sum(1, keepdims=True)).T + floor)
    level = 10 * np.log10(power.mean(1) + floor)
    return np.abs(level[lag:] - level[:-lag]), np.maximum(bands[lag:] - bands[:-lag], 0).mean(1)


def _around(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The highest of some values, one every STEP s, within REACH of each place, s."""
    reach = round(REACH / STEP)
    index = np.round(places / STEP).astype(int)[:, None] + np.arange(-reach, reach + 1)
    return values[index.clip(0, len(values) - 1)].max(1) if len(places) else np.zeros(0)


def _p_value(joined: np.ndarray, inside: np.ndarray) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(joined, inside).pvalue) if len(joined) and len(inside) else float("nan")
