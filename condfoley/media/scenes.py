"""Scene cuts of a picture, found in its small frames by two histograms.

One counts colours in the whole picture: it hardly changes when things or the camera move. The other counts them in each of 8 x 8
cells, beside the picture's median colour: it hardly changes in a flash, nor in most cells when something comes into the
picture. A cut changes both, more than movement does around it, and what was there before does not come back. Rule and
numbers are those that were best on joined clips (docs/experiments, E25).
"""

from __future__ import annotations

import math

import numpy as np

from condfoley.memory import release

CELLS = 8  # a side
FINE, COARSE = 3, 2  # bits a colour channel: of the whole picture's histogram, of a cell's
REACH = 3  # frames before and after a cut that are compared with one another: a flash is shorter
NEARBY = 8  # frames on both sides of a cut whose changes tell how much moves
MOVING_WHOLE, MOVING_CELLS = 4.0, 2.0  # times the median change nearby that are taken off a frame's own
LEAST = 0.01  # change that is a cut
UNCHANGED = 0.4  # share of the cells that change less than the cells' change
CELLS_SHARE = 0.25  # of it that counts as much as a change of the whole picture's
MEDIAN_STEP = 4  # every so many pixels, both ways, count for the median colour
MIN_SECONDS = 0.3  # of a scene; a shorter one is part of the scene before
BLOCK = 128  # frames whose histograms are made at a time; more do not fit into the cache


def scene_cuts(frames: np.ndarray, fps: float) -> list[int]:
    """Indices, ascending, of the first frame of each scene but the first.

    frames: (T, S, S, 3) uint8 RGB at `fps` Hz. No scene is shorter than MIN_SECONDS. Dissolves and fades are no cuts.
    """
    if len(frames) < 2 * MIN_SECONDS * fps:
        return []
    changes = cut_strengths(frames)
    apart = math.ceil(MIN_SECONDS * fps - 1e-6)
    cuts: list[int] = []
    for k in np.flatnonzero(changes > LEAST).tolist():
        highest = changes[max(0, k - apart + 1) : k + apart].max()
        if changes[k] == highest and k - (cuts[-1] if cuts else 0) >= apart and len(frames) - k >= apart:
            cuts.append(k)
    return cuts


def cut_strengths(frames: np.ndarray) -> np.ndarray:
    """How much like a cut the change to each frame is: (T,), 0 for the first; above LEAST it is one.

    frames: (T, S, S, 3) uint8.
    """
    total, distances = len(frames), {gap: np.ones((2, len(frames))) for gap in range(1, 2 * REACH)}
    for first in range(0, total, BLOCK):  # distances[gap][:, k]: between the frames k - gap and k
        begin = max(0, first - 2 * REACH)
        roots = whole_histograms(frames[begin : first + BLOCK]), cell_histograms(frames[begin : first + BLOCK])
        for gap, values in distances.items():
            for row, root in zip(values, roots, strict=True):
                alike = np.einsum("tcd,tcd->tc", root[:-gap], root[gap:])  # of each cell
                row[begin + gap : first + BLOCK] = _ranked(1 - alike, UNCHANGED)
        release(frames)
    whole, cells = (_lasting(distances, row, total) for row in (0, 1))
    around = [_median(distances[1][row]) for row in (0, 1)]
    found = np.minimum(whole - MOVING_WHOLE * around[0], CELLS_SHARE * (cells - MOVING_CELLS * around[1]))
    found[0] = 0
    return found


def whole_histograms(frames: np.ndarray) -> np.ndarray:
    """Square roots of the shares of colours in each picture: (T, 1, 8 ** FINE) float32; a dot product is 1 for equal ones."""
    return _roots(frames, np.zeros(frames.shape[1:3], int), FINE)


def cell_histograms(frames: np.ndarray) -> np.ndarray:
    """The same of each cell, beside each picture's median colour and at half of the contrast: (T, CELLS ** 2, 8 ** COARSE)."""
    side = np.arange(frames.shape[1]) * CELLS // frames.shape[1]
    some = frames[:, ::MEDIAN_STEP, ::MEDIAN_STEP].reshape(len(frames), -1, 3)
    middle = _ranked(some, 0.5).astype(np.int16)[:, None, None]
    normal = (128 + (frames - middle) // 2).clip(0, 255).astype(np.uint8)
    return _roots(normal, side[:, None] * CELLS + side, COARSE)


def _roots(frames: np.ndarray, cell: np.ndarray, bits: int) -> np.ndarray:
    """cell: (S, S) int, number of the cell that a pixel belongs to. bits: of each channel that count."""
    levels = (frames >> (8 - bits)).astype(np.int32)
    colours = ((levels[..., 0] << bits) | levels[..., 1]) << bits | levels[..., 2]
    cells, size = int(cell.max()) + 1, 1 << (3 * bits)
    place = ((np.arange(len(frames)) * cells)[:, None, None] + cell) * size + colours
    counts = np.bincount(place.ravel(), minlength=len(frames) * cells * size).reshape(len(frames), cells, size)
    return np.sqrt(counts / counts.sum(2, keepdims=True)).astype(np.float32)


def _ranked(values: np.ndarray, share: float) -> np.ndarray:
    """Of values (T, N, ...) the one along N below which `share` of them are: (T, ...)."""
    rank = int(share * values.shape[1])
    return np.partition(values, rank, axis=1)[:, rank]


def _lasting(distances: dict[int, np.ndarray], row: int, total: int) -> np.ndarray:
    """The least distance of one of REACH frames before each place to one of as many from there on: (T,)."""
    out = np.full(total, np.inf)
    for before in range(1, REACH + 1):
        for after in range(REACH):
            last = total - after
            values = distances[before + after][row, before + after : last + after]
            out[before:last] = np.minimum(out[before:last], values)
    return out


def _median(changes: np.ndarray) -> np.ndarray:
    """Median of the changes within NEARBY frames of each, (T,); the first frame has none."""
    padded = np.pad(changes[1:], (NEARBY + 1, NEARBY), "reflect") if len(changes) > 2 * NEARBY + 2 else None
    if padded is None:
        return np.full(len(changes), np.median(changes[1:]) if len(changes) > 1 else 0.0)
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * NEARBY + 1), 1)
