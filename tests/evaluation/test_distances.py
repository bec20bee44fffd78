"""Spectral, distribution and alignment measures on sounds and numbers whose answer is known."""

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from condfoley.evaluation.alignment import av_align, motion, motion_peaks
from condfoley.evaluation.distribution import frechet_distance, inception_score, kl_divergence
from condfoley.evaluation.spectral import (
    MIN_LUFS,
    attack_time,
    envelope,
    envelope_correlation,
    envelope_distance,
    fine_structure,
    fine_structure_correlation,
    loudness_lufs,
    mel_cepstral_distortion,
)
from condfoley.geometry import Geometry
from condfoley.networks.distances import stft_distance
from tests.made_up import RATE, pulses

G = Geometry()
TRUE = pulses([0.3, 0.9, 1.5], 2.0)


def test_equal_sounds_have_no_distance():
    assert mel_cepstral_distortion(TRUE, TRUE, G) == 0
    assert envelope_distance(envelope(TRUE, G), envelope(TRUE, G)) == 0
    assert envelope_correlation(envelope(TRUE, G), envelope(TRUE, G)) == pytest.approx(1)
    wav = torch.from_numpy(TRUE)[None]
    assert stft_distance(wav, wav) == 0 and stft_distance(wav, 0.5 * wav) > 0.1


def test_cepstral_distortion_of_one_known_cepstrum(monkeypatch):
    ripple = np.cos(np.pi * 3 * (np.arange(G.n_mels) + 0.5) / G.n_mels)  # 2 c_3 = 1 in natural logarithms
    flat = np.full((2, G.n_mels, 4), 0.5)
    flat[1] += (ripple * 20 / np.log(10) / 100)[:, None]
    monkeypatch.setattr("condfoley.evaluation.spectral.spectrogram", lambda wav, geometry: flat)
    assert mel_cepstral_distortion(TRUE, TRUE, G) == pytest.approx(10 / np.log(10) * np.sqrt(2) * 0.5, rel=1e-6)


def test_cepstral_distortion_leaves_the_level_out():
    loud = np.random.default_rng(0).normal(0, 0.3, RATE).astype(np.float32)
    assert mel_cepstral_distortion(loud, 0.5 * loud, G) < 0.01
    assert mel_cepstral_distortion(loud, pulses([0.1], 1.0), G) > 3


def test_envelopes():
    true, late = envelope(TRUE, G), envelope(pulses([0.55, 1.15, 1.75], 2.0), G)
    silence = np.zeros_like(true)
    assert envelope_distance(2 * true, true) == pytest.approx(0, abs=1e-6)
    assert 0.5 < envelope_distance(late, true) < 1
    assert envelope_distance(silence, true) == 1 and envelope_distance(silence, silence) == 0
    assert envelope_correlation(late, true) < 0.3
    assert envelope_correlation(silence, true) == 0 and envelope_correlation(silence, silence) == 1


def test_loudness_in_lufs():
    tone = np.sin(2 * np.pi * 997 * np.arange(3 * RATE) / RATE).astype(np.float32)
    assert loudness_lufs(tone, RATE) == pytest.approx(-3.01, abs=0.1)  # BS.1770-4: a full-scale 997 Hz sine
    assert loudness_lufs(tone, RATE) - loudness_lufs(0.1 * tone, RATE) == pytest.approx(20, abs=1e-3)
    assert loudness_lufs(np.zeros(RATE), RATE) == MIN_LUFS and loudness_lufs(tone[:100], RATE) >= MIN_LUFS


@pytest.mark.parametrize("measure", [envelope_distance, envelope_correlation])
def test_different_lengths_are_refused(measure):
    with pytest.raises(ValueError, match="equal length"):
        measure(TRUE, TRUE[1:])
    with pytest.raises(ValueError, match="equal length"):
        mel_cepstral_distortion(TRUE, TRUE[1:], G)


