"""A generated soundtrack, made again of its reference's own samples."""

from __future__ import annotations

import dataclasses

import numpy as np

from condfoley.audio.onsets import RATE
from condfoley.audio.rates import converted
from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.inputs import Clip, highpass
from condfoley.resynthesis.library import Library, library_of
from condfoley.resynthesis.recorded import VOCODER, events_of, render_recorded
from condfoley.resynthesis.usable import usable_channels
from condfoley.settings import Settings
from condfoley.soundtrack import Soundtrack, finished

LEAST_RATE, MOST_RATE = RATE, 96_000  # Hz, of a soundtrack where no other rate is asked for
LONGEST = 300.0  # s of a reference, from its beginning, that are looked through
NOT_DETECTED = (np.zeros(0), np.zeros(0))  # onsets of a sound of which nobody asks for them


def read_library(reference: Clip, settings: Settings, sliding: np.ndarray | None, fps: float) -> Library:
    """What a reference has, at the rate and with the channels of the settings, else its own.

    sliding: (T,) in [0, 1] at `fps`, of its picture; None without one. Raises InputError when it cannot be read or has no
    sound.
    """
    found = reference.recording()
    if found is None:
        raise InputError(f"{reference.name} has no sound; give a reference with sound")
    sound, own = found
    sound, note = usable_channels(sound[:, : round(LONGEST * own)])
    rate = settings.rate or min(max(own, LEAST_RATE), MOST_RATE)
    whole = converted(Track(sound, own, NOT_DETECTED), rate, settings.channels or len(sound))
    samples = np.stack([highpass(channel, rate) for channel in whole.samples])
    return dataclasses.replace(library_of(samples, rate, sliding, fps), note=note)


def resynthesised(soundtrack: Soundtrack, library: Library) -> Soundtrack:
    """The soundtrack made of a library's samples, at its rate and with its channels; candidates stay as they are."""
    track = soundtrack.track
    events = events_of(track, soundtrack.cues.times, soundtrack.sliding, soundtrack.picture_fps)
    made, ways = render_recorded(track, events, library)
    remarks = [library.note] if library.note else []
    if ways:
        own = len(ways) - ways.count(VOCODER)
        remarks.append(f"{own} of {len(ways)} impacts are the reference's own samples, the others the vocoder's")
    return dataclasses.replace(soundtrack, track=finished(made), ways=tuple(ways), remarks=tuple(remarks))
