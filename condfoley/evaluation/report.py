"""The report's files: metrics.json, metrics.csv and index.html, which contains all pictures and sounds."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.evaluation.clips import METRIC_GEOMETRY, Pair
from condfoley.evaluation.metrics import METRICS, Metric, is_better
from condfoley.evaluation.run import Result, to_json
from condfoley.evaluation.scores import MeanScore
from condfoley.evaluation.sounds import fit_length
from condfoley.results.page import csv_bytes, data_uri, flac, render, write_files
from condfoley.results.provenance import plain
from condfoley.results.spectrogram import spectrogram_png
from condfoley.results.tables import Table, interval, number

TEMPLATE = Path(__file__).with_name("report.html.j2")
VIDEO_SIZE = 160  # pixels, width and height of the target's picture on the page


def write_report(result: Result, home: Path, sample: int) -> Path:
    """Writes all three files; returns the page. sample: number of pairs with players. Raises InputError."""
    rows = [
        (system, name, METRICS[name].unit, score.mean, score.low, score.high, score.n)
        for system, means in result.means.items()
        for name, score in means.items()
    ]
    files = {
        "metrics.json": (json.dumps(plain(to_json(result)), indent=1) + "\n").encode(),
        "metrics.csv": csv_bytes(("system", "metric", "unit", "mean", "low", "high", "n"), rows),
        "index.html": render_page(result, sample).encode(),
    }
    write_files(home, files)
    return home / "index.html"


def measured_metrics(result: Result) -> list[Metric]:
    """The metrics that some system has a value of."""
    return [m for m in METRICS.values() if any(m.name in means for means in result.means.values())]


def best_system(result: Result, metric: Metric) -> str:
    """The system with the best mean of a metric, without those that use the true sound; empty if there is none."""
    best = ""
    for spec in result.systems:
        score = result.means[spec.name].get(metric.name)
        if score is None or spec.role == "bound":
            continue
        if not best or is_better(metric, score.mean, result.means[best][metric.name].mean):
            best = spec.name
    return best


def text_table(result: Result, names: tuple[str, ...]) -> Table:
    """The metrics of these names as a table, with intervals."""
    shown = [metric for metric in measured_metrics(result) if metric.name in names]
    rows = []
    for spec in result.systems:
        scores = [result.means[spec.name].get(metric.name) for metric in shown]
        rows.append((spec.name, *map(_score_text, scores)))
    head = ("system", *(f"{m.title}{'' if m.higher_is_better else ' (less is better)'}" for m in shown))
    return Table(f"{result.test}: {len(result.pairs)} pairs", head, tuple(rows), tuple(result.notes))


def _score_text(score: MeanScore | None) -> str:
    if score is None:
        return "-"
    if score.low is None or score.high is None:
        return number(score.mean)
    return f"{number(score.mean)} ({interval(score.low, score.high)})"


def render_page(result: Result, sample: int) -> str:
    """The page as HTML. sample: number of pairs with players."""
    metrics = measured_metrics(result)
    return render(
        TEMPLATE,
        result=result,
        metrics=metrics,
        best={metric.name: best_system(result, metric) for metric in metrics},
        targets=len({pair.target.path for pair in result.pairs}),
        failed={s.name: sum(bool(o.failure) for o in result.outputs[s.name].values()) for s in result.systems},
        samples=[_pair_on_page(result, pair) for pair in spread(result.pairs, sample)],
    )


def spread(pairs: list[Pair], count: int) -> list[Pair]:
    """`count` pairs at equal distances in the list; all of them when there are fewer."""
    if count >= len(pairs):
        return pairs
    return [pairs[round(i * (len(pairs) - 1) / max(1, count - 1))] for i in range(count)]


def _pair_on_page(result: Result, pair: Pair) -> dict[str, Any]:
    """The target's video and, for the reference and each system, a player with a spectrogram, or the failure."""
    sounds = [("reference", pair.reference.wav, np.zeros(0), "")]
    for spec in result.systems:
        output = result.outputs[spec.name][pair.name]
        wav = np.zeros(1, np.float32) if output.failure else fit_length(output.wav, len(pair.target.wav))[0]
        sounds.append((spec.name, wav, pair.target.onsets, output.failure))
    return {
        "name": pair.name,
        "video": data_uri("video/mp4", _encode_video(pair)),
        "sounds": [
            {"name": name, "failure": failure}
            if failure
            else {
                "name": name,
                "failure": "",
                "audio": data_uri("audio/flac", flac(wav, METRIC_GEOMETRY.sample_rate)),
                "image": data_uri("image/png", spectrogram_png(wav, true, METRIC_GEOMETRY)),
            }
            for name, wav, true, failure in sounds
        ],
    }


def _encode_video(pair: Pair) -> bytes:
    from condfoley import media

    fps = METRIC_GEOMETRY.fps
    frames = media.read_frames(pair.target.path, fps, VIDEO_SIZE)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "target.mp4"
        return media.write_clip(path, frames, fps, None, METRIC_GEOMETRY.sample_rate, crf=28).read_bytes()
