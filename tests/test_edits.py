"""Impacts are moved to their cues, copied to where one is missing, and muted."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from condfoley.audio.track import Track
from condfoley.comping.edits import align, extract_one_shot, fill_missing, insert_one_shot, mute_extra
from condfoley.comping.repair import DUCK
from tests.made_up import RATE, pulses

CUES = np.array([0.5, 1.2, 1.9])


def heard(onsets, duration):
    """Pulses with just these onsets."""
    return Track(pulses(onsets, duration), RATE, (np.array(onsets), np.ones(len(onsets))))


def test_impacts_are_moved_to_their_cues():
    out = align(heard([0.46, 1.25, 1.87], 2.5), CUES).mono
    assert len(out) == round(2.5 * RATE) and np.abs(out - pulses(list(CUES), 2.5)).max() < 0.08
    alone = heard([0.9], 2.5)
    assert align(alone, CUES) is alone  # no cue is near


def test_no_holes_are_left_in_a_steady_background():
    onsets, cues = np.array([0.4, 1.0, 1.5, 2.1]), np.array([0.36, 1.08, 1.44, 2.1])  # some move apart
    steady = 0.05 * np.random.default_rng(0).standard_normal(round(2.5 * RATE)).astype(np.float32)
    noisy = Track(pulses(list(onsets), 2.5) + steady, RATE, (onsets, onsets))
    out = align(noisy, cues).mono
    inside = out[round(0.05 * RATE) : round(2.45 * RATE)]
    rms = np.sqrt(np.convolve(np.square(inside), np.full(RATE // 500, 500 / RATE), "valid"))  # over 2 ms
    assert rms.min() > 0.3 * 0.05
    together = align(noisy, onsets - 0.04).mono
    later = round(0.04 * RATE)
    assert np.allclose(together[:-later], noisy.mono[later:], atol=1e-6)  # all of it is moved


def test_an_impact_without_a_cue_moves_with_its_neighbours():
    out = align(heard([0.45, 0.8, 1.15], 2.0), np.array([0.5, 1.2])).mono
    assert np.abs(out - pulses([0.5, 0.85, 1.2], 2.0)).max() < 0.08


@given(
    st.lists(st.floats(0.0, 1.99), min_size=1, max_size=8),
    st.lists(st.floats(0.0, 1.99), min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_moving_keeps_the_length_whatever_the_onsets_are(onsets, cues, seed):
    wav = np.random.default_rng(seed).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)
    known = np.sort(onsets)
    out = align(Track(wav, RATE, (known, known)), np.sort(cues)).mono
    assert out.shape == wav.shape and out.dtype == np.float32 and np.isfinite(out).all() and np.abs(out).max() <= 1.6


def test_a_missing_impact_is_a_copy_of_the_nearest():
    wav = pulses([0.5, 2.0], 3.0, 400) + pulses([1.4], 3.0, 1500)
    cues, onsets = np.array([0.5, 0.9, 1.4, 2.0, 2.5]), np.array([0.5, 1.4, 2.0])
    filled = fill_missing(Track(wav, RATE, (onsets, onsets)), cues)
    assert filled.onsets == pytest.approx(cues, abs=0.02)
    out = filled.mono
    first, last = (out[round(t * RATE) : round((t + 0.1) * RATE)] for t in (0.9, 2.5))
    assert np.allclose(first, wav[round(0.5 * RATE) : round(0.6 * RATE)], atol=0.02)  # the nearest one
    assert np.allclose(last, wav[round(2.0 * RATE) : round(2.1 * RATE)], atol=0.02)
    kept = np.r_[0 : round(0.88 * RATE), round(1.42 * RATE) : round(2.48 * RATE)]
    assert np.allclose(out[kept], wav[kept], atol=1e-6) and len(out) == len(wav)
    for nothing_to_do in (Track(wav, RATE, (cues, cues)), Track(wav, RATE, (cues[:0], cues[:0]))):
        assert fill_missing(nothing_to_do, cues) is nothing_to_do


@given(st.lists(st.floats(-0.2, 2.2), max_size=4), st.lists(st.floats(0, 2), max_size=4))
@example(onsets=[2.0625], cues=[0.0, 2.0])  # past the end
def test_any_impacts_may_be_copied(onsets, cues):
    wav, known = pulses([0.3, 0.9], 2.0), np.array(sorted(onsets))
    out = fill_missing(Track(wav, RATE, (known, known)), np.array(sorted(cues))).mono
    assert out.shape == wav.shape and np.isfinite(out).all() and np.abs(out).max() <= np.abs(wav).max() + 1e-6


def test_a_copied_impact_is_heard_behind_a_swell_that_is_ducked():
    cues, wav, length = np.array([0.5, 1.0, 1.6]), pulses([0.5, 1.6], 2.5), round(0.25 * RATE)
    begin = round(0.76 * RATE)
    wav[begin : begin + length] += (
        0.3 * np.linspace(0, 1, length) ** 2 * np.random.default_rng(0).standard_normal(length)
    )
    swelling = Track(wav, RATE)
    hidden = fill_missing(swelling, cues).onsets
    clear = fill_missing(swelling, cues, duck=DUCK).onsets
    assert np.abs(hidden - 1.0).min() > 0.1 and np.abs(clear - 1.0).min() < 0.02


def test_extra_impacts_are_muted():
    muted = mute_extra(heard([0.3, 0.9, 1.5], 2.0), np.array([0.3, 1.5]))
    assert muted.onsets == pytest.approx([0.3, 1.5], abs=0.02)
    assert not muted.mono[round(0.9 * RATE) : round(1.47 * RATE)].any()
    whole = heard([0.3, 0.9], 2.0)
    assert mute_extra(whole, np.array([0.3, 0.9])) is whole


def test_nothing_is_changed_in_place_and_all_channels_are_edited_alike():
    one = pulses([0.46, 1.25], 2.5) + 0.5 * pulses([1.6], 2.5)
    stereo = Track(np.stack([one, 0.5 * one]), RATE)
    before = stereo.samples.copy()
    shot = extract_one_shot(stereo)
    assert shot.shape[0] == 2
    edits = (align, fill_missing, mute_extra, lambda track, cues: insert_one_shot(track, cues, shot))
    for edit in edits:
        out = edit(stereo, CUES)
        assert out is not stereo and out.channels == 2 and np.array_equal(stereo.samples, before)
        assert np.allclose(out.samples[1], 0.5 * out.samples[0], atol=1e-7)
