"""What a generation is given: the target's picture, and the part of the reference that is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condfoley import media
from condfoley.audio import windows
from condfoley.audio.onsets import detect_onsets
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.matching.dynamics import loudest

SILENT = 1e-4  # peak below which a reference holds no sound to learn from
SHORTEST = 0.1  # s of sound that tell of a material
LOWEST = 20.0  # Hz; what is below is no sound: an offset of the recorder, wind, handling
# dBFS of a reference's loudest moment, within which those of training nearly all are; others are brought there.
SOFTEST, LOUDEST = -30.0, -6.0
ATTACK = 0.01  # s before an onset that belong to it
RINGING = 1.0  # s behind the window that are listened to for how its last hit fades


@dataclass(frozen=True)
class Recording:
    """A reference from where it is used on.

    start: s. wav: (N,) float32, from `start` to the clip's end. used: (M,) float32, its first window, which is encoded.
    ringing: (L,) float32, the same and how its last hit fades, until something else is heard. gain: dB by which all
    three are louder than the clip.
    frames: (T, S, S, 3) uint8, the whole clip's picture, T = 0 without one. first, shown: index of the frame at
    `start`, and the number of frames beside the window.
    """

    start: float
    wav: np.ndarray
    used: np.ndarray
    ringing: np.ndarray
    gain: float
    frames: np.ndarray
    first: int
    shown: int

    @property
    def seen(self) -> np.ndarray:
        """The frames beside the window: (shown, S, S, 3)."""
        return self.frames[self.first : self.first + self.shown]


def read_picture(path: Path, geometry: Geometry) -> np.ndarray:
    """A clip's frames at the geometry's rate and size: (T, S, S, 3) uint8."""
    resize = media.resize_and_crop if geometry.resize == "bicubic" else None
    return media.read_frames(path, geometry.fps, geometry.frame_size, resize=resize)


def read_target(path: Path, geometry: Geometry) -> tuple[float, np.ndarray]:
    """A target's duration, s, and frames. Raises InputError when it cannot be read or has no picture."""
    info = media.probe(path)
    media.require_video(info)
    frames = read_picture(path, geometry)
    return len(frames) / geometry.fps if info.duration <= 0 else info.duration, frames


def read_reference(path: Path, start: float | None, geometry: Geometry, as_recorded: bool = False) -> Recording:
    """A reference from `start`, s, on; None: from where its events are clearest (`clearest_start`).

    Without what is below LOWEST, and no softer or louder than SOFTEST and LOUDEST, unless it is taken `as_recorded`.
    Raises InputError when it cannot be read, has less than SHORTEST s of sound from `start` on, or is silent there.
    """
    g = geometry
    info = media.probe(path)
    media.require_audio(info)
    wav = media.read_audio(path, g.sample_rate)
    wav = wav if as_recorded else without_offset(wav, g.sample_rate)
    if np.abs(wav).max(initial=0.0) < SILENT:
        raise InputError(f"the sound of {path} is silent; give a reference in which something is heard")
    if start is None:
        start = clearest_start(wav, g)
    first = round(start * g.sample_rate)
    if first >= len(wav):
        raise InputError(f"the sound of {path} ends before {start:g} s; give an earlier reference start")
    if (left := (len(wav) - first) / g.sample_rate) < SHORTEST:
        raise InputError(f"{path} has {left:.3f} s of sound from {start:g} s on; give {SHORTEST:g} s or more")
    used = wav[first : first + g.clip_samples]
    if np.abs(used).max(initial=0.0) < SILENT:
        raise InputError(f"{path} is silent from {start:g} s on; give another reference start")
    level = loudest(used, g.sample_rate)
    gain = 0.0 if as_recorded else float(np.clip(level, SOFTEST, LOUDEST) - level)
    wav = wav[first:] * np.float32(10 ** (gain / 20))
    used, ringing = wav[: g.clip_samples], _until_next(wav, g)
    if not info.has_video:
        return Recording(start, wav, used, ringing, gain, np.zeros((0, 1, 1, 3), np.uint8), 0, 0)
    frames = read_picture(path, g)
    begin = min(round(start * g.fps), len(frames) - 1)
    shown = max(1, min(round(len(used) / g.sample_rate * g.fps), len(frames) - begin))
    return Recording(start, wav, used, ringing, gain, frames, begin, shown)


def without_offset(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """A sound (N,) without what is below LOWEST: (N,) float32, nothing moved in time."""
    from scipy.signal import butter, sosfiltfilt

    sos = butter(2, LOWEST, "highpass", fs=sample_rate, output="sos")
    reach = min(len(wav) - 1, sample_rate // 4)
    return sosfiltfilt(sos, wav - wav.mean(), padlen=max(0, reach)).astype(np.float32) if len(wav) else wav


def _until_next(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The first window of a sound (N,), and RINGING of what follows as long as nothing else strikes: (L,)."""
    rate, window = geometry.sample_rate, geometry.clip_samples
    longer = wav[: window + round(RINGING * rate)]
    times = detect_onsets(longer, rate)[0]
    following = times[times >= window / rate - ATTACK]
    end = round((following[0] - ATTACK) * rate) if len(following) else len(longer)
    return longer[: max(end, min(window, len(longer)))]


def clearest_start(wav: np.ndarray, geometry: Geometry) -> float:
    """Start, s, of the window of a sound, (N,) at the geometry's rate, in which its events show best."""
    rate = geometry.sample_rate
    times, strengths = detect_onsets(wav, rate)
    blocks = np.array_split(wav, max(1, len(wav) // (rate // 20)))
    levels = np.array([np.sqrt(np.square(b).mean()) for b in blocks])
    return windows.clearest(times, strengths, levels, len(wav) / rate, geometry.clip_samples / rate)
