"""Tracks at other rates and with other numbers of channels; onsets stay."""

from __future__ import annotations

import numpy as np

from condfoley.audio.splice import write_into
from condfoley.audio.track import Track
from condfoley.memory import blocks, sound_array


def converted(track: Track, rate: int, channels: int) -> Track:
    """A track at `rate` Hz with 1 or 2 channels; the same object where it is so already.

    Of two channels one is the mean; of one, two are equal.
    """
    if (track.rate, track.channels) == (rate, channels):
        return track
    out, place = sound_array((channels, round(len(track) / track.rate * rate))), 0
    stream = None
    if track.rate != rate:
        import soxr

        stream = soxr.ResampleStream(track.rate, rate, channels, dtype="float32", quality="VHQ")
    for part in blocks(len(track)):
        piece = track.samples[:, part]
        if track.channels != channels:
            mono = track.mono_between(part.start, part.stop)
            piece = np.broadcast_to(mono, (channels, len(mono)))
        if stream is not None:
            piece = stream.resample_chunk(np.ascontiguousarray(piece.T), last=part.stop == len(track)).T
        write_into(out, piece, place)
        place += piece.shape[1]
    return Track(out, rate).with_onsets_of(track)
