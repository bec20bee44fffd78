"""Edits of a soundtrack: impacts are moved to their cues, copied to where one is missing, or muted.

All take and give tracks with any number of channels, never change their input, and give back the same object where
there is nothing to do. cues: (K,) s, ascending. Times in seconds.
"""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import MATCH_WINDOW, match_pairs
from condfoley.audio.splice import concatenate, duck_into, mute_into, overlay_into, segment, until_next
from condfoley.audio.track import Track
from condfoley.memory import sound_copy

KEEP_AFTER_ONSET = 0.3  # share of the way to the next onset that stays with an impact when it is moved
CROSSFADE = 0.01  # s, where a sound is cut off
MAX_COPY = 0.5  # s of an impact that are copied at most
FALLBACK_DECAY_DB = 60.0  # by which a one-shot falls that is made of a sound without onsets


def align(track: Track, cues: np.ndarray) -> Track:
    """The track with its impacts moved to the cues, by at most MATCH_WINDOW each.

    It is cut where it is quietest between two onsets; an impact without a cue moves with its neighbours. Where two move
    apart, what rings between them goes on for longer.
    """
    onsets, rate = track.onsets, track.rate
    pairs = match_pairs(cues, onsets, MATCH_WINDOW)
    if not pairs:
        return track
    indices, wanted = zip(*sorted((j, cues[i] - onsets[j]) for i, j in pairs))
    shifts = np.round(np.interp(np.arange(len(onsets)), indices, wanted) * rate).astype(int)  # (E,) samples
    if not shifts.any():
        return track
    joins = []  # where each piece but the first begins: as soon as it has something that is not the impact before
    for cut, onset, before, after in zip(_quietest_between(track), onsets, shifts, shifts[1:]):
        earliest = round((onset + 2 * CROSSFADE) * rate) + after
        joins.append(max(min(cut + before, cut + after), min(earliest, cut + after)))
    ordered = np.maximum.accumulate(joins).clip(0, len(track)).tolist() if joins else []
    sources = [(track.samples, int(shift)) for shift in shifts]
    return track.edited(concatenate(sources, ordered, len(track), round(CROSSFADE * rate)))


def fill_missing(track: Track, cues: np.ndarray, window: float = MATCH_WINDOW, duck: float = 0.0) -> Track:
    """The track with the nearest cued impact copied to each cue that has no onset within `window` s.

    From such a cue to the next onset, the copy replaces what was there. duck: s before it that fade out, since a swell
    there would hide it. Without any cued impact the track stays as it is.
    """
    onsets, rate = track.onsets, track.rate
    pairs = match_pairs(cues, onsets, window)
    sources, missing = onsets[sorted(j for _, j in pairs)], np.delete(cues, [i for i, _ in pairs])
    if not len(sources) or not len(missing):
        return track
    events, out = np.sort(np.concatenate([onsets, missing])), sound_copy(track.samples)
    fade = round(CROSSFADE * rate)
    for cue in missing:
        source = sources[np.abs(sources - cue).argmin()]
        room = [events[events > time].min(initial=track.duration) - time for time in (source, cue)]  # s
        length = round(max(0.0, min(MAX_COPY, *room)) * rate)
        begin, place = (round(float(time - CROSSFADE) * rate) for time in (source, cue))
        duck_into(out, place - round(duck * rate), place)
        overlay_into(out, segment(track.samples, begin, begin + length), place, fade)
    return track.edited(out)


def insert_one_shot(track: Track, cues: np.ndarray, one_shot: np.ndarray) -> Track:
    """The track with the same impact at each cue, until the next one.

    one_shot: (C, L) float32, with its onset CROSSFADE after its beginning.
    """
    out, rate = sound_copy(track.samples), track.rate
    places = [round(float(cue - CROSSFADE) * rate) for cue in cues]
    for place, following in until_next(places, len(track)):
        overlay_into(out, one_shot[:, : max(0, int(following - place))], int(place), round(CROSSFADE * rate))
    return track.edited(out)


def mute_extra(track: Track, cues: np.ndarray, window: float = MATCH_WINDOW) -> Track:
    """The track silent from each onset that is not within `window` s of a cue of its own until the next onset."""
    onsets, rate = track.onsets, track.rate
    kept = {j for _, j in match_pairs(cues, onsets, window)}
    if len(kept) == len(onsets):
        return track
    out = sound_copy(track.samples)
    for index, (onset, following) in enumerate(until_next(onsets, track.duration + 2 * CROSSFADE)):
        if index not in kept:
            begin, end = (round((time - 2 * CROSSFADE) * rate) for time in (onset, following))
            mute_into(out, begin, end, round(CROSSFADE * rate))
    return track.edited(out)


def extract_one_shot(track: Track) -> np.ndarray:
    """A recording's clearest impact, of MAX_COPY s at most, that begins CROSSFADE before its onset: (C, L) float32.

    Of a recording without onsets it is the loudest stretch, made to begin at once and to fall by FALLBACK_DECAY_DB.
    """
    samples, rate = track.samples, track.rate
    length = round(MAX_COPY * rate)
    if len(track.onsets):
        first = int(np.argmax(track.rises))
        begin = max(0, round((track.onsets[first] - CROSSFADE) * rate))
        following = track.onsets[first + 1 : first + 2]
        end = round(following[0] * rate) if len(following) else len(track)
        return samples[:, begin : min(end, begin + length)].copy()
    energy = np.concatenate([[0.0], np.cumsum(np.square(track.mono, dtype=np.float64))])
    length = min(length, len(track))
    begin = int(np.argmax(energy[length:] - energy[:-length]))
    decay = 10 ** (-FALLBACK_DECAY_DB / 20 * np.linspace(0, 1, length, dtype=np.float32))
    return np.pad(samples[:, begin : begin + length] * decay, ((0, 0), (round(CROSSFADE * rate), 0)))


def _quietest_between(track: Track) -> list[int]:
    """The sample between each two onsets at which a track is quietest, not too soon after the first: E - 1 numbers."""
    from scipy.ndimage import uniform_filter1d

    wav, rate = track.mono, track.rate
    cuts: list[int] = []
    for before, after in zip(track.onsets[:-1], track.onsets[1:]):
        first = round((before + KEEP_AFTER_ONSET * (after - before)) * rate)
        between = np.abs(wav[first : round((after - CROSSFADE) * rate)])
        quiet = int(uniform_filter1d(between, round(CROSSFADE * rate)).argmin()) if len(between) else 0
        cuts.append(max(0, first + quiet))
    return cuts
