"""The sounds of clips, decoded, with their peaks: the latest ones are kept in memory, up to a number of bytes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from condfoley.media import read_sound
from condfoley.memory import ByteCache
from condfoley.studio.clips import Clip

if TYPE_CHECKING:
    from condfoley.studio.peaks import Peaks

KEPT = 512 << 20
"""Bytes of samples that are kept, besides the latest clip's."""


class Sounds:
    """Decoded sounds by clip. Each is read once even if several requests ask for it at a time."""

    def __init__(self, most: int = KEPT) -> None:
        self._sounds: ByteCache[Peaks] = ByteCache(most)
        self._reading = threading.Lock()  # one at a time, so that long ones do not add up in memory

    def of(self, clip: Clip) -> Peaks:
        """The sound of a clip that has one, with its samples, (1 or 2, N) float32, and rate. Raises InputError."""
        if (found := self._sounds.find(clip.folder)) is not None:
            return found
        with self._reading:
            return self._sounds.get(clip.folder, lambda: self._read(clip))

    def _read(self, clip: Clip) -> Peaks:
        from condfoley.studio.peaks import Peaks

        samples, rate = read_sound(clip.path)
        return Peaks(samples, rate)
