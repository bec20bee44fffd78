"""All metrics of one system output: `prepare` a pair once, then `measure` the sound of each system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from condfoley import media
from condfoley.audio.levels import impact_levels
from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets, match
from condfoley.evaluation.alignment import FRAME_SIZE as FLOW_FRAME_SIZE
from condfoley.evaluation.alignment import av_align, motion, motion_peaks
from condfoley.evaluation.classifiers import Classifiers, Prediction
from condfoley.evaluation.clips import METRIC_GEOMETRY, Pair
from condfoley.evaluation.distribution import kl_divergence
from condfoley.evaluation.neighbours import embed_all, equal_lengths, excerpts
from condfoley.evaluation.published_scorer import published_onsets, published_score
from condfoley.evaluation.spectral import (
    attack_time,
    envelope,
    envelope_correlation,
    envelope_distance,
    fine_structure,
    fine_structure_correlation,
    loudness_lufs,
    mel_cepstral_distortion,
)
from condfoley.evaluation.timbre import embed_timbre, is_nearer
from condfoley.evaluation.timing import average_precision, count_accuracy, dynamics_correlation
from condfoley.networks.distances import stft_distance
from condfoley.runtime.scorer import Scorer

RATE = METRIC_GEOMETRY.sample_rate
Synchroniser = Callable[[Path, np.ndarray], float]
"""A video's path and a sound (N,) at the metrics' rate -> how late the sound is, s."""
Values = dict[str, float | None]
"""Metric -> value; None where the pair lacks what the metric needs: a label, a distractor, a classifier."""


@dataclass
class PairContext:
    """Everything about a pair that the metrics compare system outputs with.

    wav: (N,), the target's true sound. onsets, levels: (R,) s and dB of its events. motion_times: (P,) s, peaks of
    movement in its picture. picture_tokens: (T, D). reference_embeddings, distractor_embeddings: timbre (D,) of each
    excerpt of the reference's and of the distractor's sound. fine_structure, attack_ms: (bins,) and attack time, ms, of
    the reference. target_prediction, reference_prediction: of the classifiers.
    """

    pair: Pair
    wav: np.ndarray
    onsets: np.ndarray
    levels: np.ndarray
    motion_times: np.ndarray
    picture_tokens: np.ndarray
    reference_embeddings: list[np.ndarray]
    distractor_embeddings: list[np.ndarray]
    fine_structure: np.ndarray | None
    attack_ms: float | None
    target_prediction: Prediction | None
    reference_prediction: Prediction | None


class MetricSuite:
    """All metrics, with the networks that some need: the shipped scorer, classifiers and a synchroniser if given."""

    def __init__(
        self, classifiers: Classifiers | None = None, device: str = "cpu", synchroniser: Synchroniser | None = None
    ):
        self.classifiers, self.synchroniser = classifiers, synchroniser
        self.scorer = Scorer.shipped(METRIC_GEOMETRY, device)

    @torch.inference_mode()
    def prepare(self, pair: Pair) -> PairContext:
        """Computes everything about a pair that does not depend on a system's output."""
        path = pair.target.path
        size = self.scorer.geometry.frame_size
        frames = media.read_frames(path, METRIC_GEOMETRY.fps, max(size, FLOW_FRAME_SIZE))
        small = media.read_frames(path, METRIC_GEOMETRY.fps, size) if size != frames.shape[1] else frames
        onsets = pair.target.onsets[pair.target.onsets < len(pair.target.wav) / RATE]
        own = excerpts(pair.reference.wav)
        other = excerpts(pair.distractor.wav) if pair.distractor else []
        own, other = equal_lengths(embed_all(own), embed_all(other))
        predict = self.classifiers.predict if self.classifiers else None
        return PairContext(
            pair=pair,
            wav=pair.target.wav,
            onsets=onsets,
            levels=impact_levels(pair.target.wav, onsets, RATE),
            motion_times=motion_peaks(motion(frames), METRIC_GEOMETRY.fps),
            picture_tokens=self.scorer.engine.encode_frames(small),
            reference_embeddings=own,
            distractor_embeddings=other,
            fine_structure=fine_structure(pair.reference.wav, RATE),
            attack_ms=attack_time(pair.reference.wav, RATE),
            target_prediction=predict(pair.target.wav) if predict else None,
            reference_prediction=predict(pair.reference.wav) if predict else None,
        )

    def measure(self, context: PairContext, wav: np.ndarray) -> Values:
        """All metrics of an output (N,) that is as long as the target's true sound."""
        times, strengths = detect_onsets(wav, RATE)
        values: Values = onset_metrics(context.onsets, times, strengths)
        values["dynamics"] = dynamics_correlation(
            context.onsets, context.levels, times, impact_levels(wav, times, RATE)
        )
        values |= self._timbre_metrics(context, wav)
        values |= spectral_metrics(wav, context.wav)
        values["offset"] = self._offset(context, wav)
        path = context.pair.target.path
        values["offset_given"] = abs(float(self.synchroniser(path, wav))) if self.synchroniser else None
        values["av_align"] = av_align(context.motion_times, times, METRIC_GEOMETRY.fps)
        return values | published_metrics(context.wav, wav)

    def is_mute(self, context: PairContext, wav: np.ndarray) -> bool:
        """Whether no onset is detected in an output (N,) although the target has events: silence, or noise."""
        return bool(len(context.onsets)) and not len(detect_onsets(wav, RATE)[0])

    def _offset(self, context: PairContext, wav: np.ndarray) -> float:
        """|offset| by the shipped sync model, s."""
        spec = spectrogram(wav, METRIC_GEOMETRY)[None]
        return abs(float(self.scorer.score(context.picture_tokens, spec)[0][0]))

    def _timbre_metrics(self, context: PairContext, wav: np.ndarray) -> Values:
        attack = attack_time(wav, RATE)
        values: Values = {
            "timbre": None,
            "fine_structure": fine_structure_correlation(context.fine_structure, fine_structure(wav, RATE)),
            "attack": None if attack is None or context.attack_ms is None else abs(attack - context.attack_ms),
        }
        own, other = context.reference_embeddings, context.distractor_embeddings
        if own and other:
            values["timbre"] = float(is_nearer(embed_timbre(wav, METRIC_GEOMETRY), own, other))
        return values | self._classifier_metrics(context, wav)

    def _classifier_metrics(self, context: PairContext, wav: np.ndarray) -> Values:
        target, reference = context.target_prediction, context.reference_prediction
        if self.classifiers is None or target is None or reference is None:
            return {}
        values: Values = {}
        output, pair = self.classifiers.predict(wav), context.pair
        for name, labels, true, probabilities, true_probabilities in (
            ("action", self.classifiers.actions, pair.target.action, output.actions, target.actions),
            ("material", self.classifiers.materials, pair.reference.material, output.materials, reference.materials),
        ):
            predicted, wanted = int(probabilities.argmax()), self.classifiers.label_of(name, true)
            values[name] = float(labels[predicted] == wanted) if wanted else None
            values[f"{name}_agreement"] = float(predicted == int(true_probabilities.argmax()))
            values[f"{name}_kl"] = kl_divergence(probabilities, true_probabilities)
        return values


