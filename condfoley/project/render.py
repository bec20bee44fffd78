"""A project as sound: each cue's excerpt in its place, and what a layer, a cue, or all of it sounds like.

Within a layer, an excerpt is heard until the next one begins, or a scene cut. Where two follow one another as they do in
the sound they are of, they are that sound, bit by bit; elsewhere a crossfade joins them, and an excerpt that is too short
for its place rings out. So an edit changes nothing but what lies between the cues next to it.

All samples are multiples of 1 / `store.SCALE`, so stems add up to the soundtrack exactly, in any order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from condfoley.audio.splice import ramp
from condfoley.memory import LARGE, Releaser, blocks, sound_array
from condfoley.project.create import LEAD_SECONDS, LEAST_LEAD
from condfoley.project.gain import Gain, master_gain
from condfoley.project.heard import Heard, Placed, in_room
from condfoley.project.model import AMBIENCE, Cue, Excerpt, Layer, Project, Sound
from condfoley.project.ring_out import ring_out
from condfoley.project.store import SCALE, quantised

FADE_IN = 0.002  # s, of an excerpt that does not go on from the one before
FADE_OUT = 0.01  # s, of one that is cut off, and of a crossfade from one to another
SPLIT = 0.003  # s over which two excerpts share the sound that they both are parts of
KEPT = 4 * LARGE  # bytes of all that excerpts add; more of it is made again for each sum

Reader = Callable[[Sound], np.ndarray]
"""A sound's samples, (C, N) float32."""


@dataclass(frozen=True)
class Rendered:
    """All that is heard; the sums of any parts of it are exact. length: samples of the soundtrack.

    make: what an excerpt in its place adds to the soundtrack.
    """

    places: list[Placed]
    make: Callable[[Placed], list[Heard]]
    channels: int
    length: int

    def parts(self, wanted: Callable[[Placed], bool] = lambda placed: True) -> Iterator[Heard]:
        """What the excerpts that are wanted add, one after the other."""
        return (part for placed in self.places if wanted(placed) for part in self.make(placed))

    def sum(self, wanted: Callable[[Placed], bool] = lambda placed: True) -> np.ndarray:
        """The parts that are wanted: (C, length) float32; all of them are the soundtrack."""
        out, release_until = sound_array((self.channels, self.length)), Releaser()
        whole = out.view(np.int32)  # multiples of 1 / SCALE: partial sums may exceed what float32 holds exactly
        for part in self.parts(wanted):
            end = part.begin + part.samples.shape[1]
            whole[:, part.begin : end] += (part.samples * np.float32(SCALE)).astype(np.int32)
            release_until(end)
        for block in blocks(self.length):
            out[:, block] = whole[:, block] / SCALE
        return out

    def stem(self, layer: str) -> np.ndarray:
        """A layer: (C, length) float32."""
        return self.sum(lambda placed: placed.layer == layer)

    def cue_stem(self, layer: str, cue: int | None) -> np.ndarray:
        """A cue of a layer, or what is before its first one: (C, length) float32."""
        return self.sum(lambda placed: placed.layer == layer and placed.cue == cue)


def render(project: Project, read: Reader) -> Rendered:
    """The whole soundtrack; muted layers and cues are silent."""
    whole = unmastered(project, read)
    gain = master_gain(whole.sum(), project.master, project.rate)
    if gain.factor == 1 and not gain.regions:
        return whole
    return rendering(whole.places, lambda placed: [with_gain(part, gain) for part in whole.make(placed)], project)


def unmastered(project: Project, read: Reader) -> Rendered:
    """The soundtrack before the gain and the ceiling of its master."""
    return rendering(audible(project, place_layers(project)), lambda placed: heard(project, placed, read), project)


def rendering(places: list[Placed], make: Callable[[Placed], list[Heard]], project: Project) -> Rendered:
    """What is made of excerpts in their places, which is kept where it takes no more than KEPT bytes."""
    size = 4 * project.channels * sum(placed.stop - placed.begin for placed in places)
    return Rendered(places, cache(make) if size <= KEPT else make, project.channels, project.samples)


