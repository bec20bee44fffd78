"""A user's clips: uploaded ones, each in a folder of its own, and files of a library that stay where they are.

clips/ID/clip.json      what the clip is
clips/ID/file/NAME      the uploaded file
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.files import write_json
from condfoley.studio.playable import how_played
from condfoley.studio.record import read_record
from condfoley.studio.workspace import UnknownKey, Workspace, keys_in, new_folder

RECORD, FILE, NEW = "clip.json", "file", "new"
MAX_DECODED = 1.8e12
"""Pixels of all pictures of a clip: an hour of 4K at 60 frames a second."""
Record = dict[str, Any]
_adding = threading.Lock()


class TooMuch(InputError):
    """A user has as many clips, or as much in them, as they may."""


@dataclass(frozen=True)
class Clip:
    """One clip. folder: its own. path: of the file, in that folder or in a library. name: the user's, only to be shown.

    picture: {width, height, fps}; sound: {rate, channels}. plays: whether browsers play the file; media_type: as what;
    why: they do not.
    """

    folder: Path
    path: Path
    name: str
    bytes: int
    duration: float
    picture: Record | None
    sound: Record | None
    timecode: str | None
    plays: bool
    media_type: str
    why: str
    linked: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return self.folder.name


@dataclass(frozen=True)
class ClipLimits:
    """seconds: of one clip. clips: their number. storage: bytes of all uploaded clips."""

    seconds: float
    clips: int
    storage: int


def examined(path: Path, name: str, limits: ClipLimits) -> Record:
    """What a file is, as `Clip` has it. Raises InputError, naming it `name`, for one that cannot be used."""
    from condfoley.media.probe import open_media

    try:
        found = open_media(path)
    except InputError as error:
        raise InputError(str(error).replace(str(path), name)) from None
    info = found.info
    if info.duration > limits.seconds:
        raise InputError(
            f"{name} is {info.duration:.0f} s long; {limits.seconds:g} s are the most, so give a part of it"
        )
    if info.width * info.height * max(1.0, info.fps) * info.duration > MAX_DECODED:
        size = f"{info.width} x {info.height} at {info.fps:.0f} frames a second"
        raise InputError(f"{name}: its picture of {size} is too large for its length; scale it down")
    plays, media_type, why = how_played(found)
    picture = {"width": info.width, "height": info.height, "fps": round(info.fps, 4)} if info.has_video else None
    sound = {"rate": info.sample_rate, "channels": info.channels} if info.has_audio else None
    facts = {"duration": info.duration, "picture": picture, "sound": sound, "timecode": info.start_timecode or None}
    return facts | {"bytes": path.stat().st_size, "plays": plays, "media_type": media_type, "why": why}


def keep_upload(workspace: Workspace, part: Path, limits: ClipLimits) -> Clip:
    """Makes an uploaded file a clip of the same name, a safe one. Raises InputError for one that cannot be used."""
    facts = examined(part, part.name, limits)
    with _adding:  # others may have come in meanwhile
        if facts["bytes"] > require_room(workspace, limits):
            raise TooMuch(f"your clips would take more than {limits.storage / 1e6:g} MB; remove some first")
        return _added(workspace, part.name, facts, part)


def link_file(workspace: Workspace, path: Path, limits: ClipLimits) -> Clip:
    """Makes a file that stays where it is a clip; once, however often it is asked for. Raises InputError."""
    path = path.resolve()
    with _adding:
        for clip in clips_of(workspace):
            if clip.linked and clip.path == path and clip.bytes == path.stat().st_size:
                return clip
        require_room(workspace, limits)
        return _added(workspace, path.name, examined(path, path.name, limits) | {"path": str(path)}, None)


def _added(workspace: Workspace, name: str, facts: Record, part: Path | None) -> Clip:
    """Writes a clip's folder beside the others and moves it among them when it is complete."""
    work = new_folder(workspace.clips / f".{NEW}")
    try:
        if part is not None:
            (work / FILE).mkdir()
            os.replace(part, work / FILE / name)
        write_json(work / RECORD, {"name": name} | facts)
        os.rename(work, workspace.clips / work.name)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return read_clip(workspace, work.name)


def read_clip(workspace: Workspace, key: str) -> Clip:
    """One of the user's clips. Raises UnknownKey, also where a file of a library is gone."""
    folder = workspace.clip(key)
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UnknownKey("there is no such clip; it may have been removed") from None
    linked = "path" in record
    path = Path(record.pop("path")) if linked else folder / FILE / record["name"]
    if path.resolve() != path or not path.is_file():  # a link put there afterwards leads elsewhere
        if linked or not path.is_file():
            raise UnknownKey(f"{record['name']} was moved or removed; choose it again")
    return Clip(folder=folder, path=path, linked=linked, **record)


def clips_of(workspace: Workspace) -> list[Clip]:
    """The user's clips, the latest first."""
    out = []
    for key in keys_in(workspace.clips):
        try:
            out.append(read_clip(workspace, key))
        except UnknownKey:
            continue
    return out


def require_room(workspace: Workspace, limits: ClipLimits) -> int:
    """How many bytes the user may still upload. Raises TooMuch."""
    clips = clips_of(workspace)
    if len(clips) >= limits.clips:
        raise TooMuch(f"you have {len(clips)} clips, which are the most; remove some first")
    left = limits.storage - sum(clip.bytes for clip in clips if not clip.linked)
    if left <= 0:
        raise TooMuch(f"your clips take {limits.storage / 1e6:g} MB, which are the most; remove some first")
    return left


def remove_clip(workspace: Workspace, key: str) -> None:
    """Removes a clip. Raises UnknownKey, and InputError where a project still needs it."""
    folder = workspace.clip(key)
    if name := used_clips(workspace).get(key):
        raise InputError(f"the project {name} still uses this clip; remove the project first")
    shutil.rmtree(folder, ignore_errors=True)


def used_clips(workspace: Workspace) -> dict[str, str]:
    """Ids of the clips that projects use, with the name of one of them."""
    out: dict[str, str] = {}
    for key in keys_in(workspace.projects):
        record = read_record(workspace.projects / key)
        out |= dict.fromkeys(record.clips, record.name or key)
    return out


def touch(clip: Clip) -> None:
    """Notes that a clip was used now."""
    os.utime(clip.folder / RECORD)


def remove_unused(workspace: Workspace, days: float) -> None:
    """Removes clips that no project uses and that were not used for some days."""
    used = used_clips(workspace)
    for clip in clips_of(workspace):
        idle = time.time() - (clip.folder / RECORD).stat().st_mtime
        if clip.id not in used and idle > days * 86400:
            shutil.rmtree(clip.folder, ignore_errors=True)


def clip_json(clip: Clip, media: Record) -> Record:
    """A clip as the page gets it. media: whether it can be played, see `proxies.media_state`."""
    shown = ("id", "name", "bytes", "duration", "picture", "sound", "timecode")
    return {name: getattr(clip, name) for name in shown} | {"media": media}
