"""Decay matching: each hit rings and fades as the reference's do, like a sound engineer's envelope shaper.

Codes blur how a hit begins and dies away, and swell where nothing is struck. That it begins at once is what a hit is;
how each band falls after it is known from the reference's sound and need not be guessed. Where the hits are is not
touched: the picture and comping decide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.audio.bands import Bands, smooth
from condfoley.geometry import Geometry
from condfoley.networks.mel import FLOOR

# Levels. Where a number was chosen is told by docs/experiments.md; those without a note are estimates, not tuned.
ATTACK = 0.06  # s after a hit in which its bands reach their crest
SMOOTH = 3  # frames over which a level is taken; 5 hid what falls within an attack (twelfth session)
LIFT = 6.0  # dB that a band is raised at most; it may be lowered by any amount. Of 0, 6 and 12 (tenth session)
RAISE = 20.0  # the same in an attack (twelfth session; no other value is recorded)
STRIKE = 0.75  # share of the way of an attack's bands to the reference's. Of 0.5, 0.75 and 1 (twelfth session)
FURTHEST = 20.0  # dB, either way, that counts of their difference
TAILS = 4  # hits that may still be heard at a time, the new one among them
SWELL = 0.15  # s before the first hit in which nothing may swell
# Cutting.
LEAD = 0.003  # s before a hit with which its part of the soundtrack begins
RAMP = 0.003  # s over which it is faded in before that
LEAST = 0.1  # share of a frame that must lie inside a part to be measured
AT_ONCE = 60.0  # s of a soundtrack whose parts are filtered together: memory does not grow with its length


@dataclass(frozen=True)
class Ring:
    """How the hits of a sound ring, mean over them.

    crest: (n_mels,) dB, highest level of each band in a hit's attack, against the power of all bands.
    falling: (n_mels, D) dB, level of each band d frames after a hit, against its crest; 0 or less, never rising.
    """

    crest: Tensor
    falling: Tensor


def ring(wav: np.ndarray, hits: np.ndarray, geometry: Geometry) -> Ring | None:
    """Mean attack and fall of the hits of a sound; None when no hit lasts beyond its attack.

    wav: (N,) float32. hits: (H,) s, ascending; each is measured until the next one.
    """
    if not len(hits):
        return None
    attack = round(ATTACK * geometry.sample_rate / geometry.hop)
    begins, crests, tails = parts_begin(hits, len(wav), geometry.sample_rate), [], []
    cut = _cut(wav, [*begins, len(wav)], geometry)
    for begin, end, part in zip(begins, [*begins[1:], len(wav)], cut.parts):
        levels = cut.levels[:, part.frames]
        heard = levels[:, (begin - part.start) // geometry.hop : (end - part.start) // geometry.hop]
        if heard.shape[1] > attack:
            crests.append(heard[:, :attack].amax(1))
            tails.append(_tail(heard, attack))
    if not tails:
        return None
    longest = max(tail.shape[1] for tail in tails)
    known = torch.stack([F.pad(tail, (0, longest - tail.shape[1]), value=torch.nan) for tail in tails])
    struck = torch.stack(crests)
    return Ring((struck - _whole(struck)[:, None]).mean(0), known.nanmean(0).cummin(1).values)


def parts_begin(hits: np.ndarray, samples: int, sample_rate: int) -> list[int]:
    """First sample of the part of a sound that each hit begins: H numbers in [0, samples].

    hits: (H,) s; those of a sound that was moved may lie outside it.
    """
    return [min(max(0, round((float(time) - LEAD) * sample_rate)), samples) for time in hits]


def _tail(levels: Tensor, attack: int) -> Tensor:
    """Levels from a hit on against its crest, (n_mels, D) dB, 0 until the crest is reached.

    levels: (n_mels, D) dB from the hit on. attack: frames in which the crest lies.
    """
    rising = levels[:, :attack].flip(1).cummax(1).values.flip(1)  # what comes before the crest counts as the crest
    return (torch.cat([rising, levels[:, attack:]], 1) - rising[:, :1]).clamp(max=0)


def _whole(crests: Tensor) -> Tensor:
    """Power of all bands together: (H, n_mels) dB -> (H,) dB."""
    return 10 * (crests / 10 * np.log(10)).logsumexp(1) / np.log(10)


def fallen(falling: Tensor, after: Tensor) -> Tensor:
    """Levels of a ringing hit against its crest, (n_mels, K) dB, `after` (K,) frames after it.

    falling: (n_mels, D) dB of a `Ring`; beyond D each band goes on with the mean slope of the last third.
    """
    last, third = falling.shape[1] - 1, max(1, falling.shape[1] // 3)
    slope = (falling[:, last] - falling[:, max(0, last - third)]) / third  # dB a frame
    return falling.index_select(1, after.clamp(max=last)) + slope[:, None] * (after - last).clamp(min=0)


def faded(
    wav: np.ndarray,
    hits: np.ndarray,
    wanted: Ring,
    geometry: Geometry,
    share: float,
    sliding: np.ndarray,
) -> np.ndarray:
    """The soundtrack, (N,) float32, with hits that begin at once and ring as `wanted`.

    A hit keeps its level over all bands; its attack's bands come nearer to the reference's by STRIKE.
    wav: (N,) float32. hits: (H,) s, ascending. share: of the difference in dB, 0 to 1. sliding: (T,) in [0, 1] at the
    geometry's frame rate, probability that the picture shows something that slides: that does not fade, so nothing
    changes there.
    """
    if not share or not len(hits):
        return wav
    g, out, crests = geometry, np.zeros(len(wav), np.float32), []
    still = 1 - np.interp(
        np.arange(len(wav) // g.hop + 1) * g.hop / g.sample_rate * g.fps, range(len(sliding)), sliding
    )
    edges = [0, *parts_begin(hits, len(wav), g.sample_rate), len(wav)]
    for number, some in _together(edges, round(AT_ONCE * g.sample_rate)):
        cut = _cut(wav, some, g)
        gains = torch.zeros_like(cut.levels)
        for i, (begin, end, part) in enumerate(zip(some, some[1:], cut.parts), start=number):
            levels, first = cut.levels[:, part.frames], (begin - part.start) // g.hop
            if i == 0:
                gain = _hushed(levels, (end - part.start) // g.hop, g)
            else:
                crest, turned = _struck(levels, first, (end - part.start) // g.hop, wanted, g)
                crests.append((begin, crest))
                gain = _falling(levels, first, crests[-TAILS:], turned, wanted, g)
            frames = part.start // g.hop + np.arange(levels.shape[1])
            gain *= share * torch.from_numpy(still[frames.clip(max=len(still) - 1)]).float()
            gains[:, part.frames] = smooth(gain, 3)
        made = cut.bands.filtered(10 ** (gains / 20))
        for end, part in zip(some[1:], cut.parts):
            # half a window beyond its end, as far as the filter smears it; behind that lies what precedes the next part
            place = out[part.start : end + g.n_fft // 2]
            place += made[part.frames.start * g.hop :][: len(place)]
    return out


def _together(edges: list[int], most: int) -> Iterator[tuple[int, list[int]]]:
    """Yields neighbouring parts of a sound, together at most `most` samples or a single part.

    The first part's number, and the edges (samples) of all.
    """
    first = 0
    while first < len(edges) - 1:
        last = first + 1
        while last < len(edges) - 1 and edges[last + 1] - edges[first] <= most:
            last += 1
        yield first, edges[first : last + 1]
        first = last


class _Part(NamedTuple):
    """A sound's part from one hit to the next.

    start: its first sample in the sound, on the grid of frames. frames: its place among the frames of a `_Cut`.
    """

    start: int
    frames: slice


class _Cut(NamedTuple):
    """A sound cut at its hits: its parts one after the other with silence between them, measured and filtered as one.

    levels: (n_mels, M) dB, as if each frame lay wholly inside its part.
    """

    bands: Bands
    levels: Tensor
    parts: list[_Part]


def _cut(wav: np.ndarray, edges: Sequence[int], geometry: Geometry) -> _Cut:
    """The parts of a sound (N,) between neighbouring edges (samples).

    Each is faded in over RAMP before its edge and out before the next one, so that the parts add up to the sound.
    """
    g, ramp = geometry, round(RAMP * geometry.sample_rate)
    silence = np.zeros(-(-g.n_fft // g.hop) * g.hop, np.float32)
    sounds, insides, parts, frame = [silence], [silence], [], len(silence) // g.hop
    for begin, end in pairwise(edges):
        left = max(0, begin - ramp)
        start, at = left // g.hop * g.hop, np.arange(0.5, end - left, dtype=np.float32)
        inside = ((at + (left - begin + ramp)) / ramp).clip(0, 1)
        if end < len(wav):
            inside -= ((at + (left - end + ramp)) / ramp).clip(0, 1)
        frames = -(-(end - start + g.n_fft) // g.hop)
        around = (left - start, frames * g.hop - (end - start))
        sounds.append(np.pad(wav[left:end] * inside, around))
        insides.append(np.pad(inside, around))
        parts.append(_Part(start, slice(frame, frame + frames)))
        frame += frames
    bands = Bands(np.concatenate(sounds), g)
    covered = torch.from_numpy(np.concatenate(insides))[None, None].square()
    window = torch.hann_window(g.n_fft).square()
    half = g.n_fft // 2
    share = F.conv1d(F.pad(covered, (half, half)), (window / window.sum())[None, None], stride=g.hop)[0]  # (1, M)
    power = smooth(bands.powers(), SMOOTH) / smooth(share, SMOOTH).clamp(min=LEAST)
    return _Cut(bands, 10 * power.clamp(min=FLOOR**2).log10(), parts)


def _hushed(levels: Tensor, end: int, geometry: Geometry) -> Tensor:
    """Gains, (n_mels, M) dB, that keep every band from swelling towards the first hit. levels: (n_mels, M) dB.

    end: frame of that hit.
    """
    calm = max(0, end - round(SWELL * geometry.sample_rate / geometry.hop))
    gain = torch.zeros_like(levels)
    gain[:, calm:] = (levels[:, : calm + 1].amax(1, keepdim=True) - levels[:, calm:]).clamp(max=0)
    return gain


def _struck(levels: Tensor, first: int, end: int, wanted: Ring, geometry: Geometry) -> tuple[Tensor, Tensor]:
    """Crest of a hit once it is nearer to the wanted one by STRIKE, and its change: (n_mels,) dB both.

    levels: (n_mels, M) dB. first: frame of the hit. end: frame of the next one.
    """
    attack = round(ATTACK * geometry.sample_rate / geometry.hop)
    crest = levels[:, first : max(first + 1, min(first + attack, end))].amax(1)
    whole = _whole(crest[None])
    turned = STRIKE * (wanted.crest + whole - crest).clamp(-FURTHEST, FURTHEST)
    turned = turned - (_whole((crest + turned)[None]) - whole)  # the level stays
    return crest + turned, turned


def _falling(
    levels: Tensor, first: int, crests: list[tuple[int, Tensor]], turned: Tensor, wanted: Ring, geometry: Geometry
) -> Tensor:
    """Gains, (n_mels, M) dB, with which a part falls from its hit's crest, or as an earlier hit's tail that is louder.

    levels: (n_mels, M) dB. first: frame of the hit. crests: (first sample, (n_mels,) dB) of the hits that may still be
    heard, the part's own last. turned: (n_mels,) dB, see `_struck`.
    """
    after = (torch.arange(levels.shape[1]) - first).clamp(min=0)
    ages = [(crests[-1][0] - begin) // geometry.hop for begin, _ in crests]
    tails = [crest[:, None] + fallen(wanted.falling, after + age) for age, (_, crest) in zip(ages, crests, strict=True)]
    most = torch.full(after.shape, LIFT)
    most[: first + round(ATTACK * geometry.sample_rate / geometry.hop)] = RAISE
    return torch.minimum(torch.stack(tails).amax(0) - levels, most + turned[:, None].clamp(min=0))
