"""glibc's allocator: keep freed memory in the process, for the next large array."""

from __future__ import annotations

import ctypes
import sys

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
