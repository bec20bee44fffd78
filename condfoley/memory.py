"""Memory: how much is computed at a time, and what the process keeps of freed memory."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's names, malloc.h
TRIM_THRESHOLD_BYTES = 128 << 20  # freed memory above this is returned to the system
MMAP_THRESHOLD_BYTES = 32 << 20  # larger arrays are mapped separately and returned to the system when freed


def retain_freed_memory() -> None:
    """Makes the C library keep freed memory in this process; does nothing without glibc.

    By default glibc returns arrays of megabytes to the system at once, which then clears the pages of the next ones
    again; this took a tenth of a generation's time (docs/experiments, E22.9).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)


@dataclass(frozen=True)
class Limits:
    """How much is computed at a time. Memory does not grow with the target's length or the number of candidates."""

    decode_batch: int = 2
    """Candidates whose tiles are decoded at a time: what is computed of them stays in a processor's cache."""
    tile_windows: int = 2
    """Windows, at most, that are decoded as one tile."""
    decode_seconds: float = 240.0
    """s of sound, of all candidates, that are decoded together."""
    spill_seconds: float = 2400.0
    """s of sound, of all candidates, that stay in memory; more goes to temporary files."""
    vocoder_chunk: int = 1024
    """Spectrogram frames that are vocoded at a time."""
    vocoder_margin: int = 24
    """Frames before and after them, which cover the network's reach."""
