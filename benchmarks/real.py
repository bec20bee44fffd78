"""Real clips: onset F1 against their annotated events, and whose timbre the result has.

The folder holds videos and a `manifest.csv` with the columns
  file         name of the video in the folder
  onsets_s     true event times in seconds, separated by `;`
  difficulty   easy, medium, hard or target only; first_sound measures easy and medium clips, model_card all
  has_audio    1 when the video has sound; clips without are left out
  footage_origin   optional: where the footage comes from
and any others. CONTACTS has the frames in which contacts were marked by eye (`condfoley label`), of clips of these names.
REFERENCES must be among the files: the first one that is not the target is the reference.
A helper of `python -m benchmarks.first_sound` and `python -m benchmarks.model_card`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scoring import (
    WINDOW,
    Generator,
    detect_all,
    existing_folder,
    random_f1,
    timing,
)
from condfoley.audio.onsets import detect_onsets, match
from condfoley.errors import InputError
from condfoley.evaluation.clips import METRIC_GEOMETRY, cached_audio
from condfoley.evaluation.neighbours import embed_all, equal_lengths, excerpts
from condfoley.evaluation.timbre import embed_timbre, is_nearer
from condfoley.labelling.contacts import SURE, Contacts
from condfoley.results.tables import Table, bootstrap, interval, number, percent

REFERENCES = ("hitting_metal.mp4", "gh_wall.mp4")
MEASURED = ("easy", "medium")
CONTACTS = Path(__file__).with_name("contacts.csv")
COLUMNS = ("file", "onsets_s", "difficulty", "has_audio")
F1S = (
    "mean_candidate",
    "by_sync",
    "reranked",
    "best_candidate",
    "picture",
    "random_same_count",
    "random_true_count",
    "true_sound",
)
HEADS = ("mean cand.", "by sync", "re-ranked", "best of N", "picture", "random", "random*", "true sound")


@dataclass(frozen=True)
class RealClip:
    """A clip of the manifest: its file, true event times (K,) s, difficulty and origin."""

    path: Path
    onsets: np.ndarray
    difficulty: str
    origin: str = ""


def read_manifest(folder: Path, measured: Sequence[str] = MEASURED) -> list[RealClip]:
    """The clips of these difficulties. Raises InputError when folder, manifest or a file of it cannot be used."""
    path = existing_folder(folder, "videos and a manifest.csv") / "manifest.csv"
    if not path.is_file():
        raise InputError(f"{folder} has no manifest.csv; see the head of benchmarks/real.py for its columns")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if missing := [name for name in COLUMNS if rows and name not in rows[0]]:
        raise InputError(f"{path} lacks the column {missing[0]}; it needs {', '.join(COLUMNS)}")
    clips = []
    for row in rows:
        if row["difficulty"] not in measured or row["has_audio"] != "1" or not row["onsets_s"]:
            continue
        if not (folder / row["file"]).is_file():
            raise InputError(f"{path} names {row['file']}, which is not there; put it beside the manifest")
        try:
            onsets = np.array([float(value) for value in row["onsets_s"].split(";")])
        except ValueError as error:
            raise InputError(f"{path}: onsets_s of {row['file']} are not numbers with ; between them") from error
        clips.append(RealClip(folder / row["file"], onsets, row["difficulty"], row.get("footage_origin") or ""))
    if not clips:
        raise InputError(f"{path} lists no {' or '.join(measured)} clip with sound and onsets; mark some")
    return clips


def read_marked(path: Path = CONTACTS) -> dict[str, Contacts]:
    """Contacts that were marked by eye, by the clip's file name."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    times: dict[str, list[float]] = {}
    sure: dict[str, list[bool]] = {}
    for row in rows:
        times.setdefault(row["file"], []).append(float(row["time"]))
        sure.setdefault(row["file"], []).append(float(row["confidence"]) >= SURE)
    return {name: Contacts(np.array(found), np.array(sure[name])) for name, found in times.items()}


