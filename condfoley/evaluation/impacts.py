"""Spectrograms of single impacts, whatever their level, as the material classifier hears them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets
from condfoley.geometry import Geometry

LEAD = 2  # spectrogram frames before the onset
RANGE = 0.6  # below the loudest band and frame, in units of the log-mel (1 = 100 dB); what is lower is clipped
MOST = 12  # impacts of a sound, the loudest ones
LEAST = 3  # spectrogram frames of an impact; shorter ones say nothing
PEAK, MIN_PEAK = 0.95, 1e-4  # that every sound is scaled to; quieter sounds are amplified no further
SMOOTH = 0.02  # s over which the energy is averaged where no onset is detected


def impact_times(wav: np.ndarray, geometry: Geometry) -> list[float]:
    """Onsets of a sound (N,), in s; where none is detected, a time just before its loudest one. N >= 1."""
    times, _ = detect_onsets(wav, geometry.sample_rate)
    if len(times):
        return [float(t) for t in times]
    window = max(round(SMOOTH * geometry.sample_rate), 1)
    energy = np.convolve(wav.astype(np.float64) ** 2, np.ones(window), "same")
    return [max(0.0, float(energy.argmax()) / geometry.sample_rate - SMOOTH)]


def impact_spectrograms(wav: np.ndarray, times: Sequence[float], frames: int, geometry: Geometry) -> np.ndarray:
    """The loudest impacts of a sound, each until the next one begins: (K, n_mels, frames) float32, K <= MOST.

    wav: (N,) float32 at `geometry.sample_rate` Hz. times: s, of all impacts. Values are in [-1, 1]: 1 is the loudest
    band and frame of the impact, -1 what is 60 dB lower, or after its end.
    """
    wav = np.asarray(wav, np.float32)
    bands = spectrogram(wav * np.float32(PEAK / max(float(np.abs(wav).max(initial=0.0)), MIN_PEAK)), geometry)
    rate = geometry.sample_rate / geometry.hop
    starts = [round(t * rate) for t in sorted(times)]
    found: list[tuple[float, np.ndarray]] = []
    for start, following in zip(starts, [*starts[1:], bands.shape[1] + 1]):
        first, end = start - LEAD, min(start - LEAD + frames, following - 1, bands.shape[1])
        begin = max(first, 0)
        if end - begin < LEAST:
            continue
        loudest = float(bands[:, begin:end].max())
        impact = np.full((len(bands), frames), -1, np.float32)
        impact[:, begin - first : end - first] = np.clip((bands[:, begin:end] - loudest) / RANGE + 1, 0, 1) * 2 - 1
        found.append((loudest, impact))
    loud = sorted(found, key=lambda item: -item[0])[:MOST]
    return np.array([impact for _, impact in loud], np.float32).reshape(-1, len(bands), frames)
