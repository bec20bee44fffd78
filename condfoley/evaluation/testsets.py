"""Test sets by name: simulated[:N[:SEED]], greatest-hits:DIR, a folder of clips, a CSV of pairs."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from condfoley import media
from condfoley.data.events import Event
from condfoley.data.published import Moment, greatest_hits_test_pairs
from condfoley.data.sources.folder import find, read_notes
from condfoley.data.sources.greatest_hits import PICTURE, SOUND, TIMES, read_times
from condfoley.errors import InputError
from condfoley.evaluation import held_out
from condfoley.evaluation.clips import JUDGE, Clip, Pair
from condfoley.evaluation.pairs import drawn_pairs, require_file_name, with_strangers
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.pair_list import Listed, read_pairs

PAIRS = 200
SECONDS = 2.0  # length of the published test clips (published_facts.md, section 13)
SIZE = 256  # pixels, both sides of their pictures as they are cut
QUALITY = 12  # x264's crf of the same


def load(name: str, home: Path) -> list[Pair]:
    """The pairs of a test set, in the order of their names. home: where cut clips are kept.

    Raises InputError when the set does not exist, cannot be read, or has no pairs.
    """
    if match := re.fullmatch(r"simulated(?::(\d+))?(?::(\d+))?", name):
        return simulated(int(match[1] or PAIRS), int(match[2] or held_out.SEED))
    if name.startswith("greatest-hits:"):
        return greatest_hits(Path(name.removeprefix("greatest-hits:")), home)
    path = Path(name)
    if path.is_dir():
        clips = folder_clips(path)
        return with_strangers(drawn_pairs(clips, len(clips), seed=0))
    if path.is_file() and path.suffix.lower() == ".csv":
        return with_strangers(csv_pairs(path))
    raise InputError(
        f"--test {name}: no such set; give simulated[:N[:SEED]], greatest-hits:DIR, a folder of clips, "
        "or a CSV with the columns reference and target"
    )


def simulated(count: int, seed: int = held_out.SEED) -> list[Pair]:
    """`count` held-out simulated targets, each with a reference from another video. Raises InputError."""
    if count < 1:
        raise InputError("--test simulated:N needs an N of 1 or more")
    clips = folder_clips(held_out.folder(max(count, 3), seed))
    return with_strangers(drawn_pairs(clips, count, seed % 2**32))


def folder_clips(folder: Path) -> list[Clip]:
    """A folder's videos that have sound and an event; the others are named on stderr. Raises InputError."""
    clips = []
    for path in find(folder, VIDEO_SUFFIXES):
        try:
            clip = known_clip(path)
            if not len(clip.onsets):
                raise InputError("nothing is struck in it")
            clips.append(clip)
        except InputError as error:
            print(f"condfoley: left out {path.name}: {error}", file=sys.stderr)
    return clips


def known_clip(path: Path) -> Clip:
    """A video, with the events of the JSON beside it. Raises InputError when it has no picture or no sound."""
    info = media.probe(path)
    media.require_video(info)
    media.require_audio(info)
    return Clip(path, read_notes(path)[0])


def csv_pairs(path: Path) -> list[Pair]:
    """Pairs of a CSV file: reference, target; if you like name, and onsets_s, the target's event times with ; between.

    Paths are relative to the file. Raises InputError naming the line that cannot be used.
    """
    return [_csv_pair(line) for line in read_pairs(path)]


def _csv_pair(line: Listed) -> Pair:
    try:
        reference, target = known_clip(line.reference), known_clip(line.target)
    except InputError as error:
        raise InputError(f"{line.where}: {error}") from None
    if onsets := line.row.get("onsets_s"):
        try:
            events = tuple(Event(float(t), "hit", labelled=False) for t in onsets.split(";"))
        except ValueError:
            raise InputError(f"{line.where}: onsets_s are not numbers of seconds with ; between them") from None
        target = replace(target, events=events)
    name = line.name or f"{target.path.stem}__{reference.path.stem}"
    return Pair(require_file_name(name, line.where), target, reference)


def greatest_hits(folder: Path, home: Path) -> list[Pair]:
    """The published 194 x 3 pairs, cut from the original layout into `home`; what was cut before is used again.

    Raises InputError naming the first file that is missing.
    """
    root = folder / "vis-data" if (folder / "vis-data").is_dir() else folder
    tests = greatest_hits_test_pairs()
    for moment in (m for test in tests for m in (test.target, *test.references)):
        for suffix in (PICTURE, TIMES):
            if not (root / (moment.video + suffix)).is_file():
                raise InputError(f"{root / (moment.video + suffix)} is missing; give the folder vis-data")
    home.mkdir(parents=True, exist_ok=True)
    pairs = []
    for test in tests:
        target = _cut(root, test.target, home)
        for moment in test.references:
            reference = _cut(root, moment, home)
            pairs.append(Pair(f"{target.path.stem}__{reference.path.stem}", target, reference))
    return with_strangers(pairs)


def _cut(root: Path, moment: Moment, home: Path) -> Clip:
    """SECONDS of a video as a clip of its own, with the events that begin in it."""
    out = home / f"{moment.video}_{moment.start:.2f}.mp4"
    if not out.is_file():
        picture, sound = root / (moment.video + PICTURE), root / (moment.video + SOUND)
        frames = media.read_frames(picture, JUDGE.fps, SIZE, moment.start, SECONDS)
        source = sound if sound.is_file() else picture
        wav = media.read_audio(source, JUDGE.sample_rate, moment.start, SECONDS)
        media.write_clip(out, frames, JUDGE.fps, wav, JUDGE.sample_rate, crf=QUALITY)
    events = read_times(root / (moment.video + TIMES))
    inside = tuple(e for e in events if moment.start <= e.time < moment.start + SECONDS)
    return Clip(out, tuple(replace(e, time=e.time - moment.start) for e in inside))
