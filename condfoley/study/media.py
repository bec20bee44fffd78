"""Encodes the clips of a study: equal loudness, equal encoding, and a poster image for each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from condfoley.audio.loudness import integrated_loudness
from condfoley.media import frame_count, probe, read_sound, shown_at, write_clip
from condfoley.media.picture import FrameScaler
from condfoley.media.probe import open_media
from condfoley.media.streams import timed_frames

PEAK = 10 ** (-1 / 20)
"""Maximum sample of a study's sound: 1 dB below full scale, so that the encoder does not clip."""
RATES = (22_050, 44_100, 48_000)
"""Hz that a study's sounds may have: those that every browser plays."""
MAX_FPS = 60.0
"""Maximum frame rate that browsers show; faster clips are encoded at this rate."""


def encode_silent_video(source: Path, out: Path, height: int, sample_rate: int) -> float:
    """Encode a clip's picture alone: H.264 of constant quality, upright, at most `height` pixels high.

    All sounds of a target are later muxed with this one picture, which keeps nothing of the source's metadata, rotation
    or codec. Returns its length in seconds. Raises InputError for clips that `probe` cannot read.
    """
    clip = open_media(source)
    fps = min(clip.info.fps, MAX_FPS)
    count = frame_count(clip.info.duration, fps)
    scale = min(1.0, height / clip.info.height)
    size = (max(2, round(clip.info.width * scale / 2) * 2), max(2, round(clip.info.height * scale / 2) * 2))
    width, tall = size[::-1] if clip.orientation[1] else size  # the stored frames are rotated by 90 degrees

    small = FrameScaler(clip, width, tall)

    def pictures():  # type: ignore[no-untyped-def]
        for frame in shown_at(timed_frames(clip, clip.video), (k / fps for k in range(count))):
            yield np.ascontiguousarray(small(frame))

    write_clip(out, pictures(), fps, None, sample_rate, crf=20)
    return count / fps


def write_poster(video: Path, out: Path) -> None:
    """The first frame of a video as JPEG."""
    clip = open_media(video)
    _, frame = next(iter(timed_frames(clip, clip.video)))
    frame.to_image().save(out, quality=85)


def common_form(sounds: Iterable[Path]) -> tuple[int, int]:
    """Rate, Hz, and channels that all sounds of a study are given, so that neither tells one system from another.

    The lowest of RATES that none of them exceeds, or the highest there is, and two channels if any sound has them.
    Raises InputError for files that `probe` cannot read.
    """
    infos = [probe(path) for path in sounds]
    highest = max((info.sample_rate for info in infos), default=0)
    rate = next((rate for rate in RATES if rate >= highest), RATES[-1])
    return rate, 2 if any(info.channels > 1 for info in infos) else 1


def fit_sound(path: Path, seconds: float, sample_rate: int, channels: int) -> np.ndarray:
    """A file's sound as (C, N) float32, cut or padded with silence to `seconds`; a single channel is repeated.

    channels: 2, or 1 for sounds that have one. Raises InputError; see `probe`.
    """
    wav, _ = read_sound(path, sample_rate, duration=min(seconds, probe(path).duration))
    samples = round(seconds * sample_rate)
    wav = np.repeat(wav, channels, 0) if len(wav) < channels else wav
    return np.pad(wav[:, :samples], ((0, 0), (0, max(0, samples - wav.shape[1]))))


def match_loudness(sounds: list[np.ndarray], sample_rate: int, loudness: float) -> tuple[list[np.ndarray], float]:
    """Scale sounds (C, N) to the same integrated loudness (ITU-R BS.1770-4); silence stays silent.

    loudness: target, LUFS. Where a sound would then exceed PEAK, the level of all sounds is reduced by the same gain,
    since equal loudness matters more than the level. Returns the sounds and the LUFS reached.
    """
    measured = [integrated_loudness(wav, sample_rate) for wav in sounds]
    peaks = [
        np.abs(wav).max() * 10 ** ((loudness - level) / 20)
        for wav, level in zip(sounds, measured, strict=True)
        if np.isfinite(level)
    ]
    reached = loudness - max(0.0, 20 * float(np.log10(max(peaks, default=PEAK) / PEAK)))
    gains = [10 ** ((reached - level) / 20) if np.isfinite(level) else 1.0 for level in measured]
    return [(wav * gain).astype(np.float32) for wav, gain in zip(sounds, gains, strict=True)], reached
