"""A file's sound, on the picture's clock: mono at any sample rate, or with its own channels and rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr

from condfoley.media.picture import check_span
from condfoley.media.probe import open_media, require_audio
from condfoley.media.streams import timed_frames

TIMESTAMP_JITTER = 0.02
"""s, by which time stamps may disagree with the number of samples so far; more is a gap or an overlap."""

# Downmix after ITU-R BS.775: sides 3 dB below the centre, surrounds 6 dB below, no low-frequency channel.
_WEIGHTS = {"FL": 0.7071, "FR": 0.7071, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
_SURROUND = 0.5
_CENTRE = 0.7071  # of the centre and the surrounds in either channel of a stereo downmix


def read_audio(path: str | Path, sample_rate: int, start: float = 0.0, duration: float | None = None) -> np.ndarray:
    """The sound as (N,) float32 mono at `sample_rate` Hz, nominally [-1, 1]; sample 0 is at `start` s.

    Time zero is the first picture frame: sound that starts later is preceded by silence, earlier sound is cut.
    duration: s; None: to the end of the picture (of the sound if there is no picture).
    Always N = round(duration * sample_rate): what the file lacks is silence. Resampled with soxr's high quality.
    Raises InputError for whatever `probe` refuses, a file without sound, a start outside the clip.
    """
    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be above 0, got {sample_rate}")
    clip = open_media(path)
    require_audio(clip.info)
    span = check_span(clip.info, start, duration)
    chunks = ((time, frame.sample_rate, to_mono(frame)) for time, frame in timed_frames(clip, clip.audio, start))
    return _filled(_resample(align_to_clock(chunks, start, start + span), sample_rate), round(span * sample_rate))


def read_sound(path: str | Path, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """The whole sound with its channels, (C, N) float32, and its rate, Hz; on the same clock as `read_audio`.

    C is 1 or 2: of more than two channels a stereo downmix is made (ITU-R BS.775). sample_rate: Hz; None: the file's own.
    Raises InputError as `read_audio` does.
    """
    clip = open_media(path)
    require_audio(clip.info)
    rate = sample_rate or clip.info.sample_rate
    chunks = ((time, frame.sample_rate, to_stereo(frame)) for time, frame in timed_frames(clip, clip.audio))
    aligned = align_to_clock(chunks, 0.0, clip.info.duration)
    return _filled(_resample(aligned, rate), round(clip.info.duration * rate)).reshape(
        -1, round(clip.info.duration * rate)
    ), rate


def _filled(pieces: Iterable[np.ndarray], length: int) -> np.ndarray:
    """Pieces of sound (..., n) one after the other, cut or followed by silence: (..., length) float32."""
    out, filled = np.zeros(length, np.float32), 0
    for piece in pieces:
        if not filled and piece.ndim > 1:
            out = np.zeros((*piece.shape[:-1], length), np.float32)
        piece = piece[..., : length - filled]
        out[..., filled : filled + piece.shape[-1]] = piece
        filled += piece.shape[-1]
    return out


def align_to_clock(
    chunks: Iterable[tuple[float, int, np.ndarray]], start: float, stop: float
) -> Iterator[tuple[int, np.ndarray]]:
    """Joins chunks of sound by their times: gaps become silence, overlaps and what is outside [start, stop) are cut.

    chunks: (time in s, rate in Hz, (..., n) samples). start, stop: s.
    Yields (rate, (..., m) samples), contiguous from `start` on.
    """
    cursor = start  # s, time of the next sample
    tolerance = 0.0  # the first chunk is placed exactly, later ones by counting
    for time, rate, samples in chunks:
        gap = time - cursor
        if gap > tolerance:
            silence = round((min(time, stop) - cursor) * rate)
            cursor += silence / rate
            while silence > 0:  # in blocks: a gap may be long
                yield rate, np.zeros((*samples.shape[:-1], min(silence, rate)), np.float32)
                silence -= rate
        elif gap < -tolerance:
            samples = samples[..., round(-gap * rate) :]
        samples = samples[..., : max(0, round((stop - cursor) * rate))]
        if samples.shape[-1]:
            cursor += samples.shape[-1] / rate
            tolerance = TIMESTAMP_JITTER
            yield rate, samples
        if (stop - cursor) * rate < 0.5:
            return


def to_mono(frame: Any) -> np.ndarray:
    """Downmix of a decoded frame of any sample format and channel layout: (n,) float32."""
    data, names = _channels(frame)
    weights = np.array([_WEIGHTS.get(name, _SURROUND) for name in names], np.float32)
    if not weights.sum():  # only low-frequency channels
        weights[:] = 1.0
    return np.asarray((weights / weights.sum()) @ data, np.float32)


def to_stereo(frame: Any) -> np.ndarray:
    """A decoded frame's channels, of more than two a stereo downmix: (1 or 2, n) float32."""
    data, names = _channels(frame)
    if len(names) <= 2:
        return data
    left = np.array([_side(name, "L") for name in names], np.float32)
    right = np.array([_side(name, "R") for name in names], np.float32)
    if not left.sum() or not right.sum():
        return np.repeat(to_mono(frame)[None], 2, 0)
    return np.stack([left / left.sum(), right / right.sum()]) @ data


