"""What lies above the vocoder's own sound, which ends at half the model's rate, from the reference."""

from __future__ import annotations

import numpy as np

from condfoley.resynthesis.bands import band_powers, edges
from condfoley.resynthesis.grains import grain_places, granulated
from condfoley.resynthesis.library import Library

TOP_BANDS = 3  # of the model's, whose level decides how loud it is above them
STRUCK = 0.3  # s of a one-shot that grains may be taken of
RANGE_DB = 25.0  # below the loudest moment, in which grains may begin
BEGIN = (
    0.92  # share of half the model's rate where it begins: soxr's filter leaves .913 of the model's own sound (E26.6)
)
SLOPE = 0.03  # share of an edge over which a filter rises


def above(library: Library, samples: np.ndarray, rate: int, length: int) -> np.ndarray | None:
    """What goes with a sound, (1, N) at `rate` Hz, above half of that: (C, length) at the library's rate.

    Grains of the reference that are as loud in the model's highest bands as the sound is, moment by moment: so it goes on upwards
    with the reference's slope. None where the reference has nothing there, or no grains.
    """
    bounds = edges(library.rate)
    spans = library.slides + tuple(
        (round(shot.time * library.rate), round((shot.time + STRUCK) * library.rate)) for shot in library.shots
    )
    places = grain_places(library, tuple((a, min(b, library.sound.shape[1])) for a, b in spans))
    if bounds[-1] <= rate / 2 or not len(places) or not samples.shape[1]:
        return None
    wanted = band_powers(samples, rate, model_only=True)
    known = len(wanted)
    level = library.powers[known - TOP_BANDS : known, places].sum(0)
    places = places[level >= level.max() * 10 ** (-RANGE_DB / 10)]  # what is softer is background
    levels = library.powers[known:].sum(0)
    grains = granulated(library, places, wanted[known - TOP_BANDS :], length, known - TOP_BANDS, levels)
    return _highpass(grains, library.rate, BEGIN * rate / 2)


def _highpass(sound: np.ndarray, rate: int, edge: float) -> np.ndarray:
    """A sound (C, N) without what is below `edge`, Hz: (C, N) float32, nothing moved in time."""
    pad = rate // 20
    size = 1 << int(np.ceil(np.log2(sound.shape[1] + 2 * pad)))
    gain = np.clip((np.fft.rfftfreq(size, 1 / rate) / edge - 1) / SLOPE, 0, 1)
    made = np.fft.irfft(np.fft.rfft(np.pad(sound, ((0, 0), (pad, 0))), size) * gain, size)
    return made[:, pad : pad + sound.shape[1]].astype(np.float32)
