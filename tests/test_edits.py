"""Impacts are moved to their cues, copied to where one is missing, and muted."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from condfoley.audio.track import Track
from condfoley.comping.edits import (
    CROSSFADE,
    MAX_COPY,
    align,
    extract_one_shot,
    fill_missing,
    insert_one_shot,
    mute_extra,
)
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


@pytest.mark.parametrize(
    "falls, cues, place",
    [
        (True, [0.46, 0.74], 0.61),  # far apart: 20 ms after the first impact would begin once more
        (True, [0.49, 0.66], 0.63),  # a little apart: where it is quietest, moved with the first one
        (True, [0.54, 0.63], 0.62),  # nearer: where it is quietest, moved with the second one
        (False, [0.54, 0.63], 0.525),  # not before three tenths of the way from one to the other
    ],
)
def test_where_moved_impacts_are_joined(falls, cues, place):
    onsets, times, slope = np.array([0.5, 0.65]), np.arange(RATE) / RATE, -1 if falls else 1
    ramp = 3 + slope * times  # tells when each sample was heard; quietest 10 ms before the second onset or at the first
    moved = times - slope * (align(Track(ramp, RATE, (onsets, onsets)), np.array(cues)).mono - 3)
    before, after = np.array(cues) - onsets
    between = (times > 0.47) & (times < 0.7)
    with_first = (np.abs(moved - before) < np.abs(moved - after))[between]
    changes = np.flatnonzero(np.diff(with_first))
    assert with_first[0] and len(changes) == 1
    assert times[between][changes[0]] == pytest.approx(place, abs=0.001)
    mixed = (np.abs(moved - before) > 1e-4) & (np.abs(moved - after) > 1e-4)
    assert mixed[between].sum() == pytest.approx(CROSSFADE * RATE, abs=5)


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


def test_a_copy_is_of_limited_length_and_where_an_impact_is_missing_depends_on_the_window():
    ramp, known = np.arange(3 * RATE, dtype=np.float32), (np.array([0.3]), np.ones(1))
    out = fill_missing(Track(ramp, RATE, known), np.array([0.3, 1.5])).mono
    place, end, fade = (round(t * RATE) for t in (1.5 - CROSSFADE, 1.5 - CROSSFADE + MAX_COPY, CROSSFADE))
    assert np.array_equal(out[:place], ramp[:place]) and np.array_equal(out[end:], ramp[end:])
    assert np.allclose(out[place + fade : end - fade - 1], ramp[place + fade : end - fade - 1] - round(1.2 * RATE))
    near = heard([0.3, 1.45], 2.0)
    assert fill_missing(near, np.array([0.3, 1.5])) is near
    strict = fill_missing(near, np.array([0.3, 1.5]), 0.03)
    assert np.abs(strict.mono[round(1.5 * RATE) :][: RATE // 10]).max() > 0.3


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


def steady(onsets, rises=None, duration=2.0):
    """Ones, in two channels, that are taken to have some onsets."""
    known = np.array(onsets, float)
    return Track(np.ones((2, round(duration * RATE)), np.float32), RATE, (known, np.array(rises or known, float)))


def test_an_extra_impact_is_silent_from_just_before_it_until_just_before_the_next():
    cues = np.array([0.3, 1.5])
    muted = mute_extra(steady([0.3, 0.9, 1.5]), cues).samples
    begin, end, fade = round(0.88 * RATE), round(1.48 * RATE), round(CROSSFADE * RATE)
    assert (muted[:, :begin] == 1).all() and (muted[:, end:] == 1).all() and not muted[:, begin + fade : end].any()
    assert (np.diff(muted[:, begin - 1 : begin + fade + 1]) < 0).all()
    last = mute_extra(steady([0.3, 1.5, 1.8]), cues).samples
    assert (last[:, : round(1.78 * RATE)] == 1).all() and not last[:, round(1.79 * RATE) :].any()  # to the end
    near = steady([0.3, 1.45])
    assert mute_extra(near, cues) is near and not mute_extra(near, cues, 0.03).samples[:, round(1.45 * RATE) :].any()


def test_a_one_shot_is_at_each_cue_until_it_ends_or_the_next_one_begins():
    silent, shot = Track(np.zeros((2, 2 * RATE), np.float32), RATE), np.ones((2, round(0.4 * RATE)), np.float32)
    out = insert_one_shot(silent, np.array([0.004, 0.6, 0.8]), shot).samples
    heard_at = np.zeros(2 * RATE, bool)
    for time in (0.004, 0.6, 0.8):
        place = round((time - CROSSFADE) * RATE)
        heard_at[max(0, place) : place + shot.shape[1]] = True
    assert np.array_equal(out > 0, np.stack([heard_at] * 2))
    assert (out[:, round(0.6 * RATE) : round(0.78 * RATE)] == 1).all() and out[0, round(0.79 * RATE)] < 0.01  # faded
    once, twice = (insert_one_shot(silent, np.array(cues), shot).samples for cues in ([0.6], [0.6, 0.6]))
    assert np.array_equal(once, twice)


@pytest.mark.parametrize(
    "onsets, rises, begin, end",
    [
        ([0.2, 0.6, 0.9], [1, 3, 2], 0.6 - CROSSFADE, 0.9),  # until the next one
        ([0.2, 0.6, 1.3], [1, 3, 2], 0.6 - CROSSFADE, 1.3),  # that is too long
        ([0.2, 0.6, 1.7], [1, 2, 3], 1.7 - CROSSFADE, 2.0),  # until the end
        ([0.0, 0.6], [2, 1], 0.0, 0.6),
    ],
)
def test_the_one_shot_of_a_recording_is_its_clearest_impact(onsets, rises, begin, end):
    rising = np.arange(4 * RATE, dtype=np.float32).reshape(2, -1)
    shot = extract_one_shot(Track(rising, RATE, (np.array(onsets), np.array(rises))))
    assert np.array_equal(shot, rising[:, round(begin * RATE) : round(end * RATE)][:, : round(MAX_COPY * RATE)])


@pytest.mark.parametrize("begin", [0.0, 1.2])
def test_the_one_shot_of_a_recording_without_impacts_is_its_loudest_stretch_made_to_fall(begin):
    wav, first, length = np.full((2, 2 * RATE), 0.1, np.float32), round(begin * RATE), round(MAX_COPY * RATE)
    wav[:, first : first + length] = 0.5
    shot = extract_one_shot(Track(wav, RATE, (np.zeros(0), np.zeros(0))))
    lead = round(CROSSFADE * RATE)
    assert shot.shape == (2, lead + length) and shot.dtype == np.float32 and not shot[:, :lead].any()
    assert np.allclose(shot[:, lead:], 0.5 * np.logspace(0, -3, length), rtol=1e-4)  # by 60 dB
    short = extract_one_shot(Track(wav[:, : RATE // 4], RATE, (np.zeros(0), np.zeros(0))))
    assert short.shape == (2, lead + RATE // 4)


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
