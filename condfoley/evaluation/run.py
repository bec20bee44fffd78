"""One evaluation from its options to its result: sounds, metric values, means. `report.py` writes the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation import embedders, sounds, testsets
from condfoley.evaluation.catalogue import parse_systems
from condfoley.evaluation.classifiers import Classifiers, confusion_matrix
from condfoley.evaluation.clips import METRIC_GEOMETRY, AnnotatedClip, Pair
from condfoley.evaluation.distribution import frechet_distance, inception_score
from condfoley.evaluation.functions import import_function
from condfoley.evaluation.metric_suite import MetricSuite, PairContext, Values
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.scores import MeanScore, PairScores, mean_scores
from condfoley.evaluation.systems import SystemContext, SystemSpec
from condfoley.results.tables import wilson

CLIPS = "clips"  # subfolder of the report with clips cut from longer videos
NO_CLASSIFIERS = (
    "no action and material classifiers (judges) in these weights: their columns are left out "
    "(condfoley train --config configs/small/judges.yaml)"
)


@dataclass
class Result:
    """Result of an evaluation.

    outputs: by system and pair. means: by system and metric. judges: accuracy and confusion matrix of each classifier on
    the test set's true sounds.
    """

    test: str
    pairs: list[Pair]
    systems: list[SystemSpec]
    outputs: dict[str, dict[str, sounds.Output]]
    scores: list[PairScores]
    means: dict[str, dict[str, MeanScore]]
    settings: dict[str, Any]
    judges: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def evaluate(options: EvaluateOptions) -> Result:
    """Generates missing sounds and measures all of them. Raises InputError for anything that cannot be used."""
    specs = parse_systems(options.systems, options.weights)
    classifiers = load_classifiers(options)
    embedding_name, embed = embedders.parse_embedder(options.embedding, classifiers)
    synchroniser = import_function(options.synchroniser, "--synchroniser") if options.synchroniser else None
    home = Path(options.out)
    pairs = testsets.load_pairs(options.test, home / CLIPS)
    context = SystemContext(pairs, options.weights, options.candidates, options.seed, options.device)
    settings = sounds.sound_settings(context)
    built = sounds.build_systems(specs, context, home, options.force)
    sounds.claim_folder(home, settings, options.force)
    outputs = sounds.generate_all(built, context, home, options.quiet)
    scores = measure(pairs, outputs, MetricSuite(classifiers, options.device, synchroniser), options.quiet)
    means = mean_scores(scores, options.seed)
    for name, found in set_metrics(pairs, outputs, classifiers, embed).items():
        means[name] |= found
    settings |= {
        "embedding": embedding_name if embed else None,
        "judges": classifiers.identity if classifiers else None,
        "synchroniser": options.synchroniser,
    }
    result = Result(options.test, pairs, specs, outputs, scores, means, settings)
    result.judges = classifier_accuracy(pairs, classifiers) if classifiers else {}
    result.notes = result_notes(result, classifiers)
    return result


def load_classifiers(options: EvaluateOptions) -> Classifiers | None:
    """The classifiers of --judges, else of --weights, else the shipped ones. Raises InputError for another sample rate."""
    if options.judges:
        classifiers = Classifiers.load(options.judges, options.device)
        if classifiers is None:
            raise InputError(
                f"--judges {options.judges} has no action and material classifiers (judges); train them there first"
            )
    else:
        classifiers = Classifiers.load(options.weights, options.device) or Classifiers.load(None, options.device)
    if classifiers and classifiers.geometry.sample_rate != METRIC_GEOMETRY.sample_rate:
        raise InputError(
            f"the classifiers take {classifiers.geometry.sample_rate} Hz; the metrics use {METRIC_GEOMETRY.sample_rate} Hz"
        )
    return classifiers


def measure(
    pairs: Sequence[Pair], outputs: dict[str, dict[str, sounds.Output]], suite: MetricSuite, quiet: bool = False
) -> list[PairScores]:
    """All metrics of all outputs, pair by pair; a sound that cannot be read is a failure."""
    from tqdm import tqdm

    scores = []
    for pair in tqdm(pairs, desc="measuring", unit="pair", disable=quiet or None):
        context = suite.prepare(pair)
        for name, by_pair in outputs.items():
            values, failure, mute = _measure_output(by_pair[pair.name], suite, context)
            scores.append(PairScores(name, pair.name, str(pair.target.path), values, failure, pair.same_action, mute))
    order = {name: i for i, name in enumerate(outputs)}
    return sorted(scores, key=lambda row: order[row.system])


def _measure_output(output: sounds.Output, suite: MetricSuite, context: PairContext) -> tuple[Values, str, bool]:
    if output.failure:
        return {}, output.failure, False
    try:
        wav, _ = sounds.fit_length(output.wav, len(context.wav))
    except InputError as error:
        return {}, str(error), False
    return suite.measure(context, wav), "", suite.is_mute(context, wav)


def set_metrics(
    pairs: Sequence[Pair],
    outputs: dict[str, dict[str, sounds.Output]],
    classifiers: Classifiers | None,
    embed: embedders.Embedder | None,
) -> dict[str, dict[str, MeanScore]]:
    """Metrics of a system's sounds as a set; a failed output counts as silence. Empty for fewer than two pairs."""
    out: dict[str, dict[str, MeanScore]] = {name: {} for name in outputs}
    if len(pairs) < 2:
        return out
    true = np.stack([embed(pair.target.wav) for pair in pairs]) if embed else None
    for name, by_pair in outputs.items():
        wavs = [_output_or_silence(by_pair[pair.name], len(pair.target.wav)) for pair in pairs]
        if embed and true is not None:
            distance = frechet_distance(np.stack([embed(wav) for wav in wavs]), true)
            out[name]["fad"] = MeanScore(distance, None, None, len(pairs))
        if classifiers:
            score = inception_score(np.stack([classifiers.predict(wav).materials for wav in wavs]))
            out[name]["inception"] = MeanScore(score, None, None, len(pairs))
    return out