def onset_metrics(true: np.ndarray, times: np.ndarray, strengths: np.ndarray) -> Values:
    """Metrics of detected onsets at `times` (E,) s with `strengths` (E,) against true ones (R,) s."""
    values: Values = {"count": count_accuracy(true, times)}
    for window in (0.1, 0.05):
        score, name = match(true, times, window), f"{round(1000 * window)}"
        values |= {f"f1_{name}": score.f1, f"precision_{name}": score.precision, f"recall_{name}": score.recall}
        values[f"ap_{name}"] = average_precision(true, times, strengths, window)
    return values


def spectral_metrics(output: np.ndarray, true: np.ndarray) -> Values:
    """Distances of an output (N,) from the true sound (N,)."""
    min_samples = 2 * METRIC_GEOMETRY.n_fft
    a, b = (torch.from_numpy(np.pad(x, (0, max(0, min_samples - len(x)))))[None] for x in (output, true))
    envelopes = envelope(output, METRIC_GEOMETRY), envelope(true, METRIC_GEOMETRY)
    return {
        "mcd": mel_cepstral_distortion(output, true, METRIC_GEOMETRY),
        "stft": stft_distance(a, b).item(),
        "envelope": envelope_distance(*envelopes),
        "correlation": envelope_correlation(*envelopes),
        "loudness": abs(loudness_lufs(output, RATE) - loudness_lufs(true, RATE)),
    }


def published_metrics(true: np.ndarray, output: np.ndarray) -> Values:
    """CondFoleyGen's scorer on two sounds (N,); None where it raises an error, which its mean leaves out."""
    detected, expected = published_onsets(output), published_onsets(true)
    values: Values = {"published_count": float(len(detected) == len(expected))}
    try:
        score = published_score(expected, detected, output)
    except ValueError:
        return values | {"published_accuracy": None, "published_ap": None}
    return values | {"published_accuracy": score.accuracy, "published_ap": score.average_precision}
