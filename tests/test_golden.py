"""Numerical equality with the published system's own classes (tests/golden, made with its code on tiny weights)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from condfoley.geometry import Geometry
from condfoley.mel import filterbank, log_mel
from condfoley.sizes import TokenizerConfig, TransformerConfig, VideoEncoderConfig, VocoderConfig
from condfoley.tokenizer import Tokenizer
from condfoley.transformer import Condition, Sampling, Transformer
from condfoley.video_encoder import VideoEncoder
from condfoley.vocoder import Vocoder

GOLDEN = Path(__file__).parent / "golden"


def fixture(name: str, prefix: str = "") -> tuple[dict, dict]:
    """(tensors, weights without `prefix`) of one golden file, float32."""
    tensors = load_file(GOLDEN / f"{name}.safetensors")
    weights = {k[len("weights/" + prefix) :]: v for k, v in tensors.items() if k.startswith("weights/" + prefix)}
    return tensors, {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-4) -> None:
    """Equal to `tolerance` relative to the expected maximum."""
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


@pytest.mark.parametrize("variant, scale", [("A", "htk"), ("B", "slaney")])
def test_mel(variant, scale):
    tensors, _ = fixture("mel")
    geometry = Geometry(mel_scale=scale)
    bank = tensors[f"out/{variant}_filterbank"]
    close(filterbank(geometry), bank.T if bank.shape[0] == 513 else bank, 1e-5)
    expected = tensors["out/A_spec01"] if variant == "A" else None
    if expected is None:
        expected = fixture("mel_reflect")[0]["out/B_spec01_reflect_padding"]
    close(log_mel(tensors["in/wave_target"][None], geometry)[0], expected)


def test_tokenizer():
    tensors, weights = fixture("vqgan")
    config = TokenizerConfig(ch=32, ch_mult=(1, 1, 1, 1, 2), num_res_blocks=2, z_channels=32, embed_dim=24, n_embed=128)
    model = Tokenizer(config).eval()
    model.load_state_dict({k: v for k, v in weights.items() if k.split(".")[0] in dict(model.named_children())})
    with torch.no_grad():
        spec = tensors["in/spec"]
        close(model.latent(spec), tensors["out/pre_quant"])
        indices = model.nearest(model.latent(spec)).flatten(1)
        assert torch.equal(indices, tensors["out/indices"].view(2, 50))
        codes = model.encode(spec)
        close(model.decode(codes, rows=5), tensors["out/decoded"])
        reconstruction, loss, same = model(spec)
        assert torch.equal(codes, same)
        close(loss.view(1), tensors["out/vq_loss"])
        close(reconstruction, tensors["out/decoded"])


def test_permuter():
    """Column-major reading equals the published forward permutation."""
    permuter = json.loads((GOLDEN / "permuter.json").read_text())
    assert "5x10" in str(permuter.keys()) or permuter
    grid = torch.arange(50).view(5, 10)
    ours = grid.T.flatten().tolist()
    lists = [v for v in _lists(permuter) if len(v) == 50]
    assert ours in lists


def _lists(value):
    if isinstance(value, list) and all(isinstance(x, int) for x in value):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from _lists(v)


TINY_VIDEO = dict(widths=(8, 16, 32, 64), stem=(6, 8))


def test_video_encoder_with_the_clips_own_statistics():
    tensors, weights = fixture("video_tiny", "cond_stage_model.")
    frames = tensors["in/frames_uint8"].permute(0, 1, 4, 2, 3) / 255.0
    model = VideoEncoder(VideoEncoderConfig(batch_statistics=True, **TINY_VIDEO))
    model.load_state_dict(weights)
    model.eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.no_grad():
        close(model(frames[:1]).transpose(1, 2), tensors["out/features_clip0_alone"])
        close(model(frames).transpose(1, 2), tensors["out/features_both_in_one_batch"])
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_video_encoder_with_running_statistics():
    tensors, weights = fixture("video_tiny", "cond_stage_model.")
    frames = tensors["in/frames_uint8"].permute(0, 1, 4, 2, 3) / 255.0
    model = VideoEncoder(VideoEncoderConfig(**TINY_VIDEO))
    model.load_state_dict(weights)
    with torch.no_grad():
        close(model.eval()(frames).transpose(1, 2), tensors["out/features_running_stats"])


def published_gpt(weights: dict[str, torch.Tensor]) -> Transformer:
    """minGPT's separate q, k, v in GPT-2's joined ones."""
    model = Transformer(TransformerConfig(feature_dim=64, n_embed=128, n_layer=2, n_head=4, n_embd=64))
    ours = model.state_dict()
    ours["gpt2.wpe.weight"] = weights["pos_emb"][0]
    ours["tok_emb.weight"] = weights["tok_emb.weight"]
    ours["embedder.weight"], ours["embedder.bias"] = weights["embedder.weight"], weights["embedder.bias"]
    ours["head.weight"] = weights["head.weight"]
    names = {"attn.proj": "attn.c_proj", "mlp.0": "mlp.c_fc", "mlp.2": "mlp.c_proj", "ln1": "ln_1", "ln2": "ln_2"}
    for i in range(2):
        b, o = f"blocks.{i}.", f"gpt2.h.{i}."
        for theirs, mine in names.items():
            w = weights[f"{b}{theirs}.weight"]
            ours[f"{o}{mine}.weight"] = w.T if w.ndim == 2 else w
            ours[f"{o}{mine}.bias"] = weights[f"{b}{theirs}.bias"]
        for kind in ("weight", "bias"):
            qkv = [weights[f"{b}attn.{part}.{kind}"] for part in ("query", "key", "value")]
            joined = torch.cat(qkv)
            ours[f"{o}attn.c_attn.{kind}"] = joined.T if kind == "weight" else joined
    ours["gpt2.ln_f.weight"], ours["gpt2.ln_f.bias"] = weights["ln_f.weight"], weights["ln_f.bias"]
    model.load_state_dict(ours)
    return model.eval()


def test_transformer_logits_and_greedy_continuation():
    tensors, weights = fixture("gpt", "transformer.")
    model = published_gpt(weights)
    features = tensors["in/features"].transpose(1, 2)  # (2, 60, 64)
    codes = tensors["in/codes"].long()
    with torch.no_grad():
        prefix = model.prefix(features[:, :30], features[:, 30:], codes[:, :50])
        logits = model(prefix, codes[:, 50:])
        close(logits, tensors["out/logits"][:, 109:])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), codes[:, 50:].flatten())
        close(loss.view(1), tensors["out/loss_target_codes"])
    for i in range(2):
        condition = Condition(features[i : i + 1, 30:], features[i : i + 1, :30], codes[i : i + 1, :50])
        out = model.generate(condition, [torch.Generator().manual_seed(0)], Sampling(top_k=1))
        assert torch.equal(out[0], tensors["out/greedy_codes"][i, 50:].long())


def test_vocoder():
    tensors, weights = fixture("melgan")
    model = Vocoder(VocoderConfig(ngf=8))
    renamed = {}
    for name, value in weights.items():
        name = name.replace("weight_g", "parametrizations.weight.original0")
        renamed[name.replace("weight_v", "parametrizations.weight.original1")] = value
    model.load_state_dict(renamed)
    with torch.no_grad():
        close(model(tensors["in/mel"]), tensors["out/wave"][:, 0])


def test_windows_follow_the_geometry():
    published = Geometry.published()
    assert (published.codes, published.window_samples) == (50, 40960)
    assert Geometry.published(192).codes == 60
    assert np.isclose(published.window_seconds, 1.858, atol=1e-3)


def test_training_may_follow_generation():
    """The filters are kept; made while generating, they must still serve a loss."""
    filterbank.cache_clear()
    with torch.inference_mode():
        log_mel(torch.rand(1, 4096), Geometry())
    wav = torch.rand(1, 4096, requires_grad=True)
    log_mel(wav, Geometry()).sum().backward()
    assert wav.grad is not None
