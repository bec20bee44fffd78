"""Between the bands, hits are made of the reference's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.bands import Bands
from condfoley.geometry import Geometry
from condfoley.matching.texture import LEAD, SHORTEST, grains, laid, textured
from tests.made_up import pulses
from tests.test_decay import noise

G = Geometry()
RATE = G.sample_rate
HITS = np.array([0.3, 1.2])


def bell(times, duration=2.0):
    """Six partials that are closer together than the bands up there can tell."""
    return sum(pulses(list(times), duration, pitch) for pitch in (2300, 2520, 2710, 4100, 4480, 4790)) / 6


def peakiness(wav, hit):
    """How far the strongest bins between 2 and 5 kHz stand above the mean, dB."""
    piece = wav[round((hit + 0.01) * RATE) :][: round(0.3 * RATE)]
    power = np.square(np.abs(np.fft.rfft(piece * np.hanning(len(piece)))))
    part = power[round(2000 * 0.3) : round(5000 * 0.3)]
    return 10 * np.log10(np.sort(part)[-12:].mean() / part.mean())


def test_a_grain_begins_just_before_its_hit_and_ends_with_the_next():
    wav = pulses([0.3, 1.2], 2.0)
    first, second = grains(wav, HITS, RATE)
    assert len(first) == round(1.2 * RATE) - round(0.3 * RATE) and len(second) == len(wav) - round((1.2 - LEAD) * RATE)
    assert first[0] == first[-1] == 0 and np.abs(first).max() == pytest.approx(np.abs(wav).max(), rel=1e-3)
    middle = slice(round(0.02 * RATE), round(0.5 * RATE))
    assert np.array_equal(first[middle], wav[round((0.3 - LEAD) * RATE) :][middle])


def test_grains_too_short_to_be_of_use_are_left_out():
    wav = pulses([0.3], 2.0)
    hits = np.array([0.0, 0.3, 0.3 + SHORTEST / 2, 2.0])
    assert [len(grain) for grain in grains(wav, hits, RATE)] == [
        round((0.3 - LEAD) * RATE),
        len(wav) - (round((0.3 + SHORTEST / 2 - LEAD) * RATE) - 0) - round(LEAD * RATE),
    ]
    assert grains(wav, np.zeros(0), RATE) == []


def test_grains_are_laid_in_turn_and_stay_inside_the_sound():
    recorded = [np.full(1000, 1, np.float32), np.full(300, 2, np.float32)]
    out = laid(recorded, np.array([0.0, 0.5, 0.99]), RATE, RATE)
    lead = round(LEAD * RATE)
    assert (out[: 1000 - lead] == 1).all() and out[1000 - lead] == 0
    second = round((0.5 - LEAD) * RATE)
    assert (out[second : second + 300] == 2).all() and out[second - 1] == out[second + 300] == 0
    assert (out[round((0.99 - LEAD) * RATE) :] == 1).all()


def test_noise_with_the_colour_of_a_bell_becomes_a_bell():
    """The soundtrack has the bell's bands, as a decoder would give them; its partials come from the reference."""
    reference = bell([0.2, 1.0])
    soundtrack = noise(HITS, [100, 100])
    made = textured(soundtrack, HITS, grains(reference, np.array([0.2, 1.0]), RATE), G, 1.0)
    assert made.shape == soundtrack.shape and made.dtype == np.float32
    for hit in HITS:
        assert peakiness(made, hit) > peakiness(soundtrack, hit) + 3


def test_levels_and_timing_stay():
    reference, soundtrack = bell([0.2]), noise(HITS, [40, 90])
    made = textured(soundtrack, HITS, grains(reference, np.array([0.2]), RATE), G, 1.0)
    before, after = (Bands(x, G).powers().sum(0).log10() * 10 for x in (soundtrack, made))
    loud = before > before.max() - 30
    assert (after - before)[loud].abs().mean() < 1.5
    quiet = slice(0, round(0.25 * RATE))
    assert np.allclose(made[quiet], soundtrack[quiet], atol=1e-4)  # nothing was struck yet


def test_share():
    reference, soundtrack = bell([0.2]), noise(HITS, [60, 60])
    recorded = grains(reference, np.array([0.2]), RATE)
    whole, half = (textured(soundtrack, HITS, recorded, G, share) for share in (1.0, 0.5))
    assert peakiness(soundtrack, 0.3) < peakiness(half, 0.3) < peakiness(whole, 0.3)
    assert textured(soundtrack, HITS, recorded, G, 0.0) is soundtrack
    assert textured(soundtrack, HITS[:0], recorded, G, 1.0) is soundtrack
    assert textured(soundtrack, HITS, [], G, 1.0) is soundtrack


def test_a_silent_grain_leaves_the_soundtrack_as_it_is():
    soundtrack = noise(HITS, [60, 60])
    made = textured(soundtrack, HITS, [np.zeros(RATE, np.float32)], G, 1.0)
    assert np.allclose(made, soundtrack, atol=2e-3)


@given(st.lists(st.floats(-0.2, 1.2), max_size=6), st.integers(1, RATE), st.integers(0, 2**32 - 1))
def test_any_hits_of_any_sound(hits, samples, seed):
    wav = np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)
    made = textured(wav, np.sort(hits), grains(bell([0.2]), np.array([0.2]), RATE), G, 1.0)
    assert made.shape == wav.shape and np.isfinite(made).all()
