"""Any folder of videos; uses the events of NAME.json beside NAME.mp4, as written by `condfoley simulate`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from condfoley.data.events import Event
from condfoley.data.sources.listing import Listing, SplitShares, Video
from condfoley.errors import InputError
from condfoley.media.formats import VIDEO_SUFFIXES


def videos(source: Path, shares: SplitShares) -> Listing:
    """Lists the videos below `source`, split by the hash of their names.

    Raises InputError when there is none.
    """
    listing = Listing()
    files = find(source, VIDEO_SUFFIXES)
    if not files:
        raise InputError(f"{source} holds no videos ({', '.join(sorted(VIDEO_SUFFIXES))}); give another folder")
    for path in files:
        name = clip_name(path.relative_to(source))
        try:
            events, simulated = read_notes(path)
        except InputError as error:
            listing.rejected.append((name, str(error)))
            continue
        listing.videos.append(Video(name, path, path, shares.of(name), events=events, simulated=simulated))
    return listing


def find(root: Path, suffixes: frozenset[str]) -> list[Path]:
    """Files below a folder that have one of the suffixes, sorted; without hidden files and folders."""
    found = (p for p in root.rglob("*") if p.suffix.lower() in suffixes)
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts))


def clip_name(path: Path) -> str:
    """A name for shards, without dots, spaces and slashes, from a path relative to the source."""
    return re.sub(r"[^\w-]", "-", "__".join(path.with_suffix("").parts))


def with_notes(video: Path) -> list[Path]:
    """The existing source files of a clip: the video and the JSON file beside it."""
    return [path for path in (video, video.with_suffix(".json")) if path.exists()]


def read_notes(video: Path) -> tuple[tuple[Event, ...] | None, bool]:
    """(events, whether simulated) from the JSON file beside a video; (None, False) without file or without events.

    Raises InputError when the file has no valid events.
    """
    notes = video.with_suffix(".json")
    if not notes.exists():
        return None, False
    try:
        content = json.loads(notes.read_text(encoding="utf-8"))
        if "events" not in content:
            return None, False
        known = {"material": content["material"]} if content.get("material") else {}  # one instrument for each video
        events = tuple(Event.from_dict(known | e) for e in content["events"])
        for event in events:
            if not isinstance(event.time, int | float):
                raise ValueError(f"time {event.time!r} is no number")
        return events, "generator" in content
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{notes.name} beside it has no valid events ({error}); repair or remove it") from None
