"""Files of a project for download: what the commands write, and archives of it.

soundtrack.wav and the video are those of the project's folder, which is a valid result of the command line again afterwards;
archives are in a hidden folder of it.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from condfoley.errors import InputError
from condfoley.files import atomic_file, make_folder, scratch_folder
from condfoley.project.find_inputs import find_input
from condfoley.project.model import Project
from condfoley.project.outputs import CUES_CSV, CUES_JSON, commit_edited, rendered, video_of, write_stems
from condfoley.project.store import PROJECT, editing, read_project
from condfoley.results.folder import HITS, PROVENANCE, SOUNDTRACK, STEMS, TIMELINE_MEDIA, TIMELINES
from condfoley.results.public import public_json
from condfoley.studio.record import read_record, write_record

FOLDER = ".studio"
ARCHIVES = ("stems", "timeline", "reaper", "all")
KINDS = ("video", "soundtrack", *ARCHIVES)
Progress = Callable[[str, float], None]
Entry = tuple[str, Path | bytes]
"""Its name in an archive, and the file or its content."""


def write_files(folder: Path, what: str, progress: Progress = lambda stage, share: None) -> None:
    """Makes one of KINDS of the current revision. Raises InputError when it cannot be made, BeingEdited."""
    if what not in KINDS:
        raise InputError(f"there is no download {what}; there are {', '.join(KINDS)}")
    with editing(folder):
        progress("writing soundtrack and video", 0.0)
        project = _written(folder)
        if what in ARCHIVES:
            progress("writing the archive", 0.5)
            _write_archive(folder, project, what)
        progress("done", 1.0)


def download(folder: Path, what: str, revision: int) -> tuple[Path, str] | None:
    """The file that was made of a revision, and what it is called; None where it was not made."""
    record = read_record(folder)
    base = file_name(record.name)
    if what in ARCHIVES:
        path = archive(folder, what, revision)
        return (path, f"{base}_{what}.zip") if path.is_file() else None
    if record.written != revision or what not in KINDS:
        return None
    found = video_of(folder) if what == "video" else folder / SOUNDTRACK
    return (found, f"{base}_{what}{found.suffix}") if found and found.is_file() else None


def archive(folder: Path, what: str, revision: int) -> Path:
    """Where an archive is."""
    return folder / FOLDER / f"{what}-{revision:04d}.zip"


def file_name(name: str) -> str:
    """A project's name as the beginning of the names of files."""
    return re.sub(r"[^\w.-]+", "_", name).strip(".-_")[:80] or "soundtrack"


def _written(folder: Path) -> Project:
    """The current revision, whose soundtrack, video, lists of cues and stems are written where they are of another one."""
    project, record = read_project(folder), read_record(folder)
    there = video_of(folder) is not None and all(
        (folder / name).is_file() for name in (SOUNDTRACK, CUES_CSV, CUES_JSON)
    )
    if record.written != project.revision or not there:
        project = commit_edited(folder, project)
        write_record(folder, dataclasses.replace(record, written=project.revision))
    return project


def _write_archive(folder: Path, project: Project, what: str) -> None:
    home = folder / FOLDER
    make_folder(home)
    with scratch_folder(home) as work:
        base = file_name(read_record(folder).name)
        entries: list[Entry] = []
        if what in ("stems", "all"):
            stems = write_stems(work, project, rendered(folder, project), video=video_of(folder))
            entries += [(f"{STEMS}/{path.name}", path) for path in stems]
        if what in ("timeline", "reaper", "all"):
            entries += _timeline(folder, work / base, project, TIMELINES[-1:] if what == "reaper" else TIMELINES)
        if what == "all":
            entries += _everything(folder, project)
        goal = archive(folder, what, project.revision)
        with atomic_file(goal, (OSError, zipfile.BadZipFile)) as part:
            _zip(part, base, entries)
        for path in home.glob("*.zip"):  # of earlier revisions
            if path != goal and not path.name.endswith(f"-{project.revision:04d}.zip"):
                path.unlink(missing_ok=True)


def _zip(path: Path, base: str, entries: Iterable[Entry]) -> None:
    """Stored, since sounds and pictures are hardly compressible; each entry once."""
    known = set()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=False) as target:
        for name, content in entries:
            if name in known:
                continue
            known.add(name)
            if isinstance(content, bytes):
                target.writestr(f"{base}/{name}", content)
            else:
                target.write(content, f"{base}/{name}")


def _timeline(folder: Path, home: Path, project: Project, names: Iterable[str]) -> list[Entry]:
    """Timelines that name files beside them, the picture too: they are made in a copy of the project, `home`."""
    from condfoley.timeline.write import write

    home.mkdir()
    files = [sound.file for sound in project.sounds.values() if (folder / sound.file).is_file()]
    for name in (PROJECT, SOUNDTRACK, *files):
        _link(folder / name, home / name)
    video = video_of(folder)
    try:
        source = find_input(folder, project, "target")
        picture = home / (source.name if not (home / source.name).exists() else f"picture_{source.name}")
        _link(source, picture)
    except InputError:
        source, picture = None, None
    if video:
        _link(video, home / video.name)
    write(home, relative=True, target=str(picture) if picture else None)
    written = [home / name for name in names]
    media = sorted((home / TIMELINE_MEDIA).glob("*.wav"))
    seen = "".join(path.read_text(encoding="utf-8", errors="replace") for path in written)
    pictures = [path for path in (picture, video and home / video.name) if path and _is_named(path.name, seen)]
    beside = [*written, *pictures, home / SOUNDTRACK]
    return [*((path.name, path) for path in beside), *((f"{TIMELINE_MEDIA}/{path.name}", path) for path in media)]


def _is_named(name: str, text: str) -> bool:
    from urllib.parse import quote

    return name in text or quote(os.fsencode(name)) in text


def _everything(folder: Path, project: Project) -> list[Entry]:
    """The video, cues, and the project itself, with which it can be edited elsewhere."""
    video = video_of(folder)
    entries: list[Entry] = [(video.name, video)] if video else []
    files = [CUES_CSV, CUES_JSON, HITS, SOUNDTRACK]
    files += [sound.file for sound in project.sounds.values()]
    files += [layer.codes for layer in project.layers if layer.codes]
    entries += [(name, folder / name) for name in files if (folder / name).is_file()]
    records = [name for name in (PROJECT, PROVENANCE) if (folder / name).is_file()]
    return entries + [(name, public_json(folder / name)) for name in records]


def _link(source: Path, goal: Path) -> None:
    """The same file at another place: a second name where the disk can do that, else a copy."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), goal)
    except OSError:
        shutil.copyfile(source, goal)
