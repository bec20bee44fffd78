"""Held-out simulated clips for the model card: our sounds beside onset transfer's, and the pretext task.

A helper of `python -m benchmarks.model_card`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.paper_table import cell_text, subset
from benchmarks.scoring import Line, Lines, mean_of
from condfoley.data.sources.folder import find
from condfoley.data.sources.listing import hash_fraction
from condfoley.errors import InputError
from condfoley.evaluation.classifiers import Classifiers
from condfoley.evaluation.metrics import METRICS
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.run import Result, evaluate, load_classifiers
from condfoley.evaluation.scores import MeanScore, mean_over_targets, mean_scores
from condfoley.evaluation.sounds import fit_length
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.training import pretext
from condfoley.training.batches import validation_streams
from condfoley.training.config import DataConfig, TrainConfig
from condfoley.training.run import build
from condfoley.training.stages.transformer import TransformerStage
from condfoley.weights import card_geometry, load_part, read_card

OURS, TRANSFER, STRONG, CEILING = "condfoley", "onset-transfer", "onset-transfer-strong", "reconstruction"
LEAST, OVER, BEHIND, SHARE = (
    0.8,
    0.15,
    0.05,
    0.9,
)  # F1; action over onset transfer; material behind it; of the ceiling's
HOW = {"": "true label", "_agreement": "classifier on the true sound"}  # what a prediction is compared with, by metric
VALIDATION = 0.95  # share of the clips that the pretext task is measured on; the stage wants some to train on


def lines(options: EvaluateOptions) -> Lines:
    """Timing, action and material of an evaluation of the four systems; existing sounds are not generated again."""
    result, classifiers = evaluate(options), load_classifiers(options)
    assert classifiers  # the package has them
    out, notes = [timing_line(result.means)], list(result.notes)
    elsewhere = mean_scores(subset(result.scores, same_action=False), options.seed)
    ceiling = own_material(result, classifiers, options.seed)
    for suffix, how in HOW.items():
        action, material = f"action{suffix}", f"material{suffix}"
        if action in elsewhere.get(OURS, {}):
            out.append(action_line(elsewhere, action, how))
        else:
            notes.append(f"{METRICS[action].title}: no pair's reference is known to show another action")
        if material in result.means[OURS] and material in ceiling:
            out.append(material_line(result.means, material, how, ceiling[material]))
        else:
            notes.append(f"{METRICS[material].title}: no pair has a material that the classifier knows")
    return out, notes


def beside(cells: dict[str, dict[str, MeanScore]], metric: str) -> str:
    """The scores of both onset transfers, as text."""
    return ", ".join(f"{name} {cell_text(cells[name][metric])}" for name in (TRANSFER, STRONG))


def timing_line(cells: dict[str, dict[str, MeanScore]]) -> Line:
    """Onset F1, above both onset transfers."""
    ours = cells[OURS]["f1_100"]
    reached = ours.mean >= LEAST and all(ours.mean > cells[name]["f1_100"].mean for name in (TRANSFER, STRONG))
    required = f"{LEAST:.2f}, above onset transfer"
    return Line("simulated", "onset F1 ±100 ms", required, ours, reached, beside(cells, "f1_100"))


def action_line(cells: dict[str, dict[str, MeanScore]], metric: str, how: str) -> Line:
    """The target's action is recognised although the reference has another one."""
    ours, theirs = cells[OURS][metric], cells[TRANSFER][metric]
    required = f"onset transfer + {OVER:.2f} = {theirs.mean + OVER:.2f}"
    measure = f"target's action ({how})"
    reached = ours.mean >= theirs.mean + OVER
    return Line("simulated, other action in reference", measure, required, ours, reached, beside(cells, metric))


def material_line(cells: dict[str, dict[str, MeanScore]], metric: str, how: str, ceiling: MeanScore) -> Line:
    """The reference's material is recognised, nearly as often as the target's own in its reconstruction."""
    ours, theirs = cells[OURS][metric], cells[TRANSFER][metric]
    share, least = SHARE * ceiling.mean, theirs.mean - BEHIND
    required = f"{SHARE} x reconstruction's own = {share:.2f}, onset transfer - {BEHIND:.2f} = {least:.2f}"
    reached = ours.mean >= max(share, least)
    compared = f"{CEILING}'s own {cell_text(ceiling)}, {beside(cells, metric)}"
    return Line("simulated", f"reference's material ({how})", required, ours, reached, compared)


def own_material(result: Result, classifiers: Classifiers, seed: int) -> dict[str, MeanScore]:
    """Accuracy of the material classifier on the targets' reconstructions, by metric. A mute one counts as wrong."""
    wrong = {row.pair for row in result.scores if row.system == CEILING and (row.failure or row.mute)}
    values: dict[str, dict[str, list[float]]] = {f"material{suffix}": {} for suffix in HOW}
    for pair in result.pairs:
        wav, output = pair.target.wav, result.outputs[CEILING][pair.name]
        predicted = "" if pair.name in wrong else classifiers.predict_labels(fit_length(output.wav, len(wav))[0])[1]
        labelled = classifiers.label_of("material", pair.target.material)
        for shares, true in zip(values.values(), (labelled, classifiers.predict_labels(wav)[1]), strict=True):
            if true:
                shares.setdefault(str(pair.target.path), []).append(float(predicted == true))
    return {metric: mean_over_targets(shares, seed) for metric, shares in values.items() if shares}


def pretext_lines(weights: Path, clips: Path, cache: Path, pairs: int, seed: int) -> Lines:
    """Cross-entropy of the target's codes, and with another video's reference, picture, or both.

    clips: held-out ones, with their own sound. cache: for their features. pairs: in-video pairs to measure.
    Raises InputError for a folder without videos.
    """
    card = read_card(weights)
    shares = [hash_fraction(str(path.relative_to(clips))) for path in find(clips, VIDEO_SUFFIXES)]
    if not shares:
        raise InputError(f"{clips} has no videos; give a folder of held-out simulated clips")
    most = float(np.quantile(shares, VALIDATION, method="lower"))  # the stage needs some clips to train on
    with tempfile.TemporaryDirectory() as scratch:
        stage = build(
            TrainConfig(
                stage="transformer",
                out=scratch,
                weights=str(weights),
                init=str(weights),
                data=DataConfig(folder=str(clips), cache=str(cache), validation=most, workers=1),
                geometry=card_geometry(card),
                transformer=load_part(weights, "transformer").config,
            )
        )
    assert isinstance(stage, TransformerStage)
    stage.fixed = stage.draw_pairs(stage.held_out, validation_streams(pairs), views=1).to(stage.device)
    found = {case: mean_of(values, seed) for case, values in stage.pretext().items()}
    true = found.pop(pretext.TRUE)
    out = [
        Line(
            "simulated",
            "cross-entropy of the target's codes, nats a code",
            "intervals do not touch",
            true,
            true.high < other.low,
            f"{pretext.CASES[case]} {cell_text(other)}",
        )
        for case, other in found.items()
    ]
    return out, [f"cross-entropy: {pairs} in-video pairs of {true.n} held-out videos, intervals over videos"]