def reference_for(target: Path) -> Path:
    """The reference for a target. Raises InputError when it is not in the target's folder."""
    name = next(name for name in REFERENCES if name != target.name)
    if not (target.parent / name).is_file():
        raise InputError(f"the reference {name} is not in {target.parent}; put it there")
    return target.parent / name


def measure_clip(foley: Generator, clip: RealClip, candidates: int, seed: int) -> dict[str, Any]:
    """One row of the table, as JSON values; F1 at +-WINDOW seconds."""
    reference = reference_for(clip.path)
    result = foley.generate(reference, clip.path, candidates=candidates, seed=seed, render="vocoder")
    detected = detect_all(result)
    truth = clip.onsets[clip.onsets < result.duration]
    rng = np.random.default_rng([seed, len(clip.path.name), *clip.path.name.encode()])
    own_sound = cached_audio(clip.path)
    used = (result.reference_start, result.reference_start + result.reference.duration)
    of_reference, of_target = equal_lengths(
        embed_all(excerpts(cached_audio(reference), used)), embed_all(excerpts(own_sound))
    )
    return {
        "clip": clip.path.name,
        "difficulty": clip.difficulty,
        "reference": reference.name,
        "true_events": len(truth),
        "heard_events": len(detected.chosen),
        **timing(detected, truth),
        "random_same_count": random_f1(truth, len(detected.chosen), result.duration, rng),
        "random_true_count": random_f1(truth, len(truth), result.duration, rng),
        "true_sound": match(truth, detect_onsets(own_sound, METRIC_GEOMETRY.sample_rate)[0], WINDOW).f1,
        "timbre_of_reference": is_nearer(embed_timbre(result.wav, METRIC_GEOMETRY), of_reference, of_target),
        "times": [round(float(t), 3) for t in detected.chosen],
    }


def measure(foley: Generator, folder: Path, candidates: int, seed: int) -> dict[str, Any]:
    """All easy and medium clips: {"rows": [...], "summary": {...}}."""
    from tqdm import tqdm

    clips = read_manifest(folder)
    rows = [
        measure_clip(foley, clip, candidates, seed)
        for clip in tqdm(clips, desc="real clips", leave=False, disable=None)
    ]
    return {"rows": rows, "summary": summarise(rows, seed)}


def summarise(rows: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Means over clips, the re-ranked F1's interval and its lead over chance."""
    rng = np.random.default_rng(seed)
    means = {name: float(np.mean([row[name] for row in rows])) for name in F1S}
    lead = [row["reranked"] - row["random_same_count"] for row in rows]
    return {
        "clips": len(rows),
        **means,
        "reranked_interval": bootstrap([row["reranked"] for row in rows], rng),
        "over_random": float(np.mean(lead)),
        "over_random_interval": bootstrap(lead, rng),
        "timbre_of_reference": float(np.mean([row["timbre_of_reference"] for row in rows])),
    }


def table(result: dict[str, Any]) -> Table:
    """A table with a row for each clip, and their mean."""
    rows, mean = result["rows"], result["summary"]
    body = [
        (
            r["clip"],
            r["difficulty"],
            str(r["true_events"]),
            *(number(r[k]) for k in F1S),
            "yes" if r["timbre_of_reference"] else "no",
        )
        for r in rows
    ]
    body.append(("mean", "", "", *(number(mean[k]) for k in F1S), percent(mean["timbre_of_reference"])))
    lead = f"{mean['over_random']:+.2f} ({interval(*mean['over_random_interval'])})"
    notes = [
        f"re-ranked, 95 % interval over {mean['clips']} clips: {interval(*mean['reranked_interval'])}",
        f"re-ranked over random events of the same count: {lead}",
        "random: as many events as the re-ranked sound has; random*: as many as are true",
        "true sound: the detector on the clip's own sound, the ceiling of this measure",
        "ref. timbre: the generated sound is nearer to the reference video's sound than to the target's own",
        "aims: re-ranked at least 0.45, and at least +0.20 over random",
    ]
    return Table(
        "Real clips: onset F1 (+-0.1 s)",
        ("clip", "difficulty", "events", *HEADS, "ref. timbre"),
        tuple(body),
        tuple(notes),
    )
