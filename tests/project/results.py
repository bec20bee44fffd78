"""Whole result folders of made-up projects, and whether their files are those of one revision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from condfoley import media
from condfoley.project.create import project_of
from condfoley.project.cue_format import format_csv, format_json, format_labels
from condfoley.project.find_inputs import input_of
from condfoley.project.outputs import rendered, write_generated
from condfoley.project.store import read_project
from tests import made_up
from tests.project.conftest import DURATION, generated, onsets

LISTS = {"cues.csv": format_csv, "cues.json": format_json, "hits.txt": format_labels}


def made_result(home: Path) -> Path:
    """`home`/DIR, as `condfoley generate` writes it, of `home`/target.mp4."""
    target = made_up.write_video(home / "target.mp4", DURATION)
    reference = made_up.write_video(home / "reference.mp4", 1.0)
    folder = home / "DIR"
    folder.mkdir()
    soundtrack = generated()
    project = project_of(folder, soundtrack, {"target": input_of(target), "reference": input_of(reference)})
    write_generated(folder, project, soundtrack, None, False, "aac")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder but the lock."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def sound_of(folder: Path, name: str = "soundtrack.wav") -> np.ndarray:
    """Samples of a WAV, (C, N) float64."""
    return soundfile.read(folder / name, always_2d=True)[0].T


def assert_of_one_revision(folder: Path) -> None:
    """Asserts that soundtrack, video, lists and stems are those of the current revision, and that nothing else is there."""
    project = read_project(folder)
    whole = rendered(folder, project).sum()
    assert np.array_equal(sound_of(folder), whole)
    (video,) = folder.glob("target_with_sound.*")
    info = media.probe(video)
    assert info.has_video and abs(info.duration - DURATION) < 0.1
    found = onsets(media.read_audio(video, project.rate)[None])
    assert len(found) == len(onsets(whole)) and np.abs(found - onsets(whole)).max(initial=0) < 0.02
    for name, form in LISTS.items():
        assert (folder / name).read_text(encoding="utf-8") == form(project.cues), name
    if stems := list((folder / "stems").glob("*.wav")):
        assert np.array_equal(sum(sound_of(path.parent, path.name) for path in stems), whole.astype(np.float64))
    assert not [path for path in folder.rglob("*") if "part" in path.name]
