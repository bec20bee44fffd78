"""Memory: how much is computed at a time, and what the process keeps of freed memory."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from condfoley.errors import UnwritableError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's names, malloc.h
TRIM_THRESHOLD_BYTES = 128 << 20  # freed memory above this is returned to the system
LARGE = 48 << 20  # bytes of a sound that are kept in memory; of a longer one only what is being used
ZEROS = 1 << 20  # bytes that are written at a time where a file cannot be made larger without
MMAP_THRESHOLD_BYTES = 32 << 20  # larger arrays are mapped separately and returned to the system when freed
LONG_MMAP_THRESHOLD_BYTES = 4 << 20  # the same while a long target is made
BLOCK = 2**20  # samples of a long sound that are worked on at a time
_MAPPED: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()  # of all arrays in files
_MAPPED_LOCK = threading.Lock()


def retain_freed_memory(long: bool = False) -> None:
    """Makes the C library keep freed memory in this process; does nothing without glibc.

    By default glibc returns arrays of megabytes to the system at once, which then clears the pages of the next ones
    again; this took a tenth of a generation's time (docs/experiments, E22.9). long: for a long target, whose arrays are
    few and large: those above LONG_MMAP_THRESHOLD_BYTES are returned at once (E22.11).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
        mallopt(M_MMAP_THRESHOLD, LONG_MMAP_THRESHOLD_BYTES if long else MMAP_THRESHOLD_BYTES)


def return_freed_memory() -> None:
    """Returns to the system what was freed until now and kept; does nothing without glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def array_in_file(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """An array of zeros in a temporary file, mapped into memory: what was used of it takes memory until `release`.

    Raises UnwritableError when there is no room for it.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    try:
        with tempfile.TemporaryFile(buffering=0) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                for first in range(0, size, ZEROS):
                    file.write(bytes(min(ZEROS, size - first)))
            made = np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        place = tempfile.tempdir or "the temporary folder"
        raise UnwritableError(
            f"{place}: frames and sounds of long targets are kept there, which cannot be written "
            f"({error.strerror or error}); make room there or set TMPDIR to a folder with more"
        ) from error
    if (mapped := _mapped(made)) is not None:
        with _MAPPED_LOCK:
            _MAPPED.add(mapped)
    return made


def sound_array(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros, float32: an `array_in_file` where there are more than LARGE bytes of them; all others are released then.

    Raises UnwritableError when there is no room for them.
    """
    if 4 * int(np.prod(shape)) <= LARGE:
        return np.zeros(shape, np.float32)
    release_all()
    return array_in_file(shape, np.float32)


def sound_copy(samples: np.ndarray, gain: float = 1.0) -> np.ndarray:
    """A copy (..., N) float32 of a sound, `gain` times as loud, made as `sound_array` says.

    Raises UnwritableError when there is no room for it.
    """
    out = sound_array(samples.shape)
    for part in blocks(samples.shape[-1]):
        np.multiply(samples[..., part], np.float32(gain), out=out[..., part])
    return out


def blocks(length: int, block: int = BLOCK) -> Iterator[slice]:
    """Parts of a long sound of `length` samples, in order; behind each, all arrays in files are released."""
    for begin in range(0, length, block):
        yield slice(begin, min(begin + block, length))
        if length > block:
            release_all()


def release(*arrays: np.ndarray) -> None:
    """Gives the memory back that parts of an `array_in_file` take; they are read again when they are used.

    Nothing happens to any other array, nor where the system has no such call.
    """
    for array in arrays:
        if (mapped := _mapped(array)) is not None:
            _release(mapped)


def release_all() -> None:
    """The same for all arrays in files."""
    with _MAPPED_LOCK:
        found = list(_MAPPED)
    for mapped in found:
        _release(mapped)


class Releaser:
    """Releases all arrays in files each time that the work on a long sound has gone on by BLOCK samples."""

    def __init__(self) -> None:
        self._released = 0

    def __call__(self, place: int) -> None:
        """place: the sample that the work has come to."""
        if place > self._released + BLOCK:
            release_all()
            self._released = place


def _release(mapped: mmap.mmap) -> None:
    if hasattr(mmap, "MADV_DONTNEED") and not mapped.closed:
        mapped.madvise(mmap.MADV_DONTNEED)


def _mapped(array: np.ndarray) -> mmap.mmap | None:
    """The file that an array is a part of; None of any other one."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


class HasBytes(Protocol):
    """An array, or what holds some."""

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""


Kept = TypeVar("Kept", bound=HasBytes)


class ByteCache(Generic[Kept]):
    """Arrays and the like by keys: those used last, as far as `limit` bytes hold them, and the last one whatever its size."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What has that key, which is made where it is not kept. Raises what `make` does."""
        if (found := self.find(key)) is not None:
            return found
        made = make()
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while self.bytes > self.limit and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return made

    def find(self, key: Hashable) -> Kept | None:
        """What has that key; None where it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def forget(self, which: Callable[[Hashable], bool]) -> None:
        """Gives up what has such keys."""
        with self._lock:
            for key in [key for key in self._kept if which(key)]:
                del self._kept[key]

    @property
    def bytes(self) -> int:
        """Of all that is kept."""
        return sum(one.nbytes for one in self._kept.values())


@dataclass(frozen=True)
class Limits:
    """How much is computed at a time. Memory does not grow with the target's length or the number of candidates."""

    decode_batch: int = 2
    """Candidates whose tiles are decoded at a time: what is computed of them stays in a processor's cache."""
    tile_windows: int = 2
    """Windows, at most, that are decoded as one tile."""
    decode_seconds: float = 240.0
    """s of sound, of all candidates, that are decoded together."""
    spill_seconds: float = 1200.0
    """s of sound, of all candidates, that stay in memory; more goes to temporary files."""
    track_seconds: float = 600.0
    """s of sound, of all candidates, that are edited at the same time as whole sounds."""
    vocoder_chunk: int = 384
    """Spectrogram frames that are vocoded at a time."""
    vocoder_margin: int = 16
    """Frames before and after them, which cover the network's reach."""

    def decoded_together(self, duration: float) -> int:
        """Number of candidates, `duration` s each, that are decoded together."""
        return max(1, int(self.decode_seconds / duration))

    def are_long(self, candidates: int, duration: float) -> bool:
        """Whether candidates, `duration` s each, take too much memory together."""
        return candidates * duration > self.spill_seconds
