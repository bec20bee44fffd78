"""A long sound in blocks, of which versions that differ in a few share all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

SIZE = 2**16  # samples of a block
Fill = Callable[[int, int], np.ndarray]
"""The samples [begin, end) of a sound, (C, end - begin) float32."""


class Blocks:
    """A sound (C, N) float32 that is never changed; `sound[:, begin:end]` are its samples, as of an array; no step."""

    def __init__(self, blocks: tuple[np.ndarray, ...], channels: int, length: int) -> None:
        self.blocks, self.shape = blocks, (channels, length)

    @staticmethod
    def filled(channels: int, length: int, fill: Fill) -> Blocks:
        """A sound whose blocks are asked for one by one."""
        return Blocks(tuple(fill(a, min(a + SIZE, length)) for a in range(0, length, SIZE)), channels, length)

    def replaced(self, spans: Sequence[tuple[int, int]], fill: Fill) -> Blocks:
        """Another sound, which differs only in some spans [begin, end) of samples."""
        new = list(self.blocks)
        for begin, end in spans:
            for index in range(begin // SIZE, -(-end // SIZE)):
                first = index * SIZE
                a, b = max(begin, first), min(end, first + new[index].shape[1])
                if new[index] is self.blocks[index]:
                    new[index] = self.blocks[index].copy()
                new[index][:, a - first : b - first] = fill(a, b)
        return Blocks(tuple(new), *self.shape)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Samples of some channels: a copy, or a view of what nobody may change."""
        begin, end, _ = key[1].indices(self.shape[1])
        found = []
        for index in range(begin // SIZE, -(-max(begin, end) // SIZE)):
            first = index * SIZE
            found.append(self.blocks[index][:, max(0, begin - first) : max(0, end - first)])
        return found[0] if len(found) == 1 else np.concatenate([np.zeros((self.shape[0], 0), np.float32), *found], 1)

    def other_blocks(self, other: Blocks) -> list[tuple[int, int]]:
        """Spans of samples of the blocks that are not shared with another sound of the same shape."""
        pairs = enumerate(zip(self.blocks, other.blocks, strict=True))
        return merged((i * SIZE, i * SIZE + one.shape[1]) for i, (one, two) in pairs if one is not two)


def merged(spans: Iterable[tuple[int, int]], apart: int = 0) -> list[tuple[int, int]]:
    """Spans [begin, end) in order, those that overlap or are at most `apart` from one another as one."""
    out: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if out and begin <= out[-1][1] + apart:
            out[-1] = out[-1][0], max(end, out[-1][1])
        else:
            out.append((begin, end))
    return out
