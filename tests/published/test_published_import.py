"""What a checkpoint may be, what is told of it, and one clear line for everything else."""

import pickle

import numpy as np
import pytest
import torch

from condfoley import weights
from condfoley.cli.main import main
from condfoley.published.layout import CHILDREN
from condfoley.published.mapping import map_checkpoint
from condfoley.sizes import TokenizerConfig, TransformerConfig, VocoderConfig
from tests.golden_files import HEADS, full_size, layouts, transformer_state
from tests.golden_files import weights as golden_weights

WORDS = ["import", "condfoleygen"]


def refused(capsys, path, home, *more):
    """Imports, expects exit code 2, one line and nothing left behind; returns the line."""
    before = sorted(home.iterdir())
    code = main([*WORDS, str(path), "--out", str(home / "out"), "--heads", str(HEADS), *map(str, more)])
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.count("\n") == 1 and len(err) < 500
    assert sorted(home.iterdir()) == before
    return err


def saved(path, content):
    torch.save(content, path)
    return path


def test_every_tensor_is_accounted_for(checkpoints, tmp_path, capsys):
    words = [str(checkpoints / "transformer.ckpt"), "--vocoder", str(checkpoints), "--heads", str(HEADS)]
    assert main([*WORDS, *words, "--out", str(tmp_path / "w"), "--licence", "CC0-1.0"]) == 0
    told = capsys.readouterr().out
    count = len(transformer_state())
    assert f"{count} tensors, {count - 4} used, 4 ignored, 0 missing, 0 unexpected" in told
    assert "2 (causal mask" in told and "126 tensors, 126 used" in told
    card = weights.read_card(tmp_path / "w")
    assert card["licence"] == "CC0-1.0" and weights.card_geometry(card).code_columns == 10
    assert {e["source"]["sha256"] for e in card["parts"].values()} == {
        weights.sha256(checkpoints / name) for name in ("transformer.ckpt", "best_netG.pt")
    }
    stored = weights.load_part(tmp_path / "w", "transformer").state_dict()["tok_emb.weight"]
    assert torch.equal(stored, golden_weights("gpt")["transformer.tok_emb.weight"])  # in full precision


def test_a_transformer_without_a_vocoder_gets_the_shipped_one(checkpoints, tmp_path, capsys):
    words = [str(checkpoints / "transformer.ckpt"), "--out", str(tmp_path / "w"), "--heads", str(HEADS)]
    assert main([*WORDS, *words]) == 0
    assert "no --vocoder given" in capsys.readouterr().out
    ours, shipped = (weights.load_part(folder, "vocoder") for folder in (tmp_path / "w", weights.SHIPPED))
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), shipped.parameters(), strict=True))
    assert weights.read_card(tmp_path / "w")["parts"]["vocoder"]["licence"] == "CC0-1.0"


@pytest.mark.parametrize(("file", "parts"), [("vqgan.ckpt", {"tokenizer"}), ("best_netG.pt", {"vocoder"})])
def test_a_part_alone(checkpoints, tmp_path, file, parts):
    assert main([*WORDS, str(checkpoints / file), "--out", str(tmp_path / "w")]) == 0
    card = weights.read_card(tmp_path / "w")
    assert set(card["parts"]) == parts and card["licence"] == "unknown"


