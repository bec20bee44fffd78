"""Onsets: detection as with librosa's functions, and matching as with mir_eval's."""

import librosa
import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.onsets import (
    LAG,
    NOISE_MARGIN_DB,
    RANGE_DB,
    RISING_BANDS,
    SILENCE_PEAK,
    Score,
    _attack,
    _non_maximum_suppression,
    detect_onsets,
    match,
    match_pairs,
    matched_onsets,
    mel_levels,
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
    whole = detect_onsets(wav, RATE)
    for block in (7, 37):  # the first blocks of 7 frames are silence put in front
        parts = detect_onsets(wav, RATE, block)
        assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(whole, parts, strict=True))


@pytest.mark.parametrize("rate", [16000, 22050])
def test_the_levels_are_librosas_above_the_noise(rate):
    wav = np.random.default_rng(0).normal(0, 0.1, rate + 20).astype(np.float32)
    wav[rate // 2 :] *= 1e-4  # deeper than the range
    levels = mel_levels(wav, rate, 128, 1.0, 0, 4096)
    frames = (len(wav) - 256) // 128 + 1  # whose second half does not reach past the end
    power = librosa.feature.melspectrogram(
        y=wav, sr=rate, n_fft=512, hop_length=128, n_mels=48, fmin=80, fmax=min(10000, rate / 2), pad_mode="constant"
    )[:, :frames]
    wanted = 10 * np.log10(power / power.max())
    noise = np.percentile(wanted, 15, axis=1, keepdims=True).clip(-RANGE_DB) + NOISE_MARGIN_DB
    assert levels.shape == (48, frames) and levels.dtype == np.float32
    assert np.allclose(levels, np.maximum(wanted, noise), atol=0.01)
    later = mel_levels(wav, rate, 128, 1.0, 5 * 128, 4096)
    assert later.shape == (48, frames + 5) and np.allclose(later[:, 10:], levels[:, 5:], atol=0.5)
    assert mel_levels(wav[:10], rate, 128, 1.0, 0, 4096).shape == (48, 1)


def test_the_flux_is_librosas():
    levels = np.random.default_rng(0).uniform(-60, 0, (48, 200)).astype(np.float32)

    def most_risen(rises, axis):
        return np.sort(rises, axis=axis)[-RISING_BANDS:].mean(axis)

    wanted = librosa.onset.onset_strength(
        S=levels, sr=RATE, hop_length=128, lag=LAG, center=False, aggregate=most_risen
    )
    assert np.allclose(spectral_flux(levels, LAG), wanted, rtol=1e-6)
    assert np.array_equal(spectral_flux(levels, LAG, block=7), spectral_flux(levels, LAG))
    assert spectral_flux(levels[:, :1], LAG).tolist() == [0.0] and not spectral_flux(levels[:, [0] * 9], LAG).any()


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 300), levels=st.integers(2, 1000))
def test_peaks_are_librosas(seed, frames, levels):
    values = np.random.default_rng(seed).integers(0, levels, frames).astype(np.float32)  # with plateaus
    wanted = librosa.util.peak_pick(values, pre_max=5, post_max=5, pre_avg=21, post_avg=10, delta=0.93, wait=0)
    assert np.array_equal(pick_peaks(values, 5, 21, 10, 0.93), wanted)


def test_a_peak_may_stand_out_by_just_the_prominence():
    values = np.array([0, 0, 0, 4, 0, 0, 0, 0], np.float32)  # 3 above the mean of four of them
    assert pick_peaks(values, 1, 2, 2, 3.0).tolist() == [3] and pick_peaks(values, 1, 2, 2, 3.01).tolist() == []


