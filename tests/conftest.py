"""Small media files, generated on the spot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: last bits depend on it, and two workers share two cores
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import av
import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # timings are never asserted
settings.load_profile("any machine")

MILLISECOND = Fraction(1, 1000)


def grey(k: int) -> int:
    """The level frame k of a generated clip is filled with; repeats after 16 frames."""
    return 30 + 12 * (k % 16)


def clicks(times: Sequence[float], duration: float, rate: int) -> np.ndarray:
    """(N,) float32: a decaying 1.5 kHz burst of 20 ms at each time in seconds."""
    wav = np.zeros(round(duration * rate), np.float32)
    t = np.arange(round(0.02 * rate)) / rate
    burst = (0.8 * np.exp(-t / 0.004) * np.cos(2 * np.pi * 1500 * t)).astype(np.float32)
    for time in times:
        begin = round(time * rate)
        end = min(len(wav), begin + len(burst))
        wav[begin:end] += burst[: end - begin]
    return wav


def click_times(wav: np.ndarray, rate: int) -> list[float]:
    """Where the bursts of `clicks` begin, in seconds."""
    times: list[float] = []
    for i in np.flatnonzero(np.abs(wav) > 0.3):
        if not times or i / rate - times[-1] > 0.05:
            times.append(i / rate)
    return times


def write_video(
    path: Path,
    stamps: Sequence[float],
    last: float,
    size: tuple[int, int],
    codec: str,
    pix_fmt: str,
    rotation: int,
    image: Callable[[int], np.ndarray] | None,
    wav: np.ndarray | None,
    wav_start: float,
    rate: int,
    layout: str,
    sound_codec: str,
    b_frames: int,
    base: Fraction,
) -> None:
    """Encode frames with the time stamps given (seconds) and a sound; see the fixture `make_clip`."""
    packets = []
    with av.open(str(path), "w") as target:
        if stamps:
            options = {"crf": "8", "bf": str(b_frames)} if codec.startswith("libx26") else {"b": "2000000"}
            rate_hint = Fraction(15) if base == MILLISECOND else 1 / base
            track = target.add_stream(codec, rate=rate_hint, options=options)
            track.width, track.height, track.pix_fmt = *size, pix_fmt
            track.codec_context.time_base = base
            if rotation:
                track.set_display_rotation(rotation)
        if wav is not None:
            sound = target.add_stream(sound_codec, rate=rate, layout=layout)
        for k, stamp in enumerate(stamps):
            data = image(k) if image else np.full((size[1], size[0], 3), grey(k), np.uint8)
            frame = av.VideoFrame.from_ndarray(data, format="rgb24")
            frame.pts, frame.time_base = round(stamp / base), base
            packets += track.encode(frame)
        packets += track.encode(None) if stamps else []
        for packet in packets:  # the encoder knows no frame lengths where they vary
            begin = float(packet.pts * packet.time_base)
            end = min((s for s in stamps if s > begin + 0.001), default=stamps[-1] + last)
            packet.duration = round((end - begin) / packet.time_base)
        if wav is not None:
            channels = len(sound.layout.channels)
            for begin in range(0, len(wav), 1024):
                block = np.repeat(wav[begin : begin + 1024].astype(np.float32), channels)  # interleaved
                frame = av.AudioFrame.from_ndarray(block[None], "flt", layout)
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = begin + round(wav_start * rate)
                packets += sound.encode(frame)
            packets += sound.encode(None)
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            target.mux(packet)


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """make_clip(name, ...) -> path of a new file.

    times: seconds of the frames, or fps and duration; `stay`: how long the last frame stays.
    image: k -> (H, W, 3) uint8, grey(k) by default.
    wav: (N,) at `rate` Hz, beginning at `wav_start` seconds.
    """

    def make(
        name: str = "clip.mp4",
        *,
        fps: float = 15.0,
        duration: float = 1.0,
        times: Sequence[float] | None = None,
        stay: float | None = None,
        size: tuple[int, int] = (64, 48),
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        rotation: int = 0,
        image: Callable[[int], np.ndarray] | None = None,
        wav: np.ndarray | None = None,
        wav_start: float = 0.0,
        rate: int = 44100,
        layout: str = "stereo",
        sound_codec: str = "aac",
        b_frames: int = 2,
    ) -> Path:
        stamps = [k / fps for k in range(round(duration * fps))] if times is None else list(times)
        last = 1 / fps if stay is None else stay
        base = Fraction(fps).limit_denominator(1001) ** -1 if times is None else MILLISECOND
        path = tmp_path / name
        look = (size, codec, pix_fmt, rotation, image)
        write_video(path, stamps, last, *look, wav, wav_start, rate, layout, sound_codec, b_frames, base)
        return path

    return make


@pytest.fixture(scope="module")
def two_ray_workers() -> Iterator[None]:
    """A small Ray for the tests of a module; its threads end with them, so that no other test runs beside them."""
    ray = pytest.importorskip("ray", reason="the engine ray needs Ray (pip install 'condfoley[cluster]')")
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent / "data")}}  # the workers import the tests' functions
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error", runtime_env=here)
    yield
    ray.shutdown()
