"""The published onset scorer, including its faults, for comparison with published numbers only.

CondFoleyGen's predict_onset.py, reimplemented with the same results (published_facts.md, section 14;
tests/golden/onset_cases.json). Its average precision is 1 for silence, because missed onsets are dropped once no
prediction is left. Our own metrics are in `condfoley.audio.onsets` and `timing`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from condfoley.geometry import Geometry

RATE = Geometry.published().sample_rate
SECONDS = 2.0  # of a sound that are scored
DELTA = 0.3  # librosa's peak-picking threshold
MIN_GAP = 0.05 * RATE  # samples: predictions nearer than this to a louder one are removed
STRENGTH_RADIUS = int(0.05 * RATE)  # samples on both sides of a prediction whose maximum is its strength


@dataclass(frozen=True)
class PublishedScore:
    """The published scores of one sound.

    accuracy: fraction of the true onsets that are matched. average_precision: see above. kept: samples of the
    predictions after thinning. matched: whether each of them was matched.
    """

    accuracy: float
    average_precision: float
    kept: tuple[int, ...]
    matched: tuple[bool, ...]


def published_onsets(wav: np.ndarray) -> np.ndarray:
    """Onsets of the first two seconds of wav (N,) at RATE Hz: (K,) int64 samples."""
    import librosa

    excerpt = np.asarray(wav, np.float32)[: round(SECONDS * RATE)]
    if not len(excerpt):
        return np.zeros(0, np.int64)
    return np.asarray(librosa.onset.onset_detect(y=excerpt, sr=RATE, units="samples", delta=DELTA), np.int64)


def published_score(true: np.ndarray, predicted: np.ndarray, wav: np.ndarray, window: float = 0.1) -> PublishedScore:
    """Score predicted onsets against true ones as CondFoleyGen does.

    true (R,), predicted (E,): samples at RATE Hz, ascending. wav: (N,), the sound of the predictions.
    window: seconds, exclusive.
    Raises ValueError where the published code fails: both lists empty, a prediction in the first 50 ms.
    """
    level = _scale_to_unit(np.abs(np.asarray(wav, float)))
    kept = _thin([int(p) for p in predicted], level)
    free, matched = list(kept), {p: False for p in kept}
    labels, scores = [], []
    for onset in true:
        near = [p for p in free if abs(p - onset) < window * RATE]
        labels.append(1)
        if not near:
            scores.append(0.0)
            continue
        chosen = near[int(np.argsort([level[p] for p in near])[-1])]
        scores.append(_strength(level, chosen))
        matched[chosen] = True
        free.remove(chosen)
        if not free:
            break  # later onsets are not even counted as misses
    labels += [0] * len(free)
    scores += [_strength(level, p) for p in free]
    accuracy = sum(matched.values()) / len(true) if len(true) else 0.0
    return PublishedScore(accuracy, _average_precision(labels, scores), tuple(kept), tuple(matched[p] for p in kept))


def _scale_to_unit(level: np.ndarray) -> np.ndarray:
    span = float(np.ptp(level)) if len(level) else 0.0
    if span == 0:
        return np.zeros_like(level)
    return (level - level.min()) / span


def _strength(level: np.ndarray, sample: int) -> float:
    around = level[
        sample - STRENGTH_RADIUS : sample + STRENGTH_RADIUS
    ]  # empty for an early sample, whose start is negative
    if not len(around):
        raise ValueError("the published scorer cannot score an onset in the first 50 ms")
    return float(around.max())


def _thin(predicted: list[int], level: np.ndarray) -> list[int]:
    """Predictions (samples) without a louder one nearby; as published, the one after each removed one is not checked."""
    order = np.argsort([_strength(level, p) for p in predicted])[::-1]
    left, kept = list(predicted), []
    for index in order:
        loudest = predicted[index]
        if loudest not in left:
            continue
        kept.append(loudest)
        left.remove(loudest)
        position = 0
        while position < len(left):
            if abs(left[position] - loudest) < MIN_GAP:
                left.pop(position)
            position += 1
    return sorted(kept)


def _average_precision(labels: list[int], scores: list[float]) -> float:
    from sklearn.metrics import average_precision_score

    if not labels:
        raise ValueError("the published scorer cannot score two empty lists")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a list without a true onset
        return float(average_precision_score(labels, scores))
