"""A generated soundtrack, made again of its reference's own samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from condfoley.audio.splice import until_next
from condfoley.audio.track import Track
from condfoley.inputs import SILENCE_PEAK, Clip
from condfoley.references.selection import located, placed, selected
from condfoley.resynthesis.choose import event_powers
from condfoley.resynthesis.library import Library, library_of
from condfoley.resynthesis.recorded import VOCODER, Event, Made, events_of, render_events
from condfoley.settings import Settings
from condfoley.soundtrack import Places, Soundtrack, finished

TOLD = 6
"""At most so many impacts that are the vocoder's are told by their times."""


def read_library(
    references: Sequence[Clip],
    settings: Settings,
    wanted: Sequence[np.ndarray] = (),
    moments: Sequence[tuple[int, float]] = (),
    sliding: np.ndarray | None = None,
    fps: float = 15.0,
) -> Library:
    """What references have, at the rate and with the channels of the settings, else their own.

    wanted: band powers of the soundtrack's events, (B, M), for which long references are searched. moments: of
    the references (by number), s, that are needed in any case. sliding: (T,) in [0, 1] at
    `fps`, of the one reference's picture; None without one. Raises InputError when one cannot be read or has no sound.
    """
    found = selected(references, wanted, settings.rate, settings.channels, moments)
    library = library_of(found.samples, found.rate, sliding, fps, found.onsets)
    notes = found.notes
    if not library.shots and np.abs(library.sound).max(initial=0.0) > SILENCE_PEAK:
        notes = (*notes, "nothing is struck in the reference; it is used as a texture")
        library = dataclasses.replace(library, slides=((0, library.sound.shape[1]),))
    return dataclasses.replace(library, notes=notes, sources=found.sources)


def wanted_powers(track: Track, onsets: np.ndarray) -> list[np.ndarray]:
    """Band powers of a track's events, (E,) s, from their onsets on until the next one at most: (B, M) each."""
    spans = until_next(onsets, track.duration)
    places = [(round(begin * track.rate), round(end * track.rate)) for begin, end in spans]
    mono = track.mono[None]
    return [event_powers(mono, track.rate, begin, end) for begin, end in places if end > begin]


def made_of(events: Sequence[Event], made: Made, library: Library) -> Places:
    """How events were made, and which of them are one-shots of which moment of which reference."""
    return tuple(
        (event.onset, way, None if moment is None else located(library.sources, library.rate, moment))
        for event, way, moment in zip(events, made.ways, made.moments, strict=True)
    )


def place_of(library: Library, number: int, moment: float) -> float | None:
    """The time, s, in a library's sound of a moment of a reference; None where it does not have it."""
    return placed(library.sources, library.rate, number, moment)


def resynthesised(soundtrack: Soundtrack, library: Library) -> Soundtrack:
    """The soundtrack made of a library's samples, at its rate and with its channels; candidates stay as they are."""
    track = soundtrack.track
    events = events_of(track, soundtrack.cues.times, soundtrack.sliding, soundtrack.picture_fps)
    made = render_events(track, events, library)
    ways = made.ways
    remarks = [*soundtrack.remarks, *library.notes]
    if ways:
        vocoded = [event.onset for event, way in zip(events, ways, strict=True) if way == VOCODER]
        remarks.append(told_ways(vocoded, len(ways)))
    return dataclasses.replace(
        soundtrack, track=finished(made.track), remarks=tuple(remarks), made_of=made_of(events, made, library)
    )


def told_ways(vocoded: Sequence[float], count: int) -> str:
    """How many of some impacts are the reference's own samples, in one line. vocoded: times of the others, s."""
    own = count - len(vocoded)
    if not vocoded:
        return (
            f"all {count} impacts are the reference's own samples"
            if count > 1
            else "the impact is the reference's own sample"
        )
    at = ", ".join(f"{time:.2f}" for time in vocoded[:TOLD])
    if len(vocoded) > TOLD:
        at += " ..."
    rest = f"the other, at {at} s, is" if len(vocoded) == 1 else f"the others, at {at} s, are"
    return f"{own} of {count} impacts are the reference's own samples, {rest} the vocoder's"
