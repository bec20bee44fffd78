"""The benchmark of editing, on made-up soundtracks: what it counts is there, and is counted where something is wrong."""

import dataclasses

import numpy as np
import pytest

from benchmarks import editing, editing_measures
from benchmarks.start import Process
from condfoley.errors import InputError
from condfoley.project.joins import JoinStatistics
from condfoley.project.render import Rendered
from tests.project.conftest import generated, stored


@pytest.fixture
def home(tmp_path):
    return stored(tmp_path / "p", generated())


def test_cues_of_a_project_are_moved_exactly_and_change_nothing_else(home):
    errors, outside = editing_measures.moved_cues(home.path, home.project, np.random.default_rng(0))
    assert len(errors) == 2 and np.abs(errors).max() < 0.01 and outside == 0
    assert editing_measures.stem_error(home.path, home.project) == 0


def test_a_renderer_that_is_late_and_leaks_is_noticed(home, monkeypatch):
    real, calls = editing_measures.rendered, []

    def late(folder, project):
        calls.append(project)
        sound = real(folder, project)
        if len(calls) == 1:  # the project before the edit
            return sound

        def shifted(placed):
            return [dataclasses.replace(part, begin=part.begin + 500) for part in sound.make(placed)]

        return Rendered(sound.places, shifted, sound.channels, sound.length + 500)

    monkeypatch.setattr(editing_measures, "rendered", late)
    with pytest.raises(ValueError):  # another length
        editing_measures.moved_cues(home.path, home.project, np.random.default_rng(0))

    def leaky(folder, project):
        calls.append(project)
        sound = real(folder, project)
        if len(calls) == 1:
            return sound

        def louder(placed):
            return [dataclasses.replace(part, samples=part.samples * np.float32(1.5)) for part in sound.make(placed)]

        return Rendered(sound.places, louder, sound.channels, sound.length)

    calls.clear()
    monkeypatch.setattr(editing_measures, "rendered", leaky)
    assert editing_measures.moved_cues(home.path, home.project, np.random.default_rng(0))[1] > 1000


def found(errors, outside=0, stems=0.0):
    same, louder = np.arange(40.0), np.arange(40.0) + 30
    joins = JoinStatistics(same, louder, same, same)
    return editing_measures.Found(np.array(errors), outside, outside, stems, joins)


def test_the_table_says_what_was_found(monkeypatch):
    results = iter([found([0.001, -0.02]), found([np.nan, 0.002], 7, 0.5)])
    monkeypatch.setattr("condfoley.evaluation.testsets.load_pairs", lambda test, home: [None, None])
    monkeypatch.setattr("condfoley.foley.Foley.load", lambda: None)
    monkeypatch.setattr(editing_measures, "measured", lambda *args: next(results))
    rows = {name: value for name, value, _ in editing.exact_table("simulated:2", 1, 0).rows}
    assert [value for name, value in rows.items() if "samples changed" in name] == ["7", "7"]
    assert rows["moved cues heard within 10 ms [%]"] == "50.0"
    assert rows["of those heard, greatest error [ms]"] == "20.0"
    assert rows["error of the sum of stems"] == "0.5"
    assert float(rows["energy at joins against inside, p"]) == 1
    assert float(rows["spectral flux at joins against inside, p"]) < 0.001


def test_picture_and_sound_do_not_drift():
    pytest.importorskip("opentimelineio")
    found = editing_measures.drifts()
    assert {"23.976", "25", "29.97", "59.94"} <= set(found) and max(found.values()) < 1e-3


def test_each_command_is_a_process_of_its_own(monkeypatch, tmp_path):
    ran = []

    def run_process(command):
        ran.append(command[3:])
        return Process(float(len(ran)), 0.0, 0, 0.5)

    monkeypatch.setattr(editing, "run_process", run_process)
    monkeypatch.setattr(editing.speed, "stretched", lambda seconds, path: path)
    monkeypatch.setattr(editing, "second_cue", lambda folder: 1.5)
    rows = editing.latency_table([4.0], 3).rows
    assert [name for name, *_ in rows] == [
        f"{name}, 4 s target" for name in ("edit, one cue moved", "undo", "redo, one cue", "stems")
    ]
    assert ran[0][0] == "generate" and [words[0] for words in ran[1:4]] == ["edit"] * 3
    assert len({tuple(words) for words in ran[1:4]}) == 3  # each changes something
    assert rows[0][1:] == ("3.0", "0.5")  # the median of 2, 3, 4


def test_what_cannot_be_used_is_told(monkeypatch, capsys):
    def no_pairs(*args):
        raise InputError("there is no such set")

    monkeypatch.setattr(editing, "exact_table", no_pairs)
    assert editing.main(["--only", "exact", "--test", "none"]) == 2
    assert capsys.readouterr().err == "editing: there is no such set\n"
    with pytest.raises(SystemExit):
        editing.main(["--only", "speed"])
