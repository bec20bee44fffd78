"""What README and configs promise exists: commands, options, files, settings."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from condfoley.cli.arguments import parse_config, parse_options
from condfoley.cli.options import GenerateOptions
from condfoley.data.simulation.write import SimulateOptions
from condfoley.training.config import STAGES, TrainConfig

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONFIGS = [p for p in sorted((ROOT / "configs").rglob("*.yaml")) if p.stem != "fsdp"]  # that one is accelerate's


def commands(program: str) -> list[list[str]]:
    """Words after `program` in the README's code blocks."""
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", README, re.S | re.M))
    lines = [line for line in blocks.splitlines() if program in line]
    return [shlex.split(line.split(program, 1)[1], comments=True) for line in lines]


def test_every_generate_command_and_option_is_understood():
    calls = commands("condfoley generate")
    assert len(calls) >= 2
    for words in calls:
        parse_options("condfoley generate", GenerateOptions, words)
    known = {"--" + f.name.replace("_", "-") for f in fields(GenerateOptions)} | {
        "--no-align",
        "--no-rerank",
        "--no-comp",
        "--help",
        "--dry-run",
    }
    named = {o for o in re.findall(r"`(--[a-z-]+)", README)}
    assert named and named <= known


def test_commands_are_spelled_as_they_are_typed_once_the_environment_is_active():
    assert README.count("source .venv/bin/activate") == 1 == README.count(".venv/bin/")


def test_every_training_command_is_understood():
    calls = commands("condfoley train")
    assert {Path(words[1]).stem for words in calls} == set(STAGES)
    for words in calls:
        parse_config("condfoley train", TrainConfig, words)


def test_the_simulation_command_is_understood():
    (words,) = commands("condfoley simulate")
    assert parse_options("simulate", SimulateOptions, words).clips == 2000


@pytest.mark.parametrize("path", CONFIGS, ids=[str(p.relative_to(ROOT)) for p in CONFIGS])
def test_every_config_builds(path):
    config = parse_config("train.py", TrainConfig, ["--config", str(path)])
    assert config.stage == path.stem


def test_settings_named_in_the_text_exist():
    config = parse_config("train.py", TrainConfig, ["data.folder=my_clips", "steps=5000", "wandb=online"])
    assert (config.data.folder, config.steps, config.wandb) == ("my_clips", 5000, "online")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^):#]+)\)", README))))
def test_every_linked_file_exists(link):
    assert (ROOT / link).exists()


def test_the_differences_are_as_many_as_is_said():
    said, table = re.search(r"<summary>(\d+) differences</summary>\n\n(.*?)\n\n", README, re.S).groups()
    rows = [re.split(r" \| ", line.strip("| ")) for line in table.splitlines()[2:]]
    assert len(rows) == int(said) and all(len(row) == 3 and row[2] != "the same" for row in rows)


def test_make_targets_named_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"^make (\w+)", README, re.M)):
        assert re.search(rf"^{target}:", makefile, re.M)
