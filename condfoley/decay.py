"""Decay matching: what is struck rings and fades as the reference does, which sound engineers do with an envelope shaper.

Codes blur how a hit dies away, and swell where nothing is struck. How each band falls after a hit is known from the
reference's sound and need not be guessed; that the hits are where they belong is the picture's and the comping's work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.geometry import Geometry
from condfoley.mel import FLOOR, filterbank, stft
from condfoley.postfilter import bands_of_bins
from condfoley.windows import pieces

ATTACK = 0.06  # s after a hit that are its own: here its bands reach their crest
BEFORE = 0.045  # s before a hit that belong to its attack
SMOOTH = 5  # frames over which a level is taken
LIFT = 6.0  # dB that a band is raised at most; it may be lowered by any amount
STRIKE = 0.5  # share of the way of an attack's bands to the reference's
FURTHEST = 20.0  # dB, either way, that counts of their difference
TAILS = 4  # hits that may still be heard while a new one is
CHUNK, MARGIN = 4096, 8  # frames of a long sound whose spectra are in memory at a time, and around them


@dataclass(frozen=True)
class Ring:
    """How what is struck in a sound rings, mean over its hits.

    crest: (n_mels,) dB against a hit's whole power, which bands are struck. falling: (n_mels, D) dB, 0 or less, never
    rising, how far each band has fallen d frames after a hit.
    """

    crest: Tensor
    falling: Tensor


def ring(wav: np.ndarray, hits: np.ndarray, geometry: Geometry) -> Ring | None:
    """Of a sound (N,) with hits at (H,) s, ascending, each until the next one; None when none lasts beyond its attack."""
    levels = _levels(wav, geometry)
    rate, total = geometry.sample_rate / geometry.hop, levels.shape[1]
    begins, attack = _frames(hits, rate, total), round(ATTACK * rate)
    ends = [max(0, begin - round(BEFORE * rate)) for begin in begins[1:]] + [total]
    heard = [levels[:, begin:end] for begin, end in zip(begins, ends) if end - begin > attack]
    if not heard:
        return None
    crests = _crests(levels, begins, attack)
    tails = [_tail(part, attack) for part in heard]
    longest = max(tail.shape[1] for tail in tails)
    known = torch.stack([F.pad(tail, (0, longest - tail.shape[1]), value=torch.nan) for tail in tails])
    return Ring((crests - _whole(crests)[:, None]).mean(0), known.nanmean(0).cummin(1).values)


def _tail(levels: Tensor, attack: int) -> Tensor:
    """Levels (n_mels, D) dB from a hit on, against the crest in the first `attack` frames: 0 until it is reached."""
    rising = levels[:, :attack].flip(1).cummax(1).values.flip(1)  # what comes before the crest counts as the crest
    return (torch.cat([rising, levels[:, attack:]], 1) - rising[:, :1]).clamp(max=0)


def _crests(levels: Tensor, begins: list[int], attack: int) -> Tensor:
    """Highest level of each band in the first `attack` frames of each hit: (H, n_mels) dB."""
    return torch.stack([levels[:, begin : begin + attack].amax(1) for begin in begins])


def _whole(crests: Tensor) -> Tensor:
    """Power of all bands together: (H, n_mels) dB -> (H,) dB."""
    return 10 * (crests / 10 * np.log(10)).logsumexp(1) / np.log(10)


def fallen(falling: Tensor, after: Tensor) -> Tensor:
    """(n_mels, D) of a `Ring` and frames (K,) after a hit -> (n_mels, K) dB; beyond D as in the last third before it."""
    last, third = falling.shape[1] - 1, max(1, falling.shape[1] // 3)
    slope = (falling[:, last] - falling[:, max(0, last - third)]) / third  # dB a frame
    return falling[:, after.clamp(max=last)] + slope[:, None] * (after - last).clamp(min=0)


def faded(
    wav: np.ndarray,
    hits: np.ndarray,
    wanted: Ring,
    geometry: Geometry,
    share: float,
    sliding: np.ndarray,
) -> np.ndarray:
    """A soundtrack whose hits ring as `wanted`: their attacks keep their level, and their bands come nearer by STRIKE.

    wav: (N,) float32, hits: (H,) s, ascending. share: of the difference in dB, 0 to 1. sliding: (T,) in [0, 1] at the
    geometry's frame rate, how likely the picture shows something that slides, which does not fade: there nothing changes.
    Returns (N,) float32.
    """
    if not share or not len(hits):
        return wav
    levels = _levels(wav, geometry)  # (n_mels, M) dB
    rate, total = geometry.sample_rate / geometry.hop, levels.shape[1]
    begins, attack, before = _frames(hits, rate, total), round(ATTACK * rate), round(BEFORE * rate)
    crests = _crests(levels, begins, attack)  # (H, n_mels)
    whole = _whole(crests)[:, None]
    turned = STRIKE * (wanted.crest + whole - crests).clamp(-FURTHEST, FURTHEST)
    turned -= _whole(crests + turned)[:, None] - whole  # the level stays
    crests, gain = crests + turned, torch.zeros_like(levels)
    for i, begin in enumerate(begins):
        gain[:, max(0, begin - before) : begin + attack] = turned[i, :, None]
        first, end = begin + attack, begins[i + 1] - before if i + 1 < len(begins) else total
        if first >= end:
            continue
        frames, heard = torch.arange(first, end), range(max(0, i + 1 - TAILS), i + 1)
        tails = [crests[j, :, None] + fallen(wanted.falling, frames - begins[j]) for j in heard]
        change = torch.stack(tails).amax(0) - levels[:, first:end]
        gain[:, first:end] = torch.minimum(change, LIFT + turned[i, :, None].clamp(min=0))
    still = 1 - np.interp(np.arange(total) / rate, np.arange(len(sliding)) / geometry.fps, sliding)
    gain *= share * torch.from_numpy(still).float()
    smooth = F.avg_pool1d(F.pad(gain[None], (1, 1), mode="replicate"), 3, 1)[0]
    return _filtered(wav, 10 ** (smooth / 20), geometry)


def _frames(times: np.ndarray, rate: float, total: int) -> list[int]:
    return [min(max(0, round(float(time) * rate) - 1), total - 1) for time in times]


def _levels(wav: np.ndarray, geometry: Geometry) -> Tensor:
    """Mel levels of a sound (N,): (n_mels, N // hop + 1) dB, over SMOOTH frames."""
    g, out = geometry, []
    filled = np.pad(wav, (0, max(0, g.n_fft - len(wav))))
    for begin, end, left, right in pieces(len(filled), CHUNK * g.hop, MARGIN * g.hop):
        mel = filterbank(g) @ stft(torch.from_numpy(filled[left:right]), g).abs()
        last = (end if end < len(filled) else end + g.hop) // g.hop  # the frame at the end belongs to the last piece
        out.append(mel[:, (begin - left) // g.hop : last - left // g.hop])
    power = torch.cat(out, 1)[:, : len(wav) // g.hop + 1].square()
    smooth = F.avg_pool1d(F.pad(power[None], (SMOOTH // 2, SMOOTH // 2), mode="replicate"), SMOOTH, 1)[0]
    return 10 * smooth.clamp(min=FLOOR**2).log10()


def _filtered(wav: np.ndarray, gain: Tensor, geometry: Geometry) -> np.ndarray:
    """A sound (N,) with a gain (n_mels, N // hop + 1) in each band and frame: (N,) float32."""
    g, out = geometry, np.empty(len(wav), np.float32)
    window, share = torch.hann_window(g.n_fft), bands_of_bins(g)
    filled = np.pad(wav, (0, max(0, g.n_fft - len(wav))))
    gain = F.pad(gain, (0, max(0, len(filled) // g.hop + 1 - gain.shape[1])), value=1.0)
    for begin, end, left, right in pieces(len(filled), CHUNK * g.hop, MARGIN * g.hop):
        spectrum = stft(torch.from_numpy(filled[left:right]), g)  # (bins, frames)
        first = left // g.hop
        spectrum = spectrum * (share @ gain[:, first : first + spectrum.shape[1]])
        made = torch.istft(spectrum, g.n_fft, g.hop, window=window, length=right - left)
        piece = out[begin:end]
        piece[:] = made[begin - left :][: len(piece)].numpy()
    return out
