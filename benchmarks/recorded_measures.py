"""What is measured of a sound beside its reference.

A helper of `python -m benchmarks.recorded`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from benchmarks.recorded_sounds import RATE, Case, Sound
from condfoley.audio.onsets import detect_onsets, match
from condfoley.evaluation.classifiers import Classifiers
from condfoley.evaluation.clicks import clicks
from condfoley.evaluation.impact_comparison import HIGH_BAND, impact_distances, impacts_of, repetition
from condfoley.evaluation.second_opinion import cepstral_statistics, superflux_onsets
from condfoley.evaluation.spectral import fine_structure, fine_structure_correlation

Values = dict[str, float | None]


@dataclass(frozen=True)
class Reference:
    """What all sounds of a pair are compared with. impacts: at the reference's rate."""

    impacts: list[np.ndarray]
    rate: int
    fine: np.ndarray | None
    repetition: float | None
    material: str
    clicks: int


def reference_of(case: Case, classifiers: Classifiers) -> Reference:
    """What is compared of a case's reference."""
    sound, rate = case.reference
    mono = at_rate((sound, rate), RATE)
    impacts = impacts_of(sound, detect_onsets(mono, RATE)[0], rate)
    material = classifiers.predict_labels(case.pair.reference.wav)[1]
    return Reference(
        impacts, rate, fine_structure(mono, RATE), repetition(impacts, rate), material, len(clicks(sound, rate))
    )


def at_rate(sound: Sound, rate: int) -> np.ndarray:
    """The mean of a sound's channels at another rate: (N,) float32."""
    mono = np.asarray(sound[0].mean(0), np.float32)
    return mono if sound[1] == rate else soxr.resample(mono, sound[1], rate).astype(np.float32)


def measure(case: Case, sound: Sound, reference: Reference, classifiers: Classifiers) -> Values:
    """All measures of a sound."""
    mono = at_rate(sound, RATE)
    pair, onsets = case.pair, detect_onsets(mono, RATE)[0]
    true = pair.target.onsets[pair.target.onsets < case.duration]
    values: Values = timing(true, onsets, "") | timing(true, superflux_onsets(mono, RATE), "superflux_")
    values["fine_structure"] = fine_structure_correlation(reference.fine, fine_structure(mono, RATE))
    action, material = classifiers.predict_labels(mono)
    for name, found, wanted in (
        ("action", action, classifiers.label_of("action", pair.target.action)),
        ("material", material, classifiers.label_of("material", pair.reference.material)),
    ):
        values[name] = float(found == wanted) if wanted else None
    values["material_as_heard"] = float(material == reference.material)
    return values | of_impacts(at_rate(sound, reference.rate), onsets, reference) | {
        "clicks": float(len(clicks(*sound))),
        "mute": float(bool(len(true)) and not len(onsets)),
    }  # fmt: skip


def timing(true: np.ndarray, found: np.ndarray, prefix: str) -> Values:
    """F1 of onsets, s, within 100 and 50 ms."""
    return {f"{prefix}f1_{round(1000 * window)}": match(true, found, window).f1 for window in (0.1, 0.05)}


def of_impacts(mono: np.ndarray, onsets: np.ndarray, reference: Reference) -> Values:
    """How a sound's impacts compare with the reference's, (N,) at its rate."""
    impacts, rate = impacts_of(mono, onsets, reference.rate), reference.rate
    values: Values = {}
    for name, band in (("stft", None), ("stft_high", HIGH_BAND)):
        found = impact_distances(impacts, reference.impacts, rate, band)
        values |= {
            f"{name}_nearest": found.nearest if found else None,
            f"{name}_mean": found.mean if found else None,
        }
    again = repetition(impacts, rate)
    values["repetition"] = again
    both = again is not None and reference.repetition is not None
    values["repetition_over"] = again - reference.repetition if both else None  # type: ignore[operator]
    return values


def statistics(sound: Sound) -> list[float]:
    """What the second judge hears of a sound."""
    return [round(float(value), 5) for value in cepstral_statistics(at_rate(sound, RATE), RATE)]
