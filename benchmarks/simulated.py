"""Held-out simulated targets with references from other simulated videos: onset F1, and whose timbre the result has.

The folder contains NNNNNN.mp4 and NNNNNN.json with the true events, as written by data_prep/simulate.py.
A helper of `python -m benchmarks.first_sound` and `python -m benchmarks.resynthesis`.
"""

from __future__ import annotations

import json
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
from condfoley.evaluation.pairs import draw_triples
from condfoley.evaluation.timbre import embed_timbre, is_nearer
from condfoley.results.tables import Table, bootstrap, interval, number, percent, wilson

SHUFFLES = 20  # other targets with which each generated sound is compared in the shuffled-target control
F1S = ("reranked", "by_sync", "mean_candidate", "best_candidate", "shuffled", "random", "picture", "true_sound")
NAMES = {
    "reranked": "re-ranked",
    "by_sync": "re-ranked by the sync model alone",
    "mean_candidate": "mean candidate",
    "best_candidate": "best candidate (oracle)",
    "shuffled": "control: shuffled targets",
    "random": "control: random events, same count",
    "picture": "picture alone",
    "true_sound": "true sound, same detector",
}


@dataclass(frozen=True)
class SimulatedVideo:
    """A simulated video and the times (K,) in seconds at which its events begin."""

    path: Path
    onsets: np.ndarray


def read_videos(folder: Path) -> list[SimulatedVideo]:
    """The folder's videos in the order of their names. Raises InputError when fewer than 3 can be used."""
    videos = []
    for path in sorted(existing_folder(folder, "--simulated DIR").glob("*.mp4")):
        notes = path.with_suffix(".json")
        if notes.is_file():
            try:
                times = sorted(float(event["time"]) for event in json.loads(notes.read_text())["events"])
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{notes} lists no event times; make it again with data_prep/simulate.py") from error
            videos.append(SimulatedVideo(path, np.array(times)))
    videos = [video for video in videos if len(video.onsets)]
    if len(videos) < 3:
        raise InputError(
            f"{folder} has {len(videos)} simulated videos with events; make more with data_prep/simulate.py"
        )
    return videos


def measure_pair(
    foley: Generator, target: SimulatedVideo, reference: Path, distractor: Path, candidates: int, seed: int
) -> dict[str, Any]:
    """Results of one pair as JSON values: F1 at +-WINDOW s, timbre, and the detected times."""
    result = foley.generate(reference, target.path, candidates=candidates, seed=seed, render="vocoder")
    detected = detect_all(result)
    truth = target.onsets[target.onsets < result.duration]
    used = (result.reference_start, result.reference_start + result.reference.duration)
    own, other = equal_lengths(
        embed_all(excerpts(cached_audio(reference), used)), embed_all(excerpts(cached_audio(distractor)))
    )
    rng = np.random.default_rng(seed)
    return {
        "target": target.path.name,
        "reference": reference.name,
        "stranger": distractor.name,
        "duration": float(result.duration),
        "true_times": truth.tolist(),
        "heard_times": detected.chosen.tolist(),
        **timing(detected, truth),
        "random": random_f1(truth, len(detected.chosen), result.duration, rng),
        "true_sound": match(truth, detect_onsets(cached_audio(target.path), METRIC_GEOMETRY.sample_rate)[0], WINDOW).f1,
        "timbre": is_nearer(embed_timbre(result.wav, METRIC_GEOMETRY), own, other),
    }


def measure(foley: Generator, folder: Path, pairs: int, candidates: int, seed: int) -> dict[str, Any]:
    """Results of `pairs` targets: {"rows": [...], "summary": {...}}. The pairs depend on names and seed."""
    from tqdm import tqdm

    videos = read_videos(folder)
    rows = []
    for index, (target, reference, distractor) in enumerate(
        tqdm(draw_triples(pairs, len(videos), seed), desc="simulated pairs", leave=False, disable=None)
    ):
        paths = videos[reference].path, videos[distractor].path
        rows.append(measure_pair(foley, videos[target], *paths, candidates, seed + index * candidates))
    return {"rows": rows, "summary": summarise(rows, seed)}


def shuffled_f1(rows: Sequence[dict[str, Any]]) -> list[float]:
    """For each generated sound its mean F1 against the events of up to SHUFFLES other targets.

    Rows of the same target are skipped; a row with no other target to compare has none (nan).
    """
    scores = []
    for i, row in enumerate(rows):
        detected = np.array(row["heard_times"])
        each: list[float] = []
        for step in range(1, len(rows)):
            other = rows[(i + step) % len(rows)]
            if other["target"] != row["target"] and len(each) < SHUFFLES:
                each.append(match(np.array(other["true_times"]), detected, WINDOW).f1)
        scores.append(float(np.mean(each)) if each else float("nan"))
    return scores


def summarise(rows: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Means with 95 % intervals, the lead over the shuffled-target control, and the timbre choice rate."""
    rng = np.random.default_rng(seed)
    columns = {name: [row[name] for row in rows] for name in F1S if name != "shuffled"}
    columns["shuffled"] = shuffled_f1(rows)
    lead = [a - b for a, b in zip(columns["reranked"], columns["shuffled"], strict=True)]
    chosen = sum(row["timbre"] for row in rows)
    return {
        "pairs": len(rows),
        "f1": {n: {"mean": float(np.mean(columns[n])), "interval": bootstrap(columns[n], rng)} for n in F1S},
        "over_shuffled": {"mean": float(np.mean(lead)), "interval": bootstrap(lead, rng)},
        "timbre": {"rate": chosen / len(rows), "chosen": chosen, "interval": wilson(chosen, len(rows))},
    }


def table(result: dict[str, Any]) -> Table:
    """The summary as a table."""
    summary = result["summary"]
    body = [(NAMES[name], number(value["mean"]), interval(*value["interval"])) for name, value in summary["f1"].items()]
    lead, timbre = summary["over_shuffled"], summary["timbre"]
    body.append(("re-ranked over shuffled targets", f"{lead['mean']:+.2f}", interval(*lead["interval"])))
    low, high = timbre["interval"]
    body.append(("reference's timbre chosen", percent(timbre["rate"]), f"{percent(low)} .. {percent(high)}"))
    return Table(
        f"Simulated: {summary['pairs']} held-out targets, references from other videos",
        ("onset F1 (+-0.1 s)", "mean", "95 % interval"),
        tuple(body),
        ("aims: re-ranked over shuffled targets at least +0.15; reference's timbre in at least 75 %",),
    )
