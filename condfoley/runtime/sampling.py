"""Sampling of codes from logits: guidance, temperature, top-k, top-p, and a random stream for each candidate.

numpy, for every engine: a seed gives the same codes whatever computes the logits, except where two engines' rounding
errors fall on different sides of a boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

GuidanceTerm = Literal["both", "target", "nothing"]
"""What a guidance term is conditioned on: target's picture and reference, the target's picture alone, or neither."""


@dataclass(frozen=True)
class Sampling:
    """How a code is sampled from the logits."""

    temperature: float = 1.0
    """The logits are divided by it; above 0."""
    top_k: int = 0
    """Sample from the k likeliest codes only; 0: from all. (Published: 512.)"""
    top_p: float = 1.0
    """Sample from the smallest set of likeliest codes with this total probability only."""
    guidance: float = 1.0
    """Classifier-free guidance on the reference: 1: none; above 1: more like the reference."""
    picture_guidance: float = 1.0
    """Classifier-free guidance on the target's picture: 1: none; above 1: follows its timing more strictly."""

    def terms(self, has_reference: bool) -> dict[GuidanceTerm, float]:
        """Weights with which guidance adds up the logits of each term; see `guidance_terms`."""
        return guidance_terms(self.guidance if has_reference else 0.0, self.picture_guidance)


def guidance_terms(guidance: float, picture_guidance: float) -> dict[GuidanceTerm, float]:
    """Weights with which guidance adds up what a network says under each term; terms of weight 0 are left out.

    nothing + picture_guidance * (target - nothing) + guidance * (both - target), where each name stands for what is said
    under that term (Ho and Salimans 2022). guidance: on the reference, 0 without one.
    """
    weights: dict[GuidanceTerm, float] = {
        "both": guidance,
        "target": picture_guidance - guidance,
        "nothing": 1 - picture_guidance,
    }
    return {term: weight for term, weight in weights.items() if weight}


def dropped(term: GuidanceTerm) -> tuple[bool, bool]:
    """Whether a guidance term drops the reference, and whether it drops the target's picture."""
    return term != "both", term == "nothing"


def random_streams(seeds: Sequence[int]) -> list[np.random.Generator]:
    """A stream of random numbers for each seed, >= 0: numpy's default generator (PCG64, seeded by SeedSequence).

    It gives the same numbers on every machine, and the candidates' streams are independent of one another.
    """
    return [np.random.default_rng(seed) for seed in seeds]


def draw(logits: np.ndarray, streams: Sequence[np.random.Generator], sampling: Sampling) -> np.ndarray:
    """One code for each candidate: logits (N, V) float32 and N streams -> (N, 1) int64.

    Each stream gives one uniform number, which is looked up in the candidate's cumulative distribution.
    """
    kept = filter_logits(logits / np.float32(sampling.temperature), sampling.top_k, sampling.top_p)
    cumulative = softmax(kept).cumsum(-1, dtype=np.float64)  # (N, V)
    uniform = np.array([stream.random() for stream in streams])[:, None]  # (N, 1)
    below = cumulative <= uniform * cumulative[:, -1:]
    codes: np.ndarray = below.sum(-1, keepdims=True)
    return codes


def filter_logits(logits: np.ndarray, top_k: int, top_p: float) -> np.ndarray:
    """Logits (N, V) float32 with all but the likeliest codes set to -inf.

    Codes that tie with the least likely one kept are kept too, as published for top-k (published_facts.md, section 10).
    The likeliest code is always kept. top_k, top_p: see `Sampling`.
    """
    size = logits.shape[-1]
    if 0 < top_k < size:
        least = np.partition(logits, size - top_k, -1)[:, size - top_k, None]
        logits = np.where(logits < least, -np.float32(np.inf), logits)
    if top_p < 1.0:
        probabilities = softmax(logits)
        ordered = np.sort(probabilities, -1)  # ascending
        above = 1 - ordered.cumsum(-1)  # total probability of the likelier codes
        above[:, -1] = 0.0
        least = np.take_along_axis(ordered, (above < top_p).argmax(-1)[:, None], -1)
        logits = np.where(probabilities < least, -np.float32(np.inf), logits)
    return logits


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis; same shape and type."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return probabilities
