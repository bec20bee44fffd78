"""What a project is written as: cue lists, stems, and, once it was edited, the soundtrack and the video with it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from condfoley.errors import InputError
from condfoley.files import scratch_folder
from condfoley.project.create import project_of
from condfoley.project.cue_format import write_cues
from condfoley.project.find_inputs import picture_of
from condfoley.project.model import Input, Project
from condfoley.project.render import Rendered, place_layer, render
from condfoley.project.store import read_sound, write_project
from condfoley.results.folder import HITS, OVERVIEW, STEMS, VIDEO_STEM, write_media
from condfoley.weights import sha256

if TYPE_CHECKING:
    from condfoley.soundtrack import Soundtrack

CUES_CSV, CUES_JSON = "cues.csv", "cues.json"
CUE_STEM = re.compile(r"[\w-]+_(cue_\d{2,}|before)\.wav")


def input_of(path: Path) -> Input:
    """A file as an input of a project, by its absolute path. Raises InputError when it cannot be read."""
    try:
        return Input(str(path.resolve()), path.stat().st_size, sha256(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path") from None


def write_new_project(
    folder: Path, soundtrack: Soundtrack, reference: Path, target: Path, keep: str, stems: bool
) -> Project:
    """Writes a soundtrack's project, its lists of cues and, if wanted, its stems into a result folder.

    keep: see `create.project_of`. Raises InputError when something cannot be written.
    """
    inputs = {"target": input_of(target), "reference": input_of(reference)}
    project = write_project(folder, project_of(folder, soundtrack, inputs, keep))
    write_cue_lists(folder, project)
    if stems:
        write_stems(folder, project, rendered(folder, project))
    return project


def rendered(folder: Path, project: Project) -> Rendered:
    """The project's sound. Raises InputError when one of its files cannot be read."""
    return render(project, lambda sound: read_sound(folder, sound, project.rate))


def write_cue_lists(folder: Path, project: Project) -> None:
    """Writes cues.csv and cues.json."""
    for name in (CUES_CSV, CUES_JSON):
        write_cues(folder / name, project.cues)


def write_stems(folder: Path, project: Project, sound: Rendered, each_cue: bool = False) -> list[Path]:
    """Writes a WAV in 32-bit float for each layer, or for each of its cues, as long as the soundtrack; their paths.

    Their sum is the soundtrack.
    """
    from condfoley.media import probe, write_wav

    home = folder / STEMS
    home.mkdir(exist_ok=True)
    video = video_of(folder)
    start = probe(video).start if video else None
    out = []
    for name, samples in stems_of(project, sound, each_cue):
        reference = start and start.samples(project.rate)
        out.append(
            write_wav(home / f"{name}.wav", plain(samples), project.rate, subtype="FLOAT", time_reference=reference)
        )
    return out


def stems_of(project: Project, sound: Rendered, each_cue: bool = False) -> list[tuple[str, np.ndarray]]:
    """Names and samples, (C, N), of the layers, or of their cues."""
    if not each_cue:
        return [(layer.name, sound.stem(layer.name)) for layer in project.layers]
    found = []
    for layer in project.layers:
        for key in dict.fromkeys(placed.cue for placed in place_layer(project, layer)):
            name = f"{layer.name}_before" if key is None else f"{layer.name}_cue_{key:02d}"
            found.append((name, sound.cue_stem(layer.name, key)))
    return found


def commit_edited(folder: Path, project: Project, codec: str | None = None, target: str | None = None) -> Project:
    """Makes an edited project the next revision: its soundtrack, video, lists of cues, and stems where there are some.

    codec: `aac` or `pcm`; None: as before. target: where it is now, if it was moved. All is rendered before anything is
    replaced. overview.png shows what was generated, and is removed. Raises InputError.
    """
    sound, before = rendered(folder, project), video_of(folder)
    picture = picture_of(folder, project, before, target)
    with scratch_folder(folder) as work:
        write_media(work, plain(sound.sum()), project.rate, picture, codec or project.settings.get("codec", "aac"))
        write_cue_lists(work, project)
        write_cues(work / HITS, project.cues)
        if (folder / STEMS).is_dir():
            each_cue = any(CUE_STEM.fullmatch(path.name) for path in (folder / STEMS).iterdir())
            write_stems(work, project, sound, each_cue)
        project = write_project(folder, project)
        for path in outdated(folder, project, before):
            path.unlink(missing_ok=True)
        for path in sorted(path for path in work.rglob("*") if path.is_file()):
            os.replace(path, folder / path.relative_to(work))
    return project


def outdated(folder: Path, project: Project, video: Path | None) -> list[Path]:
    """What an edit leaves without truth: the picture of what was generated, the former video, stems of former cues."""
    names = {f"{layer.name}.wav" for layer in project.layers}
    stems = [path for path in (folder / STEMS).glob("*.wav") if path.name in names or CUE_STEM.fullmatch(path.name)]
    return [folder / OVERVIEW, *([video] if video else []), *stems]


def video_of(folder: Path) -> Path | None:
    """The video with the soundtrack; None where it is gone."""
    return next(iter(sorted(folder.glob(VIDEO_STEM + ".*"))), None)


def plain(samples: np.ndarray) -> np.ndarray:
    """(C, N), or (N,) of one channel."""
    return samples[0] if len(samples) == 1 else samples
