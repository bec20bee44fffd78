"""Weights are verified before they are used."""

import json
import subprocess
import sys

import pytest
import torch

from condfoley.errors import InputError
from condfoley.lineage import codes_hash
from condfoley.runtime.engine import FINDING, GENERATING, OPTIONAL
from condfoley.weights import GUIDED, SHIPPED, card_geometry, load_part, read_card, sha256
from tests.tiny import write_tiny_weights


@pytest.fixture
def folder(tmp_path):
    return write_tiny_weights(tmp_path / "weights")


def test_every_part_comes_back_in_half_precision(folder):
    for name in (*GENERATING, *OPTIONAL):
        part = load_part(folder, name)
        assert not part.training
        assert all(p.dtype == torch.float32 for p in part.parameters())


def test_a_changed_byte_is_noticed(folder):
    path = folder / "vocoder.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="damaged or foreign"):
        load_part(folder, "vocoder")


def test_a_foreign_file_with_a_matching_hash_is_noticed(folder):
    path = folder / "vocoder.safetensors"
    path.write_bytes((folder / "sync.safetensors").read_bytes())
    card = json.loads((folder / "card.json").read_text())
    card["parts"]["vocoder"]["sha256"] = sha256(path)
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="does not fit its card"):
        load_part(folder, "vocoder")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99, "parts": {}}', "\x00\x01"])
def test_a_foreign_card(folder, text):
    (folder / "card.json").write_text(text)
    with pytest.raises(InputError):
        read_card(folder)


@pytest.mark.parametrize(
    ("way", "value", "complaint"),
    [
        (["parts"], [], "parts is \\[\\], not dict"),
        (["parts", "sync"], 7, "parts.sync is 7, not dict"),
        (["parts", "sync", "config"], "nan", "sync.config is 'nan', not dict"),
        (["parts", "sync", "sha256"], None, "sync.sha256 is None, not str"),
        (["parts", "sync", "graphs"], {"score": {"file": "a.onnx"}}, "sync.graphs.score has no sha256"),
        (["parts", "sync", "trained_with"], {"video_encoder": 1}, "trained_with.video_encoder is 1, not str"),
        (["sampling"], {"top_p": "high"}, "sampling.top_p is 'high', not float"),
        (["name"], 5, "name is 5, not str"),
    ],
)
def test_a_card_whose_form_is_damaged(folder, way, value, complaint):
    card = json.loads((folder / "card.json").read_text())
    *to, last = way
    place = card
    for key in to:
        place = place[key]
    place[last] = value
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=f"card.json is damaged .*{complaint}.*; get a fresh copy"):
        read_card(folder)


def test_a_card_without_geometry(folder):
    card = json.loads((folder / "card.json").read_text())
    del card["geometry"]
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="no geometry, so it is damaged; get a fresh copy"):
        card_geometry(read_card(folder))


@pytest.mark.parametrize(("name", "value"), [("hop", 0), ("code_columns", 0), ("fps", -15.0), ("window_frames", 0)])
def test_a_geometry_that_nothing_can_have(folder, name, value):
    card = json.loads((folder / "card.json").read_text())
    card["geometry"][name] = value
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=f"does not fit this version.*{name} is {value}; it has to be above 0"):
        card_geometry(read_card(folder))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [("wide", "is 'wide', not int"), (-1, "is -1; it has to be from 0"), (2**63, f"is {2**63}; it has to be from 0")],
)
def test_sizes_that_nothing_can_have_in_a_card(folder, value, complaint):
    card = json.loads((folder / "card.json").read_text())
    card["parts"]["sync"]["config"]["width"] = value
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=f"does not fit this version.*width {complaint}"):
        load_part(folder, "sync")


def test_a_tokenizer_whose_file_cannot_be_read(folder):
    path = folder / "tokenizer.safetensors"
    path.write_bytes(path.read_bytes()[:20] + b"\xff" * 100)
    with pytest.raises(InputError, match="tokenizer.safetensors does not fit its card"):
        codes_hash(folder)


def test_a_missing_folder_part_or_file(folder, tmp_path):
    with pytest.raises(InputError, match="no weights in"):
        read_card(tmp_path / "nowhere")
    (folder / "sync.safetensors").unlink()
    with pytest.raises(InputError, match="is missing"):
        load_part(folder, "sync")
    card = json.loads((folder / "card.json").read_text())
    del card["parts"]["sync"]
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="have no sync"):
        load_part(folder, "sync")


def test_unknown_sizes_in_a_card(folder):
    card = json.loads((folder / "card.json").read_text())
    card["parts"]["sync"]["config"]["colour"] = 1
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="does not fit this version"):
        load_part(folder, "sync")


@pytest.mark.parametrize(("part", "name"), [("video_encoder", "pool"), ("vocoder", "carrier"), (None, "crop")])
def test_an_unknown_choice_in_a_card(folder, part, name):
    card = json.loads((folder / "card.json").read_text())
    (card["parts"][part]["config"] if part else card["geometry"])[name] = "typo"
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=f"does not fit this version.*{name} is 'typo', not "):
        card_geometry(read_card(folder))
        load_part(folder, part or "sync")


def test_the_shipped_weights_are_whole_and_small():
    card = read_card(SHIPPED)
    assert set(card["parts"]) == {*GENERATING, *OPTIONAL, *FINDING, GUIDED, "flow", "judges"}
    assert sum(p.stat().st_size for p in SHIPPED.iterdir()) < 40e6
    for name in card["parts"]:
        load_part(SHIPPED, name)


def test_runs_that_write_the_same_file_do_not_meet(tmp_path):
    """Two that begin together share a cache, and its settings.json."""
    code = (
        "import sys; from pathlib import Path; from condfoley.files import write_json\n"
        "for i in range(400): write_json(Path(sys.argv[1]), list(range(i)))"
    )
    path = tmp_path / "settings.json"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert json.loads(path.read_text()) == list(range(399)) and list(tmp_path.iterdir()) == [path]
