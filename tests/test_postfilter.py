"""The post-filter brings a waveform to its spectrogram and changes nothing when it is there already."""

import pytest
import torch

from condfoley.geometry import Geometry
from condfoley.mel import log_mel
from condfoley.postfilter import match_mel

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
