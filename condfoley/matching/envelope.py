"""Envelope matching: each impact attacks and decays as the reference's do, like a sound engineer's envelope shaper.

Codes blur how an impact begins and dies away, and swell where nothing is struck. That it begins at once is what an
impact is; how each band decays after it is known from the reference's sound and need not be generated. Where the
impacts are is not changed: the picture and comping decide it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from condfoley.audio.bands import Bands, smooth
from condfoley.audio.levels import impact_starts
from condfoley.audio.mel import FLOOR, hann
from condfoley.audio.splice import until_next
from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.memory import Releaser, sound_array

# Ids are blocks of docs/experiments, where a number was chosen; those without one are estimates, not tuned.
ATTACK = 0.06  # s after an onset in which its bands reach their peaks
SMOOTHING = 3  # frames over which a level is taken; 5 hid what decays within an attack (E11.4)
MAX_BOOST_DB = 6.0  # of a band; it may be lowered by any amount. Of 0, 6 and 12 (E11.2)
MAX_ATTACK_BOOST_DB = 20.0  # the same in an attack (E11.4; no other value is recorded)
ATTACK_AMOUNT = 0.75  # share of the way of an attack's bands to the reference's. Of 0.5, 0.75 and 1 (E11.4)
MAX_DIFFERENCE_DB = 20.0  # either way, that counts of their difference
OVERLAPPING_TAILS = 4  # impacts that may still be audible at a time, the new one among them
PRE_ONSET = 0.15  # s before the first impact in which nothing may swell
FADE = 0.003  # s over which an impact's part is faded in before it begins
MIN_COVERAGE = 0.1  # share of a frame's window that must lie inside a part for its level to count in full


@dataclass(frozen=True)
class EnvelopeProfile:
    """How the impacts of a sound attack and decay, mean over them.

    attack_peak_db: (n_mels,) highest level of each band in an impact's attack, against the power of all bands.
    decay_db: (n_mels, D) level of each band d frames after an onset, against its peak; 0 or less, never rising.
    """

    attack_peak_db: np.ndarray
    decay_db: np.ndarray


def measure_envelope(track: Track, onsets: np.ndarray, geometry: Geometry) -> EnvelopeProfile | None:
    """Mean attack and decay of the impacts of a sound; None when none lasts beyond its attack.

    onsets: (E,) s, ascending; each impact is measured until the next one. geometry: of the bands, at the track's rate.
    """
    attack, peaks, decays = _attack_frames(geometry), [], []
    for segment in cut_segments(track.samples, impact_starts(onsets, len(track), track.rate), geometry):
        levels = segment.levels[:, segment.onset : segment.following]
        if levels.shape[1] > attack:
            peaks.append(levels[:, :attack].max(1))
            decays.append(_decay(levels, attack))
    if not decays:
        return None
    longest = max(decay.shape[1] for decay in decays)
    padded = [np.pad(d, ((0, 0), (0, longest - d.shape[1])), constant_values=np.nan) for d in decays]
    struck = np.stack(peaks)
    decay_db = np.minimum.accumulate(np.nanmean(padded, 0), 1)
    return EnvelopeProfile((struck - broadband_db(struck)[:, None]).mean(0), decay_db)


def _attack_frames(geometry: Geometry) -> int:
    return round(ATTACK * geometry.sample_rate / geometry.hop)


def _decay(levels: np.ndarray, attack: int) -> np.ndarray:
    """Levels from an onset on against their peak, (n_mels, D) dB, 0 until the peak is reached.

    levels: (n_mels, D) dB from the onset on. attack: frames in which the peak lies.
    """
    rising = np.maximum.accumulate(levels[:, attack - 1 :: -1], 1)[:, ::-1]  # what precedes the peak counts as the peak
    return np.minimum(np.concatenate([rising, levels[:, attack:]], 1) - rising[:, :1], 0)


def broadband_db(levels: np.ndarray) -> np.ndarray:
    """Power of all bands together: (..., n_mels) dB -> (...) dB."""
    highest = levels.max(-1, keepdims=True)
    return highest[..., 0] + 10 * np.log10((10 ** ((levels - highest) / 10)).sum(-1))


def decay_at(decay_db: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Levels of a decaying impact against its peak, (n_mels, K) dB, `after` (K,) frames after it.

    decay_db: (n_mels, D) of an `EnvelopeProfile`; beyond D each band goes on with the mean slope of the last third.
    """
    last, third = decay_db.shape[1] - 1, max(1, decay_db.shape[1] // 3)
    slope = (decay_db[:, last] - decay_db[:, max(0, last - third)]) / third  # dB a frame
    return decay_db[:, after.clip(max=last)] + slope[:, None] * (after - last).clip(0)


def match_envelope(
    track: Track, onsets: np.ndarray, profile: EnvelopeProfile, geometry: Geometry, amount: float, sliding: np.ndarray
) -> Track:
    """The soundtrack with impacts that begin at once and decay as in `profile`.

    An impact keeps its broadband level; its attack's bands come nearer to the reference's by ATTACK_AMOUNT.
    onsets: (E,) s, ascending. geometry: of the bands, at the track's rate. amount: of the difference in dB, 0 to 1.
    sliding: (T,) in [0, 1] at the geometry's frame rate, probability that the picture shows something that slides: that
    does not decay, so nothing changes there. Returns the same track without onsets.
    """
    starts = [start for start in impact_starts(onsets, len(track), track.rate) if start < len(track)]
    if not amount or not starts:
        return track
    g, out = geometry, sound_array(track.samples.shape)
    seconds = np.arange(len(track) // g.hop + 1) * g.hop / track.rate
    amounts = amount * (1 - np.interp(seconds * g.fps, np.arange(len(sliding)), sliding)).astype(np.float32)
    release_until = Releaser()
    impacts: list[tuple[int, np.ndarray]] = []  # begin, samples, and levels of the attack's peaks, (n_mels,) dB
    for i, segment in enumerate(cut_segments(track.samples, [0, *starts], g)):
        if i == 0:
            gain = pre_onset_gain(segment.levels, segment.following, g)
        else:
            peak, change = attack_change(segment, profile, g)
            impacts = [*impacts[1 - OVERLAPPING_TAILS :], (segment.begin, peak + change)]
            gain = decay_gain(segment, impacts, change, profile, g)
        frames = segment.start // g.hop + np.arange(gain.shape[1])
        gain = smooth(gain * amounts[frames.clip(max=len(amounts) - 1)], 3)
        segment.add_filtered(10 ** (gain / 20), out)
        release_until(segment.end)
    return track.edited(out)


class Segment:
    """A sound's part from one impact to the next, measured and filtered by itself.

    It is faded in before its beginning and out before the next one, so that all segments add up to the sound.
    begin, end: samples. start: sample of its first frame, on the grid of frames. onset, following: its frames at
    `begin` and `end`. levels: (n_mels, M) dB, as if each frame lay wholly inside the part; they go on behind the end.
    """

    def __init__(self, samples: np.ndarray, begin: int, end: int, geometry: Geometry):
        """samples: (C, N) float32, the whole sound."""
        g, fade, total = geometry, round(FADE * geometry.sample_rate), samples.shape[1]
        first = max(0, begin - fade)
        self.begin, self.end, self.geometry = begin, end, geometry
        self.start = first // g.hop * g.hop
        self.onset, self.following = (begin - self.start) // g.hop, (end - self.start) // g.hop
        self._silent = g.n_fft // 2 // g.hop + 1  # frames before the first one, so that no frame is reflected
        frames = -(-(end - self.start + g.n_fft) // g.hop)
        at = np.arange(first, end, dtype=np.float32) + 0.5
        inside = ((at - (begin - fade)) / fade).clip(0, 1)
        if end < total:
            inside -= ((at - (end - fade)) / fade).clip(0, 1)
        padding = self._silent * g.hop + first - self.start, frames * g.hop - (end - self.start)
        self._bands = Bands(np.pad(samples[:, first:end] * inside, ((0, 0), padding)), g)
        centres = self.start + g.hop * np.arange(-self._silent, frames + 1)
        # a linear fade passes a third of its power
        coverage = window_coverage(max(0, begin - fade / 3), end - (2 * fade / 3 if end < total else 0), centres, g)
        power = smooth(self._bands.powers(), SMOOTHING) / smooth(coverage, SMOOTHING).clip(MIN_COVERAGE)
        self.levels = 10 * np.log10(power.clip(FLOOR**2))[:, self._silent : self._silent + frames]

    def add_filtered(self, gain: np.ndarray, out: np.ndarray) -> None:
        """Adds the segment with a gain in each band and frame, (n_mels, M), to a sound (C, N) in place.

        It ends half a window behind its end, as far as the filter smears it; behind that lies the next part's fade-in.
        """
        padding = ((0, 0), (self._silent, self._bands.frames - self._silent - gain.shape[1]))
        filtered = self._bands.filtered(np.pad(gain, padding, constant_values=1))
        place = out[:, self.start : self.end + self.geometry.n_fft // 2]
        place += filtered[:, self._silent * self.geometry.hop :][:, : place.shape[1]]


def cut_segments(samples: np.ndarray, starts: list[int], geometry: Geometry) -> Iterator[Segment]:
    """Yields the parts of a sound (C, N) from each of `starts`, ascending samples, until the next or the end."""
    for begin, end in until_next(starts, samples.shape[1]):
        yield Segment(samples, int(begin), int(end), geometry)


def window_coverage(first: float, last: float, centres: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Share of the analysis window's power inside the samples [first, last): (M,) in [0, 1] for windows at (M,)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(hann(geometry.n_fft), dtype=np.float64))])
    lag = np.arange(geometry.n_fft + 1) - geometry.n_fft // 2
    before, until = (np.interp(edge - centres, lag, energy) for edge in (first, max(first, last)))
    return ((until - before) / energy[-1]).astype(np.float32)


def pre_onset_gain(levels: np.ndarray, end: int, geometry: Geometry) -> np.ndarray:
    """Gains, (n_mels, M) dB, that keep every band from swelling towards the first impact. levels: (n_mels, M) dB.

    end: frame of that impact.
    """
    calm = max(0, end - round(PRE_ONSET * geometry.sample_rate / geometry.hop))
    gain = np.zeros_like(levels)
    gain[:, calm:] = np.minimum(levels[:, : calm + 1].max(1, keepdims=True) - levels[:, calm:], 0)
    return gain


def attack_change(segment: Segment, profile: EnvelopeProfile, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Peak of an impact's attack, and the change that brings it nearer to the profile's: (n_mels,) dB both.

    The broadband level stays.
    """
    end = max(segment.onset + 1, min(segment.onset + _attack_frames(geometry), segment.following))
    peak = segment.levels[:, segment.onset : end].max(1)
    whole = broadband_db(peak)
    change = ATTACK_AMOUNT * (profile.attack_peak_db + whole - peak).clip(-MAX_DIFFERENCE_DB, MAX_DIFFERENCE_DB)
    return peak, change - (broadband_db(peak + change) - whole)


def decay_gain(
    segment: Segment,
    impacts: list[tuple[int, np.ndarray]],
    change: np.ndarray,
    profile: EnvelopeProfile,
    geometry: Geometry,
) -> np.ndarray:
    """Gains, (n_mels, M) dB, with which a part decays from its peak, or as an earlier impact's tail that is louder.

    impacts: begin in samples and peak (n_mels,) dB of those that may still be audible, the part's own last. change:
    (n_mels,) dB, see `attack_change`.
    """
    levels = segment.levels
    after = (np.arange(levels.shape[1]) - segment.onset).clip(0)
    ages = [(segment.begin - begin) // geometry.hop for begin, _ in impacts]
    tails = [peak[:, None] + decay_at(profile.decay_db, after + age) for age, (_, peak) in zip(ages, impacts)]
    most = np.full(len(after), MAX_BOOST_DB, np.float32)
    most[: segment.onset + _attack_frames(geometry)] = MAX_ATTACK_BOOST_DB
    return np.minimum(np.max(tails, 0) - levels, most + change[:, None].clip(0))
