"""The process's memory: what is freed is kept for the next large array."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's names, malloc.h
KEPT = 128 << 20  # bytes of freed memory that are not given back to the system
APART = 32 << 20  # bytes from which on an array gets memory of its own, which is given back


def retain_freed_memory() -> None:
    """Lets the C library keep freed memory, for the whole process; without glibc nothing changes.

    By itself it gives arrays of megabytes back at once, and the system clears the pages of the next ones again, which
    took a tenth of a generation's time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_MMAP_THRESHOLD, APART)
