"""The listening page: `python -m benchmarks.listen [--recordings FOLDER] [--out docs/listen] [--work runs/listen]`.

Twelve pairs that no model was trained on: a reference made of several takes of one object, and the picture of a held-out
simulated video. Heard are the reference, the vocoder, the reference's own samples, and onset transfer; each with its spectrogram.
The sounds themselves, and a list of the pairs for `condfoley study export`, are left in --work.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.listen_page import spectrogram_image, write_opus, write_page, write_picture
from condfoley.audio.limiter import limit
from condfoley.audio.loudness import integrated_loudness
from condfoley.audio.rates import converted
from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.evaluation.baselines import event_transfer
from condfoley.evaluation.held_out import ensure_folder
from condfoley.evaluation.testsets import read_clip
from condfoley.foley import Foley
from condfoley.media import write_clip
from condfoley.soundtrack import MAX_PEAK

SYSTEMS = ("vocoder", "recorded", "onset-transfer")
FPS = 15.0  # of the picture that a study shows with a reference
RATE = 48_000  # Hz of the page's sounds
TAKES = (3, 6)  # of one object, at least and at most
GAPS = (0.55, 0.8, 0.65, 0.95, 0.6, 0.75)  # s from one take to the next
LEVELS = (0.0, -4.0, -1.5, -6.0, -2.5, -5.0)  # dB, so that a reference has strong and weak impacts
PACKS = ("sfzinstruments/", "ETdoFresh/kenney.nl", "JerzySukiennik/voxel-demolition")  # whose licence lies beside them
SECONDS = 5.0  # of each sound
LOUDNESS = -23.0  # LUFS of all sounds


@dataclass(frozen=True)
class Listed:
    """A pair of the page. source: where the recordings are from."""

    name: str
    material: str
    object: str
    licence: str
    source: str
    reference: Path
    target: Path


def is_usable(row: dict[str, str]) -> bool:
    """Whether a recording is a hit, and free by a licence text beside it."""
    return row["action"] == "hit" and row["licence"].startswith("CC0") and row["source_repo"].startswith(PACKS)


def is_single(row: dict[str, str]) -> bool:
    """Whether a recording has one attack, as far as its notes tell."""
    notes = row.get("notes", "")
    return "attacks~" not in notes or "attacks~1 " in notes


def objects_of(folder: Path) -> list[list[dict[str, str]]]:
    """Rows of a manifest, several takes of one object each, of as many materials as there are, in turns. Raises InputError."""
    try:
        with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if is_usable(row)]
    except (OSError, KeyError) as error:
        raise InputError(f"{folder} has no manifest.csv of recordings ({error}); give another --recordings") from None
    groups: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["material"], row["object"], row["source_repo"]), []).append(row)
    found = [sorted(group, key=lambda row: not is_single(row)) for _, group in sorted(groups.items())]
    usable = [group for group in found if len(group) >= TAKES[0] and is_single(group[0])]
    by_material: dict[str, list[list[dict[str, str]]]] = {}
    for group in usable:
        by_material.setdefault(group[0]["material"], []).append(group)
    turns = max(map(len, by_material.values()), default=0)
    return [groups[turn] for turn in range(turns) for groups in by_material.values() if turn < len(groups)]


def in_a_row(files: Sequence[Path], rate: int | None = None, channels: int | None = None) -> tuple[np.ndarray, int]:
    """Takes of one object as one recording, (C, N), and its rate in Hz. rate, channels: None: the takes' own."""
    takes = [soundfile.read(file, always_2d=True, dtype="float32") for file in files]
    rate = rate or max(own for _, own in takes)
    channels = channels or max(sound.shape[1] for sound, _ in takes)
    length = round((0.3 + sum(GAPS[: len(takes)]) + 0.5) * rate)
    mixed, place = np.zeros((channels, length), np.float32), 0.3
    for (sound, own), gap, level in zip(takes, GAPS, LEVELS):
        take = converted(Track(sound.T, own, (np.zeros(0), np.zeros(0))), rate, channels).samples
        first = round(place * rate)
        kept = take[:, : length - first] * (10 ** (level / 20) * 0.5 / max(float(np.abs(take).max()), 1e-6))
        mixed[:, first : first + kept.shape[1]] += kept
        place += gap
    return mixed, rate


def reference_of(folder: Path, rows: Sequence[dict[str, str]], out: Path) -> Path:
    """Several takes of one object as one recording, at their own rate and with their channels."""
    sound, rate = in_a_row([folder / row["file"] for row in rows[: TAKES[1]]])
    soundfile.write(out, sound.T, rate, subtype="PCM_24")
    return out


