"""Loudness and true peak of a soundtrack (ITU-R BS.1770-4), of which after an edit only the pieces nearby are measured again.

A piece's measures depend on the samples of it and some before alone, never on what was measured earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from condfoley.audio.loudness import gated, k_weighting
from condfoley.audio.true_peak import BLOCK, REACH, around, near_peaks
from condfoley.studio.blocks import Blocks

PIECE_STEPS = 40  # steps of a piece: 4 s
STEP, BLOCK_STEPS = 0.1, 4  # s between the beginnings of gating blocks; steps of a block
WARM_UP = 1.0  # s before a piece in which the weighting's state forgets what was before


@dataclass(frozen=True)
class Meters:
    """A soundtrack's measures. energies: of each step, K-weighted and summed over the channels. peaks: true, of each piece."""

    sound: Blocks
    rate: int
    energies: np.ndarray
    peaks: np.ndarray

    def loudness(self) -> float | None:
        """Integrated loudness, LUFS; None where all is below the gate."""
        whole = int(self.sound.shape[1] / self.rate / STEP + 1e-9)  # the last step may be shorter
        steps = self.energies[: max(whole, min(len(self.energies), BLOCK_STEPS))]
        if len(steps) < BLOCK_STEPS:
            steps = np.pad(steps, (0, BLOCK_STEPS - len(steps)))
        blocks = np.lib.stride_tricks.sliding_window_view(steps, BLOCK_STEPS).sum(1) / (BLOCK_STEPS * STEP * self.rate)
        found = gated(blocks)
        return None if found == -np.inf else found

    def true_peak(self) -> float | None:
        """The highest true peak, dBTP; None for silence."""
        highest = self.peaks.max(initial=0.0)
        return float(20 * np.log10(highest)) if highest > 0 else None


def measured(sound: Blocks, rate: int, former: Meters | None = None) -> Meters:
    """A soundtrack's measures. former: those of another one, of which what is the same there is taken."""
    bounds = _bounds(sound.shape[1], rate)
    energies = np.zeros(len(bounds) - 1)
    peaks = np.zeros(-(-len(energies) // PIECE_STEPS))
    new = set(pieces_to_measure(sound, rate, former))
    if former and len(new) < len(peaks):
        energies, peaks = former.energies.copy(), former.peaks.copy()
    for piece in new:
        edges = bounds[piece * PIECE_STEPS : (piece + 1) * PIECE_STEPS + 1]
        first = _heeded(edges, rate)
        steps = slice(piece * PIECE_STEPS, piece * PIECE_STEPS + len(edges) - 1)
        energies[steps] = _energies(sound[:, first : edges[-1]], edges - first, rate)
        peaks[piece] = _true_peak(sound, int(edges[0]), int(edges[-1]))
    return Meters(sound, rate, energies, peaks)


def pieces_to_measure(sound: Blocks, rate: int, former: Meters | None) -> list[int]:
    """Numbers of the pieces whose measures are not those of a former soundtrack."""
    bounds = _bounds(sound.shape[1], rate)
    pieces = range(-(-(len(bounds) - 1) // PIECE_STEPS))
    if former is None or former.sound.shape != sound.shape or former.rate != rate:
        return list(pieces)
    out, spans = [], sound.other_blocks(former.sound)
    for piece in pieces:
        edges = bounds[piece * PIECE_STEPS : (piece + 1) * PIECE_STEPS + 1]
        if any(begin < edges[-1] + REACH + BLOCK and end > _heeded(edges, rate) for begin, end in spans):
            out.append(piece)
    return out


def _bounds(length: int, rate: int) -> np.ndarray:
    """Samples at which steps begin, and the end: (S + 1,)."""
    bounds = np.round(np.arange(int(np.ceil(length / rate / STEP - 1e-9)) + 1) * STEP * rate).astype(int)
    return np.minimum(bounds, length)


def _heeded(edges: np.ndarray, rate: int) -> int:
    """The first sample that a piece's measures depend on."""
    return max(0, int(edges[0]) - round(WARM_UP * rate))


def _true_peak(sound: Blocks, begin: int, end: int) -> float:
    """The highest magnitude of a sound's samples [begin, end), and between them."""
    best = 0.0
    for index in range(begin // BLOCK, -(-end // BLOCK)):
        near, block = around(sound, index * BLOCK)
        first = index * BLOCK
        inside = slice(max(0, begin - first), end - first)
        best = max(best, float(near_peaks(near, block, best)[inside].max(initial=0.0)))
    return best


def _energies(near: np.ndarray, edges: np.ndarray, rate: int) -> np.ndarray:
    """Energies of steps of K-weighted sound (C, N), summed over channels: (S,). edges: (S + 1,) samples."""
    from scipy.signal import sosfilt

    weighted = sosfilt(k_weighting(rate), near.astype(np.float64), axis=1)
    return np.add.reduceat(np.square(weighted).sum(0), edges[:-1]) if near.size else np.zeros(len(edges) - 1)
