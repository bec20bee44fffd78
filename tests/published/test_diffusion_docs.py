"""What docs/published_diffusion.md says can be typed, and how many differences it lists."""

import re
from pathlib import Path

from condfoley.cli.arguments import parse_options
from condfoley.cli.options import GenerateOptions, ImportAudioLdmOptions, ImportVtaLdmOptions
from condfoley.published.diffusion.systems import LICENCES, SAMPLING
from tests.documents import commands

TEXT = (Path(__file__).parents[2] / "docs" / "published_diffusion.md").read_text(encoding="utf-8")


def test_its_commands_are_understood():
    calls = commands("condfoley generate", TEXT)
    assert len(calls) == 3
    for words in calls:
        parse_options("condfoley generate", GenerateOptions, words)
    for system, options in (("vta-ldm", ImportVtaLdmOptions), ("audioldm", ImportAudioLdmOptions)):
        ((first, *words),) = commands(f"condfoley import {system}", TEXT)
        made = parse_options("condfoley import", options, ["--folder", first, *words])
        assert made.licence == LICENCES[system] and "NC" in made.licence


def test_the_differences_are_as_many_as_is_said():
    said, table = re.search(r"<summary>(\d+) differences</summary>\n\n(.*?)\n\n", TEXT, re.S).groups()
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert len(rows) == int(said) and all(len(row) == 3 and row[1] != row[2] for row in rows)


def test_its_numbers_are_those_of_the_code():
    steps = SAMPLING["vta-ldm"]
    assert f"| {steps['published_steps']:g}, ancestral" in TEXT and f"| {steps['steps']:g}, DPM-Solver++" in TEXT
    assert f"| VTA-LDM: guidance | {steps['guidance']:g} |" in TEXT
