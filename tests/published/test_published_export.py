"""What leaves in the published layout is what came in; a full-size checkpoint goes there and back."""

import pytest
import torch

from condfoley import weights
from condfoley.cli.main import main
from condfoley.foley import Foley
from condfoley.geometry import Geometry
from condfoley.media import write_clip
from condfoley.networks.tokenizer import Tokenizer
from condfoley.networks.transformer import Transformer
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.published.exporter import published_state
from condfoley.published.importer import import_checkpoint
from condfoley.published.mapping import map_checkpoint
from tests.golden_files import HEADS, close, full_size, layouts, lengthened, tensors, transformer_state
from tests.golden_files import weights as golden_weights
from tests.made_up import FPS, RATE, frames, pulses


def exported(path):
    return torch.load(path, weights_only=True)["state_dict"]


def test_names_and_shapes_of_the_published_sizes():
    """All 986, so that others' tools find each of them."""
    with torch.device("meta"):
        parts = {"tokenizer": Tokenizer(), "video_encoder": VideoEncoder(), "transformer": Transformer()}
    state = published_state(parts, Geometry.published())
    assert {name: list(tensor.shape) for name, tensor in state.items()} == layouts()["transformer"]


@pytest.mark.parametrize("frames", [160, 192])
def test_round_trip(checkpoints, tmp_path, capsys, frames):
    before = transformer_state() if frames == 160 else lengthened(transformer_state())
    source = checkpoints / ("transformer.ckpt" if frames == 160 else "long.ckpt")
    import_checkpoint(source, tmp_path / "w", checkpoints, HEADS)
    words = ["export", "condfoleygen", str(tmp_path / "w"), "--out", str(tmp_path / "x.ckpt")]
    assert main([*words, "--vocoder", str(tmp_path / "x.pt")]) == 0
    assert capsys.readouterr().out.count("\n") == 2  # nothing had to be left out
    after = exported(tmp_path / "x.ckpt")
    assert all(torch.equal(after[name], value) and after[name].dtype == value.dtype for name, value in before.items())
    assert {name.split(".")[0] for name in set(after) - set(before)} == {"first_stage_model", "wav_transforms"}
    close(after["wav_transforms.3.fb"], tensors("mel")["out/A_filterbank"], 1e-5)
    network, there = golden_weights("melgan"), torch.load(tmp_path / "x.pt", weights_only=True)
    assert set(network) == set(there) and all(torch.equal(there[k], v) for k, v in network.items())
    assert main([*words, "--vocoder", str(tmp_path / "y.pt")]) == 2  # x.ckpt is there already
    assert "x.ckpt is there already" in capsys.readouterr().err and not (tmp_path / "y.pt").exists()


@torch.no_grad()
def test_what_was_trained_here_gives_the_same_logits_there(foley, tmp_path, capsys):
    """Our standardised picture tokens become part of the embedder; what has no place there is named."""
    part = Transformer(foley.loaded.engine.transformer.config).eval()
    part.load_state_dict(foley.loaded.engine.transformer.state_dict())
    for name in ("feature_mean", "null_frames"):
        getattr(part, name).normal_()
    part.feature_std.uniform_(0.5, 2)
    record = {
        "tokenizer": foley.loaded.engine.tokenizer,
        "video_encoder": foley.loaded.engine.video_encoder,
        "transformer": part,
    }
    for name, network in record.items():
        weights.save_part(tmp_path / "w", name, network, foley.geometry, {}, half=False)
    assert main(["export", "condfoleygen", str(tmp_path / "w"), "--out", str(tmp_path / "x.ckpt")]) == 0
    assert "left out" in capsys.readouterr().out
    there = map_checkpoint(exported(tmp_path / "x.ckpt"), HEADS)[0]["transformer"]
    assert not there.feature_mean.any() and (there.feature_std == 1).all()
    pictures, codes = torch.randn(2, 1, 30, 64), torch.randint(128, (1, 50))
    close(there(there.prefix(*pictures, codes), codes), part(part.prefix(*pictures, codes), codes), 1e-5)


def test_what_the_published_layout_has_no_place_for(tmp_path, capsys):
    out = tmp_path / "x.ckpt"
    assert main(["export", "condfoleygen", str(weights.SHIPPED), "--out", str(out)]) == 2
    assert "row_fold 2" in capsys.readouterr().err
    assert main(["export", "condfoleygen", str(tmp_path / "none"), "--out", str(out)]) == 2
    assert "no weights" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def noise(name, shape):
    """Random numbers that keep the signal's size through all layers."""
    pool = torch.randn(1 << 16, generator=torch.Generator().manual_seed(0))
    count = int(torch.tensor(shape).prod())
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    values = pool.repeat(-(-count // len(pool)))[:count].view(shape)
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        return 1 + 0.1 * values.abs()
    return values / max(1, count / max(shape[:1] or [1])) ** 0.5


@pytest.mark.slow
def test_a_full_size_checkpoint(tmp_path):
    """The released model's layout with random numbers: imported, read again equal, heard, and exported equal."""
    state = full_size(192, noise)
    assert len(state) == 986
    torch.save({"state_dict": state}, tmp_path / "full.ckpt")
    import_checkpoint(tmp_path / "full.ckpt", tmp_path / "w")
    foley = Foley.load(tmp_path / "w")
    assert torch.equal(foley.loaded.engine.transformer.tok_emb.weight, state["transformer.tok_emb.weight"])
    clip = write_clip(tmp_path / "clip.mp4", frames(2.0), FPS, pulses([0.5], 2.0), RATE)
    made = foley.generate(clip, clip, candidates=1, mode="published")
    assert len(made.wav) == 2 * RATE and made.wav.std() > 0
    del foley
    assert main(["export", "condfoleygen", str(tmp_path / "w"), "--out", str(tmp_path / "x.ckpt")]) == 0
    after = torch.load(tmp_path / "x.ckpt", weights_only=True, mmap=True)["state_dict"]
    assert set(after) == set(state)
    rebuilt = ("window", "fb")  # made from the geometry, whatever the checkpoint had
    assert all(torch.equal(after[k], v) for k, v in state.items() if not k.endswith(rebuilt))
