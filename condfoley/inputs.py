"""What a generation is given: the target's picture, and the part of the reference that is used."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from condfoley import media
from condfoley.audio import windows
from condfoley.audio.levels import peak_rms_db
from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.runtime.exposure import EXPOSURE_DELAY

SILENCE_PEAK = 1e-4  # below it a reference holds no sound to learn from
MIN_SECONDS = 0.1  # of sound that tell of a material
HIGHPASS_HZ = 20.0  # what is below is no sound: an offset of the recorder, wind, handling
# dBFS of a reference's loudest moment, within which those of training nearly all are; others are brought there.
MIN_LEVEL_DBFS, MAX_LEVEL_DBFS = -30.0, -6.0
LENGTHS_DIFFER = 0.1  # s by which a sound to start from may be longer or shorter than its target
ATTACK = 0.01  # s before an onset that belong to it
TAIL_SECONDS = 1.0  # behind the window, in which its last impact may ring on


class Clip(Protocol):
    """A picture, a sound, or both: `ClipFile` or `Footage`."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def duration(self) -> float:
        """s, of the picture, or of the sound where there is no picture."""

    def frames(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """(T, S, S, 3) uint8 at the geometry's frame rate and size; None without a picture.

        span: begin and end, s, within the clip; the first frame shows its beginning. None: the whole clip.
        """

    def late(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """By how much what each of `frames` shows was there later than the frame's instant: (T,) s; None without a picture."""

    def sound(self, rate: int) -> np.ndarray | None:
        """(N,) float32 mono at `rate` Hz; None without sound."""

    def recording(self) -> tuple[np.ndarray, int] | None:
        """The sound as it was recorded: (C, N) float32, C = 1 or 2, and its rate, Hz; None without sound."""


class ClipFile:
    """A file. Raises InputError, when it is first looked at, for one that cannot be read."""

    def __init__(self, path: str | Path):
        self.path, self.name = Path(path), str(path)
        self._shown: tuple[Geometry, weakref.ref[np.ndarray]] | None = None

    @cached_property
    def info(self) -> media.MediaInfo:
        """What it holds."""
        return media.probe(self.path)

    @property
    def duration(self) -> float:
        """s."""
        return self.info.duration

    def frames(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.frames`. The whole picture is decoded once as long as someone has it."""
        if not self.info.has_video:
            return None
        if span is not None:
            return read_picture(self.path, geometry, span)
        frames = self._shown[1]() if self._shown and self._shown[0] == geometry else None
        if frames is None:
            frames = read_picture(self.path, geometry)
            self._shown = geometry, weakref.ref(frames)
        return frames

    def late(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.late`."""
        return picture_late(self.path, geometry, span) if self.info.has_video else None

    def sound(self, rate: int) -> np.ndarray | None:
        """See `Clip.sound`."""
        return media.read_audio(self.path, rate) if self.info.has_audio else None

    def recording(self) -> tuple[np.ndarray, int] | None:
        """See `Clip.recording`."""
        return media.read_sound(self.path) if self.info.has_audio else None


@dataclass(frozen=True)
class Footage:
    """A clip as arrays.

    pictures: (T, H, W, 3) uint8 RGB, upright, of any size; None: sound alone. times: (T,) s, ascending, when each of
    them is first shown, from 0 s on. samples: (N,) or (C, N) float32, nominally [-1, 1], from 0 s on; None: without
    sound. rate: Hz of the samples. length: s; None: as long as the samples, or else until the last picture has been
    shown as long as the one before.
    Raises InputError for other shapes, times that do not ascend, and samples that are not finite.
    """

    pictures: np.ndarray | None = None
    times: np.ndarray | None = None
    samples: np.ndarray | None = None
    rate: int = 0
    length: float | None = None
    name: str = "the clip"

    def __post_init__(self) -> None:
        if self.pictures is not None:
            shape, times = self.pictures.shape, np.asarray(self.times if self.times is not None else [], float)
            if len(shape) != 4 or shape[3] != 3 or not len(self.pictures) or self.pictures.dtype != np.uint8:
                raise InputError(f"{self.name}: pictures must be (T, H, W, 3) uint8, T >= 1, not {shape}")
            if times.shape != shape[:1] or not np.isfinite(times).all() or (np.diff(times) <= 0).any() or times[0] < 0:
                raise InputError(f"{self.name}: each picture needs a time in s, ascending and from 0 on")
        if self.samples is not None:
            if self.samples.ndim not in (1, 2) or not self.samples.size or not np.isfinite(self.samples).all():
                raise InputError(f"{self.name}: samples must be (N,) or (channels, N), finite, N >= 1")
            if self.rate <= 0:
                raise InputError(f"{self.name}: samples need their rate in Hz")
        if self.length is not None and not 0 < self.length < np.inf:
            raise InputError(f"{self.name}: its length must be above 0 s, not {self.length:g}")

    @property
    def duration(self) -> float:
        """s."""
        if self.length is not None:
            return self.length
        if self.pictures is not None and self.times is not None:
            step = self.times[-1] - self.times[-2] if len(self.times) > 1 else 1 / Geometry().fps
            return float(self.times[-1] + step)
        return self.samples.shape[-1] / self.rate if self.samples is not None else 0.0

    def frames(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.frames`."""
        if self.pictures is None or self.times is None:
            return None
        g, (begin, end) = geometry, span or (0.0, self.duration)
        shown = max(0, int(np.searchsorted(self.times, begin, "right")) - 1)  # the picture at `begin`
        pictures, times = self.pictures[shown:], self.times[shown:] - begin
        return media.resampled_frames(pictures, times, end - begin, g.fps, g.frame_size, _resizer(g))

    def late(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.late`."""
        if self.pictures is None or self.times is None:
            return None
        begin, end = span or (0.0, self.duration)
        instants = begin + np.arange(media.frame_count(end - begin, geometry.fps)) / geometry.fps
        return EXPOSURE_DELAY - media.picture_ages(np.asarray(self.times, float), instants, geometry.fps)

    def sound(self, rate: int) -> np.ndarray | None:
        """See `Clip.sound`: the mean of all channels, cut or followed by silence to the clip's duration."""
        if self.samples is None:
            return None
        mono = self.samples if self.samples.ndim == 1 else self.samples.mean(0)
        wav = media.resample(mono.astype(np.float32), self.rate, rate)[: round(self.duration * rate)]
        return np.pad(wav, (0, round(self.duration * rate) - len(wav)))

    def recording(self) -> tuple[np.ndarray, int] | None:
        """See `Clip.recording`; of more than two channels the first two."""
        return None if self.samples is None else (np.atleast_2d(self.samples)[:2].astype(np.float32), self.rate)


@dataclass(frozen=True)
class Recording:
    """A reference from where it is used on.

    start: s. window: the sound of one window from there on, which is encoded. with_tail: the same, and how its last
    impact rings on, until the next onset. following: (N,) float32, from `start` to the clip's end. gain_db: by which all
    three are louder than the clip.
    frames: (T, S, S, 3) uint8, the whole clip's picture, T = 0 without one. first, shown: index of the frame at `start`,
    and the number of frames beside the window.
    """

    start: float
    window: Track
    with_tail: Track
    following: np.ndarray
    gain_db: float
    frames: np.ndarray
    first: int
    shown: int

    @property
    def visible(self) -> np.ndarray:
        """The frames beside the window: (shown, S, S, 3)."""
        return self.frames[self.first : self.first + self.shown]


def _resizer(geometry: Geometry) -> Callable[[np.ndarray, int], np.ndarray] | None:
    return {"bicubic": media.resize_and_crop, "crop": media.crop_to_square}.get(geometry.resize)


def read_picture(path: Path, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray:
    """A file's frames at the geometry's rate and size, of a span, s, or of all of it: (T, S, S, 3) uint8."""
    begin, duration = (0.0, None) if span is None else (span[0], span[1] - span[0])
    return media.read_frames(path, geometry.fps, geometry.frame_size, begin, duration, _resizer(geometry))


def picture_late(path: Path, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray:
    """See `Clip.late`. span: s; None: all of the file."""
    begin, duration = (0.0, None) if span is None else (span[0], span[1] - span[0])
    return EXPOSURE_DELAY - media.frame_ages(path, geometry.fps, begin, duration)


def read_target(clip: Clip, geometry: Geometry) -> tuple[float, np.ndarray]:
    """A target's duration, s, and frames. Raises InputError when it cannot be read or has no picture."""
    frames = clip.frames(geometry)
    if frames is None:
        raise InputError(f"{clip.name} has no picture; give a video")
    return clip.duration if clip.duration > 0 else len(frames) / geometry.fps, frames


def read_reference(clip: Clip, start: float | None, geometry: Geometry, as_recorded: bool = False) -> Recording:
    """A reference from `start`, s, on; None: from where its events are clearest (`clearest_start`).

    Without what is below HIGHPASS_HZ, and with its level brought within MIN_LEVEL_DBFS and MAX_LEVEL_DBFS, unless it is
    taken `as_recorded`. Raises InputError when it cannot be read, has less than MIN_SECONDS of sound from `start` on, or
    is silent there.
    """
    g, name = geometry, clip.name
    wav = clip.sound(g.sample_rate)
    if wav is None:
        raise InputError(f"{name} has no sound; give a reference with sound")
    wav = wav if as_recorded else highpass(wav, g.sample_rate)
    if np.abs(wav).max(initial=0.0) < SILENCE_PEAK:
        raise InputError(f"the sound of {name} is silent; give a reference in which something is heard")
    if start is None:
        start = clearest_start(wav, g)
    first = round(start * g.sample_rate)
    if first >= len(wav):
        raise InputError(f"the sound of {name} ends before {start:g} s; give an earlier reference start")
    if (left := (len(wav) - first) / g.sample_rate) < MIN_SECONDS:
        raise InputError(f"{name} has {left:.3f} s of sound from {start:g} s on; give {MIN_SECONDS:g} s or more")
    used = wav[first : first + g.clip_samples]
    if np.abs(used).max(initial=0.0) < SILENCE_PEAK:
        raise InputError(f"{name} is silent from {start:g} s on; give another reference start")
    level = peak_rms_db(used, g.sample_rate)
    gain_db = 0.0 if as_recorded else float(np.clip(level, MIN_LEVEL_DBFS, MAX_LEVEL_DBFS) - level)
    following = wav[first:] * np.float32(10 ** (gain_db / 20))
    with_tail = _trim_at_next_onset(following, g)
    window = Track(following[: g.clip_samples], g.sample_rate)
    frames = clip.frames(g)
    if frames is None:
        return Recording(start, window, with_tail, following, gain_db, np.zeros((0, 1, 1, 3), np.uint8), 0, 0)
    begin = min(round(start * g.fps), len(frames) - 1)
    shown = max(1, min(round(window.duration * g.fps), len(frames) - begin))
    return Recording(start, window, with_tail, following, gain_db, frames, begin, shown)


def require_as_long(name: str, seconds: float, duration: float) -> None:
    """Raises InputError for a sound to start from, `seconds` long, that is not as long as its target. duration: s."""
    if not abs(seconds - duration) <= LENGTHS_DIFFER:
        raise InputError(
            f"{name} lasts {seconds:.2f} s and the target {duration:.2f} s; give a sound as long as the target"
        )


def highpass(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """A sound (N,) without what is below HIGHPASS_HZ: (N,) float32, nothing moved in time.

    A Butterworth filter of order 2, forwards and backwards: as scipy.signal's `sosfiltfilt`, of which the import alone
    takes longer than all encoding, but in the frequency domain.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    if not len(wav):
        return wav
    centred = wav - wav.mean(dtype=np.float64)
    reach = min(len(wav) - 1, sample_rate // 4)
    left, right = 2 * centred[0] - centred[reach:0:-1], 2 * centred[-1] - centred[-2 : -reach - 2 : -1]
    padded = np.concatenate([left, centred, right])
    size = next_fast_len(len(padded) + sample_rate // 4, real=True)
    warped = np.tan(np.pi * np.arange(size // 2 + 1) / size)  # bilinear transform; without bound at half the rate
    with np.errstate(over="ignore"):
        gain = 1 / (1 + (np.tan(np.pi * HIGHPASS_HZ / sample_rate) / np.maximum(warped, 1e-12)) ** 4)
    filtered = irfft(rfft(padded, size) * gain, size)[len(left) : len(left) + len(wav)]
    return filtered.astype(np.float32)


def _trim_at_next_onset(wav: np.ndarray, geometry: Geometry) -> Track:
    """The first window of a sound (N,), and TAIL_SECONDS of what follows as long as it has no onset."""
    rate, window = geometry.sample_rate, geometry.clip_samples
    longer = Track(wav[: window + round(TAIL_SECONDS * rate)], rate)
    following = longer.onsets[longer.onsets >= window / rate - ATTACK]
    if not len(following):
        return longer
    end = round((following[0] - ATTACK) * rate)
    return longer.edited(longer.samples[:, : max(end, min(window, len(longer)))])


def clearest_start(wav: np.ndarray, geometry: Geometry) -> float:
    """Start, s, of the window of a sound, (N,) at the geometry's rate, in which its events show best."""
    track = Track(wav, geometry.sample_rate)
    blocks = np.array_split(wav, max(1, len(wav) // (track.rate // 20)))
    levels = np.array([np.sqrt(np.square(b).mean()) for b in blocks])
    return windows.clearest(
        track.onsets, track.rises, levels, track.duration, geometry.clip_samples / geometry.sample_rate
    )
