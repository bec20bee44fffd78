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
from condfoley.evaluation.metrics import METRICS
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.run import Result, evaluate, jury_of
from condfoley.evaluation.scores import Cell, cell, table
from condfoley.evaluation.sounds import fitted
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.networks.judges import Jury
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
HOW = {"": "true label", "_agreement": "judge on the true sound"}  # what a judge's answer is held against, by metric
VALIDATION = 0.95  # share of the clips that the pretext task is measured on; the stage wants some to train on


def lines(options: EvaluateOptions) -> Lines:
    """Timing, action and material of an evaluation of the four systems; sounds that are there are not made again."""
    result, jury = evaluate(options), jury_of(options)
    assert jury  # the package has them
    out, notes = [timing_line(result.cells)], list(result.notes)
    elsewhere = table(subset(result.rows, same_action=False), options.seed)
    ceiling = own_material(result, jury, options.seed)
    for suffix, how in HOW.items():
        action, material = f"action{suffix}", f"material{suffix}"
        if action in elsewhere.get(OURS, {}):
            out.append(action_line(elsewhere, action, how))
        else:
            notes.append(f"{METRICS[action].title}: no pair's reference is known to show another action")
        if material in result.cells[OURS] and material in ceiling:
            out.append(material_line(result.cells, material, how, ceiling[material]))
        else:
            notes.append(f"{METRICS[material].title}: no pair has a material that the judge knows")
    return out, notes


def beside(cells: dict[str, dict[str, Cell]], metric: str) -> str:
    """What the two onset transfers get."""
    return ", ".join(f"{name} {cell_text(cells[name][metric])}" for name in (TRANSFER, STRONG))


def timing_line(cells: dict[str, dict[str, Cell]]) -> Line:
    """Onset F1, above both onset transfers."""
    ours = cells[OURS]["f1_100"]
    reached = ours.mean >= LEAST and all(ours.mean > cells[name]["f1_100"].mean for name in (TRANSFER, STRONG))
    required = f"{LEAST:.2f}, above onset transfer"
    return Line("simulated", "onset F1 ±100 ms", required, ours, reached, beside(cells, "f1_100"))


def action_line(cells: dict[str, dict[str, Cell]], metric: str, how: str) -> Line:
    """The target's action is heard although the reference shows another."""
    ours, theirs = cells[OURS][metric], cells[TRANSFER][metric]
    required = f"onset transfer + {OVER:.2f} = {theirs.mean + OVER:.2f}"
    measure = f"target's action ({how})"
    reached = ours.mean >= theirs.mean + OVER
    return Line("simulated, other action in reference", measure, required, ours, reached, beside(cells, metric))


def material_line(cells: dict[str, dict[str, Cell]], metric: str, how: str, ceiling: Cell) -> Line:
    """The reference's material is heard, nearly as often as the target's own in its reconstruction."""
    ours, theirs = cells[OURS][metric], cells[TRANSFER][metric]
    share, least = SHARE * ceiling.mean, theirs.mean - BEHIND
    required = f"{SHARE} x reconstruction's own = {share:.2f}, onset transfer - {BEHIND:.2f} = {least:.2f}"
    reached = ours.mean >= max(share, least)
    compared = f"{CEILING}'s own {cell_text(ceiling)}, {beside(cells, metric)}"
    return Line("simulated", f"reference's material ({how})", required, ours, reached, compared)


def own_material(result: Result, jury: Jury, seed: int) -> dict[str, Cell]:
    """How often the judge hears a target's own material in its reconstruction; metric -> share. A mute one is wrong."""
    wrong = {row.pair for row in result.rows if row.system == CEILING and (row.failure or row.mute)}
    values: dict[str, dict[str, list[float]]] = {f"material{suffix}": {} for suffix in HOW}
    for pair in result.pairs:
        wav, answer = pair.target.wav, result.answers[CEILING][pair.name]
        heard = "" if pair.name in wrong else jury.says(fitted(answer.wav, len(wav))[0])[1]
        for shares, true in zip(values.values(), (pair.target.material, jury.says(wav)[1]), strict=True):
            if true in jury.materials:
                shares.setdefault(str(pair.target.path), []).append(float(heard == true))
    return {metric: cell(shares, seed) for metric, shares in values.items() if shares}


def pretext_lines(weights: Path, clips: Path, cache: Path, pairs: int, seed: int) -> Lines:
    """Cross-entropy of the target's codes beside that with a stranger's reference, picture, or both.

    clips: held-out ones, with their own sound. cache: for their features. pairs: in-video pairs to measure.
    Raises InputError for a folder without videos.
    """
    card = read_card(weights)
    shares = [hash_fraction(str(path.relative_to(clips))) for path in find(clips, VIDEO_SUFFIXES)]
    if not shares:
        raise InputError(f"{clips} has no videos; give a folder of held-out simulated clips")
    most = float(np.quantile(shares, VALIDATION, method="lower"))  # so that something is left to train on
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
