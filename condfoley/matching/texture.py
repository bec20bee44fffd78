"""Texture matching: finer than the model's bands, the soundtrack's hits are made of the reference's own.

Codes know how loud each band is and nothing finer, so the partials of a bell come out as noise of the right colour. How
a hit of the reference sounds inside a band is known from its recording. So where the soundtrack strikes, the
reference's hits are laid, in turn, as a sampler's round robin does; each band of them is brought to the level that the
soundtrack has there, and what they lack of it stays the soundtrack's own sound. When something is heard and how loud
each band is at each moment remains what the model wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from condfoley.audio.bands import Bands, frames_of, mixed, smooth
from condfoley.geometry import Geometry
from condfoley.networks.mel import FLOOR

# docs/experiments.md, twelfth session: leads of 3 to 15 ms, a least grain of 0.15 s and attacks of 0.03 and 0.1 s made
# no difference. Fades and FURTHEST are estimates, not tuned.
LEAD = 0.005  # s before a hit with which its grain begins
SHORTEST = 0.05  # s of a grain that is of use
RISE, FALL = 0.005, 0.03  # s over which a grain is faded in and out
ATTACK = 0.06  # s after a hit in which a grain's bands are levelled
FURTHEST = 30.0  # dB, either way, by which a band's gain may differ from the whole grain's


def grains(wav: np.ndarray, hits: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """The hits of a sound, each from just before it until the next one: (L,) float32 each, faded at both ends.

    wav: (N,) float32. hits: (H,) s, ascending. Those shorter than SHORTEST are left out.
    """
    starts = [max(0, round((float(time) - LEAD) * sample_rate)) for time in hits]
    out = [wav[begin:end].astype(np.float32) for begin, end in zip(starts, [*starts[1:], len(wav)])]
    out = [grain for grain in out if len(grain) >= SHORTEST * sample_rate]
    for grain in out:
        rise, fall = round(RISE * sample_rate), min(round(FALL * sample_rate), len(grain) // 4)
        grain[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
        grain[len(grain) - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return out


def laid(recorded: Sequence[np.ndarray], hits: np.ndarray, samples: int, sample_rate: int) -> np.ndarray:
    """Grains laid at hits, in turn and again from the first: (samples,) float32.

    A grain that is longer than the time to the next hit goes on under it. recorded: (L,) float32 each. hits: (H,) s.
    """
    out = np.zeros(samples, np.float32)
    for i, time in enumerate(hits):
        grain = recorded[i % len(recorded)]
        begin = round((float(time) - LEAD) * sample_rate)
        place = out[max(0, begin) : max(0, begin + len(grain))]
        place += grain[max(0, -begin) :][: len(place)]
    return out


def textured(
    wav: np.ndarray, hits: np.ndarray, recorded: Sequence[np.ndarray], geometry: Geometry, share: float
) -> np.ndarray:
    """The soundtrack, (N,) float32, with the fine structure of recorded hits; power and timing of each band stay.

    wav: (N,) float32. hits: (H,) s, ascending. recorded: `grains` of the reference. share: of the amplitude that they
    may take over, 0 to 1.
    """
    if not share or not len(hits) or not recorded:
        return wav
    carrier = laid(recorded, hits, len(wav), geometry.sample_rate)
    written, played = Bands(wav, geometry), Bands(carrier, geometry)
    wanted, given = written.powers().clamp(min=FLOOR**2), played.powers()  # (n_mels, M)
    gain = _levelling(wanted, given, frames_of(hits, geometry, wanted.shape[1]), geometry)
    gain *= share * smooth((wanted / (given * gain.square())).sqrt().clamp(max=1), 3)  # no louder than the soundtrack
    missing = (1 - given * gain.square() / wanted).clamp(min=0).sqrt()
    return mixed((played, gain), (written, missing))


def _levelling(wanted: Tensor, given: Tensor, begins: Sequence[int], geometry: Geometry) -> Tensor:
    """Gains, (n_mels, M), by which each hit's attack in the grains is as loud as in the soundtrack.

    One gain for each band from a hit to the next, 0 before the first one. wanted, given: powers of soundtrack and
    grains, (n_mels, M). begins: frames of the hits.
    """
    attack, out = round(ATTACK * geometry.sample_rate / geometry.hop), torch.zeros_like(wanted)
    for begin, following in zip(begins, [*begins[1:], wanted.shape[1]]):
        end = max(begin + 1, min(begin + attack, following))
        ours, theirs = wanted[:, begin:end].sum(1), given[:, begin:end].sum(1).clamp(min=FLOOR**2)
        whole = 10 * (ours.sum() / theirs.sum()).log10()
        change = (10 * (ours / theirs).log10()).clamp(whole - FURTHEST, whole + FURTHEST)  # dB
        out[:, begin:following] = 10 ** (change[:, None] / 20)
    return out
