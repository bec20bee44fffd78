"""The golden weights, through the importer, give the published system's numbers: each step alone, then the whole chain.

Tolerances are relative to the expected maximum. Codes are equal.
"""

import zlib
from dataclasses import asdict

import numpy as np
import pytest
import torch

from condfoley.encoded import Exemplar
from condfoley.geometry import Geometry
from condfoley.media import resize_and_crop
from condfoley.networks.mel import window_spec
from condfoley.networks.transformer import Condition
from condfoley.networks.video_encoder import IMAGENET_MEAN, IMAGENET_STD, VideoEncoder
from condfoley.published.importer import import_checkpoint
from condfoley.published.mapping import map_checkpoint
from condfoley.runtime.sampling import Sampling, filter_logits, random_streams
from condfoley.settings import Settings
from condfoley.sizes import VideoEncoderConfig
from condfoley.weights import load_part
from tests.golden_files import HEADS, close, frames01, layouts, tensors, transformer_state

GREEDY = Sampling(top_k=1)


def stream():
    return random_streams([0])


@pytest.mark.parametrize(
    ("crop", "waves", "expected"),
    [
        ("first", ["in/wave_target"], "out/A_first160_pm1"),
        ("centre", ["in/wave_target", "in/wave_cond"], "out/A_codebook_training_pm1"),
    ],
)
def test_windows_of_sound(crop, waves, expected):
    golden = tensors("mel")
    geometry = Geometry.published()
    assert geometry.crop == "centre" and geometry.sound_lag == 6
    wav = torch.stack([golden[name] for name in waves])
    spec = window_spec(wav, Geometry(**{**geometry.__dict__, "crop": crop}))
    close(spec, golden[expected].view(-1, 1, 80, 160), 1e-5)


def test_a_window_that_outlasts_its_clip_ends_in_mid_level():
    golden = tensors("mel")
    spec = window_spec(golden["in/wave_target"][None], Geometry.published(192))
    close(spec[0, 0, :, :173], golden["out/A_spec_pm1"], 1e-5)
    assert spec.shape[3] == 192 and not spec[..., 173:].any()


def test_frames():
    golden = tensors("frames")
    small = np.stack([resize_and_crop(image.numpy(), 112) for image in golden["in/frames_uint8"]])
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    close((frames01(torch.from_numpy(small)) - mean) / std, golden["out/frames"], 1e-6)


@torch.no_grad()
def test_vqgan_alone(checkpoints, tmp_path):
    import_checkpoint(checkpoints / "vqgan.ckpt", tmp_path / "vqgan")
    golden, model = tensors("vqgan"), load_part(tmp_path / "vqgan", "tokenizer")
    latent = model.latent(golden["in/spec"])
    close(latent, golden["out/pre_quant"], 1e-5)
    assert torch.equal(model.nearest(latent).flatten(1), golden["out/indices"])
    codes = model.encode(golden["in/spec"])
    close(model.decode(codes, rows=5), golden["out/decoded"], 1e-5)
    reconstruction, loss, same = model(golden["in/spec"])
    assert torch.equal(codes, same)
    close(loss.view(1), golden["out/vq_loss"], 1e-5)
    close(reconstruction, golden["out/decoded"], 1e-5)


@torch.no_grad()
def test_video_features_normalise_each_clip_by_itself(foley):
    golden, model = tensors("video_tiny"), foley.loaded.engine.video_encoder
    before = {k: v.clone() for k, v in model.state_dict().items()}
    frames = frames01(golden["in/frames_uint8"])
    close(model(frames[:1]).transpose(1, 2), golden["out/features_clip0_alone"], 1e-4)
    close(model(frames).transpose(1, 2), golden["out/features_both_in_one_batch"], 1e-4)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def drawn(name, shape):
    """A tensor of the full-width fixture, drawn from its name by the fixture's rule."""
    n = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    kind = name.split(".")[-1]
    if kind == "num_batches_tracked":
        return torch.tensor(0)
    values = {
        "running_var": 1 + 0.2 * np.abs(n),
        "running_mean": 0.2 * n,
        "bias": 0.1 * n,
        "weight": 1 + 0.1 * n if len(shape) == 1 else 1.4 * n / np.sqrt(np.prod(shape[1:])),
    }[kind]
    return torch.from_numpy(values).half().float()


