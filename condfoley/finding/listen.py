"""A sound's vectors: part `bind` of the weights listens to its clearest windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condfoley import media
from condfoley.audio import windows
from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import RATE, detect_onsets
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.inputs import SILENCE_PEAK
from condfoley.media.sound import resample
from condfoley.references.window import WHOLE, ReferenceFile
from condfoley.runtime.engine import Engine

WINDOWS = 4  # of a sound, at most
BLOCK = 0.05  # s of one level


@dataclass(frozen=True)
class Heard:
    """What was heard of a sound: starts (K,) s of its windows, the clearest first, and their vectors (K, dim) float32."""

    starts: np.ndarray
    vectors: np.ndarray


def listen(path: Path, engine: Engine, geometry: Geometry) -> Heard:
    """The vectors of a file's sound. Memory does not depend on its length.

    Raises InputError for a file that cannot be read, has no sound, or is silent.
    """
    clip = ReferenceFile(path)
    media.require_audio(clip.info)
    seconds = geometry.window_samples / geometry.sample_rate
    if clip.duration > WHOLE:
        index = clip.index
        starts = clearest_windows(index.times, index.rises, index.rms, index.duration, seconds)
        parts = [media.read_audio(path, geometry.sample_rate, start, seconds) for start in starts]
    else:
        wav = media.read_audio(path, geometry.sample_rate)
        starts = _starts(wav, geometry.sample_rate, seconds)
        firsts = [round(start * geometry.sample_rate) for start in starts]
        parts = [wav[first : first + geometry.window_samples] for first in firsts]
    kept = [i for i, part in enumerate(parts) if np.abs(part).max(initial=0.0) >= SILENCE_PEAK]
    if not kept:
        raise InputError(f"{path}: is silent; there is nothing to compare")
    specs = np.stack([spectrogram(parts[i], geometry) for i in kept])
    return Heard(np.array([starts[i] for i in kept]), engine.embed_sounds(specs))


def _starts(wav: np.ndarray, rate: int, seconds: float) -> list[float]:
    """As `clearest_windows`, of a sound (N,)."""
    if len(wav) <= seconds * rate:
        return [0.0]
    times, rises = detect_onsets(resample(wav, rate, RATE), RATE)
    blocks = wav[: len(wav) // round(BLOCK * rate) * round(BLOCK * rate)].reshape(-1, round(BLOCK * rate))
    levels = np.sqrt(np.square(blocks, dtype=np.float64).mean(1))
    return clearest_windows(times, rises, levels, len(wav) / rate, seconds)


def clearest_windows(
    times: np.ndarray, strengths: np.ndarray, levels: np.ndarray, duration: float, seconds: float
) -> list[float]:
    """Starts, s, of up to WINDOWS windows in which a sound's events show best, the clearest first; no event is in two.

    The arguments are those of `windows.clearest`; without any event it is one, the loudest.
    """
    out: list[float] = []
    while len(out) < WINDOWS and (len(times) or not out):
        start = windows.clearest(times, strengths, levels, duration, seconds)
        inside = (times >= start) & (times < start + seconds)
        if out and not inside.any():
            break
        out.append(start)
        times, strengths = times[~inside], strengths[~inside]
    return out
