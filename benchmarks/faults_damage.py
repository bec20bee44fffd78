"""Damage to files, as functions of their bytes and a random generator.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Rng = np.random.Generator
Damage = Callable[[bytes, Rng], bytes]
NESTED = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta", b"moof", b"traf", b"mvex", b"stsd"}
)
EXTREMES = (0, 1, 2, 7, 8, 9, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
HEADER = 2048  # bytes at either end of a file in which most of what describes it lies
EBML_FIELDS = (
    b"\x44\x89",
    b"\x2a\xd7\xb1",
    b"\xb0",
    b"\xba",
    b"\xe7",
    b"\xa3",
    b"\x23\xe3\x83",
    b"\x53\xab",
    b"\x53\xac",
    b"\x9b",
)
"""Of Matroska: duration, time scale, width, height, cluster time, block, default duration, seek entries, block duration."""


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """(begin, end, type) of all boxes of MP4 and MOV, inner ones too; nothing for other files."""
    end = len(data) if end is None else end
    while begin + 8 <= end:
        size, kind = struct.unpack(">I4s", data[begin : begin + 8])
        head = 8
        if size == 1 and begin + 16 <= end:
            size, head = int(struct.unpack(">Q", data[begin + 8 : begin + 16])[0]), 16
        if size < head or begin + size > end or not kind.strip(b"\xa9").isalnum():
            return
        yield begin, begin + size, kind
        if kind in NESTED:
            yield from boxes(data, begin + head + (8 if kind == b"stsd" else 0), begin + size)
        begin += size


def truncated(data: bytes, rng: Rng) -> bytes:
    """Cut off: at the edge of a box or just inside, or anywhere."""
    edges = [edge for begin, end, _ in boxes(data) for edge in (begin, begin + 4, begin + 8, end - 1)]
    if edges and rng.random() < 0.8:
        return data[: int(rng.choice(edges))]
    return data[: int(rng.integers(1, len(data)))]


def flipped(data: bytes, rng: Rng) -> bytes:
    """Some bits turned, in all of it or where its description lies."""
    out = bytearray(data)
    places = rng.integers(0, len(data), int(2 ** rng.uniform(0, 8)))
    if rng.random() < 0.6:
        places = np.where(rng.random(len(places)) < 0.5, places % HEADER, len(data) - 1 - places % HEADER) % len(data)
    for place in places:
        out[place] ^= 1 << int(rng.integers(8))
    return bytes(out)


def resized(data: bytes, rng: Rng) -> bytes:
    """A length that is wrong: of a box, or four bytes anywhere."""
    found = list(boxes(data))
    place = found[int(rng.integers(len(found)))][0] if found else int(rng.integers(0, min(len(data), HEADER)))
    return _with_number(data, place, rng, "big" if found or rng.random() < 0.5 else "little")


def field_changed(data: bytes, rng: Rng) -> bytes:
    """A number inside a description: durations, edit lists, sizes of pictures, rates, tables of samples."""
    found = [(a, b) for a, b, kind in boxes(data) if kind not in NESTED | {b"mdat", b"ftyp", b"free"} and b - a > 12]
    if found:
        begin, end = found[int(rng.integers(len(found)))]
        return _with_number(
            data, begin + 8 + 2 * int(rng.integers(0, max(1, min(end - begin - 10, 120) // 2))), rng, "big"
        )
    marks = [data.find(mark, 0, 1 << 16) for mark in EBML_FIELDS] if data.startswith(b"\x1a\x45\xdf\xa3") else []
    marks = [mark + 2 for mark in marks if mark >= 0]
    place = int(rng.choice(marks)) if marks else int(rng.integers(0, min(len(data), 512)))
    return _with_number(data, place, rng, "big" if marks else "little")


def _with_number(data: bytes, place: int, rng: Rng, order: str) -> bytes:
    width = int(rng.choice([1, 2, 4]))
    value = int(rng.choice(EXTREMES)) if rng.random() < 0.8 else int(rng.integers(0, 1 << 32))
    number = (value & ((1 << 8 * width) - 1)).to_bytes(width, order)  # type: ignore[arg-type]
    return data[:place] + number + data[place + width :]


def wiped(data: bytes, rng: Rng) -> bytes:
    """A span of zeros or of noise, as of a bad block of a disk."""
    begin = int(rng.integers(0, len(data)))
    length = min(len(data) - begin, int(2 ** rng.uniform(2, 14)))
    filling = bytes(length) if rng.random() < 0.5 else rng.bytes(length)
    return data[:begin] + filling + data[begin + length :]


def spliced(data: bytes, rng: Rng) -> bytes:
    """A span left out, or there twice, as of a transfer that was taken up at the wrong place."""
    a, b = sorted(int(place) for place in rng.integers(0, len(data), 2))
    return data[:a] + data[b:] if rng.random() < 0.5 else data[:b] + data[a:]


def rearranged(data: bytes, rng: Rng) -> bytes:
    """A box left out, there twice, or with another's name; in other files a span."""
    found = list(boxes(data))
    if not found:
        return spliced(data, rng)
    begin, end, _ = found[int(rng.integers(len(found)))]
    way = rng.integers(3)
    if way == 0:
        return data[:begin] + data[end:]
    if way == 1:
        return data[:end] + data[begin:end] + data[end:]
    return data[: begin + 4] + found[int(rng.integers(len(found)))][2] + data[begin + 8 :]


