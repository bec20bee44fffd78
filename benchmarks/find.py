"""Does `condfoley find` find what belongs to a picture? `python -m benchmarks.find` prints tables.

simulated: of N held-out simulated clips, the rank of each one's own sound of another moment among those of all, sought by
its picture and by its sound; the same with one hit of it alone, as in a library of one-shots. Opponent: the mean spectrum.
real (with --targets and --sounds): where the sounds of a target's material are among all sounds of a folder.
alike (with --sounds): how often the recordings most like each one are of its material, and of its object.
speed (with --speed DIR): seconds of computing for each file of a folder that is not known yet, and that is.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from condfoley import media
from condfoley.audio.mel import spectrogram
from condfoley.data.events import Event
from condfoley.data.materials import GROUP_OF
from condfoley.errors import InputError
from condfoley.evaluation.held_out import ensure_folder
from condfoley.evaluation.testsets import AnnotatedClip, read_folder
from condfoley.finding.rank import Finder
from condfoley.inputs import read_picture
from condfoley.results.tables import Table, number

BEFORE, LONGEST = 0.02, 1.2  # s of a hit before its event, and from it on at most


def half(finder: Finder, wav: np.ndarray, second: bool) -> np.ndarray:
    """Vectors of a sound's first or second half: (dim,)."""
    g, middle = finder.geometry, len(wav) // 2
    part = wav[middle : middle + g.window_samples] if second else wav[: g.window_samples]
    return finder.engine.embed_sounds(spectrogram(part, g)[None])[0]


def spectrum(finder: Finder, wav: np.ndarray, second: bool) -> np.ndarray:
    """The opponent's: the mean of the window's log-mel spectrogram, weighted as it is loud, without its level: (n_mels,)."""
    g, middle = finder.geometry, len(wav) // 2
    spec = spectrogram(wav[middle : middle + g.window_samples] if second else wav[: g.window_samples], g)
    weight = np.maximum(spec - spec.max() + 0.6, 0).mean(0)
    mean = (spec * weight).sum(1) / max(weight.sum(), 1e-9)
    mean -= mean.mean()
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9))


def one_hit(wav: np.ndarray, events: Sequence[Event], rate: int) -> np.ndarray | None:
    """The last hit of a clip that is alone for half a second, or else its last one; None without any."""
    times = [event.time for event in events] + [len(wav) / rate]
    hits = [i for i, event in enumerate(events) if event.kind == "hit" and event.time < times[-1] - 0.1]
    if not hits:
        return None
    index = next((i for i in reversed(hits) if times[i + 1] - times[i] >= 0.5), hits[-1])
    begin, end = max(0.0, times[index] - BEFORE), min(times[index + 1] - BEFORE, times[index] + LONGEST)
    return wav[round(begin * rate) : round(end * rate)]


