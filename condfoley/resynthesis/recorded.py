"""The renderer `recorded`: what happens when, how strongly and with which envelope is the model's; the sound is the reference's.

Beneath all lies the reference's background. An impact is one of the reference's one-shots, of which what stands above the
background is brought to the impact's level, and the background in it stays as loud as it is. What slides is made of grains.
What the reference has nothing like stays the model's own sound, by the vocoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.audio.onsets import match_pairs, matched_onsets
from condfoley.audio.rates import converted
from condfoley.audio.splice import add_into, faded, overlay_into, until_next
from condfoley.audio.track import Track
from condfoley.media import resample
from condfoley.resynthesis.background import without_background
from condfoley.resynthesis.bands import band_powers
from condfoley.resynthesis.choose import choose_shots, distances, event_powers
from condfoley.resynthesis.grains import grain_places, granulated
from condfoley.resynthesis.library import LEAD, SLIDING, Library
from condfoley.resynthesis.place import shaped, varied

FARTHEST = 4.5  # dB from what the model wrote, up to which a one-shot is of the same kind
FADE, RELEASE = 0.003, 0.03  # s, of joins, and of the end of what slides
LOST = 0.03  # s from an event, within which its onset is still there
RECORDED, GRAINS, VOCODER = "recorded", "grains", "vocoder"


@dataclass(frozen=True)
class Event:
    """An impact or a slide of the soundtrack: from `onset` until `end`, s."""

    onset: float
    end: float
    slides: bool


def render_recorded(track: Track, events: Sequence[Event], library: Library) -> tuple[Track, list[str]]:
    """The soundtrack, at the model's rate, made of a library's samples, at its rate and with its channels.

    events: those of the track, ascending. An event whose onset is lost so stays the model's own sound. Also returns how
    each event was made.
    """
    if not events:
        return converted(track, library.rate, len(library.sound)), []
    clean = cleaned(track)
    powers = [powers_of(track, event) for event in events]
    apart = distances(powers, library.shots)
    ways = [way(event, own, library) for event, own in zip(events, apart)]
    chosen = chosen_shots(ways, apart)
    made = _laid(track, clean, events, library, ways, chosen)
    times = np.array([event.onset for event in events])
    met = {i for i, _ in match_pairs(times, made.onsets, LOST)}
    if lost := [i for i in range(len(events)) if i not in met and ways[i] != VOCODER]:
        ways = [VOCODER if i in lost else found for i, found in enumerate(ways)]
        made = _laid(track, clean, events, library, ways, chosen)
    return made, ways


def chosen_shots(ways: Sequence[str], apart: np.ndarray) -> dict[int, tuple[int, int]]:
    """Event -> which one-shot it becomes, and how often that was heard before. apart: see `choose.distances`."""
    struck = [i for i, found in enumerate(ways) if found == RECORDED]
    heard: dict[int, int] = {}
    out = {}
    for i, shot in zip(struck, choose_shots(apart[struck])):
        out[i] = shot, heard.get(shot, 0)
        heard[shot] = heard.get(shot, 0) + 1
    return out


def cleaned(track: Track) -> Track:
    """A track of one channel without its background, with the same onsets."""
    powers = band_powers(track.mono[None], track.rate)
    return track.edited(without_background(track.mono[None], track.rate, powers)).with_onsets_of(track)


def _laid(
    track: Track,
    clean: Track,
    events: Sequence[Event],
    library: Library,
    ways: Sequence[str],
    chosen: dict[int, tuple[int, int]],
) -> Track:
    """All events in their places. Onsets are detected in what the model can hear."""
    rate, channels = library.rate, library.sound.shape[0]
    length = round(track.duration * rate)
    out = library.bed(length)
    own = converted(track, rate, 1).samples
    lead, fade = round(LEAD * rate), round(FADE * rate)
    pieces: list[tuple[np.ndarray, int]] = []  # what is heard above the background
    for i, event in enumerate(events):
        begin, end = round(event.onset * rate), round(event.end * rate)
        if ways[i] == RECORDED:
            shot, again = library.shots[chosen[i][0]], chosen[i][1]
            pieces.append(
                (shaped(shot, whole_powers(clean, event), event.end - event.onset, again), begin - shot.onset)
            )
            noise = (varied(shot.raw, again) - varied(shot.samples, again))[:, : end - begin + shot.onset - lead]
            overlay_into(out, noise, begin - shot.onset, fade)
        elif ways[i] == GRAINS:
            places = grain_places(library, library.slides)
            grains = granulated(library, places, whole_powers(clean, event), end - begin)
            pieces.append((faded(grains, fade, round(RELEASE * rate)), begin))
        else:
            begin = max(0, begin - lead)
            overlay_into(out, np.repeat(own[:, begin : end - lead], channels, 0), begin, fade)
    for piece, begin in pieces:
        add_into(out, piece, begin)
    return Track(out, rate).with_onsets_of(Track(resample(out.mean(0), rate, track.rate), track.rate))


def way(event: Event, apart: np.ndarray, library: Library) -> str:
    """How an event is made: of what the reference has of its kind, if that is near enough to what the model wrote.

    apart: (S, 2), see `choose.distances`.
    """
    if event.slides:
        return GRAINS if len(grain_places(library, library.slides)) else VOCODER
    return RECORDED if apart[:, 0].min(initial=np.inf) <= FARTHEST else VOCODER


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


def events_of(track: Track, cues: np.ndarray, sliding: np.ndarray, fps: float) -> list[Event]:
    """The track's events: its onsets near the cues, (K,) s, each until the next one; others belong to the one before.

    sliding: (T,) in [0, 1] at `fps`, of the target's picture.
    """
    onsets = matched_onsets(cues, track.onsets)
    near = [sliding[max(0, round(time * fps) - 1) : round(time * fps) + 4] for time in onsets]
    return events_at(track, onsets, [bool(len(part) and part.max() > SLIDING) for part in near])


def events_at(track: Track, onsets: np.ndarray, slides: Sequence[bool]) -> list[Event]:
    """Events at some of a track's onsets, (E,) s, each until the next one. slides: whether something slides at each."""
    spans = until_next(onsets, track.duration)
    return [Event(float(onset), float(end), bool(slide)) for (onset, end), slide in zip(spans, slides, strict=True)]
