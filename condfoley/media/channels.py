"""The channels of decoded sound, and their downmix."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

# Downmix after ITU-R BS.775: sides 3 dB below the centre, surrounds 6 dB below, no low-frequency channel.
_WEIGHTS = {"FL": 0.7071, "FR": 0.7071, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
_SURROUND = 0.5
CANCELLED_DB = 12.0
"""dB by which the mean of two channels may be softer than the louder one."""
_CENTRE = 0.7071  # of the centre and the surrounds in either channel of a stereo downmix


def to_mono(frame: Any) -> np.ndarray:
    """Downmix of a decoded frame of any sample format and channel layout: (n,) float32."""
    data, names = samples_of(frame)
    weights = np.array([_WEIGHTS.get(name, _SURROUND) for name in names], np.float32)
    if not weights.sum():  # only low-frequency channels
        weights[:] = 1.0
    return np.asarray((weights / weights.sum()) @ data, np.float32)


def to_stereo(frame: Any) -> np.ndarray:
    """A decoded frame's channels, of more than two a stereo downmix: (1 or 2, n) float32."""
    data, names = samples_of(frame)
    if len(names) <= 2:
        return data
    left = np.array([_side(name, "L") for name in names], np.float32)
    right = np.array([_side(name, "R") for name in names], np.float32)
    if not left.sum() or not right.sum():
        return np.repeat(to_mono(frame)[None], 2, 0)
    return np.stack([left / left.sum(), right / right.sum()]) @ data


class Downmix:
    """`to_mono` of frame after frame, which notes whether two channels cancel each other out, as inverted ones do.

    only: the channel of two that is taken in place of their mean.
    """

    def __init__(self, only: int | None = None) -> None:
        self._only = only
        self._energy = np.zeros(3)  # of the first and the second channel, and of their mean

    def __call__(self, frame: Any) -> np.ndarray:
        """(n,) float32."""
        data, names = samples_of(frame)
        if len(names) != 2:
            return to_mono(frame)
        if self._only is not None:
            return data[self._only]
        mixed = to_mono(frame)
        self._energy += [np.square(part, dtype=np.float64).sum() for part in (data[0], data[1], mixed)]
        return mixed

    @property
    def cancelled(self) -> int | None:
        """The louder one of two channels whose mean is softer by CANCELLED_DB; None where both are to be used."""
        return louder_alone(self._energy)


def louder_alone(energy: np.ndarray) -> int | None:
    """The louder one of two channels whose mean is softer by CANCELLED_DB; None where both are to be used.

    energy: (3,) of the first and the second channel, and of their mean.
    """
    louder = int(energy[:2].argmax())
    return louder if energy[2] < energy[louder] * 10 ** (-CANCELLED_DB / 10) else None


def _side(name: str, side: str) -> float:
    """Weight of a channel in the left or the right channel of a stereo downmix."""
    if name.startswith("LFE"):
        return 0.0
    if name.endswith(("L", "R")):
        weight = 1.0 if name in ("FL", "FR") else _CENTRE
        return weight if name.endswith(side) else 0.0
    return _CENTRE  # the centre, and the rear centre


def samples_of(frame: Any) -> tuple[np.ndarray, list[str]]:
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