def test_frechet_distance_against_the_formula():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (50, 4)) @ rng.normal(0, 1, (4, 4)), rng.normal(1, 2, (40, 4))
    ca, cb = np.cov(a.T), np.cov(b.T)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(ca + cb - 2 * np.real(sqrtm(ca @ cb)))
    assert frechet_distance(a, b) == pytest.approx(expected)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 3) == pytest.approx(4 * 9)
    with pytest.raises(ValueError, match="at least two"):
        frechet_distance(a[:1], b)


def test_kl_and_inception_score():
    sure, even = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    assert kl_divergence(even, even) == 0 and kl_divergence(even, sure) == pytest.approx(np.log(2), abs=1e-6)
    assert inception_score(np.eye(5)) == pytest.approx(5, rel=1e-5)
    assert inception_score(np.full((6, 5), 0.2)) == pytest.approx(1)


def test_av_align():
    times = np.array([0.4, 0.9, 1.4])
    assert av_align(times, times, 15) == 1 and av_align(times, np.zeros(0), 15) == 0
    assert av_align(np.zeros(0), np.zeros(0), 15) == 1
    assert av_align(times, np.array([0.4, 0.6]), 15) == pytest.approx(1 / 4)
    assert av_align(np.array([1.0]), np.array([0.97, 1.0, 1.03]), 15) == pytest.approx(1 / 3)  # published: 3


def test_movement_peaks_where_something_moves():
    rng = np.random.default_rng(0)
    scene = rng.uniform(0, 255, (48, 60, 3)).astype(np.uint8)
    frames = np.stack([scene[:, :48]] * 30)
    frames[10:] = scene[:, 2:50]
    frames[20:] = scene[:, 5:53]
    strength = motion(frames)
    assert strength.shape == (30,) and strength[0] == 0
    assert motion_peaks(strength, 15) == pytest.approx([10 / 15, 20 / 15])
    assert len(motion_peaks(motion(frames[:1]), 15)) == 0


def test_a_sudden_attack_takes_less_time_than_a_slow_one():
    t = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 1000 * t)
    times = []
    for rise in (0.002, 0.02):
        level = 1e-4 + np.exp(-10 * (t - 0.5).clip(0)) * ((t - 0.5) / rise).clip(0, 1)
        times.append(attack_time((0.5 * tone * level).astype(np.float32), RATE))
    assert 0 < times[0] < 10 and times[1] == pytest.approx(18, abs=4)
    assert attack_time(np.zeros(RATE, np.float32), RATE) is None


def test_fine_structure_knows_partials_and_not_the_colour():
    rng, t = np.random.default_rng(0), np.arange(RATE // 2) / RATE
    burst = np.exp(-8 * t)

    def struck(partials, gain=1.0):
        one = gain * burst * sum(np.sin(2 * np.pi * f * t) for f in partials)
        return np.concatenate([np.zeros(RATE // 4), one, one]).astype(np.float32) / 8

    bell, same, other = struck([510, 1270, 2310]), struck([510, 1270, 2310], 0.3), struck([640, 1490, 2750])
    dull = lfilter([1.0], [1.0, -0.8], bell).astype(np.float32) / 4
    hiss = np.concatenate([np.zeros(RATE // 4), burst * rng.normal(0, 1, len(t))]).astype(np.float32) / 8
    structures = {
        name: fine_structure(wav, RATE) for name, wav in zip("bsodh", (bell, same, other, dull, hiss), strict=True)
    }
    likeness = {name: fine_structure_correlation(structures["b"], structures[name]) for name in "bsodh"}
    assert likeness["b"] == pytest.approx(1) and likeness["s"] > 0.9 and likeness["d"] > 0.8
    assert likeness["o"] < 0.6 and abs(likeness["h"]) < 0.4
    assert (
        fine_structure(np.zeros(RATE, np.float32), RATE) is None
        and fine_structure_correlation(None, structures["b"]) is None
    )
    assert fine_structure_correlation(structures["b"], np.ones_like(structures["b"])) == 0