def _side(name: str, side: str) -> float:
    """Weight of a channel in the left or the right channel of a stereo downmix."""
    if name.startswith("LFE"):
        return 0.0
    if name.endswith(("L", "R")):
        weight = 1.0 if name in ("FL", "FR") else _CENTRE
        return weight if name.endswith(side) else 0.0
    return _CENTRE  # the centre, and the rear centre


def _channels(frame: Any) -> tuple[np.ndarray, list[str]]:
    """A decoded frame's samples, (C, n) float32, nominally [-1, 1], and its channels' names."""
    names = [channel.name for channel in frame.layout.channels]
    if frame.format.is_planar and len(names) >= 8:
        # PyAV 18.1 counts one plane too many here and crashes reading it; interleaved frames have only one.
        interleaved = av.AudioResampler(format="dbl", layout=frame.layout, rate=frame.sample_rate)
        frame = interleaved.resample(frame)[0]
    data = frame.to_ndarray()
    if not frame.format.is_planar:  # (1, n * channels) interleaved
        data = data.reshape(-1, len(names)).T
    if data.dtype == np.uint8:
        data = (data.astype(np.float32) - 128.0) / 128.0
    elif data.dtype.kind == "i":
        data = (data / -float(np.iinfo(data.dtype).min)).astype(np.float32)
    return np.nan_to_num(data.astype(np.float32), posinf=0.0, neginf=0.0), names


def _resample(pieces: Iterable[tuple[int, np.ndarray]], sample_rate: int) -> Iterator[np.ndarray]:
    """Resamples (rate, samples) piece by piece; a change of the rate starts a new resampler."""
    rate = 0
    resampler: soxr.ResampleStream | None = None
    nothing = np.zeros(0, np.float32)
    for new_rate, samples in pieces:
        if new_rate != rate:
            if resampler is not None:
                yield resampler.resample_chunk(nothing, last=True).T
            rate, resampler = new_rate, None
            nothing = np.zeros((*samples.shape[:-1], 0), np.float32).T
            if rate != sample_rate:
                channels = 1 if samples.ndim == 1 else len(samples)
                resampler = soxr.ResampleStream(rate, sample_rate, channels, dtype="float32", quality="HQ")
        yield samples if resampler is None else resampler.resample_chunk(np.ascontiguousarray(samples.T)).T
    if resampler is not None:
        yield resampler.resample_chunk(nothing, last=True).T


def resample(wav: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """A sound (N,) float32 at `rate` Hz at another rate, by soxr's high quality: (M,) float32."""
    if rate == sample_rate:
        return wav
    out: np.ndarray = soxr.resample(wav, rate, sample_rate, quality="HQ")
    return out
