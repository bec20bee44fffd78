"""Countix-AV (Zhang et al., 2021): repetitive actions with sound, from lists of clips and the videos they name.

The source folder has train.csv, val.csv and test.csv (names may begin with `countix_` or `countixAV_`) with a header.
Columns: `video_id`, `start`, `end` (s) and optionally `class`; Countix's own names `repetition_start`, `repetition_end`
are accepted too. Videos may be in any subfolder: VIDEO_ID.EXT is the whole video, VIDEO_ID_START_END.EXT (whole
seconds, as downloaders of Kinetics name them) the part from START on.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from condfoley.data.sources.listing import Listing, MissingFile, Split, SplitShares, Video
from condfoley.errors import InputError
from condfoley.media.formats import VIDEO_SUFFIXES

LISTS: dict[str, Split] = {
    "test": "test",
    "val": "validation",
    "train": "train",
}  # a video that is in several lists belongs to the first
PREFIXES = ("", "countix_", "countixAV_")
COLUMNS = (("video_id", "youtube_id"), ("start", "repetition_start"), ("end", "repetition_end"))
MIN_SECONDS = 1.0  # s, of a clip


def videos(source: Path, shares: SplitShares) -> Listing:
    """Lists the clips, with the data set's own split.

    Clips are rejected whose video is also in an earlier list, whose file is missing, or whose times are invalid.
    Raises InputError naming the first list or column that is missing.
    """
    files = _files(source)
    listing, owner = Listing(), dict[str, Split]()
    for stem, split in LISTS.items():
        for row in _rows(source, stem):
            try:
                video = _video(row, files, split)
                first = owner.setdefault(row["video_id"], split)
                if first != split:
                    raise InputError(f"its video is in the {first} list too")
            except MissingFile as error:
                listing.absent.append((f"{stem}: {row['video_id']}", str(error)))
                continue
            except (InputError, ValueError) as error:
                listing.rejected.append((f"{stem}: {row['video_id']}", str(error)))
                continue
            listing.videos.append(video)
    return listing


def _video(row: dict[str, str], files: dict[str, Path], split: Split) -> Video:
    name, start, end = row["video_id"], float(row["start"]), float(row["end"])
    if not 0 <= start <= end - MIN_SECONDS:
        raise InputError(f"from {start:g} to {end:g} s are no clip of {MIN_SECONDS:g} s or more")
    clip_name = f"{name}-{round(start * 100):06d}"
    if name in files:
        path, offset = files[name], 0.0
    else:
        path, offset = _part_of_video(name, start, end, files)
    return Video(clip_name, path, path, split, start - offset, end - offset, name, row.get("class", ""))


def _part_of_video(name: str, start: float, end: float, files: dict[str, Path]) -> tuple[Path, float]:
    """The file VIDEO_ID_START_END that covers a clip, and its START in s."""
    for stem, path in files.items():
        match = re.fullmatch(re.escape(name) + r"_(\d+)_(\d+)", stem)
        if match and int(match[1]) <= start and end <= int(match[2]) + 1:
            return path, float(match[1])
    raise MissingFile(f"no file {name}.mp4 or {name}_START_END.mp4 covers {start:g} to {end:g} s")


def _files(source: Path) -> dict[str, Path]:
    """All videos below a folder, by file name without suffix."""
    return {p.stem: p for p in sorted(source.rglob("*")) if p.suffix.lower() in VIDEO_SUFFIXES}


def _rows(source: Path, stem: str) -> list[dict[str, str]]:
    """The rows of one list, with the column names `video_id`, `start`, `end`, `class`."""
    path = next((p for prefix in PREFIXES if (p := source / f"{prefix}{stem}.csv").is_file()), None)
    if path is None:
        raise InputError(f"{source / stem}.csv is missing; give the folder with Countix-AV's lists and videos")
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header = reader.fieldnames or []
        chosen = {}
        for names in COLUMNS:
            found = next((n for n in names if n in header), None)
            if found is None:
                raise InputError(f"{path} has no column {' or '.join(names)}; its first line must name the columns")
            chosen[names[0]] = found
        if "class" in header:
            chosen["class"] = "class"
        return [{name: (row[column] or "").strip() for name, column in chosen.items()} for row in reader]
