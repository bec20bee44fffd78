"""Rooms in which a soundtrack can be heard: their echoes, which `python -m benchmarks.rooms` has computed.

Each is the answer of a made-up room to an impact some steps away from two microphones: early reflections and a late tail,
without the direct sound, at the level that it has against that.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

HOME = Path(__file__).parents[1] / "rooms"


@lru_cache(maxsize=4)
def room_response(room: str, rate: int) -> np.ndarray:
    """A room's echo of an impulse at sample 0: (2, N) float32 at `rate` Hz, read-only. room: one of `settings.ROOMS`."""
    import soundfile

    samples, own = soundfile.read(HOME / f"{room}.flac", dtype="float32", always_2d=True)
    out = np.ascontiguousarray(soxr.resample(samples, own, rate, quality="HQ").T) * np.float32(own / rate)
    out.flags.writeable = False
    return out


def echo(sound: np.ndarray, room: str, rate: int) -> np.ndarray:
    """What a room adds to a sound, (C, N), of which it hears the mean of the channels: (2, N + its length) float32."""
    from scipy.fft import irfft, next_fast_len, rfft

    response = room_response(room, rate)
    length = sound.shape[1] + response.shape[1] - 1
    size = next_fast_len(length, real=True)
    spectrum = rfft(sound.mean(0, dtype=np.float64), size)
    return np.asarray(irfft(spectrum * rfft(response, size), size)[:, :length], np.float32)