@torch.no_grad()
def test_video_features_at_full_width():
    golden = tensors("video_full_no_weights")
    state = {k: v for k, v in transformer_state().items() if not k.startswith("cond_stage_model.")}
    full = {k: v for k, v in layouts()["transformer"].items() if k.startswith("cond_stage_model.")}
    state |= {name: drawn(name, shape) for name, shape in full.items()}
    part = map_checkpoint(state, HEADS)[0]["video_encoder"]
    model = VideoEncoder(part.config)
    model.load_state_dict(part.state_dict())
    assert part.config == VideoEncoderConfig(batch_statistics=True)  # the published sizes
    frames = frames01(golden["in/frames_uint8"])[None]
    close(model.eval()(frames).transpose(1, 2), golden["out/features_clip_alone"], 1e-4)


@torch.no_grad()
def test_transformer_logits_loss_and_greedy_continuation(foley):
    golden, model = tensors("gpt"), foley.loaded.engine.transformer
    features = golden["in/features"].transpose(1, 2)  # (2, 60, 64)
    codes = golden["in/codes"]
    prefix = model.prefix(features[:, :30], features[:, 30:], codes[:, :50])
    logits = model(prefix, codes[:, 50:])
    close(logits, golden["out/logits"][:, 109:], 1e-5)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), codes[:, 50:].flatten())
    close(loss.view(1), golden["out/loss_target_codes"], 1e-5)
    for i in range(2):
        condition = Condition(features[i : i + 1, 30:], features[i : i + 1, :30], codes[i : i + 1, :50])
        out = model.generate(condition, stream(), GREEDY)
        assert torch.equal(out[0], golden["out/greedy_codes"][i, 50:])


@torch.no_grad()
def test_the_published_half_of_the_codes_may_be_drawn(foley):
    golden, model = tensors("gpt"), foley.loaded.engine.transformer
    features, codes = golden["in/features"].transpose(1, 2), golden["out/greedy_codes"]
    prefix = model.prefix(features[:, :30], features[:, 30:], codes[:, :50])
    first = model(prefix, codes[:, 50:])[:, 0]
    published = Sampling(**foley.pipeline(2.0, mode="published").sampling(Settings(mode="published")))
    kept = torch.from_numpy(np.isfinite(filter_logits(first.numpy(), published.top_k, published.top_p)))
    assert published.temperature == published.guidance == 1
    assert torch.equal(kept, golden["out/top512_of_first_step_kept"].bool())


@torch.no_grad()
def test_melgan(foley):
    golden = tensors("melgan")
    close(foley.loaded.engine.vocoder(golden["in/mel"]), golden["out/wave"][:, 0], 1e-5)


@torch.no_grad()
def test_the_chain_from_pictures_and_spectrograms_to_sound(foley):
    golden = tensors("chain")
    pipeline = foley.pipeline(2.0, mode="published")
    target, reference = (pipeline.encode_frames(golden[f"in/frames_{n}_uint8"].numpy()) for n in ("target", "cond"))
    close(torch.from_numpy(np.concatenate([reference, target]))[None].transpose(1, 2), golden["out/features"])
    encoded = {name: pipeline.engine.encode_windows(golden[f"in/spec_{name}"].numpy()) for name in ("cond", "target")}
    assert np.array_equal(encoded["cond"], golden["out/codes_cond_permuted"])
    assert np.array_equal(encoded["target"], golden["out/codes_target_permuted"])
    transformer, codes = pipeline.engine.transformer, {n: torch.from_numpy(c) for n, c in encoded.items()}
    prefix = transformer.prefix(torch.from_numpy(reference[None]), torch.from_numpy(target[None]), codes["cond"])
    close(transformer(prefix, codes["target"]), golden["out/logits_target"])
    drawn = pipeline.drafter.sample(target, Exemplar(reference[None], encoded["cond"], None), [0], asdict(GREEDY))
    assert np.array_equal(drawn, golden["out/greedy_codes"])
    spec = pipeline.drafter.decode(drawn)
    close(torch.from_numpy(2 * spec - 1), golden["out/decoded"][:, 0])
    close(torch.from_numpy(spec), golden["out/melgan_input"])
    wave = torch.from_numpy(np.array(pipeline.vocode(spec)[0].mono))
    close(wave[None, None, :40960], golden["out/wave"])
    assert len(wave) == 44100 and not wave[40960:].any()  # the published file ends here
