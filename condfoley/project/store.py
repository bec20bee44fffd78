"""A project's folder: project.json, its earlier versions, and the sounds, which never change once they are written.

project.json            the current version
history/0003.json       every version, by its revision
candidates/01_0.flac    what was generated, and what was drawn later, as 24-bit FLAC
codes/main.npz          the candidates' codes
"""

from __future__ import annotations

import dataclasses
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from condfoley.errors import InputError
from condfoley.files import atomic_file, make_folder, remove_parts
from condfoley.files.partial import clear_killed
from condfoley.media.wav import whole_numbers
from condfoley.memory import ByteCache, blocks, sound_array
from condfoley.project.model import Project, Sound
from condfoley.project.text import from_text, to_text

PROJECT, HISTORY, LOCK, SOUNDS, CODES = "project.json", "history", ".lock", "sounds", "codes"
REVISION_FILE = re.compile(r"(\d{4,})\.json")
NO_PROJECT = "{} holds no project; give the --out folder of `condfoley generate`"
DECODED: ByteCache[np.ndarray] = ByteCache(512 << 20)
"""Sounds that were read last."""
SCALE = 2**23
"""Samples of a project are whole multiples of 1 / SCALE, as 24 bits hold them, so that sums of them are exact."""


class BeingEdited(InputError):
    """Somebody else edits the project now."""


def quantised(samples: np.ndarray) -> np.ndarray:
    """Samples as 24 bits hold them: float32 of the same shape, multiples of 1 / SCALE; those beyond 1 stay so."""
    return (np.rint(np.asarray(samples, np.float64) * SCALE) / SCALE).astype(np.float32)


def write_sound(folder: Path, file: str, samples: np.ndarray, rate: int) -> None:
    """Writes a sound, (C, N) or (N,), as 24-bit FLAC at `file` in a project's folder. Raises InputError."""
    import soundfile

    path = folder / file
    make_folder(path.parent)
    with atomic_file(path, (OSError, soundfile.LibsndfileError)) as part:
        sound = np.atleast_2d(samples)
        with soundfile.SoundFile(os.fsencode(part), "w", rate, len(sound), "PCM_24", format="FLAC") as stream:
            for piece in blocks(sound.shape[1]):
                stream.write(whole_numbers(sound[:, piece].T))


def read_sound(folder: Path, sound: Sound, rate: int) -> np.ndarray:
    """A sound's samples: (C, N) float32, read-only. Raises InputError when its file is missing, damaged or another."""
    path = folder / sound.file
    try:
        found = path.stat()
    except OSError:
        raise InputError(f"{path} is missing; copy it back into the project, or generate again") from None
    version = (found.st_mtime_ns, found.st_size, found.st_ino)  # tells files apart that were there one after the other
    return DECODED.get((path, sound.length, rate, version), lambda: _read(path, sound.length, rate))


def forget_sounds(folder: Path) -> None:
    """Gives the memory back that sounds in a folder take, which are not read from there again."""
    DECODED.forget(lambda key: isinstance(key, tuple) and isinstance(key[0], Path) and folder in key[0].parents)


def _read(path: Path, length: int, rate: int) -> np.ndarray:
    import soundfile

    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            if file.samplerate != rate or file.frames != length:
                raise InputError(f"{path} is another sound than the project's; copy its own back, or generate again")
            out, there = sound_array((file.channels, length)), 0
            for part in blocks(length):
                found = file.read(part.stop - part.start, dtype="float32", always_2d=True).T
                out[:, there : there + found.shape[1]] = found
                there += found.shape[1]
    except (OSError, soundfile.LibsndfileError):
        raise InputError(f"{path} cannot be read; copy it back into the project, or generate again") from None
    if there != length:
        raise InputError(f"{path} is cut off; copy it back into the project, or generate again")
    out.flags.writeable = False
    return out


def write_codes(folder: Path, file: str, codes: np.ndarray, seeds: list[int]) -> None:
    """Writes candidates' codes, (N, columns * rows), and their seeds, compressed. Raises InputError."""
    path = folder / file
    make_folder(path.parent)
    with atomic_file(path) as part, open(part, "wb") as stream:
        np.savez_compressed(stream, codes=codes.astype(np.int32), seeds=np.array(seeds, np.int64))


