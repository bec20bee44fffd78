"""`condfoley finetune` really runs, what it writes generates, and it writes nothing that is not better than the start."""

import csv
import dataclasses
import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from condfoley.cli.arguments import parse_config
from condfoley.cli.main import main
from condfoley.cli.options import FinetuneOptions
from condfoley.errors import EXIT_NOTHING_BETTER
from condfoley.foley import Foley
from condfoley.lineage import codes_hash
from condfoley.networks.event_head import EventHead
from condfoley.training import finetune as module
from condfoley.training.config import DataConfig, TrainConfig
from condfoley.training.finetuning import plan, settings
from condfoley.training.finetuning.parts import Learner, Recipe
from condfoley.training.finetuning.settings import finetune_config
from condfoley.weights import SHIPPED, card_geometry, drop_part, load_part, read_card, save_part
from tests.tiny import EVENTS, write_tiny_weights
from tests.training.toy import write_clips, write_hits

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "condfoley" / "examples"
TOY = Recipe(0, rank=4, lr=5e-3, steps=6, keep_init=0.1, every=2, patience=2)


@pytest.fixture
def weights(tmp_path):
    return write_tiny_weights(tmp_path / "start")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few steps, at a rate at which random weights become better in them; decoded in this process."""

    def recipe(self, clips):
        return TOY if self.name == "transformer" else dataclasses.replace(TOY, rank=0)

    monkeypatch.setattr(Learner, "recipe", recipe)
    monkeypatch.setattr(settings, "DataConfig", partial(DataConfig, workers=1))


def words(clips, weights, out, *more):
    base = ["finetune", str(clips), "--out", str(out), "--weights", str(weights), "--batch-size", "2", "--listen", "0"]
    return [*base, *more]


def new_clips(home, count):
    (home / "clips").mkdir(parents=True)
    return write_clips(home / "clips", count)


def unlearning(monkeypatch):
    """Training that only harms: the loss's gradient is reversed."""
    learn = module.FinetuneTransformer._loss

    def reversed_loss(self, *inputs):
        loss, metrics = learn(self, *inputs)
        return -loss, metrics

    monkeypatch.setattr(module.FinetuneTransformer, "_loss", reversed_loss)


def test_a_better_model_is_written_with_its_report(clips, weights, tmp_path, capsys):
    out = tmp_path / "my_model"
    assert main(words(clips, weights, out, "--listen", "1")) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "held-out clips got better" in printed.err and "3 of 3 recordings; each is held out in turn" in printed.err
    changed = [p.name for p in weights.glob("*.safetensors") if p.read_bytes() != (out / p.name).read_bytes()]
    assert changed == ["transformer.safetensors"]
    card = json.loads((out / "card.json").read_text())
    assert set(card["parts"]["transformer"]["trained_with"]) == {"tokenizer", "video_encoder"}
    told = json.loads((out / "report" / "finetune.json").read_text())
    assert told["better"] and told["after"] < told["before"] and told["step"] in told["steps"][1:]
    assert card["parts"]["transformer"]["training"]["steps"] == told["step"]
    assert set(told["recordings"]) == {"000000", "000001", "000002"} and len(told["heard"]) == 1
    page = (out / "report" / "index.html").read_text()
    assert page.count("<audio") == 3 and "condfoley generate --weights" in page
    assert sorted(p.name for p in out.iterdir() if not p.suffix) == ["report"]  # no checkpoints are left
    made = Foley.load(out).generate(EXAMPLES / "hitting_metal.mp4", EXAMPLES / "hitting_bag_silent.mp4", candidates=1)
    assert len(made.wav)
    assert main(words(clips, weights, out)) == 2
    assert "already finished" in capsys.readouterr().err
    assert main(words(clips, weights, out, "--force", "--whole", "--steps", "2")) in (0, EXIT_NOTHING_BETTER)


@pytest.mark.parametrize("veto", [0.0, 0.2])
def test_the_event_head_learns_from_the_sound_of_the_clips(veto, clips, weights, tmp_path, capsys):
    """A bar flashes at each hit, which random picture tokens show: the head alone is written, with its F1. Of two both learn."""
    out = tmp_path / "my_model"
    if veto:
        torch.manual_seed(0)
        head = EventHead(dataclasses.replace(EVENTS, veto=veto))
        save_part(weights, "events", head, card_geometry(read_card(weights)), {})
    assert main(words(clips, weights, out, "--part", "events", "--steps", "60", "--listen", "1")) == 0
    printed = capsys.readouterr()
    assert "nats per frame" in printed.err and "all weights of the event head" in printed.err
    changed = [p.name for p in weights.glob("*.safetensors") if p.read_bytes() != (out / p.name).read_bytes()]
    assert changed == ["events.safetensors"]
    told = json.loads((out / "report" / "finetune.json").read_text())
    before, after = told["picture_f1"]
    start, end = (load_part(folder, "events").state_dict() for folder in (weights, out))
    assert {name.split(".")[0] for name in end if not torch.equal(start[name], end[name])} >= {
        "body",
        *["second"] * bool(veto),
    }
    assert told["part"] == "events" and told["after"] < told["before"] and 0 <= before <= after <= 1
    card = json.loads((out / "card.json").read_text())
    assert card["parts"]["events"]["training"]["steps"] == told["step"]
    made = Foley.load(out).generate(EXAMPLES / "hitting_metal.mp4", EXAMPLES / "hitting_bag_silent.mp4", candidates=1)
    assert len(made.wav)
    for option in (["--whole"], ["--rehearse", str(clips)]):
        assert main(words(clips, weights, tmp_path / "none", "--part", "events", *option)) == 2
        assert f"{option[0]} is for --part transformer" in capsys.readouterr().err
    drop_part(weights, "events")
    assert main(words(clips, weights, tmp_path / "none", "--part", "events")) == 2
    assert "have no event head" in capsys.readouterr().err


