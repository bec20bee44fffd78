"""Converts a data set in its own layout to shards: list the videos, cut and write the missing ones, index, verify."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from condfoley.data.index import FORMAT, Index, Shard, require_no_leaks, totals
from condfoley.data.rejected import REJECTED, by_reason, write
from condfoley.data.segments import SegmentOptions
from condfoley.data.shards import PARTS, ShardJob, ShardResult, complete_shards, make_shard, shard_number
from condfoley.data.sources import READERS
from condfoley.data.sources.listing import Listing, SplitShares, Video, clashes, hash_fraction
from condfoley.errors import InputError
from condfoley.files.partial import only_writer
from condfoley.geometry import Geometry
from condfoley.parallel import Done, Engine, run

CONTENT_OPTIONS = ("split", "validation", "test", "segment", "short_side")  # options that decide the content of shards


@dataclass(frozen=True)
class PrepareOptions:
    """Convert a data set or a folder of videos into shards for training; run again to resume a stopped preparation."""

    split: Literal["video", "published"] = "video"
    """video: no video is in two splits; published: Greatest Hits as in the paper, with validation clips from training videos."""
    validation: float = 0.05
    """Share of the videos for validation; not with countix-av or --split published, which have their own."""
    test: float = 0.0
    """Share of the videos of a folder for testing, never used in training. Not with other data sets."""
    segment: float = 8.0
    """Duration of a clip in seconds; longer videos are cut."""
    short_side: int = 128
    """Shorter side of the picture in pixels."""
    shard_videos: int = 32
    """Maximum number of videos in a shard."""
    engine: Engine = "local"
    """local: processes on this machine; ray: a Ray cluster with access to the same folders."""
    workers: int = 2
    """Number of processes; a Ray cluster uses all its CPUs."""
    verify: bool = False
    """Read all shards again afterwards and compare them with the index."""

    def __post_init__(self) -> None:
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):  # nor nan
            raise InputError("--validation and --test must be 0 or more and leave something to train on")
        if not 1 <= self.segment <= 600 or not 16 <= self.short_side <= 2048:
            raise InputError("--segment must be 1 to 600 seconds, --short-side 16 to 2048 pixels")
        if self.shard_videos < 1 or self.workers < 1:
            raise InputError("--shard-videos and --workers must be 1 or more")


def prepare(
    data_set: str,
    source: Path,
    out: Path,
    options: PrepareOptions,
    geometry: Geometry | None = None,
    quiet: bool = False,
) -> Index:
    """Writes the shards that are missing in `out`, then rejected.csv and, if all succeeded, the index of all shards.

    data_set: a key of READERS. quiet: no progress bar on stderr.
    Raises InputError for options that do not apply to the data set, a source in another layout, an `out` made with
    other settings or that another process writes to, two videos of the same name, no usable clip, a shard that cannot be
    written.
    """
    geometry = geometry or Geometry()
    _require_applicable(data_set, options)
    if not source.is_dir():
        raise InputError(f"no folder {source}; give the folder of the data set")
    listing = READERS[data_set](source, SplitShares(options.split == "published", options.validation, options.test))
    for one, other in clashes(listing.videos):
        raise InputError(f"{one.picture} and {other.picture} would both be clip {one.name}; rename or remove one")
    with only_writer(out):
        return _write_missing(listing, data_set, source, out, options, geometry, quiet)


def _write_missing(
    listing: Listing, data_set: str, source: Path, out: Path, options: PrepareOptions, geometry: Geometry, quiet: bool
) -> Index:
    """See `prepare`."""
    settings = {"format": FORMAT, "data_set": data_set, "geometry": asdict(geometry)}
    settings |= {name: getattr(options, name) for name in CONTENT_OPTIONS}
    shards = _existing_shards(out, settings)
    known = {name for shard in shards for name in shard.names}
    rejected = listing.rejected + [pair for shard in shards for pair in shard.rejected]
    work = partial(
        make_shard, out=out, options=SegmentOptions(geometry, options.segment, options.short_side), settings=settings
    )
    first = 1 + max((shard_number(shard.file) for shard in shards), default=-1)
    jobs = _jobs([video for video in listing.videos if video.name not in known], first, options)
    try:
        with closing(_run_jobs(work, jobs, options, quiet)) as results:  # closing it ends all workers
            for made in results:
                shards += [made.shard] if made.shard else []
                rejected += made.rejected
    finally:
        shutil.rmtree(out / PARTS, ignore_errors=True)
    write(out, rejected, listing.absent)
    index = Index(str(out), settings | {"source": source.resolve().name}, tuple(sorted(shards, key=lambda s: s.file)))
    _require_valid(index, rejected + listing.absent)
    index.save()
    return index


def _require_applicable(data_set: str, options: PrepareOptions) -> None:
    if options.split == "published" and data_set != "greatest-hits":
        raise InputError("--split published is for greatest-hits; leave it out")
    if options.test and data_set != "folder":
        raise InputError(f"--test is for a folder, {data_set} has its own test split; leave it out")
    own = data_set if data_set == "countix-av" else "--split published" if options.split == "published" else ""
    if own and options.validation != PrepareOptions.validation:
        raise InputError(f"--validation has no use with {own}, which has its own validation split; leave it out")


def _existing_shards(out: Path, settings: dict[str, Any]) -> list[Shard]:
    shutil.rmtree(out / PARTS, ignore_errors=True)  # of a run that was killed
    return complete_shards(out, settings)


def _jobs(videos: Sequence[Video], first: int, options: PrepareOptions) -> list[ShardJob]:
    """Groups of at most `shard_videos` videos, small enough to occupy all workers. first: number of the first shard."""
    size = max(1, min(options.shard_videos, -(-len(videos) // options.workers)))
    groups = [tuple(videos[i : i + size]) for i in range(0, len(videos), size)]
    return [ShardJob(first + i, group) for i, group in enumerate(groups)]


def _run_jobs(
    work: partial[ShardResult], jobs: list[ShardJob], options: PrepareOptions, quiet: bool
) -> Generator[ShardResult]:
    """Yields the results of all jobs; if a job killed its worker, its videos are processed one by one to find the cause."""
    from tqdm import tqdm

    suspects: list[Video] = []
    with tqdm(total=sum(len(j.videos) for j in jobs), unit="video", disable=quiet, file=sys.stderr) as progress:
        for done in run(work, jobs, options.engine, options.workers):
            progress.update(len(done.item.videos))
            if done.died and len(done.item.videos) > 1:
                suspects += done.item.videos
            else:
                yield _result(done)
    free = 1 + max((job.number for job in jobs), default=0)
    singles = [ShardJob(free + i, (video,)) for i, video in enumerate(suspects)]
    yield from map(_result, run(work, singles, options.engine, options.workers))


def _result(done: Done[ShardJob, ShardResult]) -> ShardResult:
    if done.value is not None:
        return done.value
    if done.died:
        return ShardResult(None, ((done.item.videos[0].name, done.error),))
    raise InputError(f"a shard cannot be written ({done.error}); fix this and run the same command again to resume")


def unfilled(index: Index, options: PrepareOptions) -> list[str]:
    """A line for each requested split that has no clip, with a share with which it would have one.

    index: of a data set whose videos are split by the hash of their names.
    """
    held, lines = totals(index.clips()), []
    places = [hash_fraction(video) for video in {clip.video for clip in index.clips() if clip.split == "train"}]
    for name, share, taken in (("validation", options.validation, 0.0), ("test", options.test, options.validation)):
        if share and name not in held and places:
            enough = (math.floor(100 * (min(places) - taken)) + 1) / 100
            drawn = f"--{name} {share:g} drew none of {len(places)} videos"
            lines.append(f"no {name} split: {drawn}; --{name} {enough:.2f} and an empty OUT give one")
    return lines


def _require_valid(index: Index, rejected: list[tuple[str, str]]) -> None:
    """Raises InputError when there is no usable clip or a video is in two splits."""
    if not index.shards:
        why = by_reason(rejected)
        such = f", mostly: {why[0][2]}" if why else ""
        raise InputError(f"no usable clip ({len(rejected)} left out{such}); {Path(index.base) / REJECTED} lists them")
    require_no_leaks(index)
