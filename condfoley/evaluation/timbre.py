"""Timbre embedding of a sound's events, independent of their times and levels, and a nearest-neighbour test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets
from condfoley.geometry import Geometry

# Parts of an event with a spectrum each, in seconds after its onset: attack, body, tail.
PARTS = ((0.0, 0.04), (0.04, 0.12), (0.12, 0.25))
BAND_GROUPS = 20  # groups of mel bands that are averaged: pitch to within a few semitones
SPECTRUM_RANGE = 0.4  # below an event's loudest group, in units of the log-mel (1 = 100 dB); what is lower is clipped
CEPSTRA = 13
LOUD_FRACTION = 0.1  # of the frames: the loudest ones stand for the events when no onset is detected
PEAK = 0.9  # that every sound is scaled to, so that its gain does not matter
STATISTICS = Path(__file__).with_name("timbre_statistics.json")


@lru_cache(maxsize=1)
def _statistics() -> tuple[np.ndarray, np.ndarray]:
    """Mean (F,) and projection (F, D) of the features, as computed by timbre_statistics.py."""
    values = json.loads(STATISTICS.read_text())
    return np.array(values["mean"]), np.array(values["projection"])


def _grouped_bands(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Log-mel of the sound scaled to PEAK, bands averaged in groups: (BAND_GROUPS, T), 0.01 = 1 dB."""
    wav = np.asarray(wav, dtype=np.float32)
    wav = wav * (PEAK / max(float(np.abs(wav).max(initial=0.0)), 1e-6))
    mel = spectrogram(wav, geometry).astype(np.float64)  # (n_mels, T)
    return np.stack([group.mean(0) for group in np.array_split(mel, BAND_GROUPS)])


def _event_parts(spectrogram: np.ndarray, first: int, last: int, rate: float) -> np.ndarray:
    """Mean spectra of an event's parts, (parts, BAND_GROUPS): 0 at the loudest group, never below -SPECTRUM_RANGE."""
    last = max(last, first + 1)
    parts = []
    for begin, end in PARTS:
        a = min(first + round(begin * rate), last - 1)
        b = min(max(first + round(end * rate), a + 1), last)
        parts.append(spectrogram[:, a:b].mean(1))
    event = np.stack(parts)
    return np.maximum(event - event.max(), -SPECTRUM_RANGE)


def _events(wav: np.ndarray, spectrogram: np.ndarray, geometry: Geometry) -> np.ndarray:
    """All events' parts: (K, parts, BAND_GROUPS), K >= 1."""
    rate = geometry.sample_rate / geometry.hop
    frames = spectrogram.shape[1]
    times, _ = detect_onsets(wav, geometry.sample_rate)
    starts = [min(round(t * rate), frames - 1) for t in times]
    if not starts:
        level = spectrogram.mean(0)
        loud = np.argsort(level)[-max(1, round(LOUD_FRACTION * frames)) :]
        starts = sorted(int(i) for i in loud)
        ends = [frames] * len(starts)
    else:
        ends = [*starts[1:], frames]
    return np.stack([_event_parts(spectrogram, a, b, rate) for a, b in zip(starts, ends, strict=True)])


def raw_features(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Features before projection, (F,): spectra of attack, body and tail, decays, cepstra, their spread."""
    from scipy.fft import dct

    events = _events(np.asarray(wav, dtype=np.float32), _grouped_bands(wav, geometry), geometry)
    centre = np.median(events, axis=0)  # (parts, BAND_GROUPS)
    decays = centre[1:] - centre[:-1]
    cepstra = dct(centre, axis=1, norm="ortho")[:, 1 : CEPSTRA + 1]
    spread = events.std(0).mean(1)
    return np.concatenate([centre.ravel(), decays.ravel(), cepstra.ravel(), spread])


def embed_timbre(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Timbre embedding of a sound's events, independent of their number, times and level.

    wav: (N,) float32, mono, at `geometry.sample_rate` Hz, N >= 1.
    Returns (D,) float64: projections that separate simulated instruments; 1 is the usual spread within one instrument.
    """
    mean, projection = _statistics()
    return (raw_features(wav, geometry) - mean) @ projection


def is_nearer(query: np.ndarray, own: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    """Whether the nearest neighbour of an embedding is in `own` rather than in `other`.

    query: (D,). own, other: embeddings (D,), at least one of each. A tie counts as not nearer.
    Raises ValueError when a list is empty.
    """
    if not len(own) or not len(other):
        raise ValueError("nearest neighbour: at least one embedding on each side is needed")
    return nearest_distance(query, own) < nearest_distance(query, other)


def nearest_distance(query: np.ndarray, others: Sequence[np.ndarray]) -> float:
    """Euclidean distance of an embedding (D,) to the nearest of `others`."""
    return float(min(np.linalg.norm(query - other) for other in others))
