"""Tracks at other rates and with other numbers of channels; onsets stay."""

from __future__ import annotations

import numpy as np

from condfoley.audio.track import Track


def converted(track: Track, rate: int, channels: int) -> Track:
    """A track at `rate` Hz with 1 or 2 channels; the same object where it is so already.

    Of two channels one is the mean; of one, two are equal.
    """
    if (track.rate, track.channels) == (rate, channels):
        return track
    samples = track.samples
    if track.channels != channels:
        samples = track.mono[None] if channels == 1 else np.repeat(track.mono[None], channels, 0)
    if track.rate != rate:
        import soxr

        length = round(len(track) / track.rate * rate)
        samples = soxr.resample(np.ascontiguousarray(samples.T), track.rate, rate, quality="VHQ").T[:, :length]
        samples = np.pad(samples, ((0, 0), (0, length - samples.shape[1])))
    return Track(np.ascontiguousarray(samples, np.float32), rate).with_onsets_of(track)