def test_an_attack_is_where_the_bands_that_rise_most_pass_half_of_their_rise():
    levels = np.full((48, 40), -5.0)  # most bands are loud and steady
    rising = np.r_[np.full(19, -45.0), -50, -24, -12, -10, np.full(17, -20.0)]  # its valley just before the flux peak
    levels[20:32] = rising
    levels[32:44, :] = np.r_[np.full(19, -47.0), -47, -24, -60, -10, np.full(17, -20.0)]  # lower afterwards
    assert _attack(levels, 20, 172.0) == (pytest.approx(19 + 20 / 26), 40.0)
    assert _attack(np.zeros((48, 40)), 20, 172.0)[1] == 0


@pytest.mark.parametrize("length", [0, 1, 10, 300, 3 * RATE])
def test_silence_has_no_events(length):
    times, strengths = detect_onsets(np.zeros(length, np.float32), RATE)
    assert times.shape == strengths.shape == (0,)


def test_what_counts_as_silence_has_no_events():
    wav = knocks(TIMES) / np.abs(knocks(TIMES)).max()
    assert len(detect_onsets(wav * 0.9 * SILENCE_PEAK, RATE)[0]) == 0
    assert np.allclose(detect_onsets(wav * 2 * SILENCE_PEAK, RATE)[0], detect_onsets(wav, RATE)[0], atol=1e-3)


def test_an_impact_just_after_the_beginning_is_found_and_one_before_it_is_not():
    assert detect_onsets(knocks([0.02, 1.0]), RATE)[0] == pytest.approx([0.02, 1.0], abs=0.01)
    begun = knocks([0.1, 1.0])[round(0.105 * RATE) :]
    assert detect_onsets(begun, RATE)[0] == pytest.approx([0.895], abs=0.01)


def test_impacts_are_found_beside_a_louder_hum_and_beside_louder_ones():
    hum = np.sin(2 * np.pi * 150 * np.arange(3 * RATE) / RATE)
    assert match(TIMES, detect_onsets(knocks(TIMES, level=0.1) + hum, RATE)[0], 0.02).f1 == 1
    mixed = knocks([0.5, 1.5], level=0.5) + knocks([1.0, 2.0], level=0.1)
    assert match(np.array([0.5, 1.0, 1.5, 2.0]), detect_onsets(mixed, RATE)[0], 0.02).f1 == 1


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
    times, strengths = np.array([1.0, 1.05, 1.25, 1.5]), np.array([1.0, 3.0, 2.0, 2.0])
    assert _non_maximum_suppression(times, strengths, 0.25) == [1, 3]  # the stronger ones
    assert _non_maximum_suppression(times, np.ones(4), 0.25) == [0, 2, 3]  # of equals the first


@pytest.mark.parametrize("wav", [np.zeros((2, 100)), np.array([0.0, np.nan]), np.array([0.0, -np.inf])])
def test_unusable_sound_is_refused(wav):
    with pytest.raises(ValueError, match="finite"):
        detect_onsets(wav, RATE)


def test_empty_cases():
    none = np.zeros(0)
    assert match(none, none).f1 == 1
    assert match(TIMES, none).f1 == 0 and match(none, TIMES).f1 == 0
    assert match(TIMES, none) == Score(0, 0, 0, 6, 0) and match(none, TIMES) == Score(0, 0, 0, 0, 6)
    assert match(none, none) == Score(1, 1, 1, 0, 0)


def test_window_edge_at_90_and_110_milliseconds():
    assert match(TIMES, TIMES).f1 == 1
    assert match(TIMES, TIMES + 0.09).f1 == 1
    assert match(TIMES, TIMES + 0.11).f1 == 0
    assert match(TIMES, TIMES + 0.09, window=0.05).f1 == 0
    assert match(TIMES, TIMES, window=0.0).f1 == 1


def test_a_double_detection_costs_precision():
    score = match(np.array([1.0]), np.array([1.0, 1.05]))
    assert score == Score(0.5, 1.0, pytest.approx(2 / 3), 1, 2)


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
    many = random_events(300, 3.0, np.random.default_rng(3))
    assert np.allclose(np.quantile(many, [0, 0.5, 1]), [0, 1.5, 3], atol=0.2)  # over all of it


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
