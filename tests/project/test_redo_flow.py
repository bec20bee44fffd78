"""`condfoley redo` with the generator flow: a project of the transformer's, or one of its own, from the command line."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from condfoley.cli.main import main
from condfoley.project.redo import settings_with
from condfoley.project.store import read_project
from condfoley.settings import Settings
from condfoley.weights import drop_part
from tests.made_up import RATE, noise_clip
from tests.tiny import write_tiny_flow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A result of the toy transformer; the weights get a flow afterwards."""
    home = tmp_path_factory.mktemp("redo-flow")
    write_tiny_flow(home / "weights")
    drop_part(shutil.copytree(home / "weights", home / "before"), "flow")
    reference, target = noise_clip(home / "reference.mp4", 3.0), noise_clip(home / "target.mp4", 5.0, sound=False)
    (home / "hits.txt").write_text("0.7\n2.4\n3.6\n")
    words = ["--reference", str(reference), "--target", str(target), "--hits", str(home / "hits.txt")]
    words += ["--candidates", "2", "--temperature", "1.2", "--quiet", "--render", "vocoder"]
    assert main(["generate", *words, "--weights", str(home / "before"), "--out", str(home / "out")]) == 0
    return home


@pytest.fixture
def project(home, tmp_path):
    return shutil.copytree(home / "out", tmp_path / "project")


def sound(project) -> np.ndarray:
    return soundfile.read(project / "soundtrack.wav", dtype="int32")[0]


def redo(home, project, *words: str, weights: str = "weights") -> int:
    words = ("--weights", str(home / weights), "--candidates", "1", "--quiet", *words)
    return main(["redo", str(project), "--span", "2:3", *words])


def test_a_span_of_a_project_is_drawn_by_the_flow_and_nothing_else_changes(home, project):
    before = sound(project)
    settings = read_project(project).settings
    assert settings["generator"] == "transformer" and settings["temperature"] == 1.2
    made = []
    for words in ((), ("--strength", "0.1"), ("--strength", "0.9")):
        assert redo(home, project, "--generator", "flow", "--seed", "9", *words) == 0
        after = sound(project)
        changed = np.flatnonzero(before != after)
        assert len(changed) > RATE // 2 and 1.9 * RATE < changed[0] and changed[-1] < 3.1 * RATE
        made.append(after)
    assert not any(np.array_equal(*pair) for pair in zip(made, made[1:]))
    assert read_project(project).settings == settings


def test_what_cannot_be_drawn_is_refused_and_changes_nothing(home, project, capsys):
    before = (project / "project.json").read_bytes()
    for words, message in (
        (("--generator", "flow"), "have no flow"),
        (("--strength", "0.3"), "--strength needs the generator flow"),
        (("--strength", "1.2"), "--strength is 1.2; give a number from 0 to 1"),
        (("--strength", "0.3", "--generator", "transformer"), "--strength needs the generator flow"),
    ):
        assert redo(home, project, *words, weights="before") == 2
        told = capsys.readouterr().err
        assert message in told and len(told.strip().splitlines()) == 1
    assert (project / "project.json").read_bytes() == before


def test_a_soundtrack_of_the_flow_starts_from_a_sound_and_says_so(home, tmp_path, capsys):
    temp = np.zeros(5 * RATE, np.float32)
    temp[RATE :: RATE // 2] = 0.5
    soundfile.write(tmp_path / "temp.wav", temp, RATE)
    words = ["--reference", str(home / "reference.mp4"), "--target", str(home / "target.mp4"), "--quiet"]
    words += ["--weights", str(home / "weights"), "--candidates", "1", "--generator", "flow", "--steps", "2"]
    out = tmp_path / "out"
    assert main(["generate", *words, "--out", str(out), "--keep", "codes"]) == 2
    assert "--keep codes: the generator flow writes no codes" in capsys.readouterr().err and not out.exists()
    start = ["--start-from", str(tmp_path / "temp.wav"), "--strength", "0.3"]
    assert main(["generate", *words, "--out", str(out), *start]) == 0
    told = json.loads((out / "provenance.json").read_text())
    wanted = {"generator": "flow", "strength": 0.3, "steps": 2, "solver": "euler"}
    assert {name: told["settings"][name] for name in wanted} == wanted
    assert told["inputs"]["start_from"]["name"] == "temp.wav" and told["hits_from"] == "picture"
    project = read_project(out)
    assert project.layers[0].codes is None and Settings.of(project.settings).generator == "flow"
    assert main(["redo", str(out), "--span", "1:2", "--weights", str(home / "weights"), "--quiet"]) == 0


def test_another_generator_has_recommendations_of_its_own():
    made = Settings(generator="transformer", temperature=1.2, guidance=2.0, seed=4)
    assert settings_with(made, "auto") == settings_with(made, "transformer") == made
    changed = settings_with(made, "flow")
    assert (changed.generator, changed.temperature, changed.guidance, changed.seed) == ("flow", None, None, 4)
    old = Settings(temperature=1.2)  # of a project from before generators were recorded
    assert settings_with(old, "auto") == settings_with(old, "transformer")
    assert (settings_with(old, "auto").generator, settings_with(old, "auto").temperature) == ("transformer", 1.2)
