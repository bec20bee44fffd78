"""`condfoley redo`: from the command line to the files, with toy and with the shipped weights."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
import soundfile

from condfoley.audio.onsets import detect_onsets
from condfoley.cli.main import main
from condfoley.examples import REFERENCE, TARGET
from condfoley.foley import Foley
from condfoley.project.joins import join_statistics, joins_of, pooled
from condfoley.project.outputs import rendered
from condfoley.project.redo import Drawing, redo_span
from condfoley.project.store import read_project
from condfoley.settings import RENDERERS
from tests.made_up import RATE, noise_clip
from tests.tiny import write_tiny_weights


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A result of the toy weights whose cues are given, and the weights' folder."""
    home = tmp_path_factory.mktemp("redo")
    weights = write_tiny_weights(home / "weights")
    reference, target = noise_clip(home / "reference.mp4", 3.0), noise_clip(home / "target.mp4", 6.0, sound=False)
    (home / "hits.txt").write_text("0.7\n1.9\n3.3\n4.6\n")
    inputs = ["--reference", str(reference), "--target", str(target), "--hits", str(home / "hits.txt")]
    assert (
        main(
            ["generate", *inputs, "--weights", str(weights), "--candidates", "2", "--out", str(home / "out"), "--quiet"]
        )
        == 0
    )
    return home


@pytest.fixture
def project(made, tmp_path):
    return shutil.copytree(made / "out", tmp_path / "project")


def redo(made, project, *words: str) -> int:
    return main(["redo", str(project), "--weights", str(made / "weights"), *words])


def sound(project) -> np.ndarray:
    return soundfile.read(project / "soundtrack.wav", dtype="int16")[0]


def mono(wav) -> np.ndarray:
    return wav.reshape(len(wav), -1).mean(1)