def test_a_mean_with_the_start_is_measured_and_written_once(weights, tmp_path, monkeypatch):
    """The state of a step is half way between the start and what was learned; what is written is that state."""
    monkeypatch.setattr(plan, "FEW", 1)  # one fold, whose own state is written
    clips = new_clips(tmp_path / "many", 12)
    monkeypatch.setattr(module.shutil, "rmtree", lambda *given, **more: None)
    states = {}
    for share in (0.0, 0.5):
        recipe = dataclasses.replace(TOY, rank=0, init_share=share, steps=60, every=30)
        monkeypatch.setattr(Learner, "recipe", lambda self, clips, recipe=recipe: recipe)
        out = tmp_path / f"model-{share}"
        assert main(words(clips, weights, out, "--part", "events")) == 0
        states[share] = load_file(out / "training" / "fold-1" / "states" / "000030.safetensors")
        step = json.loads((out / "report" / "finetune.json").read_text())["step"]
        kept = load_file(out / "training" / "fold-1" / "states" / f"{step:06d}.safetensors")
        written = load_part(out, "events").state_dict()
        assert all(torch.allclose(written[name], kept[name], atol=2e-3) for name in kept)
    start = load_part(weights, "events").state_dict()
    for name, learned in states[0.0].items():
        assert torch.allclose(states[0.5][name] - start[name], (learned - start[name]) / 2, atol=1e-5)


def test_the_tokenizer_decoder_learns_and_the_codes_stay(clips, weights, tmp_path, capsys):
    out = tmp_path / "my_model"
    before = codes_hash(weights)
    assert main(words(clips, weights, out, "--part", "tokenizer", "--steps", "40", "--listen", "1")) == 0
    printed = capsys.readouterr()
    assert "the tokenizer's decoder" in printed.err and "of 2 after" in printed.err
    changed = [p.name for p in weights.glob("*.safetensors") if p.read_bytes() != (out / p.name).read_bytes()]
    assert changed == ["tokenizer.safetensors"] and codes_hash(out) == before
    told = json.loads((out / "report" / "finetune.json").read_text())
    assert told["part"] == "tokenizer" and told["after"] < told["before"]
    assert told["settings"]["trained"] == "the tokenizer's decoder"
    assert "distance of spectrograms" in (out / "report" / "index.html").read_text()
    made = Foley.load(out).generate(EXAMPLES / "hitting_metal.mp4", EXAMPLES / "hitting_bag_silent.mp4", candidates=1)
    assert len(made.wav)
    assert main(words(clips, weights, tmp_path / "none", "--part", "tokenizer", "--whole")) == 2
    assert "--whole is for --part transformer" in capsys.readouterr().err


def test_nothing_but_the_report_is_written_when_nothing_is_better(clips, weights, tmp_path, capsys, monkeypatch):
    unlearning(monkeypatch)
    out = tmp_path / "my_model"
    assert main(words(clips, weights, out, "--listen", "1")) == EXIT_NOTHING_BETTER == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = [line for line in printed.err.splitlines() if "nothing was better" in line]
    assert "no weights were written" in line and "more clips" in line and str(out / "report" / "index.html") in line
    assert [p.name for p in out.iterdir()] == ["report"]
    told = json.loads((out / "report" / "finetune.json").read_text())
    assert not told["better"] and told["step"] == 0 and told["before"] == told["after"] and told["gain"] == 0
    assert max(told["steps"]) == 4  # patience ended it before the sixth step
    assert "Nothing was better than the start" in (out / "report" / "index.html").read_text()


