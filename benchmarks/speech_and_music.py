"""How often music or speech under a reference's impacts is told of: `python -m benchmarks.speech_and_music`.

References made of several takes of one object, from folders with a manifest.csv as `recordings/` has, alone (false alarms) and
with speech or music under them that is made here: nobody's voice and no tune. With --clips, each clip of a folder.
"""

from __future__ import annotations

import argparse
import csv
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.listen import TAKES, in_a_row
from condfoley.audio.levels import peak_rms_db
from condfoley.errors import InputError
from condfoley.media import read_sound
from condfoley.references.remarks import has_music_or_speech, pitched_share

RATE = 44_100
BENEATH = (0, -10, -20, -30)  # dB of speech or music: RMS against the strongest short-term RMS of the impacts
FORMANTS = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "u": (300, 870, 2240), "e": (530, 1840, 2480)}  # Hz


def speech(seconds: float, seed: int) -> np.ndarray:
    """Syllables, about four a second, of a gliding voice through the formants of vowels, with hisses between: (N,)."""
    rng, out = np.random.default_rng(seed), np.zeros(round(seconds * RATE))
    base, place = rng.uniform(95, 220), 0
    while place < len(out):
        length = round(rng.uniform(0.14, 0.3) * RATE)
        pitch = base * 2 ** (rng.uniform(-4, 4) / 12 + np.linspace(0, rng.uniform(-3, 3) / 12, length))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        formants = FORMANTS[str(rng.choice(list(FORMANTS)))]
        voice = sum(_gain(k * pitch, formants) * np.sin(k * phase) / k for k in range(1, round(4000 / base)))
        voice = voice * np.sin(np.pi * np.linspace(0, 1, length)) ** 0.5
        hiss = round(rng.uniform(0.02, 0.07) * RATE)
        syllable = np.concatenate([0.1 * rng.standard_normal(hiss) * np.abs(voice).max(), voice])
        out[place : place + len(syllable)] += syllable[: len(out) - place]
        place += len(syllable) + round(rng.choice([0.0, 0.02, 0.25], p=[0.5, 0.35, 0.15]) * RATE)
    return out


def _gain(frequencies: np.ndarray, formants: Sequence[float]) -> np.ndarray:
    return sum(
        (1 / (1 + ((frequencies - f) / (60 + 0.06 * f)) ** 2) for f in formants), np.full(len(frequencies), 0.02)
    )


def music(seconds: float, seed: int) -> np.ndarray:
    """A melody over chords, of tones with harmonics that swell and fall: (N,)."""
    rng, out = np.random.default_rng(seed), np.zeros(round(seconds * RATE))
    beat, root = round(rng.uniform(0.25, 0.5) * RATE), rng.integers(45, 57)
    scale, place = np.array([0, 2, 4, 5, 7, 9, 11]), 0
    while place < len(out):
        degree, length = int(rng.integers(7)), min(4 * beat, len(out) - place)
        for step in (0, 2, 4):
            out[place : place + length] += 0.4 * _tone(root + scale[(degree + step) % 7], length, rng)
        for k in range(4):
            first = place + k * beat
            if first < len(out):
                length = min(beat, len(out) - first)
                out[first : first + length] += _tone(root + 12 + scale[int(rng.integers(7))], length, rng)
        place += 4 * beat
    return out


def _tone(note: float, length: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(length) / RATE
    pitch = 440 * 2 ** ((note - 69) / 12)
    sound = sum(np.sin(2 * np.pi * k * pitch * time + rng.uniform(0, 6)) / k**1.3 for k in range(1, 9))
    envelope = (
        np.minimum(1, time / 0.03)
        * np.exp(-time / rng.uniform(0.6, 2.5))
        * np.minimum(1, (length / RATE - time) / 0.02)
    )
    return np.asarray(sound * envelope)


def references(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Several takes of each object of a folder as one recording, (N,), with what it is. Raises InputError."""
    try:
        with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["action"] == "hit"]
    except (OSError, KeyError) as error:
        raise InputError(f"{folder} has no manifest.csv of recordings ({error})") from None
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row["material"], row.get("object") or row["source_pack"]), []).append(row["file"])
    for (material, name), files in sorted(groups.items()):
        for first in range(0, len(files) - TAKES[0] + 1, TAKES[1]):
            yield (
                f"{material}: {name}",
                in_a_row([folder / file for file in files[first : first + TAKES[1]]], RATE, 1)[0][0],
            )


def beneath(hits: np.ndarray, other: np.ndarray, db: float) -> np.ndarray:
    """Impacts with another sound under them, `db` below their strongest moment."""
    level = peak_rms_db(hits[None].astype(np.float32), RATE)
    return hits + other * 10 ** ((level + db) / 20) / np.sqrt(np.square(other).mean())


def told(sound: np.ndarray) -> bool:
    """Whether it is told of."""
    return has_music_or_speech(sound[None].astype(np.float32), RATE)


def main(words: Sequence[str] | None = None) -> int:
    """Prints the tables; returns the exit code."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.speech_and_music", description=__doc__.splitlines()[0])
    p.add_argument("--sounds", type=Path, nargs="*", default=[Path("recordings")], help="folders of recordings")
    p.add_argument("--clips", type=Path, help="folder of clips, each of which is told of by itself")
    given = p.parse_args(words)
    try:
        made = [found for folder in given.sounds for found in references(folder)]
    except InputError as error:
        print(f"benchmarks.speech_and_music: {error}", file=sys.stderr)
        return 2
    print(f"| {len(made)} references of several takes | told of |\n|---|---:|")
    false = [name for name, hits in made if told(hits)]
    print(f"| alone | {len(false) / len(made):.3f} |")
    kinds: dict[str, Callable[[float, int], np.ndarray]] = {"speech": speech, "music": music}
    for kind, make in kinds.items():
        for db in BENEATH:
            found = [told(beneath(hits, _like(hits, make, f"{name}{i}"), db)) for i, (name, hits) in enumerate(made)]
            print(f"| {kind}, {db} dB | {np.mean(found):.3f} |", flush=True)
    print(f"false alarms: {', '.join(sorted(false)) or 'none'}")
    for path in sorted(given.clips.glob("*.mp4")) if given.clips else []:
        _tell_clip(path)
    return 0


def _like(hits: np.ndarray, make: Callable[[float, int], np.ndarray], name: str) -> np.ndarray:
    """Speech or music as long as a reference, another one for each name."""
    return make(len(hits) / RATE + 1, zlib.crc32(name.encode()))[: len(hits)]


def _tell_clip(path: Path) -> None:
    try:
        sound, rate = read_sound(path)
    except InputError:
        return
    print(f"{path.stem}: {pitched_share(sound, rate):.3f} of its audible moments")


if __name__ == "__main__":
    raise SystemExit(main())