def _output_or_silence(output: sounds.Output, samples: int) -> np.ndarray:
    if output.failure:
        return np.zeros(samples, np.float32)
    return sounds.fit_length(output.wav, samples)[0]


def classifier_accuracy(pairs: Sequence[Pair], classifiers: Classifiers) -> dict[str, dict[str, Any]]:
    """Accuracy, its 95 % interval and confusion matrix (rows: true) of both classifiers on clips with a single label."""
    clips: dict[Path, AnnotatedClip] = {clip.path: clip for pair in pairs for clip in (pair.target, pair.reference)}
    predictions = [(clip, classifiers.predict(clip.wav)) for _, clip in sorted(clips.items())]
    out = {}
    for name, labels in (("action", classifiers.actions), ("material", classifiers.materials)):
        answers = [
            (classifiers.label_of(name, getattr(c, name)), getattr(found, f"{name}s")) for c, found in predictions
        ]
        labelled = [(true, labels[int(found.argmax())]) for true, found in answers if true]
        counts = confusion_matrix([found for _, found in labelled], [true for true, _ in labelled], labels)
        right = int(np.trace(counts))
        out[name] = {
            "labels": list(labels),
            "n": len(labelled),
            "accuracy": right / len(labelled) if labelled else None,
            "interval": wilson(right, len(labelled)),
            "confusion": counts.tolist(),
        }
    return out


def failed_systems(result: Result) -> dict[str, str]:
    """Systems that failed on every pair, and the error on the first pair.

    Controls are left out as long as another system succeeds: the set may have no other reference for them.
    """
    failures = {name: [output.failure for output in by_pair.values()] for name, by_pair in result.outputs.items()}
    failed = {name: reasons[0] for name, reasons in failures.items() if all(reasons)}
    controls = {spec.name for spec in result.systems if spec.role == "control"}
    return failed if len(failed) == len(failures) else {n: why for n, why in failed.items() if n not in controls}


def result_notes(result: Result, classifiers: Classifiers | None) -> list[str]:
    """Notes that explain the table."""
    notes = [] if classifiers else [NO_CLASSIFIERS]
    for spec in result.systems:
        mine = [row for row in result.scores if row.system == spec.name]
        for what, count in (("failed", sum(bool(r.failure) for r in mine)), ("is mute", sum(r.mute for r in mine))):
            if count:
                notes.append(f"{spec.name} {what} on {count} of {len(mine)} pairs; they count with the worst value")
    if classifiers:
        for name in ("action", "material"):
            clips = [pair.target if name == "action" else pair.reference for pair in result.pairs]
            names = {label for clip in clips if (label := getattr(clip, name))}
            unknown = sorted(label for label in names if not classifiers.label_of(name, label))
            if unknown:
                notes.append(
                    f"the {name} classifier does not know {', '.join(unknown)}: such pairs have no {name} score"
                )
    left_out = sum(1 for r in result.scores if r.values and r.values.get("published_ap") is None)
    if left_out:
        notes.append(f"the published scorer fails on {left_out} outputs; its means leave them out")
    if len(result.pairs) < 2:
        notes.append("distances between sets need two pairs or more")
    return notes


def to_json(result: Result) -> dict[str, Any]:
    """The result as JSON values: metrics.json."""
    return {
        "test": result.test,
        "pairs": len(result.pairs),
        "targets": len({pair.target.path for pair in result.pairs}),
        "settings": result.settings,
        "notes": result.notes,
        "systems": {
            spec.name: {
                "role": spec.role,
                "text": spec.description,
                "failed": sum(1 for row in result.scores if row.system == spec.name and row.failure),
                "metrics": {name: asdict(mean) for name, mean in result.means[spec.name].items()},
            }
            for spec in result.systems
        },
        "judges": result.judges,
        "answers": [asdict(row) | {"target": Path(row.target).name} for row in result.scores],
    }