def test_a_stopped_run_is_resumed_to_the_bit(clips, weights, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main(words(clips, weights, whole)) == 0
    save, saved = module.FinetuneTransformer.validate, []

    def stop_at_the_fourth(self, step):
        saved.append(step)
        if len(saved) in (2, 5, 8):
            raise KeyboardInterrupt
        return save(self, step)

    monkeypatch.setattr(module.FinetuneTransformer, "validate", stop_at_the_fourth)
    for _ in range(3):
        assert main(words(clips, weights, stopped)) == 130
        assert not (stopped / "card.json").exists()
    assert main(words(clips, weights, stopped)) == 0
    for name in ("transformer.safetensors", "report/finetune.json"):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes()


def test_a_stopped_run_is_not_resumed_with_other_options_or_clips(weights, tmp_path, capsys, monkeypatch):
    clips, out = new_clips(tmp_path, 3), tmp_path / "my_model"

    def stop(self, step):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.FinetuneTransformer, "validate", stop)
        assert main(words(clips, weights, out)) == 130
    capsys.readouterr()
    assert main(words(clips, weights, out, "--seed", "1")) == 2
    told = capsys.readouterr().err
    assert "started with seed=0, now 1; give the earlier value to resume it, give --force to start again" in told
    write_hits(clips / "another.mp4", 9, events=False)
    assert main(words(clips, weights, out)) == 2
    assert "have changed since; give --force" in capsys.readouterr().err
    assert not (out / "card.json").exists()


def test_check_writes_nothing_but_says_what_is_wrong(weights, tmp_path, capsys):
    clips = new_clips(tmp_path, 4)
    shutil.copy(clips / "000001.mp4", clips / "again.mp4")
    before = sorted(p.name for p in tmp_path.iterdir())
    assert main(["finetune", str(clips), "--check", "--weights", str(weights)]) == 0
    printed = capsys.readouterr().out
    assert "5 clips" in printed and "has the sound of 000001.mp4" in printed
    assert "4 of 4 recordings; each is held out in turn" in printed
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    for i in (2, 3):
        (clips / f"{i:06d}.mp4").unlink()
    assert main(["finetune", str(clips), "--check", "--weights", str(weights)]) == 0
    assert "2 usable clips of 2 recordings (left out: 1 copied)" in capsys.readouterr().out


def test_clips_of_one_recording_are_refused_before_training(weights, tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    for i in range(3):
        write_hits(clips / f"kitchen_{i:04d}.mp4", i, events=False)
    assert main(words(clips, weights, tmp_path / "out")) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "3 usable clips of 1 recording;" in told and "groups.csv" in told and not (tmp_path / "out").exists()
    rows = [("clip", "recording"), *((f"kitchen_{i:04d}.mp4", f"day {i}") for i in range(3))]
    with (clips / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert main(words(clips, weights, tmp_path / "out")) in (0, EXIT_NOTHING_BETTER)
    with (tmp_path / "out" / "report" / "clips.csv").open(newline="") as file:
        assert [row["recording"] for row in csv.DictReader(file)] == ["day 0", "day 1", "day 2"]


def test_copies_of_one_clip_are_refused(weights, tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    write_hits(clips / "a.mp4", 1, events=False)
    for name in ("b", "c", "d"):
        shutil.copy(clips / "a.mp4", clips / f"{name}.mp4")
    assert main(words(clips, weights, tmp_path / "out")) == 2
    assert "1 usable clip of 1 recording (left out: 3 copied)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_simulated_world_is_rehearsed(clips, weights, tmp_path):
    old = new_clips(tmp_path / "old", 4)
    out = tmp_path / "my_model"
    assert main(words(clips, weights, out, "--rehearse", str(old))) in (0, EXIT_NOTHING_BETTER)
    told = json.loads((out / "report" / "finetune.json").read_text())
    assert told["settings"]["rehearsed"] == str(old) and set(told["recordings"]) == {"000000", "000001", "000002"}


def by_hand(stage):
    return parse_config("t", TrainConfig, ["--config", str(ROOT / "configs" / "finetune" / f"{stage}.yaml")])


def test_the_config_file_does_what_the_command_does(monkeypatch):
    monkeypatch.undo()  # the command's own settings
    file = by_hand("transformer")
    command = finetune_config(file.data.folder, FinetuneOptions(out=file.out), 100)
    places = ("out", "weights", "init", "log_every", "evaluate_every", "checkpoint_every", "keep")
    own = {name: getattr(file, name) for name in places}
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


def test_foreign_folders_and_weights_are_refused(clips, weights, tmp_path, capsys):
    assert main(words(clips, weights, weights)) == 2
    assert "give another one" in capsys.readouterr().err
    other = write_tiny_weights(tmp_path / "other")
    before = (other / "card.json").read_bytes()
    assert main(words(clips, weights, other)) == 2
    assert "holds other weights" in capsys.readouterr().err
    assert (other / "card.json").read_bytes() == before
    assert main(words(tmp_path / "none", weights, tmp_path / "new")) == 2
    drop_part(other, "transformer")
    assert main(words(clips, other, tmp_path / "new")) == 2
    assert "no transformer" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert main(["finetune", str(clips)]) == 2
    assert "missing: --out" in capsys.readouterr().err


def test_a_full_disk_is_named_and_leaves_no_weights(clips, weights, tmp_path, capsys, monkeypatch):
    out = tmp_path / "my_model"

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("condfoley.training.finetuning.model.shutil.copyfile", full)
        assert main(words(clips, weights, out)) == 2
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
    assert [p.name for p in out.iterdir()] == ["training"]
    assert main(words(clips, weights, out)) == 0  # once there is room
