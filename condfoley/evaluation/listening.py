"""All measures of one answer: what is known of a pair is worked out once, then each system's sound compared to it."""

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
from condfoley.evaluation.alignment import SIZE as MOTION_SIZE
from condfoley.evaluation.alignment import av_align, motion, motion_peaks
from condfoley.evaluation.classifiers import Classifiers, Prediction
from condfoley.evaluation.clips import JUDGE, Pair
from condfoley.evaluation.distribution import kl_divergence
from condfoley.evaluation.neighbours import embeddings, even, pieces
from condfoley.evaluation.published import published_onsets, published_score
from condfoley.evaluation.spectral import (
    attack_time,
    envelope,
    envelope_correlation,
    envelope_distance,
    fine_correlation,
    fine_structure,
    loudness,
    mel_cepstral_distortion,
)
from condfoley.evaluation.timbre import embedding, nearer
from condfoley.evaluation.timing import average_precision, count_accuracy, dynamics
from condfoley.networks.distances import stft_distance
from condfoley.runtime.scorer import Scorer

RATE = JUDGE.sample_rate
Synchroniser = Callable[[Path, np.ndarray], float]
"""A video's path and a sound (N,) at the judges' rate -> how late the sound is, s."""
Values = dict[str, float | None]
"""Metric -> value; None where the pair does not tell: no label, no stranger, no judge."""


@dataclass
class Judged:
    """What is known of a pair, whatever the answer.

    wav: (N,), the target's true sound. onsets, levels: (R,) s and dB of its events. moved: (P,) s, peaks of movement in
    its picture. tokens: (T, D) of its picture. own, other: timbre embeddings (D,) of the reference's pieces and of a
    stranger's. fine, attack: fine structure (bins,) and attack time, ms, of the reference. target, reference: the
    judges' verdicts.
    """

    pair: Pair
    wav: np.ndarray
    onsets: np.ndarray
    levels: np.ndarray
    moved: np.ndarray
    tokens: np.ndarray
    own: list[np.ndarray]
    other: list[np.ndarray]
    fine: np.ndarray | None
    attack: float | None
    target: Prediction | None
    reference: Prediction | None