def shown(reference: Path) -> Path:
    """A reference as a clip with a grey picture, beside it: a study shows what it lets hear."""
    sound, rate = soundfile.read(reference, dtype="float32", always_2d=True)
    frames = np.full((round(len(sound) / rate * FPS), 64, 64, 3), 128, np.uint8)
    return write_clip(reference.with_suffix(".mp4"), frames, FPS, sound.T, rate)


def pairs_of(folder: Path, count: int, work: Path) -> list[Listed]:
    """The pairs, whose references are written to `work`. Raises InputError."""
    targets = sorted(path for path in ensure_folder(20).glob("*.mp4") if len(read_clip(path).onsets) > 2)
    out = []
    for rows, target in zip(objects_of(folder)[:count], targets):
        first, name = rows[0], f"{len(out) + 1:02d}-{rows[0]['material']}"
        path = reference_of(folder, rows, work / f"{name}.wav")
        out.append(
            Listed(name, first["material"], first["object"], first["licence"], first["source_repo"], path, target)
        )
    if len(out) < count:
        raise InputError(f"{folder} has {len(out)} objects of {TAKES[0]} takes or more; {count} are needed")
    return out


def sounds_of(pair: Listed, foley: Foley, seed: int) -> dict[str, tuple[np.ndarray, int]]:
    """What each system makes of a pair: (C, N) float32 and its rate."""
    made = {
        name: foley.generate(pair.reference, pair.target, render=name, seed=seed) for name in ("vocoder", "recorded")
    }
    sound, rate = soundfile.read(pair.reference, dtype="float32", always_2d=True)
    seen, rng = made["vocoder"], np.random.default_rng(seed)
    samples = round(seen.duration * rate)
    pasted = event_transfer(seen.impact_probability, seen.picture_fps, sound.mean(1), samples, rate, rng)
    own = {name: (track.track.samples, track.sample_rate) for name, track in made.items()}
    return {"reference": (sound.T, rate)} | own | {"onset-transfer": (pasted[None], rate)}


def even(sound: np.ndarray, rate: int) -> np.ndarray:
    """A sound, (C, N), at RATE, of SECONDS at most and with LOUDNESS as far as the ceiling allows."""
    out = converted(Track(sound, rate, (np.zeros(0), np.zeros(0))), RATE, len(sound)).samples[
        :, : round(SECONDS * RATE)
    ]
    level = integrated_loudness(out, RATE)
    return out if np.isinf(level) else limit(out * np.float32(10 ** ((LOUDNESS - level) / 20)), MAX_PEAK, RATE)


def main(words: Sequence[str] | None = None) -> int:
    """Writes the page; 0, or 2 when the recordings cannot be used."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.listen", description=__doc__.splitlines()[0])
    p.add_argument("--recordings", type=Path, default=Path("recordings"), help="folder with manifest.csv")
    p.add_argument("--pairs", type=int, default=12)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", type=Path, default=Path("docs/listen"), help="folder of the page")
    p.add_argument("--work", type=Path, default=Path("runs/listen"), help="folder of the sounds, for a study")
    given = p.parse_args(words)
    for folder in (given.out, given.work, *(given.work / "sounds" / name for name in SYSTEMS)):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        pairs, foley = pairs_of(given.recordings, given.pairs, given.work), Foley.load()
        for pair in pairs:
            write_picture(pair.target, given.out / f"{pair.name}.mp4", SECONDS)
            for name, (sound, rate) in sounds_of(pair, foley, given.seed).items():
                heard = even(sound, rate)
                write_opus(given.out / f"{pair.name}-{name}.webm", heard, RATE)
                spectrogram_image(heard, RATE).save(given.out / f"{pair.name}-{name}.webp", quality=60, method=6)
                if name in SYSTEMS:
                    soundfile.write(given.work / "sounds" / name / f"{pair.name}.wav", sound.T, rate, subtype="PCM_24")
            print(pair.name, pair.object, file=sys.stderr, flush=True)
    except InputError as error:
        print(f"listen: {error}", file=sys.stderr)
        return 2
    with open(given.work / "pairs.csv", "w", newline="", encoding="utf-8") as file:
        lines = [(str(shown(p.reference).resolve()), str(p.target.resolve()), p.name) for p in pairs]
        csv.writer(file).writerows([("reference", "target", "name"), *lines])
    write_page(given.out / "index.html", pairs, ("reference", *SYSTEMS))
    print(given.out / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