DAMAGES: dict[str, Damage] = {
    "truncated": truncated,
    "bits flipped": flipped,
    "lengths": resized,
    "fields": field_changed,
    "wiped": wiped,
    "spliced": spliced,
    "boxes moved": rearranged,
}


ODD_VALUES = (
    None,
    True,
    -1,
    0,
    1e308,
    -1e308,
    2**63,
    float("nan"),
    float("inf"),
    "",
    "nan",
    "../../x",
    "\0",
    [],
    {},
    [[[]]],
    "x" * 5000,
)


def damaged_json(data: bytes, rng: Rng) -> bytes:
    """A value of another type, a key left out or renamed; or bytes damaged."""
    if rng.random() < 0.3:
        return (truncated, flipped, wiped)[int(rng.integers(3))](data, rng)
    content = json.loads(data)
    holder, key = _place(content, rng)
    way = rng.random()
    if way < 0.7:
        holder[key] = ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]
    elif way < 0.85:
        del holder[key]
    elif isinstance(holder, dict):
        holder["unheard of"] = holder.pop(key)
    else:
        holder.append(holder[key])
    return json.dumps(content).encode()


def _place(content: Any, rng: Rng) -> tuple[Any, Any]:
    """A container inside of JSON's content, and a key of it, at any depth."""
    while True:
        key = (
            sorted(content)[int(rng.integers(len(content)))]
            if isinstance(content, dict)
            else int(rng.integers(len(content)))
        )
        inner = content[key]
        if not (isinstance(inner, (dict, list)) and inner) or rng.random() < 0.15:
            return content, key
        content = inner


ODD_CELLS = (
    "",
    "nan",
    "inf",
    "-1",
    "1e999",
    "1,5",
    "0x10",
    "99999999999",
    "-0.0",
    "é",
    "\u202e",
    "\0",
    '"',
    "'",
    "=1+1",
    "x" * 9000,
    "\t",
    ";",
)


def damaged_table(data: bytes, rng: Rng) -> bytes:
    """A cell with another value, a line left out, there twice or joined, another encoding or delimiter; or bytes damaged."""
    way = int(rng.integers(8))
    if way == 0:
        return (truncated, flipped, wiped)[int(rng.integers(3))](data, rng)
    text = data.decode()
    if way == 1:
        return text.encode(str(rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])))
    if way == 2:
        return text.replace("," if "," in text else "\t", str(rng.choice([";", "\t", "|", " ", ",,", "\n"]))).encode()
    lines = text.splitlines()
    place = int(rng.integers(len(lines)))
    if way == 3:
        lines[place : place + 1] = [] if rng.random() < 0.5 else lines[place : place + 1] * int(rng.integers(2, 2000))
    else:
        mark = "\t" if "\t" in text else ","
        cells = lines[place].split(mark)
        cells[int(rng.integers(len(cells)))] = ODD_CELLS[int(rng.integers(len(ODD_CELLS)))]
        lines[place] = mark.join(cells)
    return str(rng.choice(["\n", "\r\n", "\r"])).join(lines).encode()
