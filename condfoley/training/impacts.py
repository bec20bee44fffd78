"""Impacts of simulated instruments, with the material that is struck: what a material judge learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from condfoley.data.events import Event
from condfoley.data.materials import label_of
from condfoley.data.simulation.bank import SoundBank
from condfoley.data.simulation.sound import Instrument
from condfoley.evaluation.impacts import RANGE, impact_spectrograms
from condfoley.geometry import Geometry

Rng = np.random.Generator

SECONDS = 2.0  # of a soundtrack
SCRATCHES = 0.2  # share of events
JITTER = 0.006  # s, deviation of the times at which impacts are cut out from the true ones, as a detector's
FURTHER = 0.25  # share of instruments made of the further recordings
# Shares of impacts that are changed so, so that neither bandwidth nor background nor the carrier stands for a material.
SHIFTED, CARRIED, TILTED, CUT, FLOORED = 0.5, 0.3, 0.3, 0.2, 0.2
CARRIER_DB = (5.0, 2.0)  # deviation of a band's level with a carrier of noise, as the vocoder's: lowest, highest band
TILT_DB = 6.0  # most that lowest and highest band are raised and lowered
LOWEST_CUT = 0.6  # share of the bands that is left at least


@dataclass(frozen=True)
class Impacts:
    """Impacts of drawn soundtracks. spec: (K, n_mels, frames) float16, as `impact_spectrograms`. materials: (K,) indices of
    the labels. sound: (K,) number of the soundtrack that each is from."""

    spec: np.ndarray
    materials: np.ndarray
    sound: np.ndarray

    def of(self, rng: Rng) -> tuple[np.ndarray, int]:
        """A random impact, changed at random: (n_mels, frames) float32, and its material's index."""
        index = int(rng.integers(len(self.spec)))
        return change(self.spec[index].astype(np.float32), rng), int(self.materials[index])


def draw_impacts(
    banks: list[SoundBank], count: int, labels: tuple[str, ...], frames: int, geometry: Geometry, seed: int
) -> Impacts:
    """Impacts of `count` soundtracks, each of a random instrument whose material has one of the labels.

    banks: the shipped recordings and, if there are more, the further ones. All randomness comes from `seed`.
    """
    specs, materials, sounds = [], [], []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        instrument, label = _draw_instrument(banks, labels, rng)
        events = draw_events(rng)
        wav = instrument.render(events, SECONDS, rng, geometry.sample_rate)
        times = [max(0.0, event.time + float(rng.normal(0, JITTER))) for event in events]
        found = impact_spectrograms(wav, times, frames, geometry)
        specs.append(found.astype(np.float16))
        materials += [labels.index(label)] * len(found)
        sounds += [number] * len(found)
    return Impacts(np.concatenate(specs), np.array(materials), np.array(sounds))


def _draw_instrument(banks: list[SoundBank], labels: tuple[str, ...], rng: Rng) -> tuple[Instrument, str]:
    while True:
        instrument = Instrument.draw(rng, banks[int(len(banks) > 1 and rng.random() < FURTHER)])
        if label := label_of(instrument.material, labels):
            return instrument, label


def usable(bank: SoundBank, labels: tuple[str, ...]) -> SoundBank:
    """The bank with only those materials that have a label."""
    return replace(bank, hits={name: group for name, group in bank.hits.items() if label_of(name, labels)})


def draw_events(rng: Rng) -> list[Event]:
    """Hits and scratches at random times, of random strength; at least one."""
    time = float(rng.uniform(0.02, 0.4))
    events: list[Event] = []
    while time < SECONDS - 0.1 or not events:
        length = float(rng.uniform(0.15, 0.6)) if rng.random() < SCRATCHES else 0.0
        events.append(Event(time, "scratch" if length else "hit", length, float(rng.uniform(0.1, 1))))
        time += length + max(0.15, float(rng.gamma(3, 0.17)))
    return events


def change(spec: np.ndarray, rng: Rng) -> np.ndarray:
    """An impact (n_mels, frames) in [-1, 1] with another pitch, carrier, tilt, band limit and background."""
    bands, sounding, db = len(spec), spec > -1, 2 / (100 * RANGE)
    if rng.random() < SHIFTED:
        spec = np.roll(spec, int(rng.integers(-1, 2)), 0)
    if rng.random() < CARRIED:
        deviation = np.linspace(*CARRIER_DB, bands)[:, None] * db * rng.uniform(0.2, 1)
        spec = spec + rng.normal(0, 1, spec.shape) * deviation * sounding
    if rng.random() < TILTED:
        spec = spec + np.linspace(-1, 1, bands)[:, None] * rng.uniform(-TILT_DB, TILT_DB) * db * sounding
    if rng.random() < CUT:
        spec = np.where(np.arange(bands)[:, None] < rng.integers(round(LOWEST_CUT * bands), bands), spec, -1)
    if rng.random() < FLOORED:
        spec = np.maximum(spec, rng.uniform(-1, -0.3))
    return np.clip(spec, -1, 1).astype(np.float32)
