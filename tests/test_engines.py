"""Both engines compute the same, and the one that cannot run some weights is refused in one line."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="graphs are written with onnx (pip install 'condfoley[torch]')")

from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.networks.tokenizer import Tokenizer
from condfoley.networks.transformer import Transformer
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.networks.vocoder import Vocoder
from condfoley.runtime import graph_files
from condfoley.runtime.choice import load_engine
from condfoley.runtime.engine import Prompt
from condfoley.runtime.export import write_graphs
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.onnx import OnnxEngine
from condfoley.runtime.torch import TorchEngine
from condfoley.weights import SHIPPED, read_card, save_part
from tests.tiny import GEOMETRY, TOKENIZER, TRANSFORMER, VIDEO, VOCODER, write_tiny_weights

PUBLISHED_LIKE = {
    "tokenizer": Tokenizer(replace(TOKENIZER, row_fold=1, attn_resolutions=(20,))),
    "video_encoder": VideoEncoder(
        replace(VIDEO, motion=False, normalise="imagenet", pool="mean", neck=0, batch_statistics=True)
    ),
    "transformer": Transformer(replace(TRANSFORMER, feature_dim=8, aligned=False, segments=False)),
    "vocoder": Vocoder(VOCODER),
}
FOLLOWING_CLIPS = {
    "video_encoder": VideoEncoder(replace(VIDEO, prior_frames=20)),
    "transformer": Transformer(replace(TRANSFORMER, aligned_reference=True)),
}


def far_from_uniform(network):
    """So that a mistake changes the choice of a code."""
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return network


@pytest.fixture(scope="module", params=["tiny", "published-like", "following-clips"])
def folder(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("weights") / request.param
    torch.manual_seed(1)
    geometry = GEOMETRY
    if request.param != "published-like":
        write_tiny_weights(out)
    else:
        geometry = replace(GEOMETRY, code_rows=10)
    parts = {"tiny": {}, "published-like": PUBLISHED_LIKE, "following-clips": FOLLOWING_CLIPS}[request.param]
    for name, part in parts.items():
        save_part(out, name, far_from_uniform(part), geometry, {})
    write_graphs(out)
    return out


@pytest.fixture(scope="module")
def engines(folder):
    return TorchEngine.load(folder), OnnxEngine.load(folder)


def assert_same(engines, call, tolerance=1e-4):
    expected, found = (np.asarray(call(engine)) for engine in engines)
    assert expected.shape == found.shape and np.isfinite(expected).all()
    assert np.abs(expected - found).max() <= tolerance * max(1.0, np.abs(expected).max())
    return found


def test_the_parts_give_the_same_numbers(engines):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (70, 32, 32, 3), dtype=np.uint8)
    tokens = assert_same(engines, lambda e: e.encode_frames(frames))
    assert_same(engines, lambda e: e.encode_frames(frames, mirrored=True))
    assert_same(engines, lambda e: e.encode_frames(frames, chunk=30))
    specs = rng.uniform(-1, 1, (3, 1, 80, 160)).astype(np.float32)
    codes = assert_same(engines, lambda e: e.encode_windows(specs), 0)
    assert_same(engines, lambda e: e.decode_codes(np.tile(codes, (1, 2))))
    assert_same(engines, lambda e: e.vocode(specs[:1, 0] / 2 + 0.5))
    assert engines[0].has_event_head == engines[1].has_event_head and engines[0].has_sync == engines[1].has_sync
    if engines[0].has_event_head:
        assert_same(engines, lambda e: e.event_logits(np.stack([tokens, tokens[::-1]])))
    if engines[0].has_sync:
        tokens = rng.normal(size=tokens.shape).astype(np.float32)  # a fresh encoder's are nearly the same in all frames
        for length in (56, 41):
            sounds = rng.uniform(0, 1, (4, 80, 402)).astype(np.float32)
            assert_same(engines, lambda e, n=length, s=sounds: e.assess_sync(tokens, s, n))
        assert_same(engines, lambda e: e.assess_sync(tokens[:20], sounds[:, :, :100], 56))  # shorter than the shifts


@pytest.mark.parametrize("sampling", [{"top_p": 0.9}, {"top_k": 5, "guidance": 2.0, "picture_guidance": 1.5}])
@pytest.mark.parametrize("given", ["both", "sound", "nothing"])
def test_a_seed_gives_the_same_codes(engines, sampling, given):
    c, rng = engines[0].transformer.config, np.random.default_rng(2)
    target, reference = (rng.normal(size=(n, c.frames, c.feature_dim)).astype(np.float32) for n in (2, 1))
    codes = rng.integers(c.n_embed, size=(1, c.codes))
    prompt = Prompt(target, reference if given == "both" else None, None if given == "nothing" else codes)
    for forced in (None, rng.integers(c.n_embed, size=(6, 7))):
        drawn = [e.generate_codes(prompt, e.random_streams(range(6)), sampling, forced, until=40) for e in engines]
        assert (drawn[0] == drawn[1]).mean() >= 0.99 and len(np.unique(drawn[0])) > 5
        assert drawn[0].shape == (6, 40)


def test_the_shipped_weights_make_the_same_soundtrack():
    from benchmarks.engines import PAIRS, REFERENCE, compared, equal_codes
    from condfoley.foley import Foley

    foleys = {name: Foley.load(engine=name) for name in ("onnx", "torch")}
    assert equal_codes(foleys, PAIRS["example"], seeds=20) >= 0.99
    made = [foley.generate(REFERENCE, PAIRS["example"], candidates=2) for foley in foleys.values()]
    same, difference = compared(*made)
    assert same and difference < 0.5
    assert [m.engine["name"] for m in made] == list(foleys)
    assert np.allclose(made[0].cues.times, made[1].cues.times, atol=1e-5)


def test_graphs_hold_no_weights():
    card = read_card(SHIPPED)
    files = [SHIPPED / g["file"] for part in card["parts"].values() for g in part.get("graphs", {}).values()]
    assert len(files) == 17 and sum(file.stat().st_size for file in files) < 900e3


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(SHIPPED, tmp_path / "weights")


def changed(folder, change):
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def test_auto_takes_onnx_where_it_can(copied, monkeypatch):
    assert load_engine(copied).name == "onnx"
    assert Loaded.load(copied).engine.name == "onnx"
    assert load_engine(copied, engine="torch").name == "torch"
    monkeypatch.setattr(graph_files, "OLDEST", (99, 0))
    assert load_engine(copied).name == "torch"
    monkeypatch.undo()
    changed(copied, lambda card: card["parts"]["vocoder"].pop("graphs"))
    assert load_engine(copied).name == "torch"


def test_refusals(copied, monkeypatch, tmp_path):
    def refused(part, **how):
        with pytest.raises(InputError, match=part):
            load_engine(copied, **how)

    refused("computes on the CPU, not on cuda", device="cuda", engine="onnx")
    refused("--engine is 'tpu'", engine="tpu")
    monkeypatch.setattr(graph_files, "OLDEST", (99, 0))
    refused("is too old; run: pip install -U 'onnxruntime>=99.0'", engine="onnx")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused("onnxruntime is not installed", engine="onnx")
    monkeypatch.undo()
    monkeypatch.setattr("condfoley.runtime.choice.find_spec", lambda name: None)
    refused(r"need PyTorch; run: pip install 'condfoley\[torch\]'", engine="torch")
    monkeypatch.undo()
    path = copied / "vocoder.vocode.onnx"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused("damaged or foreign", engine="onnx")
    refused("damaged or foreign")
    path.unlink()
    refused("is missing")
    changed(copied, lambda card: card["parts"]["vocoder"].pop("graphs"))
    refused("have no graphs of vocoder; run: condfoley export onnx", engine="onnx")


def test_a_graph_of_other_sizes_is_noticed(copied, tmp_path):
    write_tiny_weights(tmp_path / "tiny")
    write_graphs(tmp_path / "tiny", ["vocoder"])
    shutil.copy(tmp_path / "tiny" / "vocoder.vocode.onnx", copied)
    tiny = read_card(tmp_path / "tiny")["parts"]["vocoder"]["graphs"]
    changed(copied, lambda card: card["parts"]["vocoder"].update(graphs=tiny))
    with pytest.raises(InputError, match="does not fit the weights"):
        load_engine(copied, engine="onnx").vocode(np.zeros((1, 80, 32), np.float32))


def test_the_command_writes_graphs_and_saving_a_part_forgets_them(tmp_path, capsys):
    folder = write_tiny_weights(tmp_path / "w")
    assert load_engine(folder).name == "torch"
    assert main(["export", "onnx", str(folder)]) == 0
    assert len(capsys.readouterr().out.split()) == 15 and load_engine(folder).name == "onnx"
    save_part(folder, "vocoder", Vocoder(VOCODER), GEOMETRY, {})
    assert load_engine(folder).name == "torch"
    assert main(["export", "onnx", str(tmp_path / "nowhere")]) == 2
    assert "no weights in" in capsys.readouterr().err
