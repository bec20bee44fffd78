"""`condfoley finetune` really runs, and what it writes generates."""

import dataclasses
import json
from pathlib import Path

import pytest

from condfoley.cli.arguments import parse_config
from condfoley.cli.main import main
from condfoley.cli.options import FinetuneOptions
from condfoley.foley import Foley
from condfoley.training.config import TrainConfig
from condfoley.training.finetune import finetune_config
from condfoley.weights import SHIPPED, read_card
from tests.tiny import write_tiny_weights

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


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


def test_a_stopped_run_is_not_resumed_with_other_options(clips, weights, tmp_path, capsys):
    out = tmp_path / "my_model"
    assert main(words(clips, weights, out)) == 0
    (out / "finetune.json").unlink()  # as if it had been stopped before the end
    before = (out / "card.json").read_bytes()
    capsys.readouterr()
    assert main(words(clips, weights, out, "--seed", "1")) == 2
    told = capsys.readouterr().err
    assert "started with seed=0, now 1; give the earlier value to resume it, give --force to start again" in told
    assert (out / "card.json").read_bytes() == before
    assert main(words(clips, weights, out, "--seed", "0")) == 0


def by_hand(stage):
    return parse_config("t", TrainConfig, ["--config", str(ROOT / "configs" / "finetune" / f"{stage}.yaml")])


def test_the_config_file_does_what_the_command_does():
    file = by_hand("transformer")
    command = finetune_config(file.data.folder, SHIPPED, FinetuneOptions(out=file.out))
    places, rhythm = ("out", "weights", "init"), ("log_every", "evaluate_every", "checkpoint_every")
    own = {name: getattr(file, name) for name in (*places, *rhythm)}
    data = dataclasses.replace(command.data, cache=file.data.cache)
    lengths = {
        name: getattr(file.transformer, name) for name in ("feature_dim", "frames", "codes")
    }  # the stage finds them
    sizes = dataclasses.replace(command.transformer, **lengths)
    assert dataclasses.replace(command, **own, data=data, transformer=sizes) == file


@pytest.mark.parametrize("stage", ["tokenizer", "vocoder"])
def test_the_other_config_files_have_the_shipped_sizes(stage):
    sizes = dataclasses.asdict(getattr(by_hand(stage), stage))
    assert json.loads(json.dumps(sizes)) == read_card(SHIPPED)["parts"][stage]["config"]


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
