"""Whether a file ends where its container says, whatever its header says of durations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

SEGMENT = b"\x18\x53\x80\x67"  # Matroska's element that holds all others


def is_closed(path: Path) -> bool:
    """Whether a file of MP4, MOV or Matroska reaches to the end of its last box or of its segment.

    False where that cannot be told. Durations in headers are wrong in whole files: the last picture of a recorder stays
    for seconds, and a fragmented file begins late. But a file that was cut off misses the end of what it announces.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(64)
        if head.startswith(b"\x1a\x45\xdf\xa3"):
            return _segment_end(head) == size
        return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip") and _boxes_end(file, size) == size


def _segment_end(head: bytes) -> int:
    """Where the segment of a Matroska file ends; 0 where that is not said, as in streams."""
    place = head.find(SEGMENT)
    if place < 0:
        return 0
    place += len(SEGMENT)
    width = 9 - head[place].bit_length() if place < len(head) else 9
    if width > 8 or place + width > len(head):
        return 0
    length = int.from_bytes(head[place : place + width], "big") & ((1 << 7 * width) - 1)
    return 0 if length == (1 << 7 * width) - 1 else place + width + length


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last box of MP4 or MOV ends, by the lengths that all of them state; 0 where one is impossible."""
    place, last = 0, b""
    while place < size:
        file.seek(place)
        head = file.read(16)
        length, last = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not last.isalnum():  # 0: to the end, wherever it is
            return 0
        place += length
    return place
