"""Made-up clips and participants: sounds of three systems, answers, and keys of studies without clips."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.media import write_clip, write_wav
from condfoley.study import assignment, design
from tests.made_up import FPS, RATE, frames, pulses

SYSTEMS = ("ours", "onset-transfer", "noise")
Choose = Callable[[dict[str, Any]], list[float]]


def made_up_key(
    targets: int = 6, trials: int = 6, judgements: int = 8, compare: str = "anchor", **more: Any
) -> dict[str, Any]:
    """The key of a study of a, b, c (or `systems`) with two sentinels a participant and clips of a second."""
    method, systems = more.pop("method", design.FORCED_CHOICE), more.pop("systems", ["a", "b", "c"])
    shown = design.conditions(method, compare, len(systems))
    plan = design.make_plan(targets, shown, judgements, trials, seed=0)
    clips = [[f"t{t}s{s}" for s in range(len(systems))] for t in range(targets)]
    references = [f"r{t}" for t in range(targets)]
    probes = [assignment.Probe(t, kind, f"right{t}", f"wrong{t}") for t, kind in enumerate(("silent", "late"))]
    names = [*references, *sum(clips, []), *(name for p in probes for name in (p.right, p.wrong))]
    counter = iter(range(10**9))
    _, known = assignment.assign(
        plan,
        assignment.ClipNames(references, clips, [], probes, dict.fromkeys(names, 1.0)),
        method,
        np.random.default_rng(0),
        lambda: f"trial{next(counter)}",
    )
    return {
        "study": "0123456789abcdef",
        "secret": "00" * 32,
        "method": method,
        "questions": ["sync", "material"],
        "systems": systems,
        "anchor": 0,
        "targets": [f"target {t}" for t in range(targets)],
        "trials": known,
        "options": {"compare": compare},
    } | more


def answer(trial: str, known: dict[str, Any], scores: list[float], **more: Any) -> dict[str, Any]:
    """One answer as the page writes it, both questions alike."""
    record = {
        "trial": trial,
        "scores": {"sync": scores, "material": scores},
        "seconds": 9.5,
        "plays": [1] * len(scores),
    }
    return record | more


def session(key: dict[str, Any], name: str, form: int, choose: Choose, notices: bool = True) -> dict[str, Any]:
    """A participant's file; `choose` gives the scores of a trial of the key."""
    answers = []
    for trial, known in key["trials"].items():
        if known["form"] == form:
            seen = [float(place != known["wrong"]) == float(notices) for place in (0, 1)] if "wrong" in known else []
            answers.append(answer(trial, known, [float(s) for s in seen] or choose(known)))
    return {"study": key["study"], "session": name, "form": form, "headphones": [True], "answers": answers}


def prefers(key: dict[str, Any], share: float, rng: np.random.Generator) -> Choose:
    """Chooses any system over the anchor with probability `share`."""

    def choose(known: dict[str, Any]) -> list[float]:
        better = rng.random() < share
        return [float((system != key["anchor"]) == better) for system in known["systems"]]

    return choose


def write(folder: Path, key: dict[str, Any], sessions: list[dict[str, Any]]) -> Path:
    """key.json and results/ with a file for each session; returns the results folder."""
    (folder / "results").mkdir(parents=True)
    (folder / "key.json").write_text(json.dumps(key))
    for record in sessions:
        (folder / "results" / f"{record['session']}.json").write_text(json.dumps(record))
    return folder / "results"


def write_sources(folder: Path, targets: int, seconds: float = 1.0) -> tuple[Path, Path]:
    """(pairs.csv, sounds/) of made-up clips; the sounds of systems differ in pitch and level."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("reference", "target", "name")]
    for number in range(targets):
        times = [0.1 + 0.02 * number, 0.45]
        for kind in ("reference", "target"):
            wav = pulses(times, seconds, 300 + 50 * number)
            write_clip(folder / f"{kind}{number}.mp4", frames(seconds, 48), FPS, wav, RATE)
        rows.append((f"reference{number}.mp4", f"target{number}.mp4", f"pair{number}"))
        for place, system in enumerate(SYSTEMS):
            (folder / "sounds" / system).mkdir(parents=True, exist_ok=True)
            sound = pulses(times, seconds, 500 + 200 * place) * (0.2 + 0.3 * place)
            write_wav(folder / "sounds" / system / f"pair{number}.wav", sound.astype(np.float32), RATE)
    with open(folder / "pairs.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "pairs.csv", folder / "sounds"
