"""The recurrent event head, and the events that a scorer sees in the picture."""

import warnings

import numpy as np
import pytest
import torch

from condfoley.networks.event_head import EventHead
from condfoley.networks.sync import Sync
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.runtime.scorer import Scorer
from condfoley.runtime.torch import TorchEngine
from condfoley.sizes import EventsConfig
from tests.tiny import EVENTS, GEOMETRY, SYNC, VIDEO


@pytest.fixture(scope="module")
def tokens():
    torch.manual_seed(0)
    return torch.randn(2, 40, EVENTS.feature_dim)


def test_each_frame_is_read_in_the_light_of_the_whole_clip(tokens):
    head = EventHead(EVENTS).eval()
    with torch.no_grad():
        before, changed = head(tokens), tokens.clone()
        changed[:, -1] += 3
        after = head(changed)
    assert before.shape == (2, 40, 3) and not torch.allclose(before[:, -5], after[:, -5], atol=1e-5)
    assert torch.allclose(head(tokens[:1]), before[:1], atol=1e-5)


def test_one_layer_has_nothing_to_drop_between():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert EventHead(EventsConfig(feature_dim=4, width=2, layers=1)).body.dropout == 0


def test_tokens_are_standardised(tokens):
    head = EventHead(EVENTS).eval()
    mean, std = torch.randn(EVENTS.feature_dim), torch.rand(EVENTS.feature_dim) + 0.5
    with torch.no_grad():
        plain = head(tokens)
        head.feature_mean.copy_(mean)
        head.feature_std.copy_(std)
        assert torch.allclose(head(tokens * std + mean), plain, atol=1e-4)


@torch.no_grad()
def test_the_event_head_takes_the_place_of_the_encoders_own():
    torch.manual_seed(0)
    encoder, sync, head = VideoEncoder(VIDEO).eval(), Sync(SYNC).eval(), EventHead(EVENTS).eval()
    frames = torch.randint(0, 255, (30, 32, 32, 3), dtype=torch.uint8)
    plain, mirrored = (encoder.encode_clip(frames, mirrored=m) for m in (False, True))

    def seen(**parts):
        engine = TorchEngine({"video_encoder": encoder, "sync": sync, **parts}, GEOMETRY.code_rows)
        return Scorer(engine, GEOMETRY).visual_events(frames.numpy(), plain.numpy())

    onset, sliding, strength = seen(events=head)
    expected = (head(plain[None])[0].sigmoid() + head(mirrored[None])[0].sigmoid()) / 2
    assert np.allclose(onset, expected[:, 0], atol=1e-5) and np.allclose(sliding, expected[:, 1], atol=1e-5)
    both = (head(plain[None])[0, :, 2].clamp(0, 1) + head(mirrored[None])[0, :, 2].clamp(0, 1)) / 2
    assert np.allclose(strength, both, atol=1e-5) and 0 < strength.max() <= 1
    own = seen().onset
    assert own.shape == (30,) and not np.allclose(own, onset, atol=1e-4)
