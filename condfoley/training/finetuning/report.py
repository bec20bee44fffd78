"""The report of a fine-tuning: index.html, with all pictures and sounds, clips.csv and finetune.json."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.files import plain
from condfoley.geometry import Geometry
from condfoley.results.page import data_uri, flac, render, write_files
from condfoley.results.spectrogram import spectrogram_png
from condfoley.results.tables import Table, bootstrap, interval, number
from condfoley.training.finetuning.choice import Curves, Verdict
from condfoley.training.finetuning.examine import ExaminedClip, clips_csv
from condfoley.training.finetuning.listening import Heard, Sound
from condfoley.training.finetuning.parts import LEARNERS, Learner

TEMPLATE = Path(__file__).with_name("report.html.j2")
REPORT = "report"  # subfolder of the new weights' folder
PAGE, CLIPS, RESULT = "index.html", "clips.csv", "finetune.json"
MEAN_COLOR, RECORDING_COLOR, CHOSEN_COLOR = "#0072B2", "#9AA5AE", "#D55E00"


@dataclass(frozen=True)
class Outcome:
    """What came of a fine-tuning. part: that was trained. fits: (steps, losses) of the training clips of each fold.

    f1: of the picture's onsets, of each held-out recording before and after, (R,) each; empty unless they are what is
    trained. settings: by their names.
    back: the command that generates without the new weights.
    """

    part: str
    clips: str
    out: str
    curves: Curves
    verdict: Verdict
    rows: tuple[ExaminedClip, ...]
    folds: int
    fits: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]
    settings: dict[str, Any]
    heard: tuple[Heard, ...]
    back: str
    f1: tuple[np.ndarray, ...] = ()

    @property
    def learner(self) -> Learner:
        """What is trained, in words."""
        return LEARNERS[self.part]

    @property
    def page(self) -> Path:
        """The report's page."""
        return Path(self.out) / REPORT / PAGE

    def sentence(self) -> str:
        """The verdict in one line."""
        v, best = self.verdict, self.verdict.step
        spread = f"{v.gain:+.3f}, {100 * v.level:.0f} % interval {interval(v.low, v.high, 3)}"
        if v.better:
            return f"held-out clips got better: by {spread} {self.learner.unit} after {best} steps"
        why = f"lowest after {best} steps, but the gain is {spread}" if best else "no step was lower than the start"
        return (
            f"nothing was better than the start on held-out clips ({why}), so no weights were written; "
            "more clips, and of more different recordings, may help"
        )

    def table(self) -> Table:
        """Held-out values before and after, with 95 % bootstrap intervals over recordings."""
        v = self.verdict
        loss = f"{self.learner.loss}, {self.learner.unit}"
        rows: list[tuple[str, ...]] = [(loss, _mean(v.before, 3), _mean(v.after, 3))]
        if self.f1:
            rows.append(("onset F1 of the picture", *(_mean(values, 2) for values in self.f1)))
        if self.heard:
            before, after = ([getattr(h, name) for h in self.heard] for name in ("before", "after"))
            for label, value in self.learner.heard:
                rows.append((label, *(_mean(_values(sounds, value), 2) for sounds in (before, after))))
        notes = (
            f"{len(v.before)} held-out recordings in {self.folds} fold{'s' * (self.folds != 1)}; "
            "the step for each is chosen by the others; 95 % bootstrap intervals",
            f"gain in {self.learner.loss} {v.gain:+.3f} ({interval(v.low, v.high, 3)}, "
            f"Student's {100 * v.level:.0f} % interval over recordings)",
            *((f"soundtracks: {len(self.heard)} held-out clips",) if self.heard else ()),
        )
        return Table("Fine-tuning, on held-out clips", ("", "before", "after"), tuple(rows), notes)


def _values(sounds: Sequence[Sound], name: str) -> np.ndarray:
    return np.array([x for sound in sounds if (x := getattr(sound, name)) is not None])


