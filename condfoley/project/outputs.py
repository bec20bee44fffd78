"""What a project is written as: cue lists, stems, and, once it was edited, the soundtrack and the video with it."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from condfoley.cues.rows import MAIN
from condfoley.files import scratch_folder
from condfoley.media.write import FORMATS
from condfoley.project.cue_format import write_cues
from condfoley.project.find_inputs import at_its_place, picture_of
from condfoley.project.model import AMBIENCE, Project
from condfoley.project.render import Rendered, place_layer, render
from condfoley.project.stems import CUE_STEM, own_stems
from condfoley.project.store import make_current, read_project, read_revision, read_sound, write_project
from condfoley.results.folder import CANDIDATES, HITS, SCORES, STEMS, TIMELINES, VIDEO_STEM, write_media

if TYPE_CHECKING:
    from condfoley.soundtrack import Soundtrack

CUES_CSV, CUES_JSON = "cues.csv", "cues.json"


def write_generated(
    folder: Path, project: Project, soundtrack: Soundtrack, hits_file: str | None, stems: bool, codec: str
) -> Project:
    """Writes a new project: soundtrack, video, lists of cues, scores of the candidates and, if wanted, stems.

    soundtrack: which stands for all where only one can. hits_file: the one that was given; a label track is kept as it is
    where there is one layer. codec: `aac` or `pcm`. Raises InputError when something cannot be written.
    """
    from condfoley.hits import write_hits
    from condfoley.results.scores import write_scores

    project = write_project(folder, dataclasses.replace(project, settings=project.settings | {"codec": codec}))
    sound = rendered(folder, project)
    picture = Path(project.inputs["target"].path)
    video = write_media(folder, plain(sound.sum()), project.rate, picture, codec, project.master.bits)
    write_cue_lists(folder, project)
    (folder / CANDIDATES).mkdir(exist_ok=True)
    write_scores(folder / CANDIDATES / SCORES, soundtrack)
    if any(layer.name not in (MAIN, AMBIENCE) for layer in project.layers):
        write_cues(folder / HITS, project.cues)
    elif hits_file is None or Path(hits_file).suffix.lower() in (".csv", ".json"):
        write_hits(folder / HITS, soundtrack.cues)
    else:
        shutil.copyfile(hits_file, folder / HITS)
    if stems:
        write_stems(folder, project, sound, video=video)
    return project


def rendered(folder: Path, project: Project) -> Rendered:
    """The project's sound. Raises InputError when one of its files cannot be read."""
    return render(project, lambda sound: read_sound(folder, sound, project.rate))


def write_cue_lists(folder: Path, project: Project) -> None:
    """Writes cues.csv and cues.json."""
    for name in (CUES_CSV, CUES_JSON):
        write_cues(folder / name, project.cues)


def write_stems(
    folder: Path, project: Project, sound: Rendered, each_cue: bool = False, video: Path | None = None
) -> list[Path]:
    """Writes a WAV in 32-bit float for each layer, or for each of its cues, as long as the soundtrack; their paths.

    Their sum is the soundtrack. video: whose timecode they begin at.
    """
    from condfoley.media import probe, write_wav

    home = folder / STEMS
    home.mkdir(exist_ok=True)
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
    replaced. A project that is the current one stays the same revision, and all is written again. overview.png and
    provenance.json say what was generated, and stay. Raises InputError.
    """
    if codec:
        project = dataclasses.replace(project, settings=project.settings | {"codec": codec})
    same = project == read_project(folder)
    project, picture = picture_in_place(folder, project, target)
    with replaced(folder, project, picture):
        if not same:
            return write_project(folder, project)
        make_current(folder, project)
        return project


def write_revision(folder: Path, number: int) -> Project:
    """Makes a revision the current one, and writes its soundtrack, video and lists. Raises InputError."""
    project, picture = picture_in_place(folder, read_revision(folder, number))
    with replaced(folder, project, picture):
        make_current(folder, project)
    return project


def replace_stems(folder: Path, each_cue: bool = False) -> list[Path]:
    """Writes a project's stems in place of those that it has; returns their paths. Raises InputError."""
    project = read_project(folder)
    with scratch_folder(folder) as work:
        paths = write_stems(work, project, rendered(folder, project), each_cue, video_of(folder))
        moved = move_files(work, folder, paths)
        for path in set(former_stems(folder)) - set(moved):
            path.unlink(missing_ok=True)
        return moved


def picture_in_place(folder: Path, project: Project, target: str | None = None) -> tuple[Project, Path]:
    """The file with the target's picture (`find_inputs.picture_of`), and the project, which knows its place.

    target: where the user says that it is. Raises InputError when it is nowhere.
    """
    own = video_of(folder)
    path = picture_of(folder, project, own, target)
    return (project if path == own else at_its_place(project, "target", path)), path


@contextmanager
def replaced(folder: Path, project: Project, picture: Path) -> Iterator[None]:
    """What a project is written as, made beside the former files, which it replaces behind the block.

    picture: file with the target's picture. Whenever the process is killed, the folder has a project, and a video with
    the picture; the next edit or undo writes all files again.
    """
    sound = rendered(folder, project)
    with scratch_folder(folder) as work:
        codec = project.settings.get("codec") or "aac"
        video = write_media(work, plain(sound.sum()), project.rate, picture, codec, project.master.bits)
        write_cue_lists(work, project)
        write_cues(work / HITS, project.cues)
        if stems := former_stems(folder):
            write_stems(work, project, sound, any(CUE_STEM.fullmatch(path.name) for path in stems), video)
        yield
        new = move_files(work, folder, sorted(path for path in work.rglob("*") if path.is_file()))
        for path in {*videos_of(folder), *stems} - set(new):
            path.unlink(missing_ok=True)


def move_files(work: Path, folder: Path, paths: list[Path]) -> list[Path]:
    """Moves files from one folder to another, in which they replace others; returns where they are now."""
    out = [folder / path.relative_to(work) for path in paths]
    for path, goal in zip(paths, out, strict=True):
        goal.parent.mkdir(exist_ok=True)
        os.replace(path, goal)
    return out


def former_stems(folder: Path) -> list[Path]:
    """The stems that a folder has, of this or another revision."""
    return own_stems(folder, sorted((folder / STEMS).glob("*.wav")))


def videos_of(folder: Path) -> list[Path]:
    """The videos with the soundtrack: one, or two where an edit that changed its suffix was killed; the latest first."""
    found = [path for path in folder.glob(VIDEO_STEM + ".*") if path.suffix in FORMATS]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def video_of(folder: Path) -> Path | None:
    """The video with the soundtrack; None where it is gone."""
    return next(iter(videos_of(folder)), None)


def timelines_in(folder: Path) -> list[Path]:
    """The timelines that were exported; they show the project as it was then."""
    return [path for path in (folder / name for name in TIMELINES) if path.exists()]


def plain(samples: np.ndarray) -> np.ndarray:
    """(C, N), or (N,) of one channel."""
    return samples[0] if len(samples) == 1 else samples
