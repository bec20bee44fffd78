"""What lies above the vocoder's sound in a soundtrack: `python -m benchmarks.higher_bands`.

Noise at the model's rate gets what a made-up reference of decaying noise bursts has above it. Printed are, for each decay of the
bursts, how far the grains' rate stands out of the spectrum of its level, and how much softer the sound is than around it where
the one ends and the other begins.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.results.tables import Table, number
from condfoley.resynthesis.bands import FRAME
from condfoley.resynthesis.grains import GRAIN_FRAMES
from condfoley.resynthesis.laying import VOCODER, Event, Laying
from condfoley.resynthesis.library import library_of

RATE = 44_100  # Hz, of the reference
SECONDS = 6.0
DECAYS = (0.03, 0.08, 0.2)  # s to 1/e
WINDOW = 0.002  # s over which a level is taken
GRAINS = 4 / (GRAIN_FRAMES * FRAME)  # Hz, of grains that overlap by half; a frame's hop is half of it


def soundtrack(decay: float) -> np.ndarray:
    """Noise as a soundtrack at RATE, (N,), whose reference has bursts that decay in `decay` s."""
    rng, rate = np.random.default_rng(0), Geometry().sample_rate
    sound = rng.normal(0, 1e-4, round(SECONDS * RATE))
    time = np.arange(round(0.6 * RATE)) / RATE
    for begin in np.arange(0.5, SECONDS - 0.7, 0.7):
        sound[round(begin * RATE) :][: len(time)] += rng.normal(0, 0.3, len(time)) * np.exp(-time / decay)
    library = library_of(sound[None].astype(np.float32), RATE)
    own = rng.normal(0, 0.1, round(SECONDS * rate)).astype(np.float32)
    track = Track(own, rate, (np.array([0.02]), np.array([20.0])))
    made: np.ndarray = Laying(track, [Event(0.02, SECONDS, slides=False)], library).made([VOCODER], {}).samples[0]
    return made


def above(sound: np.ndarray, hz: float = 12_000.0) -> np.ndarray:
    """A sound, (N,) at RATE, without what is below a frequency."""
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) < hz] = 0
    return np.asarray(np.fft.irfft(spectrum, len(sound)))


def levels(sound: np.ndarray) -> np.ndarray:
    """Level of a sound, (N,) at RATE, every WINDOW, but at its ends: (M,) dB."""
    size = round(WINDOW * RATE)
    power = np.square(sound[: len(sound) // size * size]).reshape(-1, size).mean(1)
    return np.asarray(10 * np.log10(power[100:-100] + 1e-12))


def line_db(level: np.ndarray) -> float:
    """How far the grains' rate stands out of the spectrum of a level, (M,) dB, against what is around it: dB."""
    power = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)))) ** 2
    apart = np.abs(np.fft.rfftfreq(len(level), WINDOW) - GRAINS)
    return float(10 * np.log10(power[apart < 0.5].mean() / power[(apart > 1.5) & (apart < 8)].mean()))


def gap_db(sound: np.ndarray) -> float:
    """By how much the softest 200 Hz between 9.5 and 12 kHz of a sound, (N,), are softer than their median: dB."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    found = [10 * np.log10(power[(hz >= low) & (hz < low + 200)].mean()) for low in range(9500, 12_000, 200)]
    return float(np.median(found) - min(found))


def main(words: Sequence[str] | None = None) -> int:
    """Prints the table; 0."""
    rows = []
    for decay in DECAYS:
        sound = soundtrack(decay)
        rows.append((f"{decay:g}", number(line_db(levels(above(sound))), 1), number(gap_db(sound), 1)))
    header = ("decay, s", "line at the grains' rate, dB", "gap at 9.5 to 12 kHz, dB")
    print(Table("Above the vocoder's sound", header, tuple(rows)).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
