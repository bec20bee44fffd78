"""Both engines run the flow alike, and weights whose graphs are not complete are not run by onnxruntime."""

import json

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="graphs are written with onnx (pip install 'condfoley[torch]')")

from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.runtime.choice import load_engine
from condfoley.runtime.export import write_graphs
from condfoley.runtime.onnx import OnnxEngine
from condfoley.runtime.torch import TorchEngine
from tests.made_up import noise_clip
from tests.tiny import FLOWS, write_tiny_flow


@pytest.fixture(scope="module", params=FLOWS)
def folder(request, tmp_path_factory):
    out = write_tiny_flow(tmp_path_factory.mktemp("weights") / request.param, request.param, transformer=False)
    write_graphs(out)
    return out


@pytest.fixture(scope="module")
def engines(folder):
    return TorchEngine.load(folder), OnnxEngine.load(folder)


def same(engines, call, tolerance=1e-4):
    expected, found = (call(engine) for engine in engines)
    assert expected.shape == found.shape and expected.dtype == found.dtype == np.float32
    assert np.abs(expected - found).max() <= tolerance * max(1.0, np.abs(expected).max())
    return found


def test_the_flow_gives_the_same_numbers(engines):
    config, rng = engines[1].flow_config, np.random.default_rng(0)
    assert engines[0].flow_config == config and engines[0].generators == engines[1].generators == ["flow"]
    specs = rng.uniform(-1, 1, (3, 1, 80, 160)).astype(np.float32)
    tokens = same(engines, lambda e: e.flow_tokens(specs))
    assert tokens.shape == (3, config.tokens, config.dim)
    longer = np.concatenate([tokens, tokens[:, :10]], 1)
    made = same(engines, lambda e: e.flow_specs(longer))
    assert made.shape == (3, 80, longer.shape[1] * 160 // config.tokens)
    if config.space == "patches":
        assert made[:, :, :160] == pytest.approx(specs[:, 0], abs=1e-5)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_reference_and_its_targets_give_the_numbers_of_the_whole_network(engines, rows):
    c, rng = engines[1].flow_config, np.random.default_rng(rows)
    shapes = (c.tokens, c.dim), (c.frames, c.feature_dim)
    noisy, pictures = (rng.normal(size=(rows, *shape)).astype(np.float32) for shape in shapes)
    sound, seen = (rng.normal(size=(1, *shape)).astype(np.float32) for shape in shapes)
    known, no_picture = (rng.uniform(size=size) < 0.5 for size in ((rows, c.tokens), rows))
    target = noisy, known.astype(np.float32), rng.uniform(size=rows).astype(np.float32)
    for drops in ((False, False), (False, True), (True, True)):
        no_reference, no_reference_picture = (np.array([drop]) for drop in drops)
        reference = sound, seen, no_reference, no_reference_picture
        context = same(engines, lambda e, given=reference: e.flow_reference(*given))
        assert context.shape == (c.depth, 2, 1, c.heads, c.tokens, c.width // c.heads)
        found = same(engines, lambda e, given=context: e.flow_clean(*target, pictures, no_picture, given))
        repeated = [x.repeat(rows, 0) for x in reference]
        given = map(torch.from_numpy, (*target, *repeated[:2], pictures, no_picture, *repeated[2:]))
        with torch.no_grad():
            assert found == pytest.approx(engines[0].flow(*given).numpy(), abs=1e-4)


def test_a_seed_gives_the_same_drafts_with_both_engines(folder, tmp_path):
    clips = noise_clip(tmp_path / "reference.mp4", 2.5), noise_clip(tmp_path / "target.mp4", 4.0, sound=False)
    made = [
        Foley.load(folder, engine=name).generate(*clips, candidates=2, steps=2, render="vocoder")
        for name in ("torch", "onnx")
    ]
    assert [m.engine["name"] for m in made] == ["torch", "onnx"]
    for one, other in zip(*(m.candidates for m in made), strict=True):
        assert one.offset == pytest.approx(other.offset, abs=0.07)
        assert np.abs(one.track.wav - other.track.wav).mean() < 0.05 * np.abs(one.track.wav).mean()


def test_incomplete_graphs_are_told(folder, tmp_path):
    card = json.loads((folder / "card.json").read_text())
    needs = card["parts"]["flow"]["config"]["space"] == "latents"
    assert load_engine(folder).name == "onnx"
    before = json.dumps(card)
    card["parts"]["tokenizer"]["graphs"].pop("latents")
    (folder / "card.json").write_text(json.dumps(card))
    try:
        if needs:
            with pytest.raises(
                InputError, match="have no graphs of the tokenizer's latents; run: condfoley export onnx"
            ):
                load_engine(folder, engine="onnx")
        assert load_engine(folder).name == ("torch" if needs else "onnx")
        card["parts"]["flow"].pop("graphs")
        (folder / "card.json").write_text(json.dumps(card))
        with pytest.raises(InputError, match="have no graphs of flow"):
            load_engine(folder, engine="onnx")
        former = {"clean": {"file": "flow.clean.onnx", "sha256": "0"}}  # one graph that encoded the reference too
        card["parts"]["flow"]["graphs"] = former
        (folder / "card.json").write_text(json.dumps(card))
        with pytest.raises(InputError, match=r"have no graphs of .*flow.*; run: condfoley export onnx \S+$") as told:
            load_engine(folder, engine="onnx")
        assert "\n" not in str(told.value)
        assert load_engine(folder).name == "torch"
    finally:
        (folder / "card.json").write_text(before)