class Ears:
    """The instruments: the shipped sync model, the judges where there are any, and a synchroniser that is given."""

    def __init__(
        self, classifiers: Classifiers | None = None, device: str = "cpu", synchroniser: Synchroniser | None = None
    ):
        self.classifiers, self.synchroniser = classifiers, synchroniser
        self.scorer = Scorer.shipped(JUDGE, device)

    @torch.inference_mode()
    def know(self, pair: Pair) -> Judged:
        """Everything about a pair that does not depend on the answer."""
        path = pair.target.path
        size = self.scorer.geometry.frame_size
        frames = media.read_frames(path, JUDGE.fps, max(size, MOTION_SIZE))
        small = media.read_frames(path, JUDGE.fps, size) if size != frames.shape[1] else frames
        onsets = pair.target.onsets[pair.target.onsets < len(pair.target.wav) / RATE]
        own, other = pieces(pair.reference.wav), pieces(pair.stranger.wav) if pair.stranger else []
        own, other = even(embeddings(own), embeddings(other))
        return Judged(
            pair=pair,
            wav=pair.target.wav,
            onsets=onsets,
            levels=impact_levels(pair.target.wav, onsets, RATE),
            moved=motion_peaks(motion(frames), JUDGE.fps),
            tokens=self.scorer.engine.encode_frames(small),
            own=own,
            other=other,
            fine=fine_structure(pair.reference.wav, RATE),
            attack=attack_time(pair.reference.wav, RATE),
            target=self.classifiers.predict(pair.target.wav) if self.classifiers else None,
            reference=self.classifiers.predict(pair.reference.wav) if self.classifiers else None,
        )

    def measure(self, known: Judged, wav: np.ndarray) -> Values:
        """All measures of an answer (N,), as long as the target's true sound, whether or not it holds an event."""
        times, strengths = detect_onsets(wav, RATE)
        values: Values = timing(known.onsets, times, strengths)
        values["dynamics"] = dynamics(known.onsets, known.levels, times, impact_levels(wav, times, RATE))
        values |= self._timbre(known, wav)
        values |= spectral(wav, known.wav)
        values["offset"] = self._offset(known, wav)
        path = known.pair.target.path
        values["offset_given"] = abs(float(self.synchroniser(path, wav))) if self.synchroniser else None
        values["av_align"] = av_align(known.moved, times, JUDGE.fps)
        return values | published(known.wav, wav)

    def is_mute(self, known: Judged, wav: np.ndarray) -> bool:
        """Whether an answer (N,) holds no event although the target does: silence, or noise."""
        return bool(len(known.onsets)) and not len(detect_onsets(wav, RATE)[0])

    def _offset(self, known: Judged, wav: np.ndarray) -> float:
        """|offset| in seconds."""
        return abs(float(self.scorer.score(known.tokens, spectrogram(wav, JUDGE)[None])[0][0]))

    def _timbre(self, known: Judged, wav: np.ndarray) -> Values:
        attack = attack_time(wav, RATE)
        values: Values = {
            "timbre": None,
            "fine_structure": fine_correlation(known.fine, fine_structure(wav, RATE)),
            "attack": None if attack is None or known.attack is None else abs(attack - known.attack),
        }
        if known.own and known.other:
            values["timbre"] = float(nearer(embedding(wav, JUDGE), known.own, known.other))
        if self.classifiers is None or known.target is None or known.reference is None:
            return values
        said, pair = self.classifiers.predict(wav), known.pair
        for name, labels, true, ours, theirs in (
            ("action", self.classifiers.actions, pair.target.action, said.actions, known.target.actions),
            (
                "material",
                self.classifiers.materials,
                pair.reference.material,
                said.materials,
                known.reference.materials,
            ),
        ):
            answer = int(ours.argmax())
            values[name] = float(labels[answer] == true) if true in labels else None
            values[f"{name}_agreement"] = float(answer == int(theirs.argmax()))
            values[f"{name}_kl"] = kl_divergence(ours, theirs)
        return values


def timing(true: np.ndarray, times: np.ndarray, strengths: np.ndarray) -> Values:
    """Onset measures of events at `times` (E,) with `strengths` (E,) against true ones (R,), seconds."""
    values: Values = {"count": count_accuracy(true, times)}
    for window in (0.1, 0.05):
        score, name = match(true, times, window), f"{round(1000 * window)}"
        values |= {f"f1_{name}": score.f1, f"precision_{name}": score.precision, f"recall_{name}": score.recall}
        values[f"ap_{name}"] = average_precision(true, times, strengths, window)
    return values


def spectral(made: np.ndarray, true: np.ndarray) -> Values:
    """Distances of an answer (N,) from the true sound (N,)."""
    a, b = (torch.from_numpy(np.pad(x, (0, max(0, 2 * JUDGE.n_fft - len(x)))))[None] for x in (made, true))
    levels = envelope(made, JUDGE), envelope(true, JUDGE)
    return {
        "mcd": mel_cepstral_distortion(made, true, JUDGE),
        "stft": stft_distance(a, b).item(),
        "envelope": envelope_distance(*levels),
        "correlation": envelope_correlation(*levels),
        "loudness": abs(loudness(made, RATE) - loudness(true, RATE)),
    }


def published(true: np.ndarray, made: np.ndarray) -> Values:
    """CondFoleyGen's scorer on two sounds (N,); None where it breaks down, which its mean leaves out."""
    ours, theirs = published_onsets(made), published_onsets(true)
    values: Values = {"published_count": float(len(ours) == len(theirs))}
    try:
        score = published_score(theirs, ours, made)
    except ValueError:
        return values | {"published_accuracy": None, "published_ap": None}
    return values | {"published_accuracy": score.accuracy, "published_ap": score.average_precision}
