"""Clips as participants get them: equally loud, encoded alike, with a picture to show before they play."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from condfoley.errors import InputError
from condfoley.media import frame_count, probe, read_audio, shown_at, write_clip
from condfoley.media.picture import FrameScaler
from condfoley.media.probe import open_media
from condfoley.media.streams import timed_frames

PEAK = 10 ** (-1 / 20)
"""Largest sample of a study's sound: 1 dB below full scale, so that the encoder does not clip."""
FASTEST = 60.0
"""Frames a second that browsers show; faster clips are thinned out."""


def silent_video(source: Path, out: Path, height: int, sample_rate: int) -> float:
    """Encode a clip's picture alone: H.264 of constant quality, upright, at most `height` pixels high.

    All sounds of a target are later put beside this one picture, and nothing of the source's metadata, rotation
    or codec is left in it. Returns its length in seconds. Raises InputError for whatever `probe` refuses.
    """
    clip = open_media(source)
    fps = min(clip.info.fps, FASTEST)
    count = frame_count(clip.info.duration, fps)
    scale = min(1.0, height / clip.info.height)
    size = (max(2, round(clip.info.width * scale / 2) * 2), max(2, round(clip.info.height * scale / 2) * 2))
    width, tall = size[::-1] if clip.orientation[1] else size  # stored lying on its side

    small = FrameScaler(clip, width, tall)

    def pictures():  # type: ignore[no-untyped-def]
        for frame in shown_at(timed_frames(clip, clip.video), (k / fps for k in range(count))):
            yield np.ascontiguousarray(small(frame))

    write_clip(out, pictures(), fps, None, sample_rate, crf=20)
    return count / fps


def poster(video: Path, out: Path) -> None:
    """The first frame of a video as JPEG."""
    clip = open_media(video)
    _, frame = next(iter(timed_frames(clip, clip.video)))
    frame.to_image().save(out, quality=85)


def fitted(path: Path, seconds: float, sample_rate: int) -> np.ndarray:
    """A file's sound as (N,) float32 mono, cut or filled with silence to `seconds`. Raises InputError; see `probe`."""
    wav = read_audio(path, sample_rate, duration=min(seconds, probe(path).duration))
    wanted = round(seconds * sample_rate)
    return np.pad(wav[:wanted], (0, max(0, wanted - len(wav))))


def equally_loud(sounds: list[np.ndarray], sample_rate: int, loudness: float) -> tuple[list[np.ndarray], float]:
    """Scale sounds (N,) to the same integrated loudness (BS.1770, through pyloudnorm); silence stays silent.

    loudness: LUFS wanted. Where one of them would then exceed the largest sample allowed (`PEAK`), all of them
    are made as much softer, since a comparison matters more than the level. Returns the sounds and the LUFS reached.
    """
    measured = [integrated(wav, sample_rate) for wav in sounds]
    peaks = [
        np.abs(wav).max() * 10 ** ((loudness - level) / 20)
        for wav, level in zip(sounds, measured, strict=True)
        if np.isfinite(level)
    ]
    reached = loudness - max(0.0, 20 * float(np.log10(max(peaks, default=PEAK) / PEAK)))
    gains = [10 ** ((reached - level) / 20) if np.isfinite(level) else 1.0 for level in measured]
    return [(wav * gain).astype(np.float32) for wav, gain in zip(sounds, gains, strict=True)], reached


def integrated(wav: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of (N,) mono sound, LUFS; -inf for silence. Raises InputError without pyloudnorm."""
    try:
        import pyloudnorm
    except ImportError:
        raise InputError("pyloudnorm is missing; install it with: pip install 'condfoley[study]'") from None
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")  # pyloudnorm warns of silence, which is an answer here
        return float(pyloudnorm.Meter(sample_rate).integrated_loudness(wav.astype(np.float64)))
