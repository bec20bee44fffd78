"""The offset model's contract and the re-ranking rule on made-up numbers."""

import pytest
import torch

from condfoley.sizes import SyncConfig
from condfoley.sync import Sync, rerank


@pytest.mark.parametrize(
    "offsets, confidences, tolerance, expected",
    [
        ([0.0, 0.2, -0.2], [0.1, 0.5, 0.9], 0.0, 0),  # only the best in time
        ([0.0, 0.2, -0.2], [0.1, 0.5, 0.9], 0.2, 2),  # all near: the most confident
        ([1.0, 0.6, 0.8], [0.9, 0.1, 0.5], 0.2, 2),  # near the smallest, not near zero
        ([1.0, -1.0], [0.3, 0.3], 0.0, 0),  # a tie: the first
        ([0.4], [0.0], 0.2, 0),
        ([0.1, 0.3], [0.2, 0.4], 0.2, 1),  # exactly at the tolerance counts
    ],
)
def test_rerank(offsets, confidences, tolerance, expected):
    assert rerank(torch.tensor(offsets), torch.tensor(confidences), tolerance) == expected


def test_rerank_of_nothing():
    with pytest.raises(ValueError, match="no candidate"):
        rerank(torch.zeros(0), torch.zeros(0), 0.2)


@pytest.mark.parametrize("frames", [15, 28, 56])
def test_every_length_gives_a_distribution_over_the_grid(frames):
    torch.manual_seed(0)
    model = Sync(SyncConfig(feature_dim=12, width=8, dim=4)).eval()
    mel = round(frames * model.config.mel_per_frame)
    logits = model(torch.randn(3, frames, 12), torch.rand(3, 80, mel))
    assert logits.shape == (3, 62)
    offset, confidence = model.verdict(logits)
    assert (offset.abs() <= 2).all() and (confidence > 0).all() and (confidence < 1).all()


def test_level_of_the_sound_does_not_matter_to_a_silent_picture():
    """A sound that never changes says nothing about time: no offset stands out."""
    model = Sync(SyncConfig(feature_dim=12, width=8, dim=4)).eval()
    logits = model(torch.zeros(1, 40, 12), torch.full((1, 80, 230), 0.3))
    assert torch.isfinite(logits).all()
