"""Statistics of the timbre embedding, computed on simulated instruments and stored in timbre_statistics.json.

`python -m condfoley.evaluation.timbre_statistics` computes and writes them again (a minute on one core).
"""

from __future__ import annotations

import json

import numpy as np

from condfoley.data.events import Event
from condfoley.evaluation.timbre import STATISTICS, raw_features
from condfoley.geometry import Geometry

SEED, INSTRUMENTS, WINDOWS, SECONDS = 11, 300, 4, 2.0
DIMENSIONS, SHRINKAGE = 16, 0.1


def instrument_windows(split: str, instruments: int, windows: int, seed: int) -> list[tuple[str, list[np.ndarray]]]:
    """Sounds of simulated instruments: for each its material and `windows` sounds, (N,) each, of SECONDS s.

    Hits (at least one) and scratches at random times and strengths, drawn from `seed`.
    split: which recordings are used, `train` or `heldout`.
    """
    from condfoley.data.simulation.bank import SoundBank
    from condfoley.data.simulation.sound import Instrument

    rng = np.random.default_rng(seed)
    bank = SoundBank.load(split)  # type: ignore[arg-type]
    rate = Geometry().sample_rate
    drawn = []
    for _ in range(instruments):
        instrument = Instrument.draw(rng, bank)
        sounds = [instrument.render(_events(rng), SECONDS, rng, rate) for _ in range(windows)]
        drawn.append((instrument.material, sounds))
    return drawn


def _events(rng: np.random.Generator) -> list[Event]:
    time = float(rng.uniform(0.05, 0.5))
    events: list[Event] = []
    while time < SECONDS - 0.15 or not events:
        strength = float(rng.uniform(0.2, 1.0))
        length = 0.0 if not events or rng.random() < 0.7 else float(rng.uniform(0.15, 0.6))
        events.append(Event(time, "scratch" if length else "hit", length, strength))
        time += length + max(0.2, float(rng.gamma(3, 0.22)))
    return events


def discriminant(features: np.ndarray, dimensions: int, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and projection (D, dimensions) that bring windows of one instrument close together.

    Fisher's linear discriminants: whiten the spread within instruments, then keep the directions in which
    instruments differ most, the best one last. A distance of 1 is the usual spread within an instrument.

    features: (instruments, windows, D). shrinkage: fraction of the mean variance added to every direction.
    """
    windows, count = features.shape[1:]
    flat = features.reshape(-1, count)
    mean, scale = flat.mean(0), np.maximum(flat.std(0), 1e-6)
    inside = ((features - features.mean(1, keepdims=True)) / scale).reshape(-1, count)
    covariance = inside.T @ inside / len(inside) * windows / (windows - 1)
    covariance += shrinkage * np.trace(covariance) / count * np.eye(count)
    values, vectors = np.linalg.eigh(covariance)
    whitening = vectors / np.sqrt(values)
    between = np.cov(((features.mean(1) - mean) / scale @ whitening).T)
    _, directions = np.linalg.eigh(between)
    return mean, whitening @ directions[:, -dimensions:] / scale[:, None]


def measure(geometry: Geometry) -> dict[str, list]:
    """The statistics of the fixed set of instruments, as in timbre_statistics.json."""
    sounds = instrument_windows("train", INSTRUMENTS, WINDOWS, SEED)
    features = np.array([[raw_features(wav, geometry) for wav in windows] for _, windows in sounds])
    mean, projection = discriminant(features, DIMENSIONS, SHRINKAGE)
    return {
        "mean": [float(f"{v:.6g}") for v in mean],
        "projection": [[float(f"{v:.5g}") for v in row] for row in projection],
    }


if __name__ == "__main__":
    STATISTICS.write_text(json.dumps(measure(Geometry())) + "\n")
    print(STATISTICS.name)
