"""Writes a project's timelines, and the sounds that they play, into its folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from condfoley.errors import InputError, require_extra
from condfoley.files import scratch_folder
from condfoley.media import MediaInfo, probe, variable_rate_note, write_wav
from condfoley.media.wav import Subtype
from condfoley.project.find_inputs import picture_of
from condfoley.project.model import Layer, Project
from condfoley.project.outputs import plain, rendered, video_of
from condfoley.project.store import read_project, read_sound
from condfoley.results.folder import SOUNDTRACK, TIMELINE_MEDIA, TIMELINES
from condfoley.timeline import otio, reaper, xmeml
from condfoley.timeline.lanes import MIX, timeline_of
from condfoley.timeline.model import Media, Timeline
from condfoley.timeline.urls import file_url, plain_text, premiere_url, relative_to

READABLE = {".mov", ".mp4", ".m4v", ".mxf", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts"}
"""Suffixes of videos that editors open; of others the copy of the picture in the result is used, where it is one."""


class Written(NamedTuple):
    """paths: of the timelines. note: a line about the picture, or empty."""

    paths: list[Path]
    note: str


def write(folder: Path, force: bool = False, relative: bool = False, target: str | None = None) -> Written:
    """Writes all timelines of a project, and `timeline_media/` with its layers and candidates as WAV.

    force: replace those of an earlier run. relative: name files relative to the folder, so that it can be moved with
    them. target: where the picture is, if it was moved. Raises InputError for a folder without a project, what it lacks,
    timelines that are not to be replaced, a folder that cannot be written to, and a missing extra.
    """
    require_extra("studio", "condfoley timeline", ("opentimelineio",))
    project = read_project(folder)
    if not force and (there := [folder / name for name in TIMELINES if (folder / name).exists()]):
        raise InputError(f"{there[0]} exists; give --force to write it again")
    info = _picture(folder, project, target)
    home = folder.resolve()
    with scratch_folder(folder) as work:
        sounds = work / TIMELINE_MEDIA
        sounds.mkdir()
        start = info.start.samples(project.rate) if info.start else None
        files = {MIX: Media(home / SOUNDTRACK, project.channels, project.samples)} if len(project.layers) > 1 else {}
        if files and not (folder / SOUNDTRACK).is_file():
            raise InputError(f"{folder / SOUNDTRACK} is missing; copy it back, or generate again with --force")
        for key, name, samples in _sounds(folder, project):
            loud = np.abs(samples).max(initial=0.0) >= 1.0  # a part may be louder than the whole
            subtype: Subtype = "FLOAT" if loud else "PCM_24"
            write_wav(sounds / name, plain(samples), project.rate, subtype=subtype, time_reference=start)
            files[key] = Media(home / TIMELINE_MEDIA / name, len(samples), samples.shape[1], 32 if loud else 24)
        timeline = timeline_of(plain_text(home.name), project, info, files)
        for name, text in _texts(timeline, home if relative else None).items():
            (work / name).write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
        _replace(folder, work)
    return Written([folder / name for name in TIMELINES], variable_rate_note(info))


def _picture(folder: Path, project: Project, target: str | None) -> MediaInfo:
    """The file with the picture: the target, or the result's video where editors do not open the target."""
    own = video_of(folder)
    path = picture_of(folder, project, own, target)
    if path.suffix.lower() not in READABLE and own is not None and own.suffix.lower() in READABLE:
        path = own
    return probe(path)


def _sounds(folder: Path, project: Project) -> Iterator[tuple[str, str, np.ndarray]]:
    """What is written as WAV: a layer's name or a sound's key, the file's name, and its samples (C, N)."""
    whole = rendered(folder, project)
    for layer in project.layers:
        yield layer.name, f"{layer.name}.wav", _alone(folder, project, layer) if layer.muted else whole.stem(layer.name)
    for layer in project.layers:
        for number, key in enumerate(layer.candidates, 1):
            yield key, f"{layer.name}_{number:02d}.wav", read_sound(folder, project.sounds[key], project.rate)


def _alone(folder: Path, project: Project, layer: Layer) -> np.ndarray:
    """A muted layer as it would sound by itself: (C, N)."""
    layers = (dataclasses.replace(layer, muted=False),)
    return rendered(folder, dataclasses.replace(project, layers=layers)).stem(layer.name)


def _texts(timeline: Timeline, home: Path | None) -> dict[str, str]:
    """The contents of the timelines' files, by name. home: the folder to which paths are relative; None: absolute."""
    urls = file_url if home is None else relative_to(home, file_url)
    premiere = premiere_url if home is None else relative_to(home, premiere_url)
    paths = str if home is None else relative_to(home, str, as_url=False)
    texts = (
        otio.to_text(timeline, urls),
        xmeml.to_text(timeline, "premiere", premiere),
        xmeml.to_text(timeline, "resolve", urls),
        reaper.to_text(timeline, paths),
    )
    return dict(zip(TIMELINES, texts, strict=True))


def _replace(folder: Path, work: Path) -> None:
    """Moves what was written into the folder, in place of what an earlier run wrote."""
    old = [path for path in (folder / TIMELINE_MEDIA).glob("*.wav") if not (work / TIMELINE_MEDIA / path.name).exists()]
    (folder / TIMELINE_MEDIA).mkdir(exist_ok=True)
    for path in sorted(path for path in work.rglob("*") if path.is_file()):
        os.replace(path, folder / path.relative_to(work))
    for path in old:
        path.unlink(missing_ok=True)
