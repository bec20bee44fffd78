"""What README, the documents of its users and configs promise exists: commands, options, files, settings."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from condfoley.cli.arguments import parse_config, parse_options
from condfoley.cli.options import (
    BatchOptions,
    ExportOptions,
    FinetuneOptions,
    GenerateOptions,
    ImportOptions,
)
from condfoley.cli.project_options import EditOptions, RedoOptions, StemsOptions, UndoOptions
from condfoley.data.prepare import PrepareOptions
from condfoley.data.simulation.write import SimulateOptions
from condfoley.evaluation.options import EvaluateOptions
from condfoley.training.config import STAGES, TrainConfig
from tests.documents import ROOT, TEXTS, TRAINING, commands, section

README = TEXTS["README.md"]
CONFIGS = [p for p in sorted((ROOT / "configs").rglob("*.yaml")) if p.stem != "fsdp"]  # that one is accelerate's
LINKED = {(name, link) for name, text in TEXTS.items() for link in re.findall(r"\]\(([^):#]+)[^):]*\)", text)}
OTHERS = (
    BatchOptions, EditOptions, EvaluateOptions, ExportOptions, FinetuneOptions, ImportOptions, PrepareOptions, RedoOptions,
    SimulateOptions, StemsOptions, UndoOptions,
)  # fmt: skip


def flags(options: type) -> set[str]:
    """The options of a command, as they are typed."""
    return {"--" + f.name.replace("_", "-") for f in fields(options)}


def test_every_generate_command_and_option_is_understood():
    calls = commands("condfoley generate")
    assert len(calls) >= 2
    for words in calls:
        parse_options("condfoley generate", GenerateOptions, words)
    known = flags(GenerateOptions) | {
        "--no-align",
        "--no-rerank",
        "--no-comp",
        "--no-scene-cuts",
        "--no-overview",
        "--help",
        "--dry-run",
    }
    named = set(re.findall(r"`(--[a-z-]+)", README))
    assert named and named <= known
    for text in TEXTS.values():
        assert set(re.findall(r"`(--[a-z-]+)", text)) <= known.union(
            {"--only"}, *map(flags, OTHERS)
        )  # benchmarks have --only


def test_commands_are_spelled_as_they_are_typed_once_the_environment_is_active():
    assert README.count("source .venv/bin/activate") == 1 == README.count(".venv/bin/")
    assert all(".venv/bin/" not in text for name, text in TEXTS.items() if name != "README.md")


def test_every_training_command_is_understood():
    calls = commands("condfoley train", section(TEXTS["docs/training.md"], TRAINING))
    assert {Path(words[1]).stem for words in calls} == set(STAGES)
    for words in commands("condfoley train"):
        parse_config("condfoley train", TrainConfig, [word for word in words if word != "--dry-run"])


def test_the_simulation_commands_are_understood():
    first, *others = commands("condfoley simulate")
    assert parse_options("simulate", SimulateOptions, first).clips == 2000
    for words in others:
        parse_options("simulate", SimulateOptions, words)


def test_batch_import_and_export_commands_are_understood():
    """Their checkpoints and folders need not exist to be parsed."""
    for words in commands("condfoley batch"):
        parse_options("condfoley batch", BatchOptions, words)
    for program, name, options in (("import", "checkpoint", ImportOptions), ("export", "weights", ExportOptions)):
        calls = commands(f"condfoley {program} condfoleygen", TEXTS["docs/published.md"])
        assert calls
        for first, *words in calls:
            parse_options(f"condfoley {program}", options, [f"--{name}", first, *words])


@pytest.mark.parametrize("path", CONFIGS, ids=[str(p.relative_to(ROOT)) for p in CONFIGS])
def test_every_config_builds(path):
    config = parse_config("train.py", TrainConfig, ["--config", str(path)])
    assert config.stage == path.stem


def test_settings_named_in_the_text_exist():
    config = parse_config("train.py", TrainConfig, ["data.folder=my_clips", "steps=5000", "wandb=online"])
    assert (config.data.folder, config.steps, config.wandb) == ("my_clips", 5000, "online")


@pytest.mark.parametrize(("name", "link"), sorted(LINKED))
def test_every_linked_file_exists(name, link):
    assert ((ROOT / name).parent / link).exists()


def test_the_differences_are_as_many_as_is_said():
    table = r"<summary>(\d+) differences</summary>\n\n(.*?)\n\n"
    said, table = re.search(table, TEXTS["docs/published.md"], re.S).groups()
    rows = [re.split(r" \| ", line.strip("| ")) for line in table.splitlines()[2:]]
    assert len(rows) == int(said) and all(len(row) == 3 and row[2] != "the same" for row in rows)


def test_make_targets_named_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {*re.findall(r"^make ([\w-]+)", README, re.M), *re.findall(r"`make ([\w-]+)`", README)}
    assert {"demo", "test", "docs", "examples"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M)
