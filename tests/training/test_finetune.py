"""`condfoley finetune` really runs, and what it writes generates."""

import json
from pathlib import Path

import pytest

from condfoley.cli import main
from condfoley.foley import Foley
from tests.tiny import write_tiny_weights

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def weights(tmp_path):
    return write_tiny_weights(tmp_path / "start")


def words(clips, weights, out, *more):
    return [
        "finetune",
        str(clips),
        "--out",
        str(out),
        "--weights",
        str(weights),
        "--steps",
        "3",
        "--batch-size",
        "2",
        *more,
    ]


def test_adapters_are_merged_and_the_other_parts_are_copied(clips, weights, tmp_path, capsys):
    out = tmp_path / "my_model"
    assert main(words(clips, weights, out)) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "before" in printed.err and "after" in printed.err and "another video's reference" not in printed.err
    changed = [p.name for p in weights.glob("*.safetensors") if p.read_bytes() != (out / p.name).read_bytes()]
    assert changed == ["transformer.safetensors"]
    card = json.loads((out / "card.json").read_text())
    assert set(card["parts"]["transformer"]["trained_with"]) == {"tokenizer", "video_encoder"}
    measured = json.loads((out / "finetune.json").read_text())
    assert measured["before"] != measured["after"]
    made = Foley.load(out).generate(EXAMPLES / "hitting_metal.mp4", EXAMPLES / "hitting_bag_silent.mp4", candidates=1)
    assert len(made.wav)
    assert main(words(clips, weights, out)) == 2
    assert "already finished" in capsys.readouterr().err
    assert main(words(clips, weights, out, "--force", "--whole")) == 0


def test_foreign_folders_are_refused(clips, weights, tmp_path, capsys):
    assert main(words(clips, weights, weights)) == 2
    assert "give another one" in capsys.readouterr().err
    other = write_tiny_weights(tmp_path / "other")
    before = (other / "card.json").read_bytes()
    assert main(words(clips, weights, other)) == 2
    assert "holds other weights" in capsys.readouterr().err
    assert (other / "card.json").read_bytes() == before
    assert main(words(tmp_path / "none", weights, tmp_path / "new")) == 2
    assert not (tmp_path / "new").exists()
