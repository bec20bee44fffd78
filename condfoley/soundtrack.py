"""What `Foley.generate` gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from condfoley.comping import Take


@dataclass
class Candidate:
    """One soundtrack. wav: (N,) float32. offset: s, positive when it is late. confidence: [0, 1].

    hits: (E,) s, when it is heard to strike. agreement: F1 of them against those the picture shows; both are left out
    when it shows none.
    """

    wav: np.ndarray
    seed: int
    offset: float
    confidence: float
    agreement: float | None = None
    hits: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass
class Soundtrack:
    """What `generate` gives: the soundtrack, all candidates in order of generation, and how it came about.

    wav: (N,) float32 at sample_rate Hz, as long as the target's picture. chosen: index of the candidate that is heard
    most. takes: which candidates `wav` was put together from. hits: (K,) s, those of the picture that it was chosen by.
    reference_wav: the window that was listened to. *_frames: (T, S, S, 3) uint8 at the geometry's frame
    rate. picture_onsets: (T,) in [0, 1], how likely something is struck in each frame of the target. settings: what is
    needed to make it again.
    """

    wav: np.ndarray
    sample_rate: int
    candidates: list[Candidate]
    chosen: int
    takes: list[Take]
    hits: np.ndarray
    duration: float
    reference_start: float
    reference_duration: float
    reference_wav: np.ndarray
    reference_frames: np.ndarray
    target_frames: np.ndarray
    picture_onsets: np.ndarray
    settings: dict[str, Any]
    weights: dict[str, Any]
