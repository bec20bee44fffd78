"""The renderer `recorded`: what happens when, how strongly and with which envelope is the model's; the sound is the reference's.

Beneath all lies the reference's background. An impact is one of the reference's one-shots, of which what stands above the
background is brought to the impact's level, and the background in it stays as loud as it is. What slides is made of grains.
What the reference has nothing like stays the model's own sound, by the vocoder.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from condfoley.audio.onsets import MATCH_WINDOW, match_pairs, matched_onsets
from condfoley.audio.rates import converted
from condfoley.audio.splice import until_next
from condfoley.audio.track import Track
from condfoley.resynthesis.choose import choose_shots, distances, event_powers
from condfoley.resynthesis.kinds import kinds_of
from condfoley.resynthesis.laying import GRAINS, RECORDED, VOCODER, Event, Laying
from condfoley.resynthesis.library import Library
from condfoley.settings import Way

FARTHEST = 9.0  # dB from what the model wrote, up to which a one-shot stands for an impact
NEAR = 4.5  # the same for a doubtful one: the picture shows something slide, or most of what the reference has slides
UNDETECTED = 0.03  # s before the end in which an onset cannot be detected
PINNED = 0.25  # s around a moment in which the one-shot that is meant begins
LOST = 0.03  # s from an event, within which its onset is still there
ATTEMPTS = 3  # soundtracks that are made until all onsets are where they were


class Made(NamedTuple):
    """A soundtrack, how each of its events was made, and the time, s, in the library's sound of the one-shot it became."""

    track: Track
    ways: list[Way]
    moments: list[float | None]


def render_events(
    track: Track, events: Sequence[Event], library: Library, wanted: Mapping[int, float] | None = None
) -> Made:
    """The soundtrack, at the model's rate, made of a library's samples, at its rate and with its channels.

    events: those of the track, ascending. An impact whose onset is lost, or which sounds like two, becomes another one-shot, and
    if that is no better, it stays the model's own sound. wanted: event -> time, s, in the library's sound of the one-shot that
    it becomes in any case, the nearest within PINNED.
    """
    if not events or not (library.shots or library.slides):
        whole = converted(track, library.rate, len(library.sound))
        return Made(whole, [VOCODER] * len(events), [None] * len(events))
    laying = Laying(track, events, library)
    apart = distances([powers_of(track, event) for event in events], library.struck)
    pinned = pin(apart, library, wanted or {})
    ways = [way(event, own, library) for event, own in zip(events, apart)]
    for attempt in range(ATTEMPTS):
        chosen = chosen_shots(ways, apart)
        made = laying.made(ways, chosen)
        wrong = [i for i in misheard(events, ways, track, made.onsets) if i not in pinned]
        if not wrong or attempt == ATTEMPTS - 1:
            break
        for i in wrong:
            if i in chosen and attempt == 0:
                apart[i, chosen[i][0], 0] = np.inf
                ways[i] = way(events[i], apart[i], library)
            else:
                ways[i] = VOCODER
    moments = [library.struck[chosen[i][0]].time if i in chosen else None for i in range(len(events))]
    return Made(made, ways, moments)


def pin(apart: np.ndarray, library: Library, wanted: Mapping[int, float]) -> set[int]:
    """Makes all one-shots but the wanted ones impossible for some events; which events those are.

    apart: see `choose.distances`; is changed. wanted: event -> time, s, in the library's sound.
    """
    times, out = np.array([shot.time for shot in library.struck]), set()
    for event, time in wanted.items():
        near = np.abs(times - time)
        if len(near) and near.min() <= PINNED:
            apart[event, np.arange(len(times)) != near.argmin(), 0] = np.inf
            apart[event, near.argmin()] = 0.0
            out.add(event)
    return out


def misheard(events: Sequence[Event], ways: Sequence[Way], track: Track, onsets: np.ndarray) -> list[int]:
    """Which events of the reference's samples have no onset, or one more than the track has: indices.

    onsets: (E,) s, of what was made.
    """
    times = np.array([event.onset for event in events])
    met = {i for i, _ in match_pairs(times, onsets, LOST)}
    known = {j for _, j in match_pairs(np.union1d(track.onsets, times), onsets, 2 * LOST)}
    extra = [time for j, time in enumerate(onsets) if j not in known]
    return [
        i
        for i, event in enumerate(events)
        if (ways[i] != VOCODER and i not in met and event.onset < track.duration - UNDETECTED)
        or (ways[i] == RECORDED and any(event.onset <= time < event.end for time in extra))
    ]


def chosen_shots(ways: Sequence[Way], apart: np.ndarray) -> dict[int, tuple[int, int]]:
    """Event -> which one-shot it becomes, and how often that was heard before. apart: see `choose.distances`."""
    struck = [i for i, found in enumerate(ways) if found == RECORDED]
    heard: dict[int, int] = {}
    out = {}
    for i, shot in zip(struck, choose_shots(apart[struck])):
        out[i] = shot, heard.get(shot, 0)
        heard[shot] = heard.get(shot, 0) + 1
    return out


def way(event: Event, apart: np.ndarray, library: Library) -> Way:
    """How an event is made: of what the reference has of its kind, if that is near enough to what the model wrote.

    apart: (S, 2), see `choose.distances`.
    """
    if library.slides and (event.slides or not library.shots):
        return GRAINS
    doubtful = event.slides or len(library.struck) < len(library.shots) / 2
    farthest = NEAR if doubtful else FARTHEST
    return RECORDED if apart[:, 0].min(initial=np.inf) <= farthest else VOCODER


def powers_of(track: Track, event: Event) -> np.ndarray:
    """Band powers of an event's beginning: (B, M)."""
    first, last = (round(time * track.rate) for time in event.span)
    return event_powers(track.samples, track.rate, first, last)


def events_of(track: Track, cues: np.ndarray, sliding: np.ndarray, fps: float) -> list[Event]:
    """The track's events: its onsets near the cues, (K,) s, each until the next one; others belong to the one before.

    A cue so near the end that no onset can be detected there is an impact, too, like the one before. sliding: (T,) in [0, 1] at
    `fps`, of the target's picture.
    """
    onsets = matched_onsets(cues, track.onsets)
    events = events_at(track, onsets, kinds_of(track.samples, track.rate, onsets, sliding, fps))
    late = cues[(cues > track.duration - UNDETECTED) & (cues < track.duration)]
    if len(late) and events and late[0] > events[-1].onset + MATCH_WINDOW:
        before = events.pop()
        events += [
            dataclasses.replace(before, end=float(late[0])),
            Event(float(late[0]), track.duration, slides=False, written=before.onset),
        ]
    return events


def events_at(track: Track, onsets: np.ndarray, slides: Sequence[bool]) -> list[Event]:
    """Events at some of a track's onsets, (E,) s, each until the next one. slides: whether something slides at each."""
    spans = until_next(onsets, track.duration)
    return [Event(float(onset), float(end), bool(slide)) for (onset, end), slide in zip(spans, slides, strict=True)]
