"""The speed benchmark, with toy sizes: both ways write the same codes, and its arithmetic."""

from functools import partial

import pytest
import torch

from benchmarks import published_speed, speed
from condfoley.runtime.sampling import Sampling
from condfoley.settings import Settings
from condfoley.sizes import TokenizerConfig, TransformerConfig, VideoEncoderConfig, VocoderConfig

TOY = published_speed.Sizes(
    TokenizerConfig(ch=32, ch_mult=(1, 1, 1, 1, 1), num_res_blocks=1, attn_resolutions=(), z_channels=4, embed_dim=4, n_embed=64),
    VideoEncoderConfig(widths=(4, 4, 4, 8), layers=(1, 1, 1, 1), stem=(4, 4), batch_statistics=True),
    TransformerConfig(feature_dim=8, n_embed=64, n_layer=2, n_head=2, n_embd=16),
    VocoderConfig(ngf=2, n_residual_layers=1),
)  # fmt: skip


@torch.inference_mode()
def test_both_ways_write_the_same_codes():
    job = published_speed.Job(TOY)
    for p in job.engine.transformer.parameters():  # far from uniform
        p.add_(0.3 * torch.randn_like(p))
    tokens, reference_codes = job.pictures(), job.reference()
    for sampling in (Sampling(top_k=1), Sampling(**job.pipeline.sampling(Settings(mode="published")))):
        ours = job.codes(tokens, reference_codes, [3, 4], sampling)
        theirs = torch.cat([job.codes_published(tokens, reference_codes, seed, sampling) for seed in (3, 4)])
        assert torch.equal(ours, theirs) and len(ours.unique()) > 5


def test_the_report(monkeypatch, capsys):
    small = partial(published_speed.measure, probe=(64, 1 << 16))
    monkeypatch.setattr(
        published_speed, "measure", lambda counts, repeats, _, *rest: small(counts, repeats, TOY, *rest)
    )
    assert speed.main(["--only", "published", "--counts", "1,2", "--repeats", "1"]) == 0
    told, progress = capsys.readouterr()
    assert "bfloat16 moves the logits" in told and "candidates/s" in told and "share of the floor" in told
    assert told.count("the most that this machine could reach") == 2  # float32 and bfloat16
    assert len(progress.splitlines()) == 5  # published, and one row for each number of candidates and dtype
    assert speed.main(["--only", "none"]) == 2


def test_rates():
    blocks = dict(pictures=2.0, reference=1.0, codes=5.0, decode=1.0, vocode=1.0)
    assert published_speed.per_second(blocks, 5) == pytest.approx(0.5)
    assert published_speed.per_second(blocks, 1, 10) == pytest.approx(10 / 73)


def test_a_stretched_target_is_as_long_as_asked(tmp_path):
    from condfoley.media import probe

    assert probe(speed.stretched(12.0, tmp_path / "long.mp4")).duration == pytest.approx(12.0, abs=0.01)
