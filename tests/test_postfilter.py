"""The post-filter brings a waveform to its spectrogram and changes nothing when it is there already."""

import pytest
import torch

from condfoley.audio.postfilter import match_mel, noise_carried, repaired
from condfoley.geometry import Geometry
from condfoley.networks.mel import log_mel
from condfoley.sizes import VocoderConfig

GEOMETRY = Geometry()


@pytest.fixture
def wav():
    """A decaying noise burst on a quiet hiss, 1 s."""
    torch.manual_seed(0)
    n = GEOMETRY.sample_rate
    decay = torch.exp(-torch.arange(n) / 2000)
    return (0.3 * torch.randn(n) * decay + 1e-3 * torch.randn(n))[None]


def test_a_waveform_that_fits_stays(wav):
    out = match_mel(wav, log_mel(wav, GEOMETRY), GEOMETRY, 2)
    assert (out - wav).abs().max() < 0.02 * wav.abs().max()


def test_wrong_levels_are_put_right(wav):
    wanted = log_mel(wav, GEOMETRY)
    wrong = 0.2 * wav + 0.05 * torch.sin(torch.arange(wav.shape[1]) / 3)  # too quiet, and a hum on it
    before = (log_mel(wrong, GEOMETRY) - wanted).abs().mean()
    after = (log_mel(match_mel(wrong, wanted, GEOMETRY, 2), GEOMETRY) - wanted).abs().mean()
    assert after < 0.25 * before


def test_no_pass_changes_nothing(wav):
    assert match_mel(wav, log_mel(wav, GEOMETRY), GEOMETRY, 0) is wav


def test_silence_is_made_silent(wav):
    spec = torch.zeros(1, 80, wav.shape[1] // 256 + 1)
    assert match_mel(wav, spec, GEOMETRY, 2).abs().max() < 1e-3


def test_noise_takes_over_the_envelope_and_no_partials(wav):
    t = torch.arange(wav.shape[1])
    tone = (0.5 * torch.sin(t / 5) * (t > 11000))[None]
    noise = noise_carried(tone, 88)
    assert noise.shape == tone.shape
    assert noise[0, :10900].abs().max() < 1e-3 < 0.2 < noise[0, 11100:].std() < 0.5
    whiteness = torch.fft.rfft(noise[0, 11100:]).abs()
    assert whiteness.max() < 6 * whiteness.mean()  # the tone: thousands


def test_pieces_of_a_sound_are_carried_by_the_same_noise(wav):
    whole, end = noise_carried(wav, 88), noise_carried(wav[:, 9000:], 88, first=9000)
    assert torch.equal(whole[:, 9100:], end[:, 100:])


def test_a_noise_carrier_keeps_the_spectrogram(wav):
    wanted = log_mel(wav, GEOMETRY)
    made = repaired(0.3 * wav.roll(40), wanted, GEOMETRY, VocoderConfig(match_passes=2, carrier="noise"))
    assert (log_mel(made, GEOMETRY) - wanted).abs().mean() < 0.03
    plain = VocoderConfig(match_passes=2)
    assert torch.equal(repaired(wav, wanted, GEOMETRY, plain), match_mel(wav, wanted, GEOMETRY, 2))
