"""BatchNorms that go part of the way to the statistics of the clip they see."""

import dataclasses

import torch
from torch import nn

from condfoley.networks.video_encoder import MAX_CLIP_WEIGHT, ClipNorm, VideoEncoder
from condfoley.sizes import VideoEncoderConfig
from condfoley.weights import load_part, read_card, save_part
from tests.tiny import GEOMETRY, VIDEO

FOLLOWS = dataclasses.replace(VIDEO, prior_frames=40)


def normed(prior_frames):
    """One that has seen other things than it will be shown, in eval mode."""
    torch.manual_seed(0)
    norm = ClipNorm(3, prior_frames)
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean):
            values.copy_(torch.randn(3))
        norm.running_var.copy_(torch.rand(3) + 0.5)
    return norm.eval()


def shown(frames, clips=1):
    return 2 + 3 * torch.randn(clips, 3, frames, 4, 5, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_few_frames_meet_the_stored_statistics_and_many_their_own():
    x = shown(20)
    stored = nn.BatchNorm3d(3).eval()
    stored.load_state_dict(normed(1).state_dict())
    assert torch.allclose(normed(10**9)(x), stored(x), atol=1e-5)
    own = normed(1)(x.repeat(1, 1, 5000, 1, 1))[:, :, :20]  # 100,000 frames
    plain = nn.functional.instance_norm(x) * stored.weight.view(1, 3, 1, 1, 1) + stored.bias.view(1, 3, 1, 1, 1)
    assert torch.allclose(own, plain, atol=1e-3)


@torch.no_grad()
def test_as_many_frames_as_the_prior_has_meet_the_middle_and_each_clip_its_own():
    norm, x = normed(20), shown(20, clips=2)
    mean = (norm.running_mean + x.mean((2, 3, 4))) / 2
    var = (norm.running_var + x.var((2, 3, 4), correction=0)) / 2
    mean, var = (s[..., None, None, None] for s in (mean, var))
    weight, bias = (s.view(1, 3, 1, 1, 1) for s in (norm.weight, norm.bias))
    assert torch.allclose(norm(x), (x - mean) / (var + norm.eps).sqrt() * weight + bias, atol=1e-5)
    assert torch.allclose(norm(x)[1:], norm(x[1:]), atol=1e-6)


def test_training_notes_what_a_batch_norm_notes(monkeypatch):
    """And is one, where no share of the clips' own statistics is drawn."""
    norm, plain = normed(20).train(), nn.BatchNorm3d(3)
    plain.load_state_dict(norm.state_dict())
    monkeypatch.setattr(torch, "rand", torch.zeros)
    for _ in range(2):
        assert torch.allclose(norm(shown(5, 2)), plain(shown(5, 2)), atol=1e-5)
    for name, value in plain.state_dict().items():
        assert torch.allclose(norm.state_dict()[name], value, atol=1e-5), name


def test_training_goes_part_of_the_way_to_each_clip_with_a_gradient(monkeypatch):
    norm, x = normed(20).train(), torch.cat([shown(6), 5 - 2 * shown(6)])
    monkeypatch.setattr(torch, "rand", lambda *size, device: torch.tensor([[0.0], [1.0]]))
    x.requires_grad_()
    made = norm(x)
    usual_mean, usual_var = x.mean((0, 2, 3, 4)), x.var((0, 2, 3, 4), correction=0)
    for clip, share in zip(range(2), (0.0, MAX_CLIP_WEIGHT)):
        mean = torch.lerp(usual_mean, x[clip].mean((1, 2, 3)), share).view(3, 1, 1, 1)
        var = torch.lerp(usual_var, x[clip].var((1, 2, 3), correction=0), share).view(3, 1, 1, 1)
        weight, bias = norm.weight.view(3, 1, 1, 1), norm.bias.view(3, 1, 1, 1)
        assert torch.allclose(made[clip], (x[clip] - mean) / (var + norm.eps).sqrt() * weight + bias, atol=1e-5)
    made.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in (x, norm.weight, norm.bias))


@torch.no_grad()
def test_an_encoder_that_follows_clips_loads_what_one_that_does_not_has_learned():
    torch.manual_seed(0)
    plain, follows = VideoEncoder(VIDEO).eval(), VideoEncoder(FOLLOWS).eval()
    follows.load_state_dict(plain.state_dict())
    frames = torch.randint(0, 255, (30, 32, 32, 3), dtype=torch.uint8)
    assert follows.encode_clip(frames).shape == (30, VIDEO.dim)
    assert not torch.allclose(follows.encode_clip(frames), plain.encode_clip(frames), atol=1e-3)


@torch.no_grad()
def test_light_and_contrast_of_features_count_less():
    """A stem that hands on brighter, flatter features, as another camera's do."""
    torch.manual_seed(0)
    plain = VideoEncoder(VIDEO).eval()
    frames = torch.randint(0, 255, (60, 32, 32, 3), dtype=torch.uint8)
    gaps = []
    for config in (VIDEO, dataclasses.replace(VIDEO, prior_frames=6)):
        encoder = VideoEncoder(config).eval()
        encoder.load_state_dict(plain.state_dict())
        before = encoder.encode_clip(frames)
        encoder.model.stem[0].weight.mul_(1.5)
        gaps.append(float((encoder.encode_clip(frames) - before).norm() / before.norm()))
    assert gaps[1] < 0.5 * gaps[0]


@torch.no_grad()
def test_a_whole_chunk_is_seen_at_once():
    """However a clip is passed through the network, its statistics are those of all its frames."""
    torch.manual_seed(0)
    encoder = VideoEncoder(FOLLOWS).eval()
    frames = torch.randint(0, 255, (150, 32, 32, 3), dtype=torch.uint8)
    frames[75:] //= 2
    whole = encoder(frames.permute(0, 3, 1, 2)[None] / 255.0)[0]
    assert torch.allclose(encoder.encode_clip(frames), whole, atol=1e-4)


def test_the_files_hash_answers_for_it(tmp_path):
    torch.manual_seed(0)
    plain, follows = VideoEncoder(VIDEO), VideoEncoder(FOLLOWS)
    follows.load_state_dict(plain.state_dict())
    for name, encoder in (("a", plain), ("b", follows)):
        save_part(tmp_path / name, "video_encoder", encoder, GEOMETRY, {})
    cards = [read_card(tmp_path / name)["parts"]["video_encoder"] for name in "ab"]
    assert cards[0]["sha256"] != cards[1]["sha256"]
    assert load_part(tmp_path / "b", "video_encoder").config == FOLLOWS


def test_published_encoders_do_not_follow():
    assert not any(
        isinstance(module, ClipNorm) for module in VideoEncoder(VideoEncoderConfig(batch_statistics=True)).modules()
    )
