"""All events of a soundtrack in their places: one-shots, grains and the model's own sound over the reference's background."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from condfoley.audio.rates import converted
from condfoley.audio.splice import add_into, faded, overlay_into, ramp, write_into
from condfoley.audio.track import Track
from condfoley.memory import Releaser, blocks, sound_array
from condfoley.resynthesis.background import without_background
from condfoley.resynthesis.bands import band_powers
from condfoley.resynthesis.grains import grain_places, granulated
from condfoley.resynthesis.higher import above
from condfoley.resynthesis.library import LEAD, Library
from condfoley.resynthesis.place import shaped, varied
from condfoley.settings import Way

FADE, RELEASE = 0.003, 0.03  # s, of joins, and of the end of what slides
MARGIN = 0.02  # s on either side of what is brought to another rate
RECORDED: Way
GRAINS: Way
VOCODER: Way
RECORDED, GRAINS, VOCODER = "recorded", "grains", "vocoder"
Chosen = Mapping[int, tuple[int, int]]
"""Event -> which of the library's struck one-shots it becomes, and how often that was heard before."""


@dataclass(frozen=True)
class Event:
    """An impact or a slide of the soundtrack: from `onset` until `end`, s.

    written: onset, s, of the event whose sound it gets, where the model wrote none.
    """

    onset: float
    end: float
    slides: bool
    written: float | None = None

    @property
    def span(self) -> tuple[float, float]:
        """Begin and end, s, of what the model wrote for it."""
        begin = self.onset if self.written is None else self.written
        return begin, begin + self.end - self.onset


class Laying:
    """The events of a track, to be made of a library's samples. track: the model's, at its rate, one channel."""

    def __init__(self, track: Track, events: Sequence[Event], library: Library):
        self.track, self.events, self.library = track, events, library
        powers = band_powers(track.mono[None], track.rate)
        self.clean = without_background(track.mono[None], track.rate, powers)
        self.places = grain_places(library, library.slides)

    def made(self, ways: Sequence[Way], chosen: Chosen) -> Track:
        """The soundtrack at the library's rate. ways: of each event. Onsets are detected in what the model can hear."""
        rate, library = self.library.rate, self.library
        out = library.bed(round(self.track.duration * rate))
        release_until = Releaser()
        pieces: list[tuple[np.ndarray, int]] = []  # above the background, until nothing replaces that any more
        for i, event in enumerate(self.events):
            pieces = _add_until(out, pieces, round((event.onset - 2 * LEAD) * rate))
            if ways[i] == RECORDED:
                pieces.append(self._struck(out, event, *chosen[i]))
            elif ways[i] == GRAINS:
                begin, end = round(event.onset * rate), round(event.end * rate)
                grains = granulated(library, self.places, self.powers(event), end - begin)
                pieces.append((faded(grains, round(FADE * rate), round(RELEASE * rate)), begin))
            else:
                pieces += self._own(out, event)
            release_until(round(event.onset * rate))
        _add_until(out, pieces, sys.maxsize)
        return Track(out, rate).with_onsets_of(Track(_heard(out, rate, self.track.rate), self.track.rate))

    def _struck(self, out: np.ndarray, event: Event, index: int, again: int) -> tuple[np.ndarray, int]:
        """An impact's one-shot and its place; the background that was recorded with it is laid into `out`."""
        rate, shot = self.library.rate, self.library.struck[index]
        begin, seconds = round(event.onset * rate) - shot.onset, event.end - event.onset
        noise = varied(shot.raw, again) - varied(shot.samples, again)
        overlay_into(out, noise[:, : round((seconds - LEAD) * rate) + shot.onset], begin, round(FADE * rate))
        return shaped(shot, self.powers(event), seconds, again), begin

    def _own(self, out: np.ndarray, event: Event) -> list[tuple[np.ndarray, int]]:
        """Lays the model's own sound of an event into `out`; also what the reference has above it, and where."""
        rate, fade, lead = self.library.rate, round(FADE * self.library.rate), round(LEAD * self.library.rate)
        begin, end = max(0, round(event.onset * rate) - lead), round(event.end * rate) - lead
        if end - begin <= lead:
            return []
        overlay_into(out, np.repeat(self._at_rate(begin, end), len(out), 0), begin, fade)
        begin += lead - fade  # what attacks in the highest bands is heard before it, if it begins any earlier
        first, last = (round(place / rate * self.track.rate) for place in (begin, end))
        higher = above(self.library, self.clean[:, first:last], self.track.rate, end - begin)
        if higher is None:
            return []
        higher[:, :fade] *= np.sin(np.pi / 2 * ramp(fade)) ** 2
        return [(faded(higher, 0, fade), begin)]

    def _at_rate(self, begin: int, end: int) -> np.ndarray:
        """Samples [begin, end) of the model's track as it is at the library's rate: (1, end - begin)."""
        rate, own = self.library.rate, self.track.rate
        step = own // math.gcd(own, rate)  # samples, of which some at the other rate last as long
        first = max(0, int((begin / rate - MARGIN) * own)) // step * step
        part = Track(
            self.track.mono_between(first, round((end / rate + MARGIN) * own)), own, (np.zeros(0), np.zeros(0))
        )
        skip = begin - first * rate // own
        found = converted(part, rate, 1).samples[:, skip : skip + end - begin]
        return np.pad(found, ((0, 0), (0, end - begin - found.shape[1])))

    def powers(self, event: Event) -> np.ndarray:
        """Band powers of a whole event, without the background: (B, M)."""
        first, last = (round(time * self.track.rate) for time in event.span)
        last = max(last, first + 1)
        return band_powers(self.clean[:, first:last], self.track.rate, model_only=True)


def _heard(sound: np.ndarray, rate: int, own: int) -> np.ndarray:
    """The mean of a sound's channels, (C, N) at `rate` Hz, at the model's own rate: (M,) float32, made block by block."""
    count, place = sound.shape[1], 0
    stream, out = (
        soxr.ResampleStream(rate, own, 1, dtype="float32", quality="HQ"),
        sound_array((count * own // rate + 1,)),
    )
    for part in blocks(count):
        made = stream.resample_chunk(sound[:, part].mean(0), last=part.stop == count)
        write_into(out, made, place)
        place += len(made)
    return out[:place]


def _add_until(out: np.ndarray, pieces: list[tuple[np.ndarray, int]], end: int) -> list[tuple[np.ndarray, int]]:
    """Adds those pieces to a sound that are over at sample `end`; returns the others."""
    for piece, begin in pieces:
        if begin + piece.shape[1] <= end:
            add_into(out, piece, begin)
    return [(piece, begin) for piece, begin in pieces if begin + piece.shape[1] > end]