def ranks(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Rank of each query's own candidate among all, from 1; equal ones share theirs. (N, dim) each -> (N,)."""
    cosines = queries @ candidates.T
    own = cosines.diagonal()[:, None]
    return np.asarray(1 + (cosines > own).sum(1) + ((cosines == own).sum(1) - 1) / 2)


def simulated(finder: Finder, clips: Sequence[AnnotatedClip]) -> Table:
    """The table of simulated clips."""
    g = finder.geometry
    rows: dict[str, list[np.ndarray]] = {}

    def note(**vectors: np.ndarray) -> None:
        for name, vector in vectors.items():
            rows.setdefault(name, []).append(vector)

    for clip in clips:
        wav = media.read_audio(clip.path, g.sample_rate)
        hit = one_hit(wav, clip.events or (), g.sample_rate)
        if hit is None:
            continue
        tokens = finder.engine.encode_frames(read_picture(clip.path, g))[: g.window_frames]
        note(
            picture=finder.engine.embed_pictures(tokens[None])[0],
            sound=half(finder, wav, False),
            other=half(finder, wav, True),
            hit=finder.engine.embed_sounds(spectrogram(hit, g)[None])[0],
            spectrum=spectrum(finder, wav, False),
            spectrum_other=spectrum(finder, wav, True),
        )
    found = {name: np.stack(vectors) for name, vectors in rows.items()}
    count = len(found["picture"])
    pairs = {
        "picture, its own sound": ("picture", "other"),
        "picture, one hit alone": ("picture", "hit"),
        "sound, its own sound": ("sound", "other"),
        "sound, one hit alone": ("sound", "hit"),
        "mean spectrum, its own sound": ("spectrum", "spectrum_other"),
    }
    lines = [(name, *_measures(ranks(found[a], found[b]))) for name, (a, b) in pairs.items()]
    chance = ("chance", number((count + 1) / 2, 1), number(1 / count, 2), number(10 / count, 2))
    header = ("sought by, what", "median rank", "recall@1", "recall@10")
    notes = ("each clip's sound of another moment among those of all clips",)
    return Table(f"{count} simulated clips", header, (*lines, chance), notes)


def _measures(found: np.ndarray) -> tuple[str, ...]:
    return number(float(np.median(found)), 1), *(number(float(np.mean(found <= most)), 2) for most in (1, 10))


def real(finder: Finder, targets: Path, sounds: Path) -> Table:
    """The table of real targets: mean rank of the sounds of each one's material, 0 the first, 1 the last.

    targets: CSV with file and material. sounds: folder with a manifest.csv of file and material.
    """
    groups = {sounds / row["file"]: GROUP_OF.get(row["material"], "") for row in _rows(sounds / "manifest.csv")}
    heard, _ = finder.listen_to([path for path, group in groups.items() if group and path.is_file()])
    lines = []
    for row in _rows(targets):
        path, group = targets.parent / row["file"], GROUP_OF.get(row["material"], "")
        own = np.array([groups[sound] == group for sound in heard])
        if not own.any():
            continue
        wanted = {"picture": finder.picture_vector(path), "sound": finder.sound_vector(path)}
        cells = []
        for vector in wanted.values():
            score = np.array([(sound.vectors @ vector).max() for sound in heard.values()])
            place = (-score).argsort().argsort()
            cells += [
                number(float(place[own].mean() / (len(own) - 1)), 2),
                number(float(own[score.argsort()[-10:]].mean()), 2),
            ]
        lines.append((path.stem, group, number(float(own.mean()), 2), *cells))
    mean = [number(float(np.mean([float(line[i]) for line in lines])), 2) for i in range(2, 7)]
    header = (
        "target",
        "material",
        "share of it",
        "by picture: mean rank",
        "in the first 10",
        "by sound: mean rank",
        "in the first 10 ",
    )
    return Table(
        f"{len(heard)} recordings",
        header,
        (*lines, ("mean", "", *mean)),
        ("chance: mean rank .50, first 10: its share",),
    )


def alike(finder: Finder, sounds: Path) -> Table:
    """The table of recordings by their nearest others: the share of these that are of the same material, or object.

    sounds: folder with a manifest.csv of file, material and object.
    """
    rows = {sounds / row["file"]: row for row in _rows(sounds / "manifest.csv")}
    heard, _ = finder.listen_to([path for path in rows if path.is_file()])
    g, vectors = finder.geometry, [sound.vectors for sound in heard.values()]
    means = np.stack([spectrum(finder, media.read_audio(path, g.sample_rate), False) for path in heard])
    near = {
        "bind": np.array([[(a @ b.T).max() for b in vectors] for a in vectors]),
        "mean spectrum": means @ means.T,
    }
    lines = []
    for kind in ("material", "object"):
        labels = np.array([rows[path][kind] for path in heard])
        others = np.array([(labels == label).sum() - 1 for label in labels])
        known = others > 0
        for name, score in near.items():
            first = np.where(np.eye(len(score), dtype=bool), -np.inf, score).argsort(1)[known, ::-1]
            same = labels[first] == labels[known, None]
            lines.append((kind, name, *(number(float(same[:, :count].mean()), 2) for count in (1, 5))))
        lines.append((kind, "chance", *[number(float((others[known] / (len(labels) - 1)).mean()), 2)] * 2))
    return Table(f"{len(heard)} recordings, the most similar others", ("same", "by", "first", "first 5"), tuple(lines))


def speed(finder: Finder, folder: Path) -> Table:
    """The table of computing times."""
    from condfoley.finding.files import sounds_in

    paths, rows = sounds_in(folder), []
    for name in ("not known yet", "known"):
        begin, wall = time.process_time(), time.perf_counter()
        heard, left_out = finder.listen_to(paths)
        spent = time.process_time() - begin, time.perf_counter() - wall
        rows.append((name, str(len(heard)), str(len(left_out)), *(number(1000 * s / len(paths), 2) for s in spent)))
    return Table("Listening", ("", "files", "left out", "computing, ms a file", "time, ms a file"), tuple(rows))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100, help="as many held-out simulated clips; 0: without them")
    parser.add_argument("--clips", type=Path, help="folder of simulated clips to use in place of held-out ones")
    parser.add_argument("--targets", type=Path, help="CSV with file and material of real targets")
    parser.add_argument("--sounds", type=Path, help="folder of recordings with a manifest.csv")
    parser.add_argument("--speed", type=Path, help="folder of sounds to time")
    parser.add_argument("--weights", type=Path, help="folder of the weights")
    options = parser.parse_args(argv)
    try:
        finder = Finder.load(options.weights)
        if options.pairs:
            clips = read_folder(options.clips or ensure_folder(options.pairs))[: options.pairs]
            print(simulated(finder, clips).text(), end="\n\n")
        if options.sounds:
            print(alike(finder, options.sounds).text(), end="\n\n")
        if options.targets and options.sounds:
            print(real(finder, options.targets, options.sounds).text(), end="\n\n")
        if options.speed:
            print(speed(finder, options.speed).text())
    except InputError as error:
        print(f"benchmarks.find: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
