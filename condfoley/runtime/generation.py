"""Generation of codes one by one, whatever engine computes the logits: prefill, then draw and step in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from condfoley.runtime.engine import Prompt
from condfoley.runtime.sampling import GuidanceTerm, Sampling, draw, random_streams
from condfoley.runtime.side_by_side import blocks, each

Step = Callable[[np.ndarray], np.ndarray]
"""Next codes (B, F) int64 of B rows -> logits (R, B, V) float32 of the code that follows them, of R guidance terms."""


def sample_codes(
    logits: np.ndarray,
    step: Step,
    streams: Sequence[np.random.Generator],
    sampling: Sampling,
    weights: Sequence[float],
    total: int,
    forced: np.ndarray | None = None,
) -> np.ndarray:
    """Draws the codes of B rows: (B, total) int64.

    logits: (R, B, V) float32 of the first code. step: called with every code but the last. streams: one for each row.
    weights: of the R guidance terms. forced: (B, F) given codes with which the rows begin.
    """
    rows = len(streams)
    codes = np.empty((rows, total), np.int64)
    begin = 0 if forced is None else forced.shape[1]
    if forced is not None and begin:  # the overlap with the previous window, in one pass
        codes[:, :begin] = forced
        if begin < total:
            logits = step(codes[:, :begin])
    guidance = np.asarray(weights, np.float32)
    for position in range(begin, total):
        guided = np.einsum("r,rnv->nv", guidance, logits)
        codes[:, position : position + 1] = draw(guided, streams, sampling)
        if position + 1 < total:
            logits = step(codes[:, position : position + 1])
    return codes


class CodeGenerator:
    """The part of an engine that generates codes, from the engine's own `prefill` and `step`; see `engine.Engine`."""

    workers = 1

    def prefill(
        self, prompt: Prompt, terms: Sequence[GuidanceTerm], candidates: int, max_new: int
    ) -> tuple[np.ndarray, Any]:
        """See `engine.Engine.prefill`."""
        raise NotImplementedError

    def step(self, state: Any, codes: np.ndarray) -> np.ndarray:
        """See `engine.Engine.step`."""
        raise NotImplementedError

    @property
    def window_codes(self) -> int:
        """Number of codes in a window."""
        raise NotImplementedError

    def forget(self) -> None:
        """See `engine.Engine`; an engine that keeps nothing does nothing."""

    def random_streams(self, seeds: Sequence[int]) -> list[np.random.Generator]:
        """A stream of random numbers for each seed; see `sampling.random_streams`."""
        return random_streams(seeds)

    def generate_codes(
        self,
        prompt: Prompt,
        streams: Sequence[np.random.Generator],
        sampling: dict[str, Any],
        forced: np.ndarray | None = None,
        until: int | None = None,
    ) -> np.ndarray:
        """(S * N, until or codes) int64; see `engine.Engine.generate_codes`."""
        settings, total = Sampling(**sampling), until or self.window_codes
        terms = settings.terms(prompt.codes is not None)
        codes = np.zeros((len(streams), total), np.int64)

        def generate(block: np.ndarray) -> None:
            windows, rows = block[:, 0] // candidates, block.ravel()
            own = replace(prompt, target=prompt.target[windows])
            logits, state = self.prefill(own, list(terms), block.shape[1], total)
            drawn = [streams[row] for row in rows]
            begun = None if forced is None else forced[rows]
            weights = list(terms.values())
            codes[rows] = sample_codes(logits, lambda c: self.step(state, c), drawn, settings, weights, total, begun)

        candidates = len(streams) // len(prompt.target)
        each(generate, blocks(len(prompt.target), candidates, self.workers), self.workers)
        return codes