@pytest.mark.parametrize(
    ("package", "module_name", "name"),
    [("pytorch_lightning", "pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
     ("omegaconf", "omegaconf.dictconfig", "DictConfig")],
)  # fmt: skip
def test_classes_of_others_do_not_keep_a_checkpoint_from_being_read(
    package, module_name, name, tmp_path, monkeypatch, capsys
):
    """A real one has `callbacks` keyed by Lightning's own classes, or settings of omegaconf, which need not be installed."""
    import sys
    import types

    module = types.ModuleType(module_name)
    kind = type(name, (), {"__module__": module_name})
    setattr(module, name, kind)
    for found in {package, module_name.rsplit(".", 1)[0], module_name}:
        monkeypatch.setitem(sys.modules, found, module if found == module_name else types.ModuleType(found))
    extras = {"callbacks": {kind: {"best_model_score": torch.tensor(1.0), "monitor": "val/loss"}}, "settings": kind()}
    path = saved(tmp_path / "x.ckpt", extras | {"state_dict": golden_weights("vqgan")})
    monkeypatch.undo()
    assert main([*WORDS, str(path), "--out", str(tmp_path / "w")]) == 0, capsys.readouterr().err


def test_the_192_frame_model(long_foley):
    g, config = long_foley.geometry, long_foley.loaded.engine.transformer.config
    assert (g.window_mel_frames, g.code_columns, g.codes, config.codes, config.frames) == (192, 12, 60, 60, 30)
    assert (g.clip_mel_frames, g.valid_columns, g.sound_lag) == (173, 10, 0)


@pytest.mark.parametrize("frames", [160, 192])
def test_the_published_sizes_are_read_from_the_checkpoint(frames):
    state = full_size(frames, lambda _, shape: torch.empty(shape, device="meta"))
    assert len(state) == 986
    parts, geometry, account = map_checkpoint(state)
    assert parts["transformer"].config == TransformerConfig(codes=5 * frames // 16)
    assert parts["tokenizer"].config == TokenizerConfig()
    assert geometry == type(geometry).published(frames)
    assert account.used + sum(map(len, account.ignored.values())) == 986
    melgan = {k: torch.empty(v, device="meta") for k, v in layouts()["melgan"].items()}
    assert map_checkpoint(melgan)[0]["vocoder"].config == VocoderConfig()
    vqgan = {k: torch.empty(v, device="meta") for k, v in layouts()["vqgan"].items()}
    parts, _, account = map_checkpoint(vqgan)
    assert parts["tokenizer"].config == TokenizerConfig()
    assert set(account.ignored) == {"networks of the training loss", "mel front end, rebuilt from the geometry"}


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("wrap", [lambda b: b, lambda b: {"state_dict": {"a": b}}, lambda b: {"callbacks": [b]}])
@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_checkpoint_is_never_run(tmp_path, capsys, wrap, legacy):
    harm = tmp_path / "harm"
    path = tmp_path / "x.ckpt"
    torch.save(wrap(Bomb(str(harm))), path, _use_new_zipfile_serialization=not legacy)
    assert "could be code" in refused(capsys, path, tmp_path)
    path.write_bytes(pickle.dumps(wrap(Bomb(str(harm)))))
    assert "x.ckpt" in refused(capsys, path, tmp_path)
    assert not harm.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"model.weight": torch.zeros(3)}, "no weights of CondFoleyGen"),
        ({"lr_schedulers": [{"last_epoch": 3}], "epoch": 3}, "holds no weights, only lr_schedulers, epoch"),
        ({"state_dict": {}}, "holds no weights"),
        ([torch.zeros(3)], "holds no weights by name"),
        ({}, "holds no weights by name"),
    ],
)
def test_checkpoints_of_other_projects(tmp_path, capsys, content, says):
    assert says in refused(capsys, saved(tmp_path / "x.ckpt", content), tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 1000, 0.5, 0.999])
def test_truncated_files(checkpoints, tmp_path, capsys, keep):
    whole = (checkpoints / "vqgan.ckpt").read_bytes()
    path = tmp_path / "cut.ckpt"
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    assert "cut.ckpt is damaged" in refused(capsys, path, tmp_path)


@pytest.mark.parametrize("prefix", CHILDREN.values())
def test_missing_children(tmp_path, capsys, prefix):
    state = {k: v for k, v in transformer_state().items() if not k.startswith(prefix)}
    line = refused(capsys, saved(tmp_path / "x.ckpt", {"state_dict": state}), tmp_path)
    assert f"its child {prefix[:-1]}" in line


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("transformer.head.weight", None, "tensors missing: 1 (transformer.head.weight)"),
        ("transformer.pos_emb", None, "pos_emb is missing"),
        ("transformer.colour", torch.zeros(2), "without a place in the published system: 1 (transformer.colour)"),
        ("transformer.head.weight", torch.zeros(2, 2), "transformer.head.weight has the shape (2, 2)"),
        ("transformer.blocks.0.attn.query.weight", torch.zeros(64, 63), "does not fit the other tensors"),
        ("transformer.pos_emb", torch.zeros(1, 90, 64), "90 positions do not hold"),
        ("transformer.blocks.1.attn.mask", torch.ones(1, 1, 160, 160), "see later ones"),
        ("first_stage_permuter.forward_shuffle_idx", torch.arange(50), "another order"),
        ("first_stage_permuter.forward_shuffle_idx", None, "is missing"),
        ("first_stage_model.encoder.conv_in.weight", torch.zeros(()), "impossible shape"),
        ("first_stage_model.quantize.embedding.weight", torch.zeros(0, 24), "impossible shape"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, capsys, name, value, says):
    state = {k: v for k, v in (transformer_state() | {name: value}).items() if v is not None}
    assert says in refused(capsys, saved(tmp_path / "x.ckpt", {"state_dict": state}), tmp_path)


def test_bad_words(checkpoints, tmp_path, capsys):
    good = checkpoints / "transformer.ckpt"
    assert "there is no file" in refused(capsys, tmp_path / "none.ckpt", tmp_path)
    assert "best_netG.pt" in refused(capsys, tmp_path, tmp_path)  # a folder without it
    assert "no MelGAN" in refused(capsys, good, tmp_path, "--vocoder", checkpoints / "vqgan.ckpt")
    assert "there is no file" in refused(capsys, good, tmp_path, "--vocoder", tmp_path / "none.pt")
    assert "--heads 5 does not divide" in refused(capsys, good, tmp_path, "--heads", "5")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert "is there already" in refused(capsys, good, tmp_path)
    for words in (["import"], ["import", "other", "x"], ["import", "condfoleygen", "--out", "x"]):
        assert main(words) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_an_empty_folder_is_filled(checkpoints, tmp_path):
    (tmp_path / "out").mkdir()
    assert main([*WORDS, str(checkpoints / "vqgan.ckpt"), "--out", str(tmp_path / "out")]) == 0
    assert np.isin("card.json", [p.name for p in (tmp_path / "out").iterdir()])
