"""The renderer `recorded`: what happens when, how strongly, and with which envelope is the model's; the sound is the
reference's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from condfoley.audio.onsets import matched_onsets
from condfoley.audio.splice import ramp, until_next
from condfoley.audio.track import Track
from condfoley.resynthesis.bands import band_powers
from condfoley.resynthesis.choose import choose_shots, distance, event_powers
from condfoley.resynthesis.grains import grain_places, granulated
from condfoley.resynthesis.library import LEAD, Library, OneShot
from condfoley.resynthesis.place import shaped

FARTHEST = 4.5  # dB from what the model wrote, up to which a one-shot is of the same kind
RECORDED, GRAINS, VOCODER = "recorded", "grains", "vocoder"


@dataclass(frozen=True)
class Event:
    """An impact or a slide of the soundtrack: from `onset` until `end`, s."""

    onset: float
    end: float
    slides: bool


def render_recorded(track: Track, events: Sequence[Event], library: Library) -> tuple[Track, list[str]]:
    """The soundtrack, one channel at the model's rate, made of a library's samples, at its rate and with its channels.

    events: those of the track, ascending. Also returns how each was made.
    """
    rate, channels = library.rate, library.sound.shape[0]
    length = round(track.duration * rate)
    out = np.zeros((channels, length), np.float32)
    powers = [powers_of(track, event) for event in events]
    ways = [way(event, own, library) for event, own in zip(events, powers)]
    struck = [i for i, found in enumerate(ways) if found == RECORDED]
    shots: Sequence[OneShot] = library.shots
    chosen = dict(zip(struck, choose_shots([powers[i] for i in struck], shots)))
    heard: dict[int, int] = {}
    fine = soxr.resample(track.mono, track.rate, rate)[:length]
    for i, event in enumerate(events):
        begin = round((event.onset - LEAD) * rate)
        if i in chosen:
            shot = shots[chosen[i]]
            piece = shaped(shot, whole_powers(track, event), event.end - event.onset, heard.get(chosen[i], 0))
            heard[chosen[i]] = heard.get(chosen[i], 0) + 1
            begin = round(event.onset * rate) - shot.onset
        elif ways[i] == GRAINS:
            spans = library.slides
            piece = edged(
                granulated(
                    library,
                    grain_places(library, spans),
                    whole_powers(track, event),
                    round((event.end - event.onset) * rate),
                ),
                rate,
            )
            begin = round(event.onset * rate)
        else:
            piece = edged(np.repeat(fine[None, max(0, begin) : round((event.end - LEAD) * rate)], channels, 0), rate)
            begin = max(0, begin)
        put(out, piece, begin)
    return Track(out, rate), ways


def way(event: Event, powers: np.ndarray, library: Library) -> str:
    """How an event is made: of what the reference has of its kind, if that is near enough to what the model wrote."""
    if event.slides:
        return GRAINS if len(grain_places(library, library.slides)) else VOCODER
    nearest = min((distance(powers, shot.powers)[0] for shot in library.shots), default=np.inf)
    return RECORDED if nearest <= FARTHEST else VOCODER


def powers_of(track: Track, event: Event) -> np.ndarray:
    """Band powers of an event's beginning: (B, M)."""
    return event_powers(track.samples, track.rate, round(event.onset * track.rate), round(event.end * track.rate))


def whole_powers(track: Track, event: Event) -> np.ndarray:
    """Band powers of a whole event: (B, M)."""
    first, last = (
        round(event.onset * track.rate),
        max(round(event.end * track.rate), round(event.onset * track.rate) + 1),
    )
    return band_powers(track.samples[:, first:last], track.rate, model_only=True)


def edged(piece: np.ndarray, rate: int) -> np.ndarray:
    """A piece with short fades at both ends."""
    out = piece.copy()
    for count, part in ((min(round(0.003 * rate), out.shape[1]), 0), (min(round(0.03 * rate), out.shape[1]), 1)):
        if count:
            place = slice(0, count) if not part else slice(out.shape[1] - count, None)
            out[:, place] *= ramp(count)[:: -1 if part else 1]
    return out


def put(out: np.ndarray, piece: np.ndarray, begin: int) -> None:
    """Adds a piece (C, L) to a sound (C, N) from sample `begin` on."""
    first = max(0, -begin)
    there = out[:, max(0, begin) : max(0, begin + piece.shape[1])]
    there += piece[:, first:][:, : there.shape[1]]


def events_of(track: Track, cues: np.ndarray, sliding: np.ndarray, fps: float) -> list[Event]:
    """The track's events: its onsets near the cues, (K,) s, each until the next one; others belong to the one before.

    sliding: (T,) in [0, 1] at `fps`, of the target's picture.
    """
    onsets = matched_onsets(cues, track.onsets)
    out = []
    for onset, end in until_next(onsets, track.duration):
        near = sliding[max(0, round(onset * fps) - 1) : round(onset * fps) + 4]
        out.append(Event(float(onset), float(end), bool(len(near) and near.max() > 0.5)))
    return out
