"""Test sets by name: simulated[:N[:SEED]], greatest-hits:DIR, a folder of clips, a CSV of pairs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from condfoley import media
from condfoley.data.events import Event
from condfoley.data.published import Moment, greatest_hits_test_pairs
from condfoley.data.sources.folder import find, read_notes
from condfoley.data.sources.greatest_hits import PICTURE, SOUND, TIMES, read_times
from condfoley.errors import InputError, tell
from condfoley.evaluation import held_out
from condfoley.evaluation.clips import METRIC_GEOMETRY, AnnotatedClip, Pair
from condfoley.evaluation.pairs import add_distractors, draw_pairs, require_file_name
from condfoley.files import make_folder
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.pair_list import ListedPair, read_pairs

DEFAULT_PAIRS = 200
CLIP_SECONDS = 2.0  # length of the published test clips (published_facts.md, section 13)
FRAME_SIZE = 256  # pixels, width and height of the clips that are cut
X264_CRF = 12  # quality of the clips that are cut


def load_pairs(name: str, home: Path) -> list[Pair]:
    """The pairs of a test set, sorted by name. home: folder that keeps clips cut from longer videos.

    Raises InputError when the set does not exist, cannot be read, or has no pairs.
    """
    if match := re.fullmatch(r"simulated(?::(\d+))?(?::(\d+))?", name):
        return simulated_pairs(int(match[1] or DEFAULT_PAIRS), int(match[2] or held_out.SEED))
    if name.startswith("greatest-hits:"):
        return greatest_hits_pairs(Path(name.removeprefix("greatest-hits:")), home)
    path = Path(name)
    if path.is_dir():
        clips = read_folder(path)
        return add_distractors(draw_pairs(clips, len(clips), seed=0))
    if path.is_file() and path.suffix.lower() == ".csv":
        return add_distractors(read_csv_pairs(path))
    raise InputError(
        f"--test {name}: no such set; give simulated[:N[:SEED]], greatest-hits:DIR, a folder of clips, "
        "or a CSV with the columns reference and target"
    )


def simulated_pairs(count: int, seed: int = held_out.SEED) -> list[Pair]:
    """`count` held-out simulated targets, each with another video as reference. Raises InputError."""
    if count < 1:
        raise InputError("--test simulated:N needs an N of 1 or more")
    clips = read_folder(held_out.ensure_folder(max(count, 3), seed))
    return add_distractors(draw_pairs(clips, count, seed % 2**32))


def read_folder(folder: Path) -> list[AnnotatedClip]:
    """The videos of a folder that have sound and an event; the others are listed on stderr. Raises InputError."""
    clips = []
    for path in find(folder, VIDEO_SUFFIXES):
        try:
            clip = read_clip(path)
            if not len(clip.onsets):
                raise InputError("it has no events")
            clips.append(clip)
        except InputError as error:
            tell(f"left out {path.name}: {error}")
    return clips


def read_clip(path: Path) -> AnnotatedClip:
    """A video with the events of the JSON file beside it. Raises InputError when it has no picture or no sound."""
    info = media.probe(path)
    media.require_video(info)
    media.require_audio(info)
    return AnnotatedClip(path, read_notes(path)[0])


def read_csv_pairs(path: Path) -> list[Pair]:
    """Pairs of a CSV file with the columns reference and target; optional: name, and onsets_s, the target's event times.

    Times are in s, separated by semicolons. Paths are relative to the file. Raises InputError naming the line.
    """
    return [_read_csv_pair(line) for line in read_pairs(path)]


def _read_csv_pair(line: ListedPair) -> Pair:
    try:
        reference, target = read_clip(line.reference), read_clip(line.target)
    except InputError as error:
        raise InputError(f"{line.where}: {error}") from None
    if onsets := line.row.get("onsets_s"):
        try:
            events = tuple(Event(float(t), "hit", labelled=False) for t in onsets.split(";"))
        except ValueError:
            raise InputError(f"{line.where}: onsets_s must be numbers of seconds separated by semicolons") from None
        target = replace(target, events=events)
    name = line.name or f"{target.path.stem}__{reference.path.stem}"
    return Pair(require_file_name(name, line.where), target, reference)


def greatest_hits_pairs(folder: Path, home: Path) -> list[Pair]:
    """The published 194 x 3 pairs, cut from the original videos into `home`; clips that are there are not cut again.

    Raises InputError naming the first file that is missing.
    """
    root = folder / "vis-data" if (folder / "vis-data").is_dir() else folder
    tests = greatest_hits_test_pairs()
    for moment in (m for test in tests for m in (test.target, *test.references)):
        for suffix in (PICTURE, TIMES):
            if not (root / (moment.video + suffix)).is_file():
                raise InputError(f"{root / (moment.video + suffix)} is missing; give the folder vis-data")
    make_folder(home)
    pairs = []
    for test in tests:
        target = _cut_clip(root, test.target, home)
        for moment in test.references:
            reference = _cut_clip(root, moment, home)
            pairs.append(Pair(f"{target.path.stem}__{reference.path.stem}", target, reference))
    return add_distractors(pairs)


def _cut_clip(root: Path, moment: Moment, home: Path) -> AnnotatedClip:
    """CLIP_SECONDS of a video as a file of its own, with the events that begin in it."""
    out = home / f"{moment.video}_{moment.start:.2f}.mp4"
    if not out.is_file():
        picture, sound = root / (moment.video + PICTURE), root / (moment.video + SOUND)
        frames = media.read_frames(picture, METRIC_GEOMETRY.fps, FRAME_SIZE, moment.start, CLIP_SECONDS)
        source = sound if sound.is_file() else picture
        wav = media.read_audio(source, METRIC_GEOMETRY.sample_rate, moment.start, CLIP_SECONDS)
        media.write_clip(out, frames, METRIC_GEOMETRY.fps, wav, METRIC_GEOMETRY.sample_rate, crf=X264_CRF)
    events = read_times(root / (moment.video + TIMES))
    inside = tuple(e for e in events if moment.start <= e.time < moment.start + CLIP_SECONDS)
    return AnnotatedClip(out, tuple(replace(e, time=e.time - moment.start) for e in inside))
