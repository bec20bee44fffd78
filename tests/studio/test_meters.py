"""Loudness and true peak: against the standard's own cases, and measuring all of it anew."""

import numpy as np
import pytest

from condfoley.audio.loudness import integrated_loudness
from condfoley.audio.true_peak import true_peak_db
from condfoley.studio.blocks import Blocks
from condfoley.studio.meters import measured


def blocks(samples):
    samples = np.atleast_2d(samples).astype(np.float32)
    return Blocks.filled(*samples.shape, lambda begin, end: samples[:, begin:end].copy())


def sine(level_db, seconds, rate, channels, pitch=997.0):
    tone = 10 ** (level_db / 20) * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    return np.tile(tone, (channels, 1))


def test_loudness_of_the_standards_sine():
    stereo = measured(blocks(sine(-23.0, 20.0, 48000, 2)), 48000)  # EBU Tech 3341, case 1
    assert stereo.loudness() == pytest.approx(-23.0, abs=0.1)
    parts = [sine(level, seconds, 48000, 2) for level, seconds in [(-36, 10), (-23, 60), (-36, 10)]]  # case 3
    assert measured(blocks(np.concatenate(parts, 1)), 48000).loudness() == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("seconds", [0.2, 3.33, 9.97])
def test_they_are_those_of_the_whole_sound(seconds):
    rng, rate = np.random.default_rng(2), 22050
    sound = rng.normal(0, 0.05, (2, round(rate * seconds))).astype(np.float32)
    sound *= np.linspace(0, 1, sound.shape[1], dtype=np.float32) ** 2
    found = measured(blocks(sound), rate)
    assert found.loudness() == pytest.approx(integrated_loudness(sound, rate), abs=0.01)
    assert found.true_peak() == pytest.approx(true_peak_db(sound), abs=1e-4)


def test_silence_has_neither():
    silent = measured(blocks(np.zeros((1, 50000))), 22050)
    assert silent.loudness() is None and silent.true_peak() is None
    empty = measured(blocks(np.zeros((1, 0))), 22050)
    assert empty.loudness() is None and empty.true_peak() is None


def test_measuring_what_changed_gives_the_same_as_measuring_all():
    rng, rate = np.random.default_rng(0), 22050
    sound = blocks(rng.normal(0, 0.05, (2, rate * 41)))
    former = measured(sound, rate)
    for begin in (0, 3 * rate, 17 * rate + 5, 40 * rate):
        loud = rng.normal(0, 0.2, sound.shape).astype(np.float32)
        sound = sound.replaced([(begin, begin + rate // 2)], lambda a, b: loud[:, a:b])  # noqa: B023
        found, anew = measured(sound, rate, former), measured(sound, rate)
        assert np.array_equal(found.energies, anew.energies) and np.array_equal(found.peaks, anew.peaks)
        assert found.loudness() != former.loudness()
        former = found
    assert measured(blocks(np.ones((1, rate))), rate, former).true_peak() == pytest.approx(0, abs=1.5)
