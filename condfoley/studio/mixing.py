"""A project's sound, of which after an edit only what is another one is rendered: bit by bit what `project.render` makes.

Sums of excerpts are exact in any order (`project.render`), and the limiter depends on what is near (`audio.limiter`); so a span
that has the same excerpts as before, and the same ones around it, sounds as before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from condfoley.project.gain import Gain
from condfoley.project.heard import Heard, Placed
from condfoley.project.model import Project
from condfoley.project.render import Reader, audible, heard, place_layers, with_gain
from condfoley.studio.blocks import SIZE, Blocks, merged
from condfoley.studio.ceiling import Ceiling, kept_below

Wanted = Callable[[Placed], bool]
NEAR = (0.01, 0.1, 1.0, 10.0)  # s between samples that differ, within which they count as one span: the least
MOST_SPANS = 100  # with which there are so few


@dataclass(frozen=True)
class Mix:
    """A project's sound, and what it was made of.

    places: all excerpts, also muted ones. parts: what the audible ones add, before the master. raw: their sum. ceiling: the
    master's gain. whole: the soundtrack. changed: spans [begin, end) of samples that differ from the mix that this one
    was made from.
    """

    project: Project
    places: tuple[Placed, ...]
    parts: tuple[Heard, ...]
    raw: Blocks
    ceiling: Ceiling
    whole: Blocks
    changed: tuple[tuple[int, int], ...] = ()

    def sum(self, begin: int, end: int, wanted: Wanted = lambda placed: True) -> np.ndarray:
        """The parts that are wanted, in the samples [begin, end) of the target: (C, end - begin) float32."""
        parts = (part for part in self.parts if wanted(part.placed))
        return summed(parts, self.raw.shape[0], begin, end, self.ceiling.gain)


def mixed(project: Project, read: Reader, former: Mix | None = None) -> Mix:
    """A project's sound. former: that of another revision, of which all that is the same is taken.

    Raises InputError when a sound cannot be read.
    """
    if former and _shape(former.project) != _shape(project):
        new = mixed(project, read)
        return with_changes(new, former) if former.raw.shape[1] == new.raw.shape[1] else new
    places = place_layers(project)
    parts, spans = _parts(project, audible(project, places), read, former)
    parts.sort(key=lambda part: part.begin)
    channels, length = project.channels, project.samples

    def total(begin: int, end: int) -> np.ndarray:
        return summed(parts, channels, begin, end)

    raw = former.raw.replaced(spans, total) if former else Blocks.filled(channels, length, total)
    ceiling = kept_below(raw, project.master, project.rate, former.ceiling if former else None)
    new = Mix(project, tuple(places), tuple(parts), raw, ceiling, _whole(parts, raw, ceiling, former))
    return with_changes(new, former) if former else new


def summed(parts: Iterable[Heard], channels: int, begin: int, end: int, gain: Gain | None = None) -> np.ndarray:
    """What parts add up to in the samples [begin, end): (C, end - begin) float32.

    parts: ascending in where they begin. gain: which each of them has.
    """
    out = np.zeros((channels, end - begin))
    for part in parts:
        if part.begin >= end:
            break
        first, last = max(begin, part.begin), min(end, part.begin + part.samples.shape[1])
        if first < last:
            piece = Heard(part.placed, first, part.samples[:, first - part.begin : last - part.begin])
            out[:, first - begin : last - begin] += (piece if gain is None else with_gain(piece, gain)).samples
    return out.astype(np.float32)


def _shape(project: Project) -> tuple[object, ...]:
    """What all parts depend on."""
    master = project.master
    return project.channels, project.samples, project.rate, project.scene_cuts, master.room, master.room_gain


def _parts(
    project: Project, places: list[Placed], read: Reader, former: Mix | None
) -> tuple[list[Heard], list[tuple[int, int]]]:
    """What the places add, and the spans of samples in which that is not what it was."""
    known: dict[Placed, list[Heard]] = {}
    if former:
        same = {key for key, sound in project.sounds.items() if former.project.sounds.get(key) == sound}
        for part in former.parts:
            if part.placed.excerpt.sound in same:
                known.setdefault(part.placed, []).append(part)
    parts = [part for placed in places for part in known.pop(placed, None) or heard(project, placed, read)]
    before, after = ({id(part): part for part in found} for found in (former.parts if former else (), parts))
    spans = [_span(part) for key, part in (before | after).items() if (key in before) != (key in after)]
    return parts, merged(span for span in spans if span[0] < span[1])


def _span(part: Heard) -> tuple[int, int]:
    return part.begin, part.begin + part.samples.shape[1]


def _whole(parts: list[Heard], raw: Blocks, ceiling: Ceiling, former: Mix | None) -> Blocks:
    """The sum with its gain; blocks without one are those of `raw`, and those that did not change are the former ones."""
    blocks = list(raw.blocks)
    for index, block in enumerate(blocks):
        begin, end = index * SIZE, index * SIZE + block.shape[1]
        if former and former.raw.blocks[index] is block and former.ceiling.same(ceiling, begin, end):
            blocks[index] = former.whole.blocks[index]
        elif ceiling.gain.between(begin, end) is not None:
            blocks[index] = summed(parts, raw.shape[0], begin, end, ceiling.gain)
    return Blocks(tuple(blocks), *raw.shape)


def with_changes(new: Mix, former: Mix) -> Mix:
    """The mix with what differs from a former one, sample by sample."""
    found: list[tuple[int, int]] = []
    for index, (one, two) in enumerate(zip(new.whole.blocks, former.whole.blocks, strict=True)):
        if one is not two:
            places = np.flatnonzero((one != two).any(0)) + index * SIZE
            ends = np.flatnonzero(np.diff(places) > NEAR[0] * new.project.rate)
            firsts, lasts = np.append(places[:1], places[ends + 1]), np.append(places[ends], places[-1:])
            found += zip(firsts.tolist(), (lasts + 1).tolist())
    for near in NEAR:
        changed = merged(found, round(near * new.project.rate))
        if len(changed) <= MOST_SPANS:
            break
    return dataclasses.replace(new, changed=tuple(changed))
