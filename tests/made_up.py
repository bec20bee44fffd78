"""Made-up clips and results for tests that need no model, and checks of what videos show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from condfoley import media
from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate
from condfoley.comping.takes import Take
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.soundtrack import Soundtrack
from tests.conftest import grey
from tests.sounds import RATE, pulses

FPS = Geometry().fps


def frames(duration: float, size: int = 64) -> np.ndarray:
    """A bright bar that moves: (T, size, size, 3) uint8."""
    count = round(duration * FPS)
    clip = np.full((count, size, size, 3), 40, np.uint8)
    for index in range(count):
        clip[index, :, index * 3 % size :, 0] = 200
    return clip


def track(times: list[float], duration: float, pitch: float = 400.0) -> Track:
    """`pulses` as a track."""
    return Track(pulses(times, duration, pitch), RATE)


def soundtrack(
    scores: list[tuple[float, float]],
    duration: float = 2.0,
    chosen: int = 0,
    agreements: Sequence[float | None] | None = None,
    takes: list[Take] | None = None,
    **settings: object,
) -> Soundtrack:
    """A result whose candidates have the given (offset in seconds, confidence)."""
    candidates = [
        Candidate(track([0.5, 1.2], duration, 300 + 40 * i), 7 + i, offset, confidence, agreement)
        for i, ((offset, confidence), agreement) in enumerate(zip(scores, agreements or [None] * len(scores)))
    ]
    return Soundtrack(
        track=candidates[chosen].track,
        geometry=Geometry(),
        candidates=candidates,
        takes=takes or [Take(0.0, chosen)],
        cues=Hits(np.array([0.5, 1.2]), np.array([0.8, 0.4])),
        cues_given=False,
        duration=duration,
        reference=track([0.3, 1.0], 1.5, 900),
        reference_start=0.25,
        reference_frames=frames(1.5),
        target_frames=frames(duration),
        impact_probability=np.linspace(0, 1, round(duration * FPS)),
        sliding=np.zeros(round(duration * FPS)),
        picture_fps=FPS,
        settings={"tolerance": 0.2, "rerank": True, "seed": 7, **settings},
        weights={"name": "made-up", "hash": "0" * 64},
    )


def write_video(path: Path, duration: float = 1.0, sound: np.ndarray | None = None) -> Path:
    """A small real video file; without a sound stream when `sound` is None."""
    from condfoley.media import write_clip

    if sound is not None:
        return write_clip(path, frames(duration), FPS, sound, RATE)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(FPS))
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for image in frames(duration):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def levels(path: Path, fps: float = 15.0, **span: float) -> np.ndarray:
    """Mean grey level of each frame of a video read at `fps`: (T,)."""
    return media.read_frames(path, fps, 8, **span).reshape(-1, 192).mean(1)


def assert_shows(found: np.ndarray, indices: Iterable[int]) -> None:
    """Asserts that grey levels (T,) are those of the numbered frames of a test video; see `conftest.grey`."""
    expected = [grey(k) for k in indices]
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 4, found


def noise_clip(path, seconds, sound=True, fps=FPS, silent=False):
    """Noise bursts over a flickering picture."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (max(1, round(seconds * fps)), 32, 32, 3), dtype=np.uint8)
    wav = None
    if sound:
        t = np.arange(round(seconds * RATE)) / RATE
        wav = (rng.normal(0, 0.3, len(t)) * np.exp(-(t % 0.7) * 20)).astype(np.float32) * (not silent)
    return media.write_clip(path, pictures, fps, wav, RATE)


def timed_video(path: Path, rate: Fraction, timecode: str = "", count: int = 30, codec: str = "libx264") -> Path:
    """`count` frames at an exact rate, of which the first has a start timecode, where one is given."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if timecode:
            (container if path.suffix == ".mxf" else stream).metadata["timecode"] = timecode
        for k in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey(k), np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