def files(project) -> dict[str, str]:
    found = (path for path in sorted(project.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_a_span_is_drawn_anew_and_undone(made, project, capsys):
    before, old = sound(project), read_project(project)
    assert redo(made, project, "--span", "1.5:4") == 0
    assert capsys.readouterr().out.strip() == str(project)
    after, new = sound(project), read_project(project)
    changed = np.flatnonzero(before != after)
    assert round(1.5 * RATE) <= changed[0] and changed[-1] < 4 * RATE and len(changed) > RATE // 2
    assert new.revision == old.revision + 1 and new.layers[0].seed == old.layers[0].seed + 2
    assert redo(made, project, "--span", "1.5:4", "--candidates", "1") == 0
    assert not np.array_equal(sound(project), after)  # other seeds
    assert redo(made, project, "--span", "1.5:4", "--candidates", "1", "--seed", "77") == 0
    redrawn = [s for s in read_project(project).sounds.values() if s.origin == "redrawn"]
    assert [s.seed for s in redrawn] == [2, 4, 77]
    assert main(["undo", str(project), "--to", str(old.revision)]) == 0
    assert np.array_equal(sound(project), before)


def test_variations_are_kept_and_heard_in_previews(made, project, capsys):
    before = sound(project)
    assert redo(made, project, "--cue", "2", "--variations", "3") == 0
    previews = capsys.readouterr().out.split()
    assert previews == [str(project / f"variations/cue_02_{n}.wav") for n in (1, 2, 3)]
    heard = [soundfile.read(path)[0] for path in previews]
    assert all(len(wav) == 3 * RATE for wav in heard) and not np.array_equal(heard[0], heard[1])
    assert np.array_equal(sound(project), before)
    assert redo(made, project, "--cue", "2", "--variations", "1") == 0
    assert sorted(path.name for path in (project / "variations").iterdir()) == ["cue_02_1.wav"]
    assert main(["edit", str(project), "--choose", "2=1"]) == 0
    assert not np.array_equal(sound(project), before)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--span", "3"], "--span 3 is none"),
        (["--span", "a:b"], "--span a:b is none"),
        (["--span", "5:9"], "not one within the target"),
        (["--span", "2:2"], "not one within the target"),
        (["--cue", "9"], "no cue 9"),
        ([], "give either --span"),
        (["--cue", "1", "--span", "1:2"], "give either --span"),
        (["--span", "1:2", "--variations", "2"], "--variations are of one cue"),
        (["--cue", "1", "--layer", "main"], "--layer goes with --span"),
        (["--span", "1:2", "--layer", "cup"], "no layer cup"),
        (["--cue", "1", "--variations", "0"], "1 or more"),
        (["--cue", "1", "--target", "nowhere.mp4"], "nowhere.mp4: no such file"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_changes_nothing(made, project, words, complaint, capsys):
    before = files(project)
    assert redo(made, project, "--quiet", *words) == 2
    told = capsys.readouterr().err
    assert complaint in told and told.count("\n") == 1
    assert files(project) == before


def test_other_weights_and_interruptions_change_nothing(made, project, capsys, monkeypatch):
    before = files(project)
    assert main(["redo", str(project), "--cue", "1", "--quiet"]) == 2
    assert "other weights" in capsys.readouterr().err
    draw, calls = Foley.redraw, []

    def interrupted(*words, **more):
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return draw(*words, **more)

    monkeypatch.setattr(Foley, "redraw", interrupted)
    content = json.loads((project / "project.json").read_text())
    content["settings"]["render"] = "vocoder"
    content["cues"][1]["reference_at"] = 0.5  # drawn by itself, before the other one
    (project / "project.json").write_text(json.dumps(content))
    before = files(project)
    assert redo(made, project, "--span", "1.5:4", "--quiet") == 130
    assert len(calls) == 2 and files(project) == before


def test_a_folder_that_is_no_project_is_told(made, tmp_path, capsys):
    assert redo(made, tmp_path, "--cue", "1") == 2
    assert "no project" in capsys.readouterr().err


@pytest.mark.parametrize("render", RENDERERS)
def test_the_example_pair_is_drawn_anew_with_the_shipped_weights(tmp_path, render):
    out = tmp_path / "out"
    inputs = ["--reference", str(REFERENCE), "--target", str(TARGET), "--candidates", "4", "--render", render]
    assert main(["generate", *inputs, "--out", str(out), "--quiet"]) == 0
    before, project = sound(out), read_project(out)
    assert main(["redo", str(out), "--span", "1.5:3.0", "--quiet"]) == 0
    rate = project.rate
    after, edges = sound(out), (round(1.5 * rate), 3 * rate)
    for part in (slice(0, edges[0]), slice(edges[1], None)):
        assert hashlib.sha256(after[part]).digest() == hashlib.sha256(before[part]).digest()
    times = [cue.time for cue in project.cues]
    assert detect_onsets(mono(after) / 2**15, rate)[0] == pytest.approx(times, abs=0.02)
    inside = [cue.time for cue in project.cues if 1.5 <= cue.time < 3.0]
    for time in inside:
        one, other = (mono(wav)[round(time * rate) :][: rate // 2] for wav in (before, after))
        assert render == "recorded" or abs(np.corrcoef(one, other)[0, 1]) < 0.5


def test_joins_with_the_shipped_weights_cannot_be_told_from_what_was_not_joined(tmp_path):
    """At 5 %, by the level and by the spectrum, over spans that begin and end anywhere."""
    out, parts = tmp_path / "out", []
    inputs = ["--reference", str(REFERENCE), "--target", str(TARGET), "--candidates", "2", "--render", "vocoder"]
    assert main(["generate", *inputs, "--out", str(out), "--quiet"]) == 0
    project, foley = read_project(out), Foley.load()
    was = rendered(out, project).sum()[0]
    onsets = np.array([cue.time for cue in project.cues])
    for begin, length in (
        (0.6, 0.9),
        (1.3, 0.6),
        (1.9, 1.3),
        (2.7, 0.8),
        (3.05, 1.1),
        (3.6, 1.7),
        (4.35, 0.7),
        (1.1, 0.3),
    ):
        drawn, _ = redo_span(project, (begin, begin + length), Drawing(out, foley, candidates=2))
        now = rendered(out, drawn).sum()[0]
        parts.append(join_statistics(now, RATE, joins_of(drawn), onsets, was))
    found = pooled(parts)
    print(
        len(found.energy),
        found.p_energy,
        found.p_flux,
        np.median(found.energy),
        np.median(found.inside_energy),
        np.median(found.flux),
        np.median(found.inside_flux),
        found.energy.round(1),
    )
    assert len(found.energy) >= 12 and found.p_energy > 0.05 and found.p_flux > 0.05
