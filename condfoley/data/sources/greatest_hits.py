"""Greatest Hits (Owens et al., 2016) in its original layout: one flat folder `vis-data`.

For each video ID_denoised.mp4, ID_denoised.wav (if missing, the video's own sound is used) and ID_times.txt with lines
`time material action reaction`, time in s.
"""

from __future__ import annotations

from pathlib import Path

from condfoley.data.events import Event
from condfoley.data.published import Splits, greatest_hits_splits
from condfoley.data.sources.listing import Listing, MissingFile, Split, SplitShares, Video
from condfoley.errors import InputError

PICTURE, SOUND, TIMES = "_denoised.mp4", "_denoised.wav", "_times.txt"


def videos(source: Path, shares: SplitShares) -> Listing:
    """Lists the videos of `source`, which is `vis-data` or contains it.

    Split: the published test videos are for testing; the others are split by video or, with `shares.published`, as
    published, with validation clips from training videos.
    Raises InputError naming the first missing file when the folder has another layout.
    """
    root = source / "vis-data" if (source / "vis-data").is_dir() else source
    lists = greatest_hits_splits()
    known = sorted(lists.train | lists.test)
    here = sorted(p.name.removesuffix(PICTURE) for p in root.glob("*" + PICTURE))
    if not here:
        raise InputError(f"{root / (known[0] + PICTURE)} is missing; give the folder vis-data of Greatest Hits")
    if not any((root / (name + TIMES)).exists() for name in here):
        raise InputError(f"{root / (here[0] + TIMES)} is missing; give the folder vis-data of Greatest Hits")
    listing = Listing()
    for name in sorted({*known, *here}):
        try:
            listing.videos.append(_video(root, name, lists, shares))
        except MissingFile as error:
            listing.absent.append((name, str(error)))
        except (InputError, OSError, ValueError) as error:
            listing.rejected.append((name, str(error)))
    return listing


def _video(root: Path, name: str, lists: Splits, shares: SplitShares) -> Video:
    picture, sound, times = (root / (name + suffix) for suffix in (PICTURE, SOUND, TIMES))
    if not picture.exists():
        raise MissingFile(f"{picture.name} is missing")
    if not times.exists():
        raise InputError(f"its {times.name} is missing")
    split: Split = "test" if name in lists.test else "train"
    held_out = 0.0
    if shares.published:
        if name not in lists.test | lists.train:
            raise InputError("is in none of the published lists")
        held_out = lists.held_out if name in lists.validation else 0.0
    elif split == "train":
        split = shares.of(name) if shares.of(name) == "validation" else "train"
    return Video(
        name=name,
        picture=picture,
        sound=sound if sound.exists() else picture,
        split=split,
        events=read_times(times),
        held_out=held_out,
    )


def read_times(path: Path) -> tuple[Event, ...]:
    """The events of a _times.txt file, in order of time.

    A row whose action is `None` is an audible onset of unknown kind: a hit with labelled=False.
    Raises InputError naming a line that is not `time material action reaction`.
    """
    events = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            time, material, action, reaction = words
            known = {"material": material, "reaction": reaction}
            events.append(
                Event(
                    time=float(time),
                    kind="hit" if action == "None" else action,  # type: ignore[arg-type]  # the Event checks it
                    labelled=action != "None",
                    **{name: word for name, word in known.items() if word != "None"},  # type: ignore[arg-type]
                )
            )
        except ValueError:
            raise InputError(f"{path.name}, line {number}: {line!r} is not `time material action reaction`") from None
    return tuple(sorted(events, key=lambda event: event.time))
