"""Modal synthesis of impacts: a sum of damped resonances and a short contact noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator


@dataclass(frozen=True)
class Body:
    """Resonances of a class of objects.

    pitch: Hz, range of the lowest resonance. decay: s, range of its time to fall by 60 dB.
    modes: range of the number of resonances. noise: range of the level of the contact noise.
    """

    pitch: tuple[float, float]
    decay: tuple[float, float]
    modes: tuple[int, int]
    noise: tuple[float, float]


RINGING = Body(pitch=(180, 2500), decay=(0.25, 2.5), modes=(6, 24), noise=(0.02, 0.3))
BRITTLE = Body(pitch=(350, 3000), decay=(0.08, 0.7), modes=(4, 16), noise=(0.05, 0.4))
WOODEN = Body(pitch=(90, 1400), decay=(0.04, 0.3), modes=(3, 12), noise=(0.1, 0.6))
SKIN = Body(pitch=(50, 350), decay=(0.1, 0.8), modes=(3, 10), noise=(0.05, 0.5))
DULL = Body(pitch=(50, 400), decay=(0.02, 0.15), modes=(2, 6), noise=(0.5, 1.5))
BODIES = {
    **dict.fromkeys(("bell", "cymbal", "metal", "tin"), RINGING),
    **dict.fromkeys(("glass", "ceramic", "mining"), BRITTLE),
    **dict.fromkeys(("wood", "plank", "footstep_wood", "snap", "generic"), WOODEN),
    "drum": SKIN,
}  # all other materials: DULL

BAR = np.array([1.0, 2.756, 5.404, 8.933, 13.34])  # frequency ratios of a free bar
MEMBRANE = np.array([1.0, 1.594, 2.136, 2.296, 2.653, 2.918, 3.156, 3.501, 3.6, 3.652])  # of a circular membrane


def synthesise_impacts(material: str, count: int, sample_rate: int, rng: Rng) -> list[NDArray[np.float32]]:
    """Sounds of `count` impacts on one random object: a list of (N,) float32, peak 1, attack at sample 0.

    The impacts share the object's resonances and differ in the amplitude of each, as if the point of contact moved.
    """
    body = BODIES.get(material, DULL)
    pitch = np.exp(rng.uniform(*np.log(body.pitch)))
    modes = int(rng.integers(body.modes[0], body.modes[1] + 1))
    frequencies = pitch * _ratios(modes, rng)
    frequencies = frequencies[frequencies < 0.45 * sample_rate]
    decay = np.exp(rng.uniform(*np.log(body.decay)))
    damping = rng.uniform(0.2, 1.2)  # high resonances decay faster
    decays = decay / (1 + damping * (frequencies / pitch - 1) * rng.uniform(0.2, 1))
    slope = rng.uniform(0.2, 1.3)
    noise_share = rng.uniform(*body.noise)
    noise_length = rng.uniform(0.001, 0.02) * (3 if body is DULL else 1)
    time = np.arange(round(min(decay * 1.1 + 0.05, 2.5) * sample_rate), dtype=np.float32) / sample_rate
    resonances = np.exp(-6.9 * time[None] / decays[:, None].astype(np.float32))  # (modes, N)
    resonances *= np.sin(2 * np.pi * frequencies[:, None].astype(np.float32) * time[None])
    impacts = []
    for _ in range(count):
        gains = (frequencies / pitch) ** -slope * rng.uniform(0.2, 1, len(frequencies))
        wav = gains.astype(np.float32) @ resonances
        wav /= max(float(np.abs(wav).max()), 1e-6)
        noise = rng.standard_normal(len(time)).astype(np.float32) * np.exp(-time / noise_length)
        wav += noise * np.float32(noise_share * 0.5)
        impacts.append(wav / max(float(np.abs(wav).max()), 1e-6))
    return impacts


def _ratios(count: int, rng: Rng) -> NDArray[np.float64]:
    """Frequencies of resonances relative to the lowest, ascending from 1: (count,)."""
    kind = rng.integers(4)
    if kind == 0:
        known = BAR
    elif kind == 1:
        known = MEMBRANE
    elif kind == 2:
        known = np.arange(1, count + 1, dtype=float)
    else:
        known = np.ones(1)
    more = np.cumsum(rng.exponential(0.7, count)) + known[-1]
    ratios = np.concatenate([known, more])[:count] * rng.uniform(0.97, 1.03, count)
    return ratios / ratios[0]
