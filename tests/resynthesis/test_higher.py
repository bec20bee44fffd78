"""What the reference has above the vocoder's sound: neither a gap between the two, nor a line for each grain."""

import numpy as np
import pytest

from benchmarks import higher_bands
from condfoley.resynthesis.grains import GRAIN_FRAMES, evened, grain_window


@pytest.mark.parametrize("decay", higher_bands.DECAYS)
def test_neither_a_gap_nor_lines(decay):
    sound = higher_bands.soundtrack(decay)
    assert higher_bands.gap_db(sound) < 3
    assert higher_bands.line_db(higher_bands.levels(higher_bands.above(sound))) < 6


def test_the_measures_see_a_gap_and_lines():
    rate, rng = higher_bands.RATE, np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 4 * rate)
    time = np.arange(len(noise)) / rate
    assert higher_bands.gap_db(noise) < 1 and higher_bands.line_db(higher_bands.levels(noise)) < 6
    spectrum, hz = np.fft.rfft(noise), np.fft.rfftfreq(len(noise), 1 / rate)
    assert higher_bands.gap_db(np.fft.irfft(spectrum * ((hz < 10_300) | (hz > 11_000)))) > 20
    lines = noise * (1 + 0.4 * np.cos(2 * np.pi * higher_bands.GRAINS * time))
    assert higher_bands.line_db(higher_bands.levels(lines)) > 15


def test_grains_join_in_amplitude_or_in_power():
    half = 100
    for joined, power in ((True, 1), (False, 2)):
        falls = grain_window(half, False, joined)[half:]
        rises = grain_window(half, joined, False)[:half]
        assert falls**power + rises**power == pytest.approx(np.ones(half), abs=1e-6)


def test_a_decaying_grain_is_made_even():
    levels = 10 ** (-np.arange(GRAIN_FRAMES + 1) / 10.0)
    gain = evened(levels, 50)[::50]
    assert levels[:GRAIN_FRAMES] * gain**2 == pytest.approx(np.full(GRAIN_FRAMES, levels.mean()), rel=1e-5)
