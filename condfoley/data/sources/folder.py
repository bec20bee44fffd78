"""Any folder of videos. NAME.json beside NAME.mp4 with `{"events": [...]}`, as `condfoley simulate` writes, is used."""

from __future__ import annotations

import json
import re
from pathlib import Path

from condfoley.data.events import Event
from condfoley.data.sources.listing import Listing, Shares, Video
from condfoley.errors import InputError
from condfoley.media.formats import VIDEO_SUFFIXES


def videos(source: Path, shares: Shares) -> Listing:
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
    """Files below a folder with one of the suffixes, in order of name; hidden files and folders are left out."""
    found = (p for p in root.rglob("*") if p.suffix.lower() in suffixes)
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts))


def clip_name(path: Path) -> str:
    """A path below the source as one name for shards: no dots, spaces or slashes."""
    return re.sub(r"[^\w-]", "-", "__".join(path.with_suffix("").parts))


def with_notes(video: Path) -> list[Path]:
    """A video and the JSON file beside it, those that exist: all that a clip of a folder is made of."""
    return [path for path in (video, video.with_suffix(".json")) if path.exists()]


def read_notes(video: Path) -> tuple[tuple[Event, ...] | None, bool]:
    """(events, whether simulated) from the JSON beside a video; (None, False) without one, or one without events.

    Raises InputError when it cannot be read as events.
    """
    notes = video.with_suffix(".json")
    if not notes.exists():
        return None, False
    try:
        content = json.loads(notes.read_text(encoding="utf-8"))
        if "events" not in content:
            return None, False
        known = {"material": content["material"]} if content.get("material") else {}  # one instrument a video
        events = tuple(Event.from_dict(known | e) for e in content["events"])
        for event in events:
            if not isinstance(event.time, int | float):
                raise ValueError(f"time {event.time!r} is no number")
        return events, "generator" in content
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{notes.name} beside it does not hold events ({error}); repair or remove it") from None
