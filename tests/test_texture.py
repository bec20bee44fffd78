"""Within the bands, impacts get the fine structure of the reference's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.bands import Bands
from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.matching.texture import LEAD, MIN_SECONDS, cross_synthesise, layer_one_shots, one_shots, share_gains
from tests.sounds import RATE, bell, noise_bursts, peakiness, pulses

G = Geometry()
HITS = np.array([0.3, 1.2])


def track(wav):
    return Track(wav, RATE)


def bells(*times):
    """The one-shots of a bell that is struck at `times`."""
    return one_shots(track(bell(times)), np.array(times))


def test_a_one_shot_begins_just_before_its_onset_and_ends_with_the_next():
    wav = pulses([0.3, 1.2], 2.0)
    first, second = (shot[0] for shot in one_shots(track(wav), HITS))
    assert len(first) == round(1.2 * RATE) - round(0.3 * RATE) and len(second) == len(wav) - round((1.2 - LEAD) * RATE)
    assert first[0] == 0 and abs(first[-1]) < 1e-6 and np.abs(first).max() == pytest.approx(np.abs(wav).max(), rel=1e-3)
    middle = slice(round(0.02 * RATE), round(0.5 * RATE))
    assert np.array_equal(first[middle], wav[round((0.3 - LEAD) * RATE) :][middle])


def test_one_shots_too_short_to_be_of_use_are_left_out():
    wav = pulses([0.3], 2.0)
    hits = np.array([0.0, 0.3, 0.3 + MIN_SECONDS / 2, 2.0])
    assert [shot.shape for shot in one_shots(track(wav), hits)] == [
        (1, round((0.3 - LEAD) * RATE)),
        (1, len(wav) - (round((0.3 + MIN_SECONDS / 2 - LEAD) * RATE) - 0) - round(LEAD * RATE)),
    ]
    assert one_shots(track(wav), np.zeros(0)) == []


def test_one_shots_are_layered_in_turn_and_stay_inside_the_sound():
    recorded = [np.full((1, 1000), 1, np.float32), np.full((1, 300), 2, np.float32)]
    out = layer_one_shots(recorded, np.array([0.0, 0.5, 0.99]), 1, RATE, RATE)[0]
    lead = round(LEAD * RATE)
    assert (out[: 1000 - lead] == 1).all() and out[1000 - lead] == 0
    second = round((0.5 - LEAD) * RATE)
    assert (out[second : second + 300] == 2).all() and out[second - 1] == out[second + 300] == 0
    assert (out[round((0.99 - LEAD) * RATE) :] == 1).all()


def test_one_shots_with_other_channels_are_mixed_down():
    shot = np.stack([np.full(100, 1, np.float32), np.full(100, 3, np.float32)])
    assert np.array_equal(layer_one_shots([shot], np.array([0.1]), 2, RATE, RATE).max(1), [1, 3])
    assert np.array_equal(layer_one_shots([shot], np.array([0.1]), 1, RATE, RATE).max(1), [2])
    assert np.array_equal(layer_one_shots([shot[:1]], np.array([0.1]), 2, RATE, RATE).max(1), [1, 1])


def test_noise_with_the_colour_of_a_bell_becomes_a_bell():
    """The soundtrack has the bell's bands, as a decoder would give them; its partials come from the reference."""
    soundtrack = track(noise_bursts(HITS, [100, 100]))
    made = cross_synthesise(soundtrack, HITS, bells(0.2, 1.0), G, 1.0)
    assert made.samples.shape == soundtrack.samples.shape and made.samples.dtype == np.float32
    for hit in HITS:
        assert peakiness(made.mono, hit) > peakiness(soundtrack.mono, hit) + 3


def test_levels_and_timing_stay():
    soundtrack = noise_bursts(HITS, [40, 90])
    made = cross_synthesise(track(soundtrack), HITS, bells(0.2), G, 1.0).mono
    before, after = (10 * np.log10(Bands(x, G).powers().sum(0)) for x in (soundtrack, made))
    loud = before > before.max() - 30
    assert np.abs(after - before)[loud].mean() < 1.5
    quiet = slice(0, round(0.25 * RATE))
    assert np.allclose(made[quiet], soundtrack[quiet], atol=1e-4)  # nothing was struck yet


def test_amount():
    soundtrack, recorded = track(noise_bursts(HITS, [60, 60])), bells(0.2)
    whole, half = (cross_synthesise(soundtrack, HITS, recorded, G, amount).mono for amount in (1.0, 0.5))
    assert peakiness(soundtrack.mono, 0.3) < peakiness(half, 0.3) < peakiness(whole, 0.3)
    assert cross_synthesise(soundtrack, HITS, recorded, G, 0.0) is soundtrack
    assert cross_synthesise(soundtrack, HITS[:0], recorded, G, 1.0) is soundtrack
    assert cross_synthesise(soundtrack, HITS, [], G, 1.0) is soundtrack


def test_a_silent_one_shot_leaves_the_soundtrack_as_it_is():
    soundtrack = track(noise_bursts(HITS, [60, 60]))
    made = cross_synthesise(soundtrack, HITS, [np.zeros((1, RATE), np.float32)], G, 1.0)
    assert np.allclose(made.samples, soundtrack.samples, atol=2e-3)


def test_two_channels_keep_their_own_sound_and_the_input_stays():
    left, right = noise_bursts(HITS, [60, 60]), 0.5 * noise_bursts(HITS, [60, 60], seed=1)
    samples = np.stack([left, right])
    before, recorded = samples.copy(), bells(0.2)
    shots = [shot.copy() for shot in recorded]
    made = cross_synthesise(track(samples), HITS, recorded, G, 1.0).samples
    assert made.shape == samples.shape and np.array_equal(samples, before)
    assert all(np.array_equal(a, b) for a, b in zip(recorded, shots, strict=True))
    assert all(peakiness(m, 0.3) > peakiness(b, 0.3) + 2 for m, b in zip(made, before, strict=True))
    one = cross_synthesise(track(left), HITS, recorded, G, 1.0).samples[0]
    same = cross_synthesise(track(np.stack([left, left])), HITS, recorded, G, 1.0).samples
    assert np.allclose(same, one, atol=1e-5)


@given(st.lists(st.floats(-0.2, 1.2), max_size=6), st.integers(1, RATE), st.integers(0, 2**32 - 1))
def test_any_hits_of_any_sound(hits, samples, seed):
    wav = np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)
    made = cross_synthesise(track(wav), np.sort(hits), bells(0.2), G, 1.0).samples
    assert made.shape == (1, len(wav)) and np.isfinite(made).all()


@pytest.mark.filterwarnings("error")
def test_one_shots_that_are_all_but_silent_in_a_band_leave_the_soundtrack_as_it_is():
    power = np.ones((3, 40), np.float32)
    nearly = np.full_like(power, 1e-42)
    own = share_gains(power, nearly, np.ones_like(power), 1.0)
    assert own == pytest.approx(np.ones_like(power))
