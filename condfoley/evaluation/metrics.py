"""The columns of the report: what each is called, its unit, which way is better, where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["onset", "timbre", "spectral", "sync", "set", "published"]


@dataclass(frozen=True)
class Metric:
    """One column.

    worst: what a failed answer gets, and a mute one (published columns: only a failed one); None: the worst that any
    other answer of this evaluation reached.
    """

    name: str
    title: str
    group: Group
    unit: str
    higher: bool
    worst: float | None
    text: str


def _share(name: str, title: str, group: Group, text: str) -> Metric:
    return Metric(name, title, group, "0..1", True, 0.0, text)


PER_PAIR = (
    _share("f1_100", "F1 ±100 ms", "onset", "onset F1, optimal one-to-one matching within 0.1 s (mir_eval)"),
    _share("precision_100", "precision ±100 ms", "onset", "share of heard events that are true"),
    _share("recall_100", "recall ±100 ms", "onset", "share of true events that are heard"),
    _share("ap_100", "AP ±100 ms", "onset", "average precision over event strength; misses cost recall"),
    _share("f1_50", "F1 ±50 ms", "onset", "the same within 0.05 s"),
    _share("precision_50", "precision ±50 ms", "onset", "the same within 0.05 s"),
    _share("recall_50", "recall ±50 ms", "onset", "the same within 0.05 s"),
    _share("ap_50", "AP ±50 ms", "onset", "the same within 0.05 s"),
    Metric(
        "dynamics",
        "dynamics",
        "onset",
        "-1..1",
        True,
        -1.0,
        "rank correlation of the events' levels with those of the true ones that they are matched with within 0.1 s",
    ),
    _share("count", "count", "onset", "as many events as there should be"),
    _share(
        "timbre", "reference's timbre", "timbre", "nearer to the reference's sound than to a stranger's; chance 0.5"
    ),
    Metric(
        "fine_structure",
        "fine structure",
        "timbre",
        "-1..1",
        True,
        None,
        "correlation of its mean event's spectrum with the reference's, finer than bands of 320 Hz: partials",
    ),
    Metric(
        "attack",
        "attack error",
        "timbre",
        "ms",
        False,
        None,
        "|difference| to the reference of how long an event takes from its onset to 80 % of its highest RMS",
    ),
    _share("action", "action", "timbre", "action judge says the target's true action"),
    _share("material", "material", "timbre", "material judge says the reference's true material"),
    _share("action_agreement", "action, agreement", "timbre", "judge says the same of result and target's sound"),
    _share(
        "material_agreement", "material, agreement", "timbre", "judge says the same of result and reference's sound"
    ),
    Metric("action_kl", "action KL", "timbre", "nats", False, None, "KL(judge on target's sound || on result)"),
    Metric("material_kl", "material KL", "timbre", "nats", False, None, "KL(judge on reference's sound || on result)"),
    Metric("mcd", "MCD", "spectral", "dB", False, None, "mel-cepstral distortion to the true sound (Kubichek 1993)"),
    Metric("stft", "STFT distance", "spectral", "", False, None, "multi-resolution, to the true sound (Yamamoto 2020)"),
    Metric("envelope", "envelope L1", "spectral", "0..1", False, 1.0, "of RMS envelopes with sum 1, halved"),
    Metric("correlation", "envelope corr.", "spectral", "-1..1", True, -1.0, "Pearson's, of RMS envelopes"),
    Metric("loudness", "loudness error", "spectral", "LU", False, None, "|difference| to the true sound (BS.1770-4)"),
    Metric("offset", "|offset|", "sync", "s", False, 2.0, "of the shipped sync model, which looks up to 2 s far"),
    Metric("offset_given", "|offset|, yours", "sync", "s", False, None, "of the function given as --synchroniser"),
    _share("av_align", "AV-Align", "sync", "movement peaks and onsets within a frame, IoU (Yariv et al. 2024)"),
    _share("published_accuracy", "published accuracy", "published", "CondFoleyGen's scorer, onset accuracy"),
    _share("published_ap", "published AP", "published", "CondFoleyGen's scorer; gives silence 1"),
    _share("published_count", "published count", "published", "CondFoleyGen's scorer, onset count accuracy"),
)
PER_SET = (
    Metric("fad", "Fréchet distance", "set", "", False, None, "of embeddings, to the targets' true sounds"),
    Metric("inception", "inception score", "set", "", True, 1.0, "of the material judge's probabilities"),
)
METRICS = {metric.name: metric for metric in (*PER_PAIR, *PER_SET)}


def better(metric: Metric, a: float, b: float) -> bool:
    """Whether value a is better than value b."""
    return a > b if metric.higher else a < b
