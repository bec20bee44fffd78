"""Where in the picture impacts are, and where they are heard between left and right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.runtime.engine import Engine

AT_A_TIME = 32  # impacts


def contact_places(engine: Engine, frames: np.ndarray, times: Sequence[float], fps: float) -> np.ndarray:
    """Places of impacts: (K, 2), x and y in [0, 1], (0, 0) top left; the mean of what the picture and its mirror image show.

    frames: (T, S, S, 3) uint8. times: (K,) s. Uncertain places are nearer to the middle.
    """
    half = engine.contact_frames // 2
    middles = np.round(np.asarray(times, float) * fps).astype(int)
    out = [np.zeros((0, 2))]
    for begin in range(0, len(middles), AT_A_TIME):
        index = middles[begin : begin + AT_A_TIME, None] + np.arange(-half, half + 1)
        windows = frames[index.clip(0, len(frames) - 1)]
        seen, mirrored = (_mean_places(engine.contact_maps(x)) for x in (windows, windows[:, :, :, ::-1]))
        mirrored[:, 0] = 1 - mirrored[:, 0]
        out.append((seen + mirrored) / 2)
    return np.concatenate(out)


def pans(places: np.ndarray, width: float) -> np.ndarray:
    """Where places are heard: (K, 2) -> (K,) in [-1, 1], -1 left. width: of the edges of the picture, in [0, 1]."""
    values: np.ndarray = ((2 * places[:, 0] - 1) * width).clip(-1, 1)
    return values


def _mean_places(logits: np.ndarray) -> np.ndarray:
    """As `networks.contact.places`: (B, G, G) -> (B, 2)."""
    chance = np.exp(logits - logits.max((1, 2), keepdims=True))
    chance /= chance.sum((1, 2), keepdims=True)
    grid = (np.arange(logits.shape[-1]) + 0.5) / logits.shape[-1]
    return np.stack([chance.sum(1) @ grid, chance.sum(2) @ grid], 1)
