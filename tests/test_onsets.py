"""Onsets: detection as with librosa's functions, and matching as with mir_eval's."""

import librosa
import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.onsets import (
    LAG,
    RISING_BANDS,
    detect_onsets,
    match,
    match_pairs,
    matched_onsets,
    pick_peaks,
    random_events,
    spectral_flux,
)
from condfoley.geometry import Geometry

RATE = Geometry().sample_rate
TIMES = np.array([0.2, 0.61, 0.9, 1.47, 2.05, 2.7])


def knocks(times, duration=3.0, noise=0.0, level=0.5, seed=0):
    """Decaying noisy tones at the given times."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(0.3 * RATE)) / RATE
    knock = np.exp(-t / 0.04) * (np.sin(2 * np.pi * 700 * t) + rng.normal(0, 0.5, len(t)))
    wav = rng.normal(0, noise, round(duration * RATE)) if noise else np.zeros(round(duration * RATE))
    for time in times:
        start = round(time * RATE)
        wav[start : start + len(knock)] += level * knock[: len(wav) - start]
    return wav.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.03])
def test_finds_every_knock_within_a_hundredth(noise):
    times, strengths = detect_onsets(knocks(TIMES, noise=noise), RATE)
    assert len(times) == len(TIMES) and np.abs(times - TIMES).max() < 0.015
    assert strengths.shape == times.shape and (strengths > 0).all()


def test_gain_does_not_matter():
    loud, quiet = (detect_onsets(knocks(TIMES, noise=0.01) * gain, RATE)[0] for gain in (1.0, 1e-3))
    assert len(loud) == len(quiet) and np.allclose(loud, quiet, atol=1e-3)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_other_sample_rates(rate):
    import soxr

    times, _ = detect_onsets(soxr.resample(knocks(TIMES), RATE, rate), rate)
    assert match(TIMES, times, 0.02).f1 == 1


def test_long_sounds_are_analysed_by_blocks():
    wav = knocks(TIMES, noise=0.003)
    whole, parts = detect_onsets(wav, RATE), detect_onsets(wav, RATE, block=37)
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(whole, parts, strict=True))


def test_the_flux_is_librosas():
    levels = np.random.default_rng(0).uniform(-60, 0, (48, 200)).astype(np.float32)

    def most_risen(rises, axis):
        return np.sort(rises, axis=axis)[-RISING_BANDS:].mean(axis)

    wanted = librosa.onset.onset_strength(
        S=levels, sr=RATE, hop_length=128, lag=LAG, center=False, aggregate=most_risen
    )
    assert np.allclose(spectral_flux(levels, LAG), wanted, rtol=1e-6)
    assert np.array_equal(spectral_flux(levels, LAG, block=7), spectral_flux(levels, LAG))
    assert spectral_flux(levels[:, :1], LAG).tolist() == [0.0]


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 300), levels=st.integers(2, 1000))
def test_peaks_are_librosas(seed, frames, levels):
    values = np.random.default_rng(seed).integers(0, levels, frames).astype(np.float32)  # with plateaus
    wanted = librosa.util.peak_pick(values, pre_max=5, post_max=5, pre_avg=21, post_avg=10, delta=0.93, wait=0)
    assert np.array_equal(pick_peaks(values, 5, 21, 10, 0.93), wanted)


@pytest.mark.parametrize("length", [0, 1, 10, 300, 3 * RATE])
def test_silence_has_no_events(length):
    times, strengths = detect_onsets(np.zeros(length, np.float32), RATE)
    assert times.shape == strengths.shape == (0,)


@pytest.mark.parametrize("colour", [0.0, 0.9, 0.99])
def test_stationary_noise_has_no_events(colour):
    from scipy.signal import lfilter

    for seed in range(4):
        noise = lfilter([1], [1, -colour], np.random.default_rng(seed).normal(0, 0.05, 3 * RATE))
        assert len(detect_onsets(noise, RATE)[0]) == 0


def test_a_steady_tone_cut_at_both_ends_has_no_events():
    assert len(detect_onsets(np.sin(np.arange(2 * RATE) * 0.1), RATE)[0]) == 0


def test_a_double_knock_inside_the_gap_is_one_event():
    assert len(detect_onsets(knocks([1.0, 1.04]), RATE)[0]) == 1
    assert len(detect_onsets(knocks([1.0, 1.2]), RATE)[0]) == 2


@pytest.mark.parametrize("wav", [np.zeros((2, 100)), np.array([0.0, np.nan])])
def test_unusable_sound_is_refused(wav):
    with pytest.raises(ValueError, match="finite"):
        detect_onsets(wav, RATE)


def test_empty_cases():
    none = np.zeros(0)
    assert match(none, none).f1 == 1
    assert match(TIMES, none).f1 == 0 and match(none, TIMES).f1 == 0
    assert (match(TIMES, none).n_ref, match(TIMES, none).n_est) == (6, 0)


def test_window_edge_at_90_and_110_milliseconds():
    assert match(TIMES, TIMES).f1 == 1
    assert match(TIMES, TIMES + 0.09).f1 == 1
    assert match(TIMES, TIMES + 0.11).f1 == 0
    assert match(TIMES, TIMES + 0.09, window=0.05).f1 == 0


def test_a_double_detection_costs_precision():
    score = match(np.array([1.0]), np.array([1.0, 1.05]))
    assert (score.precision, score.recall) == (0.5, 1.0) and score.f1 == pytest.approx(2 / 3)


def test_matching_is_one_to_one_and_as_large_as_possible():
    # Nearest first would give 1.06 to 1.0 or 1.1 and leave one alone.
    assert match(np.array([1.0, 1.1]), np.array([1.06, 1.19])).f1 == 1
    assert match(np.array([1.0, 1.1]), np.array([1.05])).recall == 0.5


def test_order_does_not_matter():
    rng = np.random.default_rng(1)
    estimate = TIMES + rng.normal(0, 0.08, len(TIMES))
    expected = match(TIMES, estimate)
    assert match(rng.permutation(TIMES), rng.permutation(estimate)) == expected


@pytest.mark.parametrize("bad", [{"window": -0.1}, {"estimated_times": np.array([np.inf])}])
def test_unusable_times_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        match(**({"reference_times": TIMES, "estimated_times": TIMES} | bad))


def test_random_events_are_reproducible():
    a, b = (random_events(5, 3.0, np.random.default_rng(3)) for _ in range(2))
    assert (a == b).all() and (np.diff(a) >= 0).all() and 0 <= a.min() and a.max() < 3
    assert random_events(0, 3.0, np.random.default_rng(3)).shape == (0,)


SOME_TIMES = st.lists(st.integers(0, 300), max_size=15, unique=True)


@given(SOME_TIMES, SOME_TIMES, st.sampled_from([1.0, 100.0, 173.0]))
def test_pairs_are_those_of_mir_eval(reference, estimate, scale):
    reference, estimate = np.sort(reference) / scale, np.sort(estimate) / scale
    wanted = mir_eval.util.match_events(reference, estimate, 0.1) if len(reference) and len(estimate) else []
    assert match_pairs(reference, estimate, 0.1) == [(int(i), int(j)) for i, j in wanted]


def test_onsets_that_belong_to_cues():
    onsets = np.array([0.1, 0.55, 0.9, 1.4])
    assert matched_onsets(np.array([0.5, 1.35, 2.0]), onsets).tolist() == [0.55, 1.4]
    assert matched_onsets(np.array([0.5]), onsets, 0.02).shape == (0,) and matched_onsets(onsets[:0], onsets).shape == (
        0,
    )
