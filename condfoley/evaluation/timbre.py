"""What a soundtrack sounds like, whenever and however loud: an embedding and a nearest-neighbour test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets
from condfoley.geometry import Geometry

# Parts of an event, in seconds after its onset, that are described one by one: attack, body, tail.
PARTS = ((0.0, 0.04), (0.04, 0.12), (0.12, 0.25))
BAND_GROUPS = 20  # the mel bands are averaged in this many groups: pitch to within a few semitones
DEPTH = 0.4  # how far below an event's loudest group its spectrum is looked at; the log-mel's unit is 100 dB
CEPSTRA = 13
LOUD_SHARE = 0.1  # of the frames, taken as the event when no onset is found
PEAK = 0.9  # level at which every soundtrack is looked at, so that gain does not matter
STATISTICS = Path(__file__).with_name("timbre_statistics.json")


@lru_cache(maxsize=1)
def _statistics() -> tuple[np.ndarray, np.ndarray]:
    """Mean (F,) and projection (F, D) of the features, as timbre_statistics.py measured them."""
    values = json.loads(STATISTICS.read_text())
    return np.array(values["mean"]), np.array(values["projection"])


def _grouped_bands(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Log-mel of the sound at one level, bands averaged in groups: (BAND_GROUPS, T), 0.01 = 1 dB."""
    wav = np.asarray(wav, dtype=np.float32)
    wav = wav * (PEAK / max(float(np.abs(wav).max(initial=0.0)), 1e-6))
    mel = spectrogram(wav, geometry).astype(np.float64)  # (n_mels, T)
    return np.stack([group.mean(0) for group in np.array_split(mel, BAND_GROUPS)])


def _event_parts(spectrogram: np.ndarray, first: int, last: int, rate: float) -> np.ndarray:
    """Mean spectra of an event's parts, (parts, BAND_GROUPS): 0 at the loudest group, never under -DEPTH."""
    last = max(last, first + 1)
    parts = []
    for begin, end in PARTS:
        a = min(first + round(begin * rate), last - 1)
        b = min(max(first + round(end * rate), a + 1), last)
        parts.append(spectrogram[:, a:b].mean(1))
    event = np.stack(parts)
    return np.maximum(event - event.max(), -DEPTH)


def _events(wav: np.ndarray, spectrogram: np.ndarray, geometry: Geometry) -> np.ndarray:
    """All events' parts: (K, parts, BAND_GROUPS), K >= 1."""
    rate = geometry.sample_rate / geometry.hop
    frames = spectrogram.shape[1]
    times, _ = detect_onsets(wav, geometry.sample_rate)
    starts = [min(round(t * rate), frames - 1) for t in times]
    if not starts:
        loudness = spectrogram.mean(0)
        loud = np.argsort(loudness)[-max(1, round(LOUD_SHARE * frames)) :]
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


def embedding(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Timbre of a soundtrack's events, whatever their number, times and level.

    wav: (N,) float32, mono, at `geometry.sample_rate` Hz, N >= 1.
    Returns (D,) float64: directions that tell simulated instruments apart, 1 being the usual spread inside
    one instrument.
    """
    mean, projection = _statistics()
    return (raw_features(wav, geometry) - mean) @ projection


def nearer(query: np.ndarray, own: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    """Whether the nearest neighbour of an embedding is one of its own.

    query: (D,).   own, other: embeddings (D,) each, at least one of each.   A tie counts as not nearer.
    Raises ValueError when a list is empty.
    """
    if not len(own) or not len(other):
        raise ValueError("nearest neighbour: at least one embedding on each side is needed")
    return distance(query, own) < distance(query, other)


def distance(query: np.ndarray, others: Sequence[np.ndarray]) -> float:
    """Euclidean distance of an embedding (D,) to the nearest of others."""
    return float(min(np.linalg.norm(query - other) for other in others))
