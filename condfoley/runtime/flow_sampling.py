"""Few-step sampling of a flow: noise becomes clean tokens along the velocity that a network's estimates give.

numpy, for every engine. Time goes from 0, noise, to 1, clean; x_t = (1 - t) * noise + t * clean (Lipman et al. 2023, Flow
Matching for Generative Modeling). The network estimates the clean tokens, so the velocity is (clean - x) / (1 - t).
Letters in shapes: N candidates, L tokens, C values of a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.runtime.sampling import GuidanceTerm, guidance_terms
from condfoley.settings import Solver

Estimate = Callable[[np.ndarray, float], np.ndarray]
"""Noisy tokens (N, L, C) and their time, below 1 -> estimate of the clean tokens, (N, L, C)."""


@dataclass(frozen=True)
class FlowSampling:
    """How tokens are sampled."""

    steps: int = 8
    """Steps from noise to sound."""
    solver: Solver = "euler"
    """`euler`: one estimate a step; `heun`: two, but one for the last step (Karras et al. 2022, algorithm 1)."""
    guidance: float = 1.0
    """Classifier-free guidance on the reference; see `Sampling`."""
    picture_guidance: float = 1.0
    """Classifier-free guidance on the target's picture; see `Sampling`."""

    def terms(self) -> dict[GuidanceTerm, float]:
        """Weights with which guidance adds up the estimates of each term; see `guidance_terms`."""
        return guidance_terms(self.guidance, self.picture_guidance)


def schedule(steps: int, strength: float = 1.0) -> np.ndarray:
    """Times of the steps, (K + 1,), from 1 - strength to 1, as far apart as `steps` of them over the whole way.

    strength: share of the way, 0 to 1; 0: no step. Raises ValueError for a number out of range.
    """
    if steps < 1 or not 0 <= strength <= 1:
        raise ValueError(f"cannot make {steps} steps over a share of {strength:g}")
    taken = max(1, round(steps * strength)) if strength else 0
    return np.linspace(1 - strength, 1, taken + 1)


def integrate(
    estimate: Estimate,
    x: np.ndarray,
    times: np.ndarray,
    solver: Solver = "euler",
    done: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """Tokens at the last time, (N, L, C), from x at the first.

    times: ascending, as of `schedule`, the last one 1. done: called with the share of the steps that are done. The last
    step ends at the estimate itself.
    """
    for i, (now, after) in enumerate(zip(times[:-1], times[1:])):
        step = np.float32(after - now)
        velocity = (estimate(x, float(now)) - x) / np.float32(1 - now)
        if solver == "heun" and after < 1:
            there = x + step * velocity
            velocity = (velocity + (estimate(there, float(after)) - there) / np.float32(1 - after)) / 2
        x = x + step * velocity
        done((i + 1) / (len(times) - 1))
    return x


def noise(streams: Sequence[np.random.Generator], length: int, size: int) -> np.ndarray:
    """Normal noise, (N, length, size) float32, of one stream for each candidate: the same in any batch."""
    return np.stack([stream.standard_normal((length, size), np.float32) for stream in streams])


@dataclass(frozen=True)
class Windows:
    """Windows of `length` tokens that cover [0, total), overlapping.

    All of a sequence's windows are denoised together: where two overlap, their estimates are crossfaded at each step, so
    that both know of each other and none is written first (Bar-Tal et al. 2023, MultiDiffusion).
    """

    total: int
    length: int
    overlap: int

    @property
    def starts(self) -> list[int]:
        """First tokens, evenly spread."""
        spare = self.total - self.length
        count = 1 + -(-spare // (self.length - self.overlap))
        return [round(i * spare / max(1, count - 1)) for i in range(count)]

    def cut(self, values: np.ndarray) -> np.ndarray:
        """Sequences as windows: (N, total, ...) -> (S, N, length, ...)."""
        return np.stack([values[:, start : start + self.length] for start in self.starts])

    def join(self, parts: np.ndarray) -> np.ndarray:
        """Windows as sequences, crossfaded where they overlap: (S, N, length, C) -> (N, total, C)."""
        out = np.zeros((parts.shape[1], self.total, parts.shape[3]), np.float32)
        weights = np.zeros((self.total, 1), np.float32)
        edge = np.minimum(np.arange(self.length) + 1, np.arange(self.length, 0, -1))
        gain = edge.clip(max=max(1, self.overlap)).astype(np.float32)[:, None]
        for start, part in zip(self.starts, parts, strict=True):
            out[:, start : start + self.length] += gain * part
            weights[start : start + self.length] += gain
        return out / weights


def blocks(rows: int, most: int) -> Iterator[slice]:
    """Slices of at most `most` that make up [0, rows)."""
    for first in range(0, rows, most):
        yield slice(first, min(first + most, rows))
