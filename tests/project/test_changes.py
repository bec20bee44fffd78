"""What a revision changed, in words."""

import dataclasses

import numpy as np
import pytest

from condfoley.project.changes import what_changed
from condfoley.project.model import Cue, Excerpt, Input, Layer, Master, Project

EXCERPT = Excerpt("main-1", 100, 200, 300)


@pytest.fixture
def before():
    cues = tuple(Cue(i, float(i), strength=0.5, excerpt=EXCERPT) for i in range(1, 8))
    return Project(9.0, 48000, {"target": Input("a.mp4", 1, "0")}, (Layer("main"), Layer("feet")), cues, {})


def with_cues(project, ids, **values):
    cues = tuple(dataclasses.replace(cue, **values) if cue.id in ids else cue for cue in project.cues)
    return dataclasses.replace(project, cues=cues)


def test_the_first_one_has_its_cues(before):
    assert what_changed(None, before) == "generated: main 7 cues, feet 0 cues"
    assert what_changed(before, before) == "nothing"


@pytest.mark.parametrize(("ids", "values", "words"), [
    ([2], {"time": 2.04}, "cue 2 moved by +40 ms"),
    ([2, 3], {"time": 2.5}, "cues 2, 3 moved"),
    ([2], {"time": 2.00001}, "nothing"),
    ([1, 2, 3, 4, 5], {"muted": True}, "muted of 5 cues set to yes"),
    ([3], {"gain": -1.5}, "gain of cue 3 set to -1.5 dB"),
    ([3], {"kind": "slide", "duration": 0.2}, "kind of cue 3 set to slide; duration of cue 3 set to 0.2 s"),
    ([4], {"excerpt": dataclasses.replace(EXCERPT, sound="main-2")}, "cue 4 sounds otherwise"),
    ([4], {"layer": "feet"}, "layer of cue 4 set to feet"),
    ([4], {"reference_at": 1.25}, "reference moment of cue 4 set to 1.25"),
])  # fmt: skip
def test_cues(before, ids, values, words):
    assert what_changed(before, with_cues(before, ids, **values)) == words


def test_different_values_are_not_told_as_one(before):
    after = with_cues(with_cues(before, [1], gain=-1.0), [2], gain=-2.0)
    assert what_changed(before, after) == "gain of cues 1, 2 set"


def test_added_and_removed(before):
    after = dataclasses.replace(before, cues=(*before.cues[2:], Cue(8, 8.5)))
    assert what_changed(before, after) == "cue 8 added; cues 1, 2 removed"
    assert what_changed(after, before) == "cues 1, 2 added; cue 8 removed"


def test_layers_and_master(before):
    layers = (dataclasses.replace(before.layers[0], gain=-3.0), Layer("hall"))
    after = dataclasses.replace(
        before, layers=layers, master=Master(loudness=-23.0, gain=float(np.float64(2.5)), room="hall")
    )
    assert what_changed(before, after) == (
        "layer hall added; layer feet removed; gain of layer main set to -3 dB; "
        "gain set to 2.5 dB; loudness set to -23 LUFS; room set to hall"
    )
