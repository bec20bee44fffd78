"""Window arithmetic: how targets and references of any length meet windows of one fixed length. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from condfoley.audio.splice import ramp, until_next

SIDE_BY_SIDE = 8  # stretches of a target that are written together at most (E22.10)
# For `clearest`; estimates, not tuned.
STEP = 0.1  # s between the starts of a window that are tried
TOGETHER = 2048  # windows that are looked at together
AFTER_START, BEFORE_END = 0.02, 0.2  # s of a window before and after an event, for it to count as inside


class Piece(NamedTuple):
    """Part [begin, end) of something long, and [left, right), the part with its margins."""

    begin: int
    end: int
    left: int
    right: int


def pieces(total: int, length: int, margin: int) -> Iterator[Piece]:
    """Yields pieces of `length` that make up [0, total), each with `margin` on both sides where there is so much.

    With pieces, memory does not grow with `total`.
    """
    for begin in range(0, total, length):
        end = min(begin + length, total)
        yield Piece(begin, end, max(0, begin - margin), min(total, end + margin))


def plan(total: int, window: int, advance: int, known: int = 0) -> list[tuple[int, int]]:
    """Windows that write the columns [known, total) from left to right, as (start, columns already written).

    Each window starts with columns that are known or that earlier ones wrote, and adds the rest; the last one ends
    exactly at `total`, so nothing is silent or written twice. Raises ValueError unless 0 < advance <= window <= total
    and 0 <= known <= total.
    """
    if not 0 < advance <= window <= total or not 0 <= known <= total:
        raise ValueError(f"cannot plan windows of {window} columns, {advance} apart, over {total} from {known} on")
    out = [] if known else [(0, 0)]
    written = known or window
    while written < total:
        start = max(0, min(written - (window - advance), total - window))
        out.append((start, written - start))
        written = start + window
    return out


def stretches(total: int, window: int) -> tuple[list[int], int]:
    """Starts of stretches of equal length that make up the columns [0, total), and that length.

    No longer than a window where SIDE_BY_SIDE of those are enough: then nothing that is written need be read once more.
    What is written side by side takes hardly longer than one stretch, since the decoder's weights are read once for
    all. Where one begins, it knows nothing of what was written before, so less than two windows are one stretch.
    """
    count = min(SIDE_BY_SIDE, -(-total // window)) if total >= 2 * window else 1
    length = -(-total // count)
    return segments(total, length), length


def join(parts: np.ndarray, starts: list[int], total: int) -> np.ndarray:
    """Parts of a sequence put together: (N, total). Where two overlap, the later one begins in the middle.

    parts: (S, N, L). starts: S first positions, ascending; together the parts cover [0, total).
    """
    out = np.zeros((parts.shape[1], total), parts.dtype)
    length, begin = parts.shape[2], 0
    for part, (start, after) in zip(parts, until_next(starts, total), strict=True):
        end = (start + length + int(after)) // 2
        out[:, begin:end] = part[:, begin - start : end - start]
        begin = end
    return out


def tiles(total: int, longest: int, overlap: int) -> tuple[list[int], int]:
    """Starts of the fewest tiles, evenly spread, that cover [0, total), and the length of each, at most `longest`.

    Neighbours overlap by `overlap` at least. Raises ValueError unless 0 < overlap < longest.
    """
    if not 0 < overlap < longest:
        raise ValueError(f"tiles of {longest} cannot overlap by {overlap}")
    count = max(1, -(-(total - overlap) // (longest - overlap)))
    length = -(-(total + (count - 1) * overlap) // count)
    return _spread(total, length, count), length


def crossfade_tiles(tiles: list[np.ndarray], starts: list[int], total: int) -> np.ndarray:
    """Overlapping tiles joined by linear crossfades over their overlaps.

    tiles: (..., L) float32 each, L the same. starts: ascending first positions; together they cover [0, total).
    Returns (..., total) float32.
    """
    length = tiles[0].shape[-1]
    out = np.zeros((*tiles[0].shape[:-1], total), np.float32)
    for i, (tile, start) in enumerate(zip(tiles, starts, strict=True)):
        overlap = 0 if i == 0 else starts[i - 1] + length - start
        gain = np.ones(length, np.float32)
        gain[:overlap] = ramp(overlap)
        out[..., start : start + overlap] *= 1 - gain[:overlap]
        out[..., start : start + length] += tile * gain
    return out


def at_frames(tokens: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Tokens at fractional frames, (K, D), linearly interpolated; the first and the last one go on beyond the ends.

    tokens: (T, D) float32, T >= 1. places: (K,) frames.
    """
    places = places.clip(0, len(tokens) - 1)
    before = places.astype(int)
    share = (places - before)[:, None].astype(tokens.dtype)
    after = (before + 1).clip(max=len(tokens) - 1)
    return tokens[before] * (1 - share) + tokens[after] * share


def clearest(times: np.ndarray, strengths: np.ndarray, levels: np.ndarray, duration: float, window: float) -> float:
    """Start of the window of a reference that shows its sound best, s.

    The window with the most event strength inside wins; an event counts when AFTER_START of the window lie before it
    and BEFORE_END after it. Without any event, the loudest window. times: (K,) s, strengths: (K,). levels: (L,) RMS
    over equal parts of the clip. duration, window: s. Returns a time in [0, max(0, duration - window)].
    """
    last = max(0.0, duration - window)
    if last == 0:
        return 0.0
    starts = np.append(np.arange(0, last, STEP), last)
    if len(times):
        found = [_strength_inside(times, strengths, part, window) for part in _in_turn(starts)]
        return float(starts[np.argmax(np.concatenate(found))])
    at = np.linspace(0, duration, len(levels), endpoint=False)
    bounds = np.searchsorted(at, [starts, starts + window])
    energy = [np.square(levels[first:last]).sum() for first, last in bounds.T]
    return float(starts[int(np.argmax(energy))])


def _in_turn(starts: np.ndarray) -> list[np.ndarray]:
    """A few of the starts at a time: those of a recording of hours take as much memory as those of a minute."""
    return [starts[first : first + TOGETHER] for first in range(0, len(starts), TOGETHER)]


def _strength_inside(times: np.ndarray, strengths: np.ndarray, starts: np.ndarray, window: float) -> np.ndarray:
    """Strength of the events within each window, see `clearest`: (S,)."""
    near = slice(*np.searchsorted(times, [starts[0], starts[-1] + window]))
    begin, end = starts[:, None] + AFTER_START, starts[:, None] + window - BEFORE_END
    inside = (times[None, near] >= begin) & (times[None, near] <= end)
    return np.asarray((inside * strengths[None, near]).sum(1))


def segments(frames: int, length: int) -> list[int]:
    """Starts of segments of `length` frames that cover [0, frames), evenly spread; [0] when one is enough."""
    if frames <= length:
        return [0]
    return _spread(frames, length, -(-frames // length))


def _spread(total: int, length: int, count: int) -> list[int]:
    """Starts of `count` pieces of `length` from the beginning of [0, total) to its end."""
    return [round(i * (total - length) / max(1, count - 1)) for i in range(count)]