def place_layers(project: Project) -> list[Placed]:
    """All layers' excerpts in their places, layer by layer."""
    return [placed for layer in project.layers for placed in place_layer(project, layer)]


def audible(project: Project, places: list[Placed]) -> list[Placed]:
    """Those that are of no muted layer or cue."""
    cues, layers = (
        {cue.id for cue in project.cues if cue.muted},
        {layer.name for layer in project.layers if layer.muted},
    )
    return [placed for placed in places if placed.cue not in cues and placed.layer not in layers]


def heard(project: Project, placed: Placed, read: Reader) -> list[Heard]:
    """What an excerpt adds to a soundtrack before its master: its samples, and their echo in a room."""
    return in_room(project, _dry(project, placed, read))


def place_layer(project: Project, layer: Layer) -> list[Placed]:
    """A layer's excerpts in their places, ascending."""
    total = project.samples
    cuts = [] if layer.name == AMBIENCE else [round(cut * project.rate) for cut in project.scene_cuts]
    gain = 10 ** (layer.gain / 20)
    found = [Placed(None, layer.name, part.excerpt, part.start, total, gain, fade=part.fade) for part in layer.openings]
    heard = [(cue, round(cue.time * project.rate)) for cue in project.cues_of(layer.name) if cue.excerpt]
    for (cue, time), before in zip(heard, [None, *(time for _, time in heard)]):
        earliest = 0 if before is None else (before + time) // 2 - 1  # else its lead would cut off the one before
        found += _place_cue(cue, time, max([earliest, *(cut for cut in cuts if cut <= time)]), total, gain)
    found.sort(key=lambda placed: (placed.begin, placed.cue is not None, placed.cue or 0))
    kept: list[Placed] = []
    for placed in found:
        if not placed.skip or (kept and kept[-1].cue == placed.cue):  # else another one has begun before the tail does
            kept.append(placed)
    out: list[Placed] = []
    for placed, following in zip(kept, [*(after.begin for after in kept[1:]), total]):
        onset = placed.begin - placed.skip + placed.excerpt.lead
        stop = min([following, *(cut for cut in cuts if cut > onset)])
        out.append(dataclasses.replace(placed, stop=max(placed.begin, stop)))
    return _linked(out, project.rate, cuts)


def _place_cue(cue: Cue, time: int, earliest: int, total: int, gain: float) -> list[Placed]:
    """A cue's excerpt, from `earliest` on, and tails. time: the cue's, in samples. gain: the layer's, a factor."""
    if cue.excerpt is None:
        return []
    own = gain * 10 ** (cue.gain / 20)
    late = max(0, earliest - (time - cue.excerpt.lead))
    part = dataclasses.replace(cue.excerpt, begin=min(cue.excerpt.begin + late, cue.excerpt.end))
    out = [Placed(cue.id, cue.layer, part, time - cue.excerpt.lead + late, total, own, cue.pan)]
    for tail in cue.tails:
        skip = tail.begin + tail.excerpt.lead
        out.append(
            Placed(cue.id, cue.layer, tail.excerpt, time + tail.begin, total, own, cue.pan, skip=skip, fade=tail.fade)
        )
    return out


def _linked(found: list[Placed], rate: int, cuts: list[int]) -> list[Placed]:
    """The same, with `follows`, `leads` and `unlike`."""
    shared, unlike = [], []
    for before, after in pairwise(found):
        split, crossfade = round(SPLIT * rate), after.fade or (0 if after.begin in cuts else round(FADE_OUT * rate))
        room = min(before.stop - before.begin, after.skip or after.excerpt.begin)
        length = split if goes_on(before, after) and not after.fade else crossfade
        enough = before.stop == after.begin and room >= (0 if length == split else round(FADE_IN * rate))
        shared.append(min(length, room) if enough else 0)
        unlike.append(_offset(before) != _offset(after))
    ends = zip(found, [0, *shared], [*shared, 0], zip([False, *unlike], [*unlike, False]))
    return [dataclasses.replace(part, follows=f, leads=n, unlike=sounds) for part, f, n, sounds in ends]


