"""What `Foley.generate` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Candidate:
    """One soundtrack. wav: (N,) float32. offset: s, positive when it is late. confidence: [0, 1].

    agreement: F1 of its hits against those the picture shows; None when it shows none.
    """

    wav: np.ndarray
    seed: int
    offset: float
    confidence: float
    agreement: float | None = None


@dataclass
class Soundtrack:
    """What `generate` gives: the chosen soundtrack, all candidates in order of generation, and how it came about.

    wav: (N,) float32 at sample_rate Hz, as long as the target's picture. reference_wav: the window that was listened
    to. *_frames: (T, S, S, 3) uint8 at the geometry's frame rate. picture_onsets: (T,) in [0, 1], how likely
    something is struck in each frame of the target. settings: what is needed to make it again.
    """

    wav: np.ndarray
    sample_rate: int
    candidates: list[Candidate]
    chosen: int
    duration: float
    reference_start: float
    reference_duration: float
    reference_wav: np.ndarray
    reference_frames: np.ndarray
    target_frames: np.ndarray
    picture_onsets: np.ndarray
    settings: dict[str, Any]
    weights: dict[str, Any]
