"""What the networks make of a target and of a reference, once for all candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from condfoley.inputs import Recording
from condfoley.runtime.scorer import VisualEvents


@dataclass(frozen=True)
class Picture:
    """The target's picture.

    frames: (T, S, S, 3) uint8. tokens: (T, D). scorer_tokens: (T', D'), as the scorer encodes it. events: what it shows
    in each of the scorer's frames.
    """

    frames: np.ndarray
    tokens: np.ndarray
    scorer_tokens: np.ndarray
    events: VisualEvents


@dataclass(frozen=True)
class Exemplar:
    """The window of the reference that is imitated.

    tokens: (1, frames, D) or None without a picture. sound: as the generator knows it: (1, codes) int64 of the
    transformer, (1, L, dim) float32 of the flow. recording: what they were encoded from; a `Drafter` needs none.
    """

    tokens: np.ndarray | None
    sound: np.ndarray
    recording: Recording