def _offset(placed: Placed) -> tuple[str, int]:
    """Of which sound an excerpt is, and by how much that is moved."""
    return placed.excerpt.sound, placed.begin - placed.skip - placed.excerpt.begin


def goes_on(before: Placed, after: Placed) -> bool:
    """Whether an excerpt is heard after another one as it follows it in the sound that both are parts of."""
    ends = before.excerpt.begin + before.skip + before.stop - before.begin
    same = before.excerpt.sound == after.excerpt.sound and ends == after.excerpt.begin + after.skip
    return same and before.excerpt.end >= ends and before.stop == after.begin


def _dry(project: Project, placed: Placed, read: Reader) -> Heard:
    """An excerpt's samples, with its gain and its ends, quantised."""
    sound, rate, part = project.sounds[placed.excerpt.sound], project.rate, placed.excerpt
    length = placed.skip + placed.stop - placed.begin
    before = 0 if placed.skip else placed.follows
    end = sound_end(project, sound, part)
    samples = read(sound)[:, part.begin - before : min(part.begin + length, end)]
    if missing := length + before - samples.shape[1]:
        samples = np.concatenate([samples, ring_out(samples[:, before:], missing, rate, sound.quiet_db)], 1)
    samples = quantised(_channels(samples, project.channels, placed))[:, max(0, placed.skip - placed.follows) :]
    unmoved = sound.start + part.begin == placed.begin - placed.skip  # so the ends of the target are faded already
    begins, ends = unmoved and not placed.begin, unmoved and placed.stop == project.samples
    return Heard(placed, placed.begin - placed.follows, _faded(samples, placed, rate, begins, ends))


def sound_end(project: Project, sound: Sound, part: Excerpt) -> int:
    """The sample up to which a sound goes on behind an excerpt, before another onset or a scene cut."""
    lead, least = round(LEAD_SECONDS * project.rate), round(LEAST_LEAD * project.rate)
    following = [onset for onset in sound.onsets if part.end <= onset <= part.end + lead]
    cuts = [round(cut * project.rate) - sound.start for cut in project.scene_cuts]
    ends = [*(onset - least for onset in following), *(cut for cut in cuts if cut >= part.end)]
    return max(part.end, min(ends)) if following else part.end


def _channels(samples: np.ndarray, channels: int, placed: Placed) -> np.ndarray:
    """With its gain and pan, in as many channels as the soundtrack: (C, N)."""
    if channels == 1:
        return samples.mean(0, keepdims=True, dtype=np.float64) * placed.gain
    angle = (placed.pan + 1) * np.pi / 4  # constant power; in the middle both channels are as loud as one alone
    sides = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])
    return np.broadcast_to(samples, (2, samples.shape[1])) * placed.gain * sides


def _faded(samples: np.ndarray, placed: Placed, rate: int, begins: bool, ends: bool) -> np.ndarray:
    """With its ends faded, or shared with its neighbours: what one of the two lacks there, the other one has.

    begins, ends: whether it is left as it is at its beginning and end.
    """
    out, length = samples.copy(), samples.shape[1]
    if not begins:
        count = placed.follows or min(round(FADE_IN * rate), length)
        if placed.follows and placed.unlike[0]:
            out[:, :count] = quantised(samples[:, :count] * _power_ramp(count))
        else:
            out[:, :count] -= quantised(samples[:, :count] * ramp(count)[::-1])
    if placed.leads or not ends:
        count = placed.leads or min(round(FADE_OUT * rate), length)
        fall = _power_ramp(count) if placed.leads and placed.unlike[1] else ramp(count)
        out[:, length - count :] = quantised(out[:, length - count :] * fall[::-1])
    return out


def _power_ramp(samples: int) -> np.ndarray:
    """A fade from 0 to 1: of it and of itself reversed the squares add up to 1."""
    return np.sin(np.pi / 2 * ramp(samples))


def with_gain(part: Heard, gain: Gain) -> Heard:
    """What an excerpt adds where all of the soundtrack has a gain."""
    here = gain.between(part.begin, part.begin + part.samples.shape[1])
    return part if here is None else Heard(part.placed, part.begin, quantised(part.samples * here))