def _mean(values: np.ndarray, digits: int) -> str:
    if not len(values):
        return "-"
    low, high = bootstrap(values.tolist(), np.random.default_rng(0))
    return f"{number(float(values.mean()), digits)} ({interval(low, high, digits)})"


def write_report(outcome: Outcome, geometry: Geometry) -> Path:
    """Writes all three files; returns the page. geometry: of the sounds. Raises InputError."""
    files = {
        PAGE: _page(outcome, geometry).encode(),
        CLIPS: clips_csv(outcome.rows),
        RESULT: (json.dumps(plain(to_json(outcome)), indent=1) + "\n").encode(),
    }
    write_files(outcome.page.parent, files)
    return outcome.page


def to_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON values."""
    v, curves = outcome.verdict, outcome.curves
    return {
        "part": outcome.part,
        "better": v.better,
        "step": v.step,
        "before": float(v.before.mean()),
        "after": float(v.after.mean()),
        "gain": v.gain,
        "gain_interval": [v.low, v.high],
        "steps": list(curves.steps),
        "recordings": {name: row.tolist() for name, row in zip(curves.recordings, curves.values)},
        "folds": outcome.folds,
        **({"picture_f1": [float(values.mean()) for values in outcome.f1]} if outcome.f1 else {}),
        "heard": [
            {
                "clip": heard.clip,
                "reference": heard.reference,
                "f1": [heard.before.f1, heard.after.f1],
                "agreement": [heard.before.agreement, heard.after.agreement],
            }
            for heard in outcome.heard
        ],
        "settings": outcome.settings,
    }


def _page(outcome: Outcome, geometry: Geometry) -> str:
    return render(
        TEMPLATE,
        outcome=outcome,
        sentence=outcome.sentence(),
        table=outcome.table(),
        curves=data_uri("image/png", curves_png(outcome)),
        heard=[_on_page(heard, geometry) for heard in outcome.heard],
        left_out=[row for row in outcome.rows if not row.used],
        doubtful=[row for row in outcome.rows if row.used and row.reason],
        used=sum(row.used for row in outcome.rows),
    )


def _on_page(heard: Heard, geometry: Geometry) -> dict[str, Any]:
    def player(name: str, wav: np.ndarray, note: str) -> dict[str, str]:
        image = spectrogram_png(wav, heard.events, geometry)
        sound = flac(wav, geometry.sample_rate)
        return {
            "name": name, "note": note, "audio": data_uri("audio/flac", sound), "image": data_uri("image/png", image),
        }  # fmt: skip

    def scores(sound: Sound) -> str:
        return f"onset F1 {number(sound.f1)}, agreement {number(sound.agreement)}"

    sounds = [
        player("the clip's own sound", heard.own, ""),
        player("before", heard.before.wav, scores(heard.before)),
        player("after", heard.after.wav, scores(heard.after)),
    ]
    return {"clip": heard.clip, "reference": heard.reference, "sounds": sounds}


def curves_png(outcome: Outcome) -> bytes:
    """Held-out losses relative to the start, of each recording and their mean, beside the training losses, as PNG."""
    from matplotlib.figure import Figure

    curves, loss = outcome.curves, outcome.learner.loss
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    relative = curves.values - curves.values[:, :1]
    left.plot(curves.steps, relative.T, color=RECORDING_COLOR, lw=0.7)
    left.plot(curves.steps, relative.mean(0), color=MEAN_COLOR, lw=2, label="mean of the recordings")
    left.axhline(0, color="0.4", lw=0.8, ls=":")
    left.axvline(outcome.verdict.step, color=CHOSEN_COLOR, lw=1.2, label=f"chosen: step {outcome.verdict.step}")
    left.set_title(f"held out: {loss} above the start's, {outcome.learner.unit}", fontsize=9)
    left.legend(fontsize=8)
    for steps, losses in outcome.fits:
        right.plot(steps, losses, color=RECORDING_COLOR, lw=0.9)
    right.set_title(f"trained on: {loss}, each fold", fontsize=9)
    for axis in (left, right):
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
