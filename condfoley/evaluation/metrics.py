"""All metrics: name, title, unit, direction and description of each column of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["onset", "timbre", "spectral", "sync", "set", "published"]


@dataclass(frozen=True)
class Metric:
    """One metric.

    worst: value of a failed or mute output (published metrics: of a failed one only); None: the worst value that any
    other output of this evaluation has.
    """

    name: str
    title: str
    group: Group
    unit: str
    higher_is_better: bool
    worst: float | None
    description: str


def _fraction(name: str, title: str, group: Group, description: str) -> Metric:
    return Metric(name, title, group, "0..1", True, 0.0, description)


PER_PAIR = (
    _fraction("f1_100", "F1 ±100 ms", "onset", "onset F1, optimal one-to-one matching within 0.1 s (mir_eval)"),
    _fraction("precision_100", "precision ±100 ms", "onset", "fraction of detected onsets that are true"),
    _fraction("recall_100", "recall ±100 ms", "onset", "fraction of true onsets that are detected"),
    _fraction("ap_100", "AP ±100 ms", "onset", "average precision over onset strength; missed onsets lower the recall"),
    _fraction("f1_50", "F1 ±50 ms", "onset", "the same within 0.05 s"),
    _fraction("precision_50", "precision ±50 ms", "onset", "the same within 0.05 s"),
    _fraction("recall_50", "recall ±50 ms", "onset", "the same within 0.05 s"),
    _fraction("ap_50", "AP ±50 ms", "onset", "the same within 0.05 s"),
    Metric(
        "dynamics",
        "dynamics",
        "onset",
        "-1..1",
        True,
        -1.0,
        "rank correlation of the levels of detected events with those of the true events matched within 0.1 s",
    ),
    _fraction("count", "count", "onset", "1 when as many onsets are detected as there are true ones"),
    _fraction(
        "timbre", "reference's timbre", "timbre", "nearer to the reference's sound than to a distractor's; chance 0.5"
    ),
    Metric(
        "fine_structure",
        "fine structure",
        "timbre",
        "-1..1",
        True,
        None,
        "correlation of the mean event's spectrum with the reference's, finer than bands of 320 Hz: partials",
    ),
    Metric(
        "attack",
        "attack error",
        "timbre",
        "ms",
        False,
        None,
        "|difference| to the reference of the time from an event's onset to 80 % of its highest RMS",
    ),
    _fraction("action", "action", "timbre", "the action classifier predicts the target's true action"),
    _fraction("material", "material", "timbre", "the material classifier predicts the reference's true material"),
    _fraction(
        "action_agreement", "action, agreement", "timbre", "the same prediction for the output and the target's sound"
    ),
    _fraction(
        "material_agreement",
        "material, agreement",
        "timbre",
        "the same prediction for the output and the reference's sound",
    ),
    Metric("action_kl", "action KL", "timbre", "nats", False, None, "KL(classifier on target's sound || on output)"),
    Metric(
        "material_kl", "material KL", "timbre", "nats", False, None, "KL(classifier on reference's sound || on output)"
    ),
    Metric("mcd", "MCD", "spectral", "dB", False, None, "mel-cepstral distortion to the true sound (Kubichek 1993)"),
    Metric("stft", "STFT distance", "spectral", "", False, None, "multi-resolution, to the true sound (Yamamoto 2020)"),
    Metric(
        "envelope", "envelope L1", "spectral", "0..1", False, 1.0, "half the L1 distance of RMS envelopes with sum 1"
    ),
    Metric("correlation", "envelope corr.", "spectral", "-1..1", True, -1.0, "Pearson correlation of RMS envelopes"),
    Metric("loudness", "loudness error", "spectral", "LU", False, None, "|difference| to the true sound (BS.1770-4)"),
    Metric("offset", "|offset|", "sync", "s", False, 2.0, "by the shipped sync model, whose range is 2 s"),
    Metric("offset_given", "|offset|, yours", "sync", "s", False, None, "by the function given as --synchroniser"),
    _fraction("av_align", "AV-Align", "sync", "movement peaks and onsets within a frame, IoU (Yariv et al. 2024)"),
    _fraction("published_accuracy", "published accuracy", "published", "CondFoleyGen's scorer, onset accuracy"),
    _fraction("published_ap", "published AP", "published", "CondFoleyGen's scorer; gives silence 1"),
    _fraction("published_count", "published count", "published", "CondFoleyGen's scorer, onset count accuracy"),
)
PER_SET = (
    Metric(
        "fad",
        "Fréchet distance",
        "set",
        "",
        False,
        None,
        "between embeddings of the outputs and of the targets' true sounds",
    ),
    Metric("inception", "inception score", "set", "", True, 1.0, "of the material classifier's probabilities"),
)
METRICS = {metric.name: metric for metric in (*PER_PAIR, *PER_SET)}


def is_better(metric: Metric, a: float, b: float) -> bool:
    """Whether value a is better than value b."""
    return a > b if metric.higher_is_better else a < b
