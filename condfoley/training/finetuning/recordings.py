"""Which clips are from one recording, so that they are never on both sides of a split: by `groups.csv`, name or sound."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from condfoley.errors import InputError

GROUPS = "groups.csv"  # in the folder of clips; columns clip and recording
COUNTER = re.compile(r"[ _.-]*(?:part|take|cut|seg|segment|scene)?[ _.-]*\(?\d+\)?$", re.IGNORECASE)
GENERIC = {  # what cameras and people name any clip: a number behind it is not one of a recording's parts
    *("", "clip", "video", "vid", "movie", "mov", "mvi", "rec", "recording", "untitled", "new", "my", "sample", "test"),
    *("img", "dsc", "dscn", "dji", "gopr", "gh", "gx", "pxl", "mah", "p", "c"),
}


def recordings_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The recording of each clip: the one in `groups.csv`, else the subfolder, else the name without a counter.

    folder: of clips. names: paths relative to it. Raises InputError for a groups.csv that cannot be used.
    """
    listed = read_groups(folder / GROUPS, names)
    found = by_name(names)
    return {name: listed.get(name, found[name]) for name in names}


def by_name(names: Sequence[str]) -> dict[str, str]:
    """The recording of each clip by its path alone; clips of one subfolder are of one recording.

    `kitchen_0001.mp4` and `kitchen_0002.mp4` are of one recording; `IMG_0001.mp4` and `IMG_0002.mp4` are not.
    """
    folders = {name: PurePath(name).parent for name in names}
    shared = os.path.commonpath([str(folder) for folder in folders.values()]) if folders else ""
    found = {}
    for name, folder in folders.items():
        inside = folder.relative_to(shared)
        found[name] = str(inside.parts[0]) + "/" if inside.parts else _without_counter(PurePath(name).stem)
    return found


def _without_counter(stem: str) -> str:
    base = COUNTER.sub("", stem)
    letters = re.sub(r"[^a-z]", "", base.lower())
    return stem if letters in GENERIC else base


def read_groups(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Clip -> recording of a CSV file with these two columns; empty if there is no file. Raises InputError.

    names: of all clips; a clip that is not among them is refused, since it is a mistyped one.
    """
    if not path.is_file():
        return {}
    known, found = set(names), {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); give a CSV file in UTF-8") from None
    for number, row in enumerate(rows, 2):
        if not row.get("clip") or not row.get("recording"):
            raise InputError(f"{path}, line {number}: give the columns clip and recording, both filled in")
        if row["clip"] not in known:
            raise InputError(f"{path}, line {number}: there is no clip {row['clip']} in the folder; correct its name")
        found[row["clip"]] = row["recording"]
    return found


def joined(recordings: Mapping[str, str], together: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The recordings, with those joined that some pairs of clips are both of; a joined one has the first one's name."""
    parent = {recording: recording for recording in recordings.values()}

    def root(recording: str) -> str:
        while parent[recording] != recording:
            recording = parent[recording]
        return recording

    for a, b in together:
        first, second = sorted((root(recordings[a]), root(recordings[b])))
        parent[second] = first
    return {clip: root(recording) for clip, recording in recordings.items()}
