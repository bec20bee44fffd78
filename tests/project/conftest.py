"""A made-up project of bursts of noise, without a model."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from condfoley.audio.onsets import detect_onsets
from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate
from condfoley.comping.takes import Take
from condfoley.hits import Hits
from condfoley.project.create import project_of
from condfoley.project.model import Input, Project
from condfoley.project.store import read_sound, write_project
from condfoley.soundtrack import Soundtrack, finished
from tests import made_up
from tests.sounds import RATE, noise_bursts

TIMES = (0.4, 1.0, 1.5, 2.3)
DURATION = 3.0


def generated(times=TIMES, duration=DURATION, cuts=(), count=3) -> Soundtrack:
    """A soundtrack with impacts at `times`, and candidates that have them elsewhere too."""
    made = made_up.soundtrack([(0.0, 0.5)] * count, duration)

    def bursts(seed: int, more: tuple[float, ...] = ()) -> Track:
        places = sorted([*times, *more])
        return finished(Track(noise_bursts(places, [60.0] * len(places), duration, 1e-3, seed), RATE), 1.0)

    candidates = [Candidate(bursts(i, (2.7, 0.7)[:i]), 7 + i, 0.0, 0.5, 1.0) for i in range(count)]
    return dataclasses.replace(
        made,
        track=candidates[0].track,
        candidates=candidates,
        takes=[Take(0.0, 0), Take(1.25, 1)],
        cues=Hits(np.array(times) + 0.02, np.linspace(0.4, 0.9, len(times))),
        scene_cuts=cuts,
        codes=np.arange(12 * count).reshape(count, -1),
    )


def inputs() -> dict[str, Input]:
    return {"target": Input("target.mp4", 1, "0" * 64), "reference": Input("reference.mp4", 1, "1" * 64)}


class Folder:
    """A project in a folder of its own; no dataclass, since hypothesis would print all of it where a test fails."""

    def __init__(self, path, project: Project, soundtrack: Soundtrack):
        self.path, self.project, self.soundtrack = path, project, soundtrack

    def read(self, sound):
        return read_sound(self.path, sound, self.project.rate)


@pytest.fixture
def home(tmp_path) -> Folder:
    """A stored project with four cues."""
    return stored(tmp_path / "project", generated())


def stored(path, soundtrack) -> Folder:
    path.mkdir()
    project = write_project(path, project_of(path, soundtrack, inputs()))
    return Folder(path, project, soundtrack)


def onsets(samples: np.ndarray) -> np.ndarray:
    """s, of (C, N)."""
    return detect_onsets(samples.mean(0), RATE)[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A result of generation, which no test changes."""
    from tests.project.results import made_result

    return made_result(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made, tmp_path):
    """A result of its own, whose target is at its place."""
    shutil.copytree(made, tmp_path / "DIR")
    return tmp_path / "DIR"
