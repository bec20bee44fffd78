"""One evaluation from its options to its result: sounds, values, table. Writing the report is `report.py`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation import embedders, scores, sounds, systems, testsets
from condfoley.evaluation.classifiers import Classifiers, confusion_matrix
from condfoley.evaluation.clips import JUDGE, Clip, Pair
from condfoley.evaluation.distribution import frechet_distance, inception_score
from condfoley.evaluation.functions import imported
from condfoley.evaluation.listening import Ears, Judged, Values
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.scores import Cell, Row
from condfoley.results.tables import wilson

CLIPS = "clips"  # where a test set keeps clips that it has to cut
NO_JUDGES = (
    "no judges in these weights: their columns are left out (condfoley train --config configs/small/judges.yaml)"
)


@dataclass
class Result:
    """What an evaluation found. judges: accuracy and confusion of each on the test set's true sounds."""

    test: str
    pairs: list[Pair]
    entries: list[systems.Entry]
    answers: dict[str, dict[str, sounds.Answer]]
    rows: list[Row]
    cells: dict[str, dict[str, Cell]]
    settings: dict[str, Any]
    judges: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def evaluate(options: EvaluateOptions) -> Result:
    """Makes the sounds that are missing and measures all. Raises InputError for anything that cannot be used."""
    entries = systems.named(options.systems)
    classifiers = load_classifiers(options)
    called, embed = embedders.named(options.embedding, classifiers)
    synchroniser = imported(options.synchroniser, "--synchroniser") if options.synchroniser else None
    home = Path(options.out)
    pairs = testsets.load(options.test, home / CLIPS)
    shop = systems.Workshop(pairs, options.weights, options.candidates, options.seed, options.device)
    settings = sounds.settings_of(shop)
    built = sounds.build(entries, shop, home, options.force)
    sounds.claim(home, settings, options.force)
    answers = sounds.make_all(built, shop, home, options.quiet)
    rows = measure(pairs, answers, Ears(classifiers, options.device, synchroniser), options.quiet)
    cells = scores.table(rows, options.seed)
    for name, found in over_sets(pairs, answers, classifiers, embed).items():
        cells[name] |= found
    given = {
        "embedding": called if embed else None,
        "judges": classifiers.identity if classifiers else None,
        "synchroniser": options.synchroniser,
    }
    result = Result(options.test, pairs, entries, answers, rows, cells, settings | given)
    result.judges = judged_on_truth(pairs, classifiers) if classifiers else {}
    result.notes = remarks(result, classifiers)
    return result


def load_classifiers(options: EvaluateOptions) -> Classifiers | None:
    """The judges of --judges, else of --weights, else the shipped ones. Raises InputError for those that do not fit."""
    if options.judges:
        classifiers = Classifiers.load(options.judges, options.device)
        if classifiers is None:
            raise InputError(f"--judges {options.judges} has no judges; train them there first")
    else:
        classifiers = Classifiers.load(options.weights, options.device) or Classifiers.load(None, options.device)
    if classifiers and classifiers.geometry.sample_rate != JUDGE.sample_rate:
        raise InputError(
            f"the judges listen at {classifiers.geometry.sample_rate} Hz; sounds come at {JUDGE.sample_rate} Hz"
        )
    return classifiers


def measure(
    pairs: Sequence[Pair], answers: dict[str, dict[str, sounds.Answer]], ears: Ears, quiet: bool = False
) -> list[Row]:
    """All values of all answers, pair by pair; a sound that cannot be read is a failure."""
    from tqdm import tqdm

    rows = []
    for pair in tqdm(pairs, desc="measuring", unit="pair", disable=quiet or None):
        known = ears.know(pair)
        for name, given in answers.items():
            values, failure, mute = _values(given[pair.name], ears, known)
            rows.append(Row(name, pair.name, str(pair.target.path), values, failure, pair.same_action, mute))
    order = {name: i for i, name in enumerate(answers)}
    return sorted(rows, key=lambda row: order[row.system])


def _values(answer: sounds.Answer, ears: Ears, known: Judged) -> tuple[Values, str, bool]:
    if answer.failure:
        return {}, answer.failure, False
    try:
        wav, _ = sounds.fitted(answer.wav, len(known.wav))
    except InputError as error:
        return {}, str(error), False
    return ears.measure(known, wav), "", ears.is_mute(known, wav)