def read_codes(folder: Path, file: str) -> np.ndarray:
    """Candidates' codes: (N, columns * rows) int64. Raises InputError when the file cannot be read."""
    path = folder / file
    try:
        with np.load(path, allow_pickle=False) as content:
            return content["codes"].astype(np.int64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}); copy it back into the project") from None


def read_project(folder: Path) -> Project:
    """The project of a folder. Raises InputError when it holds none, or a damaged one."""
    path = folder / PROJECT
    try:
        return _parsed(path)
    except (FileNotFoundError, NotADirectoryError):
        earlier = (folder / "provenance.json").exists()
        raise InputError(
            f"{path} is missing; take the last version back with `condfoley undo`"
            if revisions(folder)
            else f"{folder} was written by an older condfoley and holds no {PROJECT}; generate it again with --force"
            if earlier
            else NO_PROJECT.format(folder)
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); change its permissions") from None


def _parsed(path: Path) -> Project:
    try:
        return from_text(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text; take the last version back with `condfoley undo`") from None


def write_project(folder: Path, project: Project, current: int | None = None) -> Project:
    """Writes a new revision, which becomes the current one, and returns it. Those behind the former one are forgotten.

    current: number of the current one, where it is known. Raises InputError when it cannot be written.
    """
    make_folder(folder / HISTORY)
    now = current_revision(folder) if current is None else current
    if now and not revision_path(folder, now).exists() and (folder / PROJECT).exists():  # its copy was deleted
        with suppress(InputError):
            _write(revision_path(folder, now), to_text(read_project(folder)))
    for number in revisions(folder):
        if number > now:
            revision_path(folder, number).unlink()
    project = dataclasses.replace(project, revision=now + 1)
    text = to_text(project)
    for path in (revision_path(folder, now + 1), folder / PROJECT):
        _write(path, text)
    return project


def revisions(folder: Path) -> list[int]:
    """Numbers of the revisions that are kept, ascending."""
    found = (REVISION_FILE.fullmatch(path.name) for path in (folder / HISTORY).glob("*.json"))
    return sorted(int(match[1]) for match in found if match)


def current_revision(folder: Path) -> int:
    """Number of the current revision; 0 before the first; where project.json is damaged or lost, one behind the last."""
    kept = revisions(folder)
    if not kept and not (folder / PROJECT).exists():
        return 0
    try:
        return read_project(folder).revision
    except InputError:
        return max(kept, default=0) + 1


def revision_path(folder: Path, number: int) -> Path:
    """Where a revision is kept."""
    return folder / HISTORY / f"{number:04d}.json"


def read_revision(folder: Path, number: int) -> Project:
    """One of the revisions. Raises InputError when there is no such revision."""
    if number not in (kept := revisions(folder)):
        raise InputError(
            f"{folder} has no revision {number}; it keeps {kept[0]} to {kept[-1]}" if kept else f"{folder} keeps none"
        )
    path = revision_path(folder, number)
    try:
        return _parsed(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); change its permissions") from None
    except InputError:
        raise InputError(f"{path} is damaged; go to another revision with `condfoley undo --to`") from None


def make_current(folder: Path, project: Project) -> None:
    """Makes one of the revisions the current one; the others stay. Raises InputError when it cannot be written."""
    _write(folder / PROJECT, to_text(project))


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON's spelling of paths not in UTF-8


@contextmanager
def editing(folder: Path) -> Iterator[None]:
    """While a project is edited. What an edit has left that was killed is removed.

    Raises InputError when there is no project, somebody else edits it (BeingEdited), or it cannot be written to.
    """
    from filelock import FileLock, Timeout

    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the --out folder of `condfoley generate`")
    clear_killed(folder)
    if not (folder / PROJECT).exists() and not revisions(folder):
        read_project(folder)  # says so
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BeingEdited(f"{folder} is being edited by another process; wait for it, or close it") from None
    except OSError as error:
        raise InputError(f"{folder} cannot be written to ({error.strerror}); change its permissions") from None
    try:
        remove_parts(folder, (HISTORY, SOUNDS, CODES))
        yield
    finally:
        lock.release()
