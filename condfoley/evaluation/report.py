"""The report's files: metrics.json, metrics.csv and index.html, which needs no other file to be seen and heard."""

from __future__ import annotations

import base64
import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.evaluation.clips import JUDGE, Pair
from condfoley.evaluation.metrics import METRICS, Metric, better
from condfoley.evaluation.run import Result, as_json
from condfoley.evaluation.sounds import fitted
from condfoley.files import open_atomic, plain, write_json
from condfoley.results.tables import Table, interval, number

TEMPLATE = "report.html.j2"
PICTURE = 160  # pixels, side of the target's picture on the page
IMAGE = (4.2, 0.9, 80)  # spectrogram: inches wide, inches high, dots an inch
TRUE, HEARD = "#009E73", "#D55E00"  # Okabe and Ito's palette


def write(result: Result, home: Path, sample: int) -> Path:
    """Writes all three, index.html last; returns it. sample: pairs that can be heard."""
    write_json(home / "metrics.json", plain(as_json(result)))
    _write_csv(result, home / "metrics.csv")
    page = home / "index.html"
    with open_atomic(page) as file:
        file.write(html(result, sample).encode())
    return page


def _write_csv(result: Result, path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("system", "metric", "unit", "mean", "low", "high", "n"))
        for system, cells in result.cells.items():
            for name, c in cells.items():
                out.writerow((system, name, METRICS[name].unit, c.mean, c.low, c.high, c.n))


def columns(result: Result) -> list[Metric]:
    """The columns that some system has a value in."""
    return [m for m in METRICS.values() if any(m.name in cells for cells in result.cells.values())]


def best(result: Result, metric: Metric) -> str:
    """The system with the best mean in a column among those that do not know the answer; empty without any."""
    top = ""
    for entry in result.entries:
        cell = result.cells[entry.name].get(metric.name)
        if cell is None or entry.role == "bound":
            continue
        if not top or better(metric, cell.mean, result.cells[top][metric.name].mean):
            top = entry.name
    return top


def text_table(result: Result, names: tuple[str, ...]) -> Table:
    """The columns of these names as text, with intervals."""
    shown = [metric for metric in columns(result) if metric.name in names]
    rows = []
    for entry in result.entries:
        cells = [result.cells[entry.name].get(metric.name) for metric in shown]
        rows.append((entry.name, *(_cell_text(c) for c in cells)))
    head = ("system", *(f"{m.title}{'' if m.higher else ' (less is better)'}" for m in shown))
    return Table(f"{result.test}: {len(result.pairs)} pairs", head, tuple(rows), tuple(result.notes))


def _cell_text(cell: Any) -> str:
    if cell is None:
        return "-"
    return number(cell.mean) if cell.low is None else f"{number(cell.mean)} ({interval(cell.low, cell.high)})"


def html(result: Result, sample: int) -> str:
    """The whole page."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    template = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template(
        TEMPLATE
    )
    metrics = columns(result)
    return template.render(
        result=result,
        metrics=metrics,
        best={metric.name: best(result, metric) for metric in metrics},
        targets=len({pair.target.path for pair in result.pairs}),
        failed={e.name: sum(bool(a.failure) for a in result.answers[e.name].values()) for e in result.entries},
        samples=[_heard_pair(result, pair) for pair in chosen(result.pairs, sample)],
    )


def chosen(pairs: list[Pair], count: int) -> list[Pair]:
    """`count` pairs evenly spread over the set."""
    if count >= len(pairs):
        return pairs
    return [pairs[round(i * (len(pairs) - 1) / max(1, count - 1))] for i in range(count)]


def _heard_pair(result: Result, pair: Pair) -> dict[str, Any]:
    sounds = [("reference", pair.reference.wav, np.zeros(0), "")]
    for entry in result.entries:
        answer = result.answers[entry.name][pair.name]
        wav = np.zeros(1, np.float32) if answer.failure else fitted(answer.wav, len(pair.target.wav))[0]
        sounds.append((entry.name, wav, pair.target.onsets, answer.failure))
    return {
        "name": pair.name,
        "video": data_uri("video/mp4", _small_video(pair)),
        "sounds": [
            {"name": name, "failure": failure}
            if failure
            else {"name": name, "audio": data_uri("audio/flac", _flac(wav)), "image": _spectrogram_uri(wav, true)}
            for name, wav, true, failure in sounds
        ],
    }


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as a link that carries them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _flac(wav: np.ndarray) -> bytes:
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.clip(wav, -1, 1), JUDGE.sample_rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def _small_video(pair: Pair) -> bytes:
    from condfoley import media

    frames = media.read_frames(pair.target.path, JUDGE.fps, PICTURE)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "target.mp4"
        return media.write_clip(path, frames, JUDGE.fps, None, JUDGE.sample_rate, crf=28).read_bytes()


def _spectrogram_uri(wav: np.ndarray, true: np.ndarray) -> str:
    """Log-mel spectrogram with true onsets as ticks above and heard ones as lines."""
    from matplotlib.figure import Figure

    from condfoley.networks.mel import spectrogram

    width, height, dpi = IMAGE
    figure = Figure(figsize=(width, height), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    seconds = len(wav) / JUDGE.sample_rate
    spec = spectrogram(wav, JUDGE).numpy()
    axes.imshow(spec, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=0.8, extent=(0, seconds, 0, 1))
    for time in detect_onsets(wav, JUDGE.sample_rate)[0]:
        axes.axvline(time, color=HEARD, lw=1, ymax=0.8)
    axes.plot(true, np.full(len(true), 0.97), "v", color=TRUE, ms=6, clip_on=False)
    axes.set_xlim(0, seconds)
    axes.set_ylim(0, 1)
    axes.set_axis_off()
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return data_uri("image/png", out.getvalue())