def over_sets(
    pairs: Sequence[Pair],
    answers: dict[str, dict[str, sounds.Answer]],
    classifiers: Classifiers | None,
    embed: embedders.Embedder | None,
) -> dict[str, dict[str, Cell]]:
    """Measures of a system's sounds as a set; a failed answer counts as silence. Nothing for fewer than two pairs."""
    out: dict[str, dict[str, Cell]] = {name: {} for name in answers}
    if len(pairs) < 2:
        return out
    true = np.stack([embed(pair.target.wav) for pair in pairs]) if embed else None
    for name, given in answers.items():
        made = [_sound(given[pair.name], len(pair.target.wav)) for pair in pairs]
        if embed and true is not None:
            distance = frechet_distance(np.stack([embed(wav) for wav in made]), true)
            out[name]["fad"] = Cell(distance, None, None, len(pairs))
        if classifiers:
            sure = inception_score(np.stack([classifiers.predict(wav).materials for wav in made]))
            out[name]["inception"] = Cell(sure, None, None, len(pairs))
    return out


def _sound(answer: sounds.Answer, samples: int) -> np.ndarray:
    if answer.failure:
        return np.zeros(samples, np.float32)
    return sounds.fitted(answer.wav, samples)[0]


def judged_on_truth(pairs: Sequence[Pair], classifiers: Classifiers) -> dict[str, dict[str, Any]]:
    """Accuracy, its 95 % interval and confusion (rows: true) of both judges on the set's clips with one known label."""
    clips: dict[Path, Clip] = {clip.path: clip for pair in pairs for clip in (pair.target, pair.reference)}
    verdicts = [(clip, classifiers.predict(clip.wav)) for _, clip in sorted(clips.items())]
    out = {}
    for name, labels in (("action", classifiers.actions), ("material", classifiers.materials)):
        known = [(getattr(clip, name), getattr(said, f"{name}s")) for clip, said in verdicts]
        known = [(true, labels[int(said.argmax())]) for true, said in known if true in labels]
        counts = confusion_matrix([said for _, said in known], [true for true, _ in known], labels)
        right = int(np.trace(counts))
        out[name] = {
            "labels": list(labels),
            "n": len(known),
            "accuracy": right / len(known) if known else None,
            "interval": wilson(right, len(known)),
            "confusion": counts.tolist(),
        }
    return out


def never_answered(result: Result) -> dict[str, str]:
    """Systems that failed on every pair, and why on the first.

    A control for which the set has no other reference is no fault, as long as another system answers.
    """
    failures = {name: [answer.failure for answer in given.values()] for name, given in result.answers.items()}
    lost = {name: given[0] for name, given in failures.items() if all(given)}
    controls = {entry.name for entry in result.entries if entry.role == "control"}
    return lost if len(lost) == len(failures) else {n: why for n, why in lost.items() if n not in controls}


def remarks(result: Result, classifiers: Classifiers | None) -> list[str]:
    """What a reader of the table must know."""
    notes = [] if classifiers else [NO_JUDGES]
    for entry in result.entries:
        mine = [row for row in result.rows if row.system == entry.name]
        for what, count in (("failed", sum(bool(r.failure) for r in mine)), ("is mute", sum(r.mute for r in mine))):
            if count:
                notes.append(f"{entry.name} {what} on {count} of {len(mine)} pairs; they count with the worst score")
    if classifiers:
        for name, labels in (("action", classifiers.actions), ("material", classifiers.materials)):
            clips = [pair.target if name == "action" else pair.reference for pair in result.pairs]
            unknown = sorted({label for clip in clips if (label := getattr(clip, name)) and label not in labels})
            if unknown:
                notes.append(f"the {name} judge does not know {', '.join(unknown)}: such pairs have no {name} score")
    left_out = sum(1 for r in result.rows if r.values and r.values.get("published_ap") is None)
    if left_out:
        notes.append(f"the published scorer breaks down on {left_out} answers; its means leave them out")
    if len(result.pairs) < 2:
        notes.append("distances between sets need two pairs or more")
    return notes


def as_json(result: Result) -> dict[str, Any]:
    """The result as plain JSON values."""
    return {
        "test": result.test,
        "pairs": len(result.pairs),
        "targets": len({pair.target.path for pair in result.pairs}),
        "settings": result.settings,
        "notes": result.notes,
        "systems": {
            entry.name: {
                "role": entry.role,
                "text": entry.text,
                "failed": sum(1 for row in result.rows if row.system == entry.name and row.failure),
                "metrics": {name: asdict(cell) for name, cell in result.cells[entry.name].items()},
            }
            for entry in result.entries
        },
        "judges": result.judges,
        "answers": [asdict(row) | {"target": Path(row.target).name} for row in result.rows],
    }
