"""A file's sound, on the picture's clock: mono at any sample rate, or with its own channels and rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soxr

from condfoley.media.channels import Downmix, to_stereo
from condfoley.media.picture import check_span
from condfoley.media.probe import open_media, require_audio
from condfoley.media.streams import MediaFile, timed_frames

TIMESTAMP_JITTER = 0.02
"""s, by which time stamps may disagree with the number of samples so far; more is a gap or an overlap."""


def read_audio(
    path: str | Path,
    sample_rate: int,
    start: float = 0.0,
    duration: float | None = None,
    refused: dict[float, float] | None = None,
) -> np.ndarray:
    """The sound as (N,) float32 mono at `sample_rate` Hz, nominally [-1, 1]; sample 0 is at `start` s.

    Time zero is the first picture frame: sound that starts later is preceded by silence, earlier sound is cut.
    duration: s; None: to the end of the picture (of the sound if there is no picture).
    Always N = round(duration * sample_rate): what the file lacks is silence. Resampled with soxr's high quality.
    Of two channels that cancel each other out the louder one alone is taken. refused: gets the times on that clock and the
    durations, s, of packets that the decoder refuses, which are silence.
    Raises InputError for whatever `probe` refuses, a file without sound, a start outside the clip.
    """
    if sample_rate <= 0:
        raise ValueError(f"sample_rate must be above 0, got {sample_rate}")
    clip = open_media(path)
    require_audio(clip.info)
    span = check_span(clip.info, start, duration)
    downmix = Downmix()
    wav = _mono(clip, downmix, sample_rate, start, span, refused)
    return wav if downmix.cancelled is None else _mono(clip, Downmix(downmix.cancelled), sample_rate, start, span)


def _mono(
    clip: MediaFile,
    downmix: Downmix,
    sample_rate: int,
    start: float,
    span: float,
    refused: dict[float, float] | None = None,
) -> np.ndarray:
    """(N,) float32; see `read_audio`."""
    frames = timed_frames(clip, clip.audio, start, refused)
    chunks = ((time, frame.sample_rate, downmix(frame)) for time, frame in frames)
    return _filled(_resample(align_to_clock(chunks, start, start + span), sample_rate), round(span * sample_rate))


def read_sound(
    path: str | Path, sample_rate: int | None = None, start: float = 0.0, duration: float | None = None
) -> tuple[np.ndarray, int]:
    """The sound with its channels, (C, N) float32, and its rate, Hz; on the same clock and in the same span as `read_audio`.

    C is 1 or 2: of more than two channels a stereo downmix is made (ITU-R BS.775). sample_rate: Hz; None: the file's own.
    Raises InputError as `read_audio` does.
    """
    clip = open_media(path)
    require_audio(clip.info)
    rate = sample_rate or clip.info.sample_rate
    span = check_span(clip.info, start, duration)
    chunks = ((time, frame.sample_rate, to_stereo(frame)) for time, frame in timed_frames(clip, clip.audio, start))
    aligned = align_to_clock(chunks, start, start + span)
    return _filled(_resample(aligned, rate), round(span * rate)).reshape(-1, round(span * rate)), rate


def sound_blocks(path: str | Path, sample_rate: int) -> Iterator[np.ndarray]:
    """The sound as `read_sound` reads it, block by block, (C, n) float32 each, however long it is.

    Raises InputError as `read_audio` does.
    """
    clip = open_media(path)
    require_audio(clip.info)
    chunks = ((time, frame.sample_rate, to_stereo(frame)) for time, frame in timed_frames(clip, clip.audio))
    left, channels = round(clip.info.duration * sample_rate), 1
    for block in _resample(align_to_clock(chunks, 0.0, clip.info.duration), sample_rate):
        yield block[:, :left]
        left, channels = max(0, left - block.shape[1]), len(block)
    for begin in range(0, left, sample_rate):
        yield np.zeros((channels, min(sample_rate, left - begin)), np.float32)


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
