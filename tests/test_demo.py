"""The example pair inside the package: `condfoley demo`, and `condfoley generate` without clips."""

import json
from pathlib import Path

import pytest

from condfoley import examples
from condfoley.cli.main import main
from condfoley.weights import sha256
from tests.tiny import write_tiny_weights

RESULTS = ("soundtrack.wav", "target_with_sound.mp4", "candidates/scores.csv", "hits.txt", "overview.png")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_weights(tmp_path_factory.mktemp("tiny")))


def test_demo_needs_no_arguments_and_says_where_its_results_are(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--weights", weights, "--candidates", "1"]) == 0
    out, err = capsys.readouterr()
    assert [Path(line).relative_to("condfoley_demo").as_posix() for line in out.splitlines()][:5] == list(RESULTS)
    assert all((tmp_path / line).is_file() for line in out.splitlines())
    assert "play condfoley_demo/target_with_sound.mp4" in err
    assert main(["demo", "--weights", weights]) == 2  # never replaces results unasked
    assert "--force" in capsys.readouterr().err


def test_generate_without_clips_takes_the_same_pair(weights, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["generate", "--out", str(out), "--weights", weights, "--candidates", "1", "--quiet"]) == 0
    inputs = json.loads((out / "provenance.json").read_text())["inputs"]
    assert inputs["reference"]["sha256"] == sha256(examples.REFERENCE)
    assert inputs["target"]["sha256"] == sha256(examples.TARGET)


@pytest.mark.parametrize(("given", "missing"), [("--reference", "--target"), ("--target", "--reference")])
def test_one_clip_of_a_pair_is_not_completed_with_an_example(given, missing, tmp_path, capsys):
    assert main(["generate", given, str(examples.TARGET), "--out", str(tmp_path / "out")]) == 2
    assert f"missing: {missing}" in capsys.readouterr().err
    assert main(["generate", f"{given}={examples.TARGET}", "--out", str(tmp_path / "out")]) == 2


def test_the_notice_on_the_clips_lies_beside_them():
    assert "Licence" in (examples.TARGET.parent / "README.md").read_text()
