"""Texture matching: within each mel band, the soundtrack's impacts get the fine structure of the reference's own.

Codes know how loud each band is and nothing finer, so the partials of a bell come out as noise of the right colour. How
an impact of the reference sounds inside a band is known from its recording. So where the soundtrack has an impact, the
reference's one-shots are layered, in turn, as a sampler's round robin does; each band of them is brought to the level
that the soundtrack has there, and what they lack of it stays the soundtrack's own sound: cross-synthesis. Timing and
the level of each band at each moment remain what the model generated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.audio.bands import Bands, mix, onset_frames, smooth
from condfoley.audio.mel import FLOOR
from condfoley.audio.splice import add_into, faded, until_next
from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.memory import Releaser, blocks, sound_array, sound_copy

# docs/experiments, E12.2: leads of 3 to 15 ms, one-shots of at least 0.15 s and attacks of 0.03 and 0.1 s
# made no difference. Fades and MAX_DIFFERENCE_DB are estimates, not tuned.
LEAD = 0.005  # s before an onset with which its one-shot begins
MIN_SECONDS = 0.05  # of a one-shot that is of use
FADE_IN, FADE_OUT = 0.005, 0.03  # s, of a one-shot
ATTACK = 0.06  # s after an onset in which a one-shot's bands are brought to their level
MAX_DIFFERENCE_DB = 30.0  # either way, by which a band's gain may differ from the whole one-shot's
FRAMES = 2**14  # of a long sound whose gains are computed at a time


def one_shots(track: Track, onsets: np.ndarray) -> list[np.ndarray]:
    """The impacts of a sound, each from just before it until the next one: (C, L) float32 each, faded at both ends.

    onsets: (E,) s, ascending. Those shorter than MIN_SECONDS are left out.
    """
    rate, shots = track.rate, []
    starts = [max(0, round((float(time) - LEAD) * rate)) for time in onsets]
    for begin, end in until_next(starts, len(track)):
        shot = track.samples[:, int(begin) : int(end)]
        if shot.shape[1] >= MIN_SECONDS * rate:
            shots.append(faded(shot, round(FADE_IN * rate), min(round(FADE_OUT * rate), shot.shape[1] // 4)))
    return shots


def layer_one_shots(
    shots: Sequence[np.ndarray], onsets: np.ndarray, channels: int, samples: int, rate: int
) -> np.ndarray:
    """One-shots put at onsets, in turn and again from the first: (channels, samples) float32.

    One that is longer than the time to the next onset goes on under the next one. shots: (C, L) each at `rate` Hz,
    mixed down to one channel for all where C is not `channels`. onsets: (E,) s.
    """
    out, release_until = sound_array((channels, samples)), Releaser()
    for i, time in enumerate(onsets):
        shot = shots[i % len(shots)]
        shot = shot if len(shot) == channels else shot.mean(0, keepdims=True)
        add_into(out, shot, round((float(time) - LEAD) * rate))
        release_until(round(float(time) * rate))
    return out


def cross_synthesise(
    track: Track, onsets: np.ndarray, shots: Sequence[np.ndarray], geometry: Geometry, amount: float
) -> Track:
    """The soundtrack with the fine structure of recorded impacts; power and timing of each band stay.

    onsets: (E,) s, ascending. shots: `one_shots` of the reference at the track's rate. geometry: of the bands, at the
    track's rate. amount: of the amplitude that the one-shots may take over, 0 to 1. Returns the same track without
    onsets or one-shots.
    """
    if not amount or not len(onsets) or not shots:
        return track
    own = Bands(track.samples, geometry)
    carrier = Bands(layer_one_shots(shots, onsets, track.channels, len(track), track.rate), geometry)
    target, given = own.powers(), carrier.powers()  # (n_mels, M)
    target.clip(FLOOR**2, out=target)
    gain = attack_gains(target, given, onset_frames(onsets, geometry, own.frames), geometry)
    return track.edited(mix((carrier, gain), (own, share_gains(target, given, gain, amount))))


def share_gains(target: np.ndarray, given: np.ndarray, gain: np.ndarray, amount: float) -> np.ndarray:
    """Gains, (n_mels, M), of the soundtrack beside the one-shots, so that the power of both together is its own.

    target, given: as for `attack_gains`; `given` is used up. gain: of the one-shots, brought to `amount` in place, no louder than
    the soundtrack. In place and by blocks, since soundtracks may be long.
    """
    whole, frames = sound_copy(gain), gain.shape[1]
    for part in blocks(frames, FRAMES):
        first, last = max(0, part.start - 1), min(frames, part.stop + 1)  # with what is averaged with it
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # infinite where the one-shots are silent
            limit = np.sqrt(target[:, first:last] / (np.square(whole[:, first:last]) * given[:, first:last]))
        limit = smooth(np.fmin(limit, 1), 3)[:, part.start - first :][:, : part.stop - part.start]
        gain[:, part] *= limit * amount
    for part in blocks(frames, FRAMES):
        left = 1 - np.square(gain[:, part]) * given[:, part] / target[:, part]
        given[:, part] = np.sqrt(left.clip(0))
    return given


def attack_gains(target: np.ndarray, given: np.ndarray, starts: Sequence[int], geometry: Geometry) -> np.ndarray:
    """Gains, (n_mels, M), by which each impact's attack in the one-shots is as loud as in the soundtrack.

    One gain for each band from an impact to the next, 0 before the first one. target, given: powers of soundtrack and
    one-shots, (n_mels, M). starts: frames of the impacts.
    """
    attack, out = round(ATTACK * geometry.sample_rate / geometry.hop), sound_array(target.shape)
    for start, following in until_next(starts, target.shape[1]):
        begin, following = int(start), int(following)
        end = max(begin + 1, min(begin + attack, following))
        wanted, there = target[:, begin:end].sum(1), given[:, begin:end].sum(1).clip(FLOOR**2)
        whole = 10 * np.log10(wanted.sum() / there.sum())
        change = (10 * np.log10(wanted / there)).clip(whole - MAX_DIFFERENCE_DB, whole + MAX_DIFFERENCE_DB)  # dB
        out[:, begin:following] = 10 ** (change[:, None] / 20)
    return out
