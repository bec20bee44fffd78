"""The post-filter brings a waveform to its spectrogram and changes nothing when it is there already."""

import numpy as np
import pytest

from condfoley.audio.mel import log_mel
from condfoley.audio.postfilter import match_mel, noise_carrier, postfilter, white_noise
from condfoley.geometry import Geometry
from condfoley.sizes import VocoderConfig

GEOMETRY = Geometry()


@pytest.fixture
def wav():
    """A decaying noise burst on a quiet hiss, 1 s: (1, N)."""
    rng, n = np.random.default_rng(0), GEOMETRY.sample_rate
    burst = 0.3 * rng.standard_normal(n) * np.exp(-np.arange(n) / 2000) + 1e-3 * rng.standard_normal(n)
    return burst[None].astype(np.float32)


def distance(a, b):
    return np.abs(a - b).mean()


def test_a_waveform_that_fits_stays(wav):
    out = match_mel(wav, log_mel(wav, GEOMETRY), GEOMETRY, 2)
    assert out.dtype == np.float32 and np.abs(out - wav).max() < 0.02 * np.abs(wav).max()


def test_wrong_levels_are_put_right(wav):
    target = log_mel(wav, GEOMETRY)
    wrong = (0.2 * wav + 0.05 * np.sin(np.arange(wav.shape[1]) / 3)).astype(np.float32)  # too quiet, and a hum on it
    before = distance(log_mel(wrong, GEOMETRY), target)
    after = distance(log_mel(match_mel(wrong, target, GEOMETRY, 2), GEOMETRY), target)
    assert after < 0.25 * before


def test_no_pass_changes_nothing(wav):
    assert match_mel(wav, log_mel(wav, GEOMETRY), GEOMETRY, 0) is wav


def test_silence_is_made_silent(wav):
    spec = np.zeros((1, 80, wav.shape[1] // 256 + 1), np.float32)
    assert np.abs(match_mel(wav, spec, GEOMETRY, 2)).max() < 1e-3


def test_noise_takes_over_the_envelope_and_no_partials(wav):
    t = np.arange(wav.shape[1])
    tone = (0.5 * np.sin(t / 5) * (t > 11000))[None].astype(np.float32)
    noise = noise_carrier(tone, 88)
    assert noise.shape == tone.shape and noise.dtype == np.float32
    assert np.abs(noise[0, :10900]).max() < 1e-3 < 0.2 < noise[0, 11100:].std() < 0.5
    whiteness = np.abs(np.fft.rfft(noise[0, 11100:]))
    assert whiteness.max() < 6 * whiteness.mean()  # the tone: thousands


def test_the_envelope_is_an_rms_over_what_there_is():
    """Also at both ends, where half of the span lies outside."""
    rng = np.random.default_rng(0)
    for length in (1, 7, 88):
        wav = rng.standard_normal((2, 300)).astype(np.float32)
        spans = [slice(max(0, i - length // 2), i + length - length // 2) for i in range(300)]
        envelope = np.stack([np.sqrt(np.square(wav[:, span]).mean(1)) for span in spans], 1)
        assert np.allclose(noise_carrier(wav, length), (envelope + 1e-5) * white_noise()[:300], rtol=1e-4, atol=1e-6)


def test_pieces_of_a_sound_are_carried_by_the_same_noise(wav):
    whole, end = noise_carrier(wav, 88), noise_carrier(wav[:, 9000:], 88, first=9000)
    assert np.allclose(whole[:, 9100:], end[:, 100:], rtol=1e-6, atol=0)


def test_a_noise_carrier_keeps_the_spectrogram(wav):
    target = log_mel(wav, GEOMETRY)
    config = VocoderConfig(match_passes=2, carrier="noise")
    made = postfilter(0.3 * np.roll(wav, 40), target, GEOMETRY, config)
    assert distance(log_mel(made, GEOMETRY), target) < 0.03
    plain = VocoderConfig(match_passes=2)
    assert np.array_equal(postfilter(wav, target, GEOMETRY, plain), match_mel(wav, target, GEOMETRY, 2))


def test_a_batch_is_filtered_as_each_alone_and_the_input_stays(wav):
    wavs = np.concatenate([wav, 0.5 * wav[:, ::-1]])
    specs = log_mel(0.5 * wavs, GEOMETRY)
    before, outer = (wavs.copy(), specs.copy()), np.linspace(0.5, 1, 513, dtype=np.float32)
    config = VocoderConfig(match_passes=2, carrier="noise")
    made = postfilter(wavs, specs, GEOMETRY, config, outer=outer)
    for i in range(2):
        alone = postfilter(wavs[i : i + 1], specs[i : i + 1], GEOMETRY, config, outer=outer)
        assert np.allclose(made[i], alone[0], atol=1e-5)
    assert np.array_equal(wavs, before[0]) and np.array_equal(specs, before[1])
