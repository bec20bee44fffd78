"""The offset model's contract."""

import pytest
import torch

from condfoley.networks.sync import Sync
from condfoley.sizes import SyncConfig


@pytest.mark.parametrize("frames", [15, 28, 56])
def test_every_length_gives_a_distribution_over_the_grid(frames):
    torch.manual_seed(0)
    model = Sync(SyncConfig(feature_dim=12, width=8, dim=4)).eval()
    mel = round(frames * model.config.mel_per_frame)
    logits = model(torch.randn(3, frames, 12), torch.rand(3, 80, mel))
    assert logits.shape == (3, 62)
    offset, confidence = model.offset_and_confidence(logits)
    assert (offset.abs() <= 2).all() and (confidence > 0).all() and (confidence < 1).all()


FRAMES = 60


@pytest.fixture
def plain():
    """A Sync that compares the picture tokens with the loudest of each frame, as they are."""
    model = Sync(SyncConfig(feature_dim=1, width=1, dim=1)).eval()
    model.picture = torch.nn.Identity()
    model.sound_in = Applied(lambda x: x[:, : model.config.n_mels].mean(1, keepdim=True) + 1)  # its level; 0: silence
    model.sound = Applied(lambda x: x[:, 1:])  # the maximum
    return model


class Applied(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.forward = function


def marked(model, *frames):
    """(1, n_mels, M), silent but for the middle of these picture frames."""
    spec = torch.zeros(1, model.config.n_mels, round(FRAMES * model.config.mel_per_frame))
    for frame in frames:
        spec[..., round(frame * model.config.mel_per_frame)] = 1.0
    return spec


@pytest.mark.parametrize("late", [-20, -3, 0, 1, 7, 30])
def test_the_offset_is_positive_when_the_sound_is_late(plain, late):
    picture = torch.zeros(1, FRAMES, 1)
    picture[0, 25] = 1.0
    offset, _ = plain.offset_and_confidence(plain(picture, marked(plain, 25 + late)))
    assert offset.item() == pytest.approx(late / plain.config.fps)


def test_a_sound_that_never_changes_says_nothing_about_time(plain):
    """No offset stands out, whatever is seen; one that changes makes one stand out."""
    picture = torch.zeros(1, FRAMES, 1)
    picture[0, 25] = 1.0
    constant = plain(picture, torch.full_like(marked(plain), 0.75))[0, :-1]
    assert constant.max() - constant.min() < 1e-6
    struck = plain(picture, marked(plain, 25))[0, :-1]
    assert struck.max() - struck.median() > 1
