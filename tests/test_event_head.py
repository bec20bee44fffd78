"""The recurrent event head, and the events that a scorer sees in the picture."""

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from condfoley.networks.event_head import NEVER, EventHead, vetoed
from condfoley.networks.sync import Sync
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.runtime.peaks import pick_onsets
from condfoley.runtime.scorer import Scorer
from condfoley.runtime.torch import TorchEngine
from condfoley.sizes import EventsConfig
from condfoley.training.stages.events import with_second
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


def onsets(*frames, length=20):
    """Logits (1, length, 3) of a head that is sure of an onset in some frames, and of none elsewhere."""
    logits = torch.full((1, length, 3), -6.0)
    logits[0, list(frames), 0] = 6.0
    return logits


def test_an_onset_counts_where_the_second_head_expects_some_of_one_near_it():
    first = onsets(4, 12)
    kept = vetoed(first, onsets(14), 0.2)  # two frames behind the second onset, ten behind the first
    assert kept[0, 12, 0] == 6 and kept[0, 4, 0] == NEVER
    assert torch.equal(kept[..., 1:], first[..., 1:]) and kept[..., 0].max() == 6
    assert (vetoed(first, onsets(16), 0.2)[0, :, 0] <= NEVER).all()  # too far
    weak = onsets()
    weak[0, 4, 0] = -1.2  # .23, so that .13 onsets are expected
    assert vetoed(first, weak, 0.1)[0, 4, 0] == 6 and vetoed(first, weak, 0.2)[0, 4, 0] == NEVER
    assert len(pick_onsets(kept[0, :, 0].sigmoid().numpy(), 15.0)) == 1


def test_within_a_second_of_an_onset_the_second_head_has_to_be_surer_of_one():
    first, second = onsets(10, 40, length=60), onsets(20, length=60)
    second[0, [10, 40], 0] = -0.6  # .35, so that .2 onsets are expected
    assert (vetoed(first, second, 0.15)[0, [10, 40], 0] == 6).all()
    kept = vetoed(first, second, 0.15, 0.4)
    assert kept[0, 10, 0] == 6 and kept[0, 40, 0] == NEVER  # 10 and 20 frames from what it is sure of


def test_two_heads_are_read_together_and_each_by_itself(tokens):
    torch.manual_seed(1)
    alone, pair = EventHead(EVENTS).eval(), EventHead(dataclasses.replace(EVENTS, veto=0.2)).eval()
    assert alone.second is None and not any(name.startswith("second") for name in alone.state_dict())
    with torch.no_grad():
        each = pair.each(tokens)
        assert each.shape == (2, 2, 40, 3) and torch.equal(pair(tokens), vetoed(each[0], each[1], 0.2))
        assert torch.equal(alone.each(tokens)[0], alone(tokens)) and len(alone.each(tokens)) == 1
    pair.load_state_dict(with_second(alone.state_dict(), pair))
    with torch.no_grad():
        assert torch.equal(*pair.each(tokens))
    told = pair.state_dict()
    assert (
        with_second(told, pair) is told and with_second(alone.state_dict(), alone).keys() == alone.state_dict().keys()
    )


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
