"""A file's sound: mono, at any sample rate, on the picture's clock."""

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
    wav = np.zeros(round(span * sample_rate), np.float32)
    filled = 0
    chunks = ((time, frame.sample_rate, to_mono(frame)) for time, frame in timed_frames(clip, clip.audio, start))
    for piece in _resample(align_to_clock(chunks, start, start + span), sample_rate):
        piece = piece[: len(wav) - filled]
        wav[filled : filled + len(piece)] = piece
        filled += len(piece)
    return wav


def align_to_clock(
    chunks: Iterable[tuple[float, int, np.ndarray]], start: float, stop: float
) -> Iterator[tuple[int, np.ndarray]]:
    """Joins chunks of sound by their times: gaps become silence, overlaps and what is outside [start, stop) are cut.

    chunks: (time in s, rate in Hz, (n,) samples). start, stop: s.
    Yields (rate, (m,) samples), contiguous from `start` on.
    """
    cursor = start  # s, time of the next sample
    tolerance = 0.0  # the first chunk is placed exactly, later ones by counting
    for time, rate, samples in chunks:
        gap = time - cursor
        if gap > tolerance:
            silence = round((min(time, stop) - cursor) * rate)
            cursor += silence / rate
            while silence > 0:  # in blocks: a gap may be long
                yield rate, np.zeros(min(silence, rate), np.float32)
                silence -= rate
        elif gap < -tolerance:
            samples = samples[round(-gap * rate) :]
        samples = samples[: max(0, round((stop - cursor) * rate))]
        if len(samples):
            cursor += len(samples) / rate
            tolerance = TIMESTAMP_JITTER
            yield rate, samples
        if (stop - cursor) * rate < 0.5:
            return


def to_mono(frame: Any) -> np.ndarray:
    """Downmix of a decoded frame of any sample format and channel layout: (n,) float32."""
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
    weights = np.array([_WEIGHTS.get(name, _SURROUND) for name in names], np.float32)
    if not weights.sum():  # only low-frequency channels
        weights[:] = 1.0
    mixed = (weights / weights.sum()) @ np.nan_to_num(data.astype(np.float32), posinf=0.0, neginf=0.0)
    return np.asarray(mixed, np.float32)


def _resample(pieces: Iterable[tuple[int, np.ndarray]], sample_rate: int) -> Iterator[np.ndarray]:
    """Resamples (rate, samples) piece by piece; a change of the rate starts a new resampler."""
    rate = 0
    resampler: soxr.ResampleStream | None = None
    nothing = np.zeros(0, np.float32)
    for new_rate, samples in pieces:
        if new_rate != rate:
            if resampler is not None:
                yield resampler.resample_chunk(nothing, last=True)
            rate = new_rate
            resampler = None
            if rate != sample_rate:
                resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
        yield samples if resampler is None else resampler.resample_chunk(np.ascontiguousarray(samples))
    if resampler is not None:
        yield resampler.resample_chunk(nothing, last=True)


def resample(wav: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """A sound (N,) float32 at `rate` Hz at another rate, by soxr's high quality: (M,) float32."""
    if rate == sample_rate:
        return wav
    out: np.ndarray = soxr.resample(wav, rate, sample_rate, quality="HQ")
    return out
