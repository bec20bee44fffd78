"""Clicks, distances of impacts, repetition, and the second detector and judge."""

from __future__ import annotations

import numpy as np
import pytest

from condfoley.audio.onsets import match
from condfoley.evaluation.clicks import clicks
from condfoley.evaluation.impact_comparison import HIGH_BAND, impact_distances, impacts_of, repetition
from condfoley.evaluation.second_opinion import cepstral_statistics, nearest_name, scale_of, superflux_onsets
from tests.sounds import RATE, noise_bursts, pulses

FULL = 48_000
TIMES = [0.3, 0.8, 1.3]


def bright(times, seed=0, rate=FULL, highest=20_000.0):
    """Bursts of noise up to `highest` Hz: (N,) float32."""
    t, rng = np.arange(round(2.0 * rate)) / rate, np.random.default_rng(seed)
    out = sum(np.exp(-20 * (t - time).clip(0)) * (t >= time) * rng.standard_normal(len(t)) for time in times)
    spectrum = np.fft.rfft(out)
    spectrum[np.fft.rfftfreq(len(t), 1 / rate) > highest] = 0
    return (0.1 * np.fft.irfft(spectrum, len(t))).astype(np.float32)


@pytest.mark.parametrize("rate", [RATE, FULL])
def test_planted_clicks_are_found(rate):
    t = np.arange(3 * rate) / rate
    wav = 0.3 * np.sin(2 * np.pi * 220 * t) + 1e-3 * np.random.default_rng(0).standard_normal(len(t))
    assert len(clicks(wav, rate)) == 0
    planted = [0.51, 1.2, 2.4]
    for time in planted:
        first = round(time * rate)
        wav[first : first + rate // 100] += 0.1 * np.linspace(1, 0, rate // 100)  # a join that jumps
    assert clicks(wav, rate) == pytest.approx(planted, abs=1e-3)
    assert clicks(0.01 * np.stack([0 * wav, wav]), rate) == pytest.approx(planted, abs=1e-3)


def test_attacks_and_silence_are_no_clicks():
    assert len(clicks(noise_bursts([0.3, 0.9, 1.5], [60, 200, 20]), RATE)) == 0
    assert len(clicks(np.zeros(RATE), RATE)) == 0
    with pytest.raises(ValueError, match="finite"):
        clicks(np.full(RATE, np.nan), RATE)


def test_impacts_are_cut_at_the_next_one_and_equally_loud():
    wav = noise_bursts(TIMES, [60, 60, 60])
    found = impacts_of(wav, np.array(TIMES), RATE)
    quiet = impacts_of(np.stack([wav, wav]) * 0.1, np.array(TIMES), RATE)
    assert [len(x) for x in found] == [round(0.5 * RATE) - 110] * 2 + [round(0.5 * RATE)]
    assert all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(found, quiet, strict=True))
    assert impacts_of(wav, np.array([]), RATE) == []


def test_distance_of_impacts():
    own, other = (impacts_of(bright(TIMES, seed), np.array(TIMES), FULL) for seed in (0, 1))
    dull = impacts_of(bright(TIMES, 0, highest=7000.0), np.array(TIMES), FULL)
    same, noise, low = (impact_distances(x, own, FULL) for x in (own, other, dull))
    assert same and noise and low
    assert same.nearest == pytest.approx(0, abs=1e-9) and same.nearest < same.mean < low.mean
    assert noise.mean == pytest.approx(same.mean * 1.5, rel=0.15)  # of three of its own, one is the same
    assert impact_distances(dull, own, FULL, HIGH_BAND).mean > 1.4 * low.mean
    assert impact_distances(dull, own, FULL, (0.0, 5000.0)).nearest < low.nearest / 3
    assert impact_distances([], own, FULL) is None


def test_repetition():
    shots = impacts_of(bright(TIMES), np.array(TIMES), FULL)
    assert repetition([shots[0], -0.5 * shots[0], shots[0]], FULL) < 0.5
    assert repetition([shots[0], 0.5 * np.roll(shots[0], 100), shots[0]], FULL) == pytest.approx(1, abs=0.05)
    assert abs(repetition(shots, FULL)) < 0.3
    assert repetition(shots[:1], FULL) is None


def test_the_second_detector_finds_impacts():
    times = [0.4, 0.9, 1.6]
    assert match(np.array(times), superflux_onsets(noise_bursts(times, [60, 60, 60]), RATE), 0.05).f1 == 1
    assert len(superflux_onsets(np.zeros(RATE), RATE)) == 0


def test_the_second_judge_names_the_sound_that_is_most_alike():
    sounds = {
        "dull": pulses(TIMES, 2.0, 200.0),
        "ringing": pulses(TIMES, 2.0, 3000.0),
        "noise": bright(TIMES, rate=RATE, highest=1e4),
    }
    known = {name: cepstral_statistics(wav, RATE) for name, wav in sounds.items()}
    scale = scale_of(list(known.values()))
    assert nearest_name(cepstral_statistics(0.1 * pulses([0.1, 0.5], 2.0, 3100.0), RATE), known, scale) == "ringing"
    assert nearest_name(cepstral_statistics(bright([0.2], 5, RATE, 1e4), RATE), known, scale) == "noise"
    with pytest.raises(ValueError, match="at least one"):
        nearest_name(known["dull"], {}, scale)
