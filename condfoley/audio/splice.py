"""Editing sound: the one fade, and what is made of it: crossfades, overlays, loops.

Sounds are (..., N) float32, with any number of channels before the samples; places and lengths are in samples. Functions
named `*_into` write into the array that they are given; all others leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.memory import Releaser, blocks, sound_array


def ramp(samples: int) -> np.ndarray:
    """The gain of a linear fade from 0 to 1: (samples,) float32. Reversed, or one minus it, it fades out."""
    return (np.arange(samples, dtype=np.float32) + 0.5) / max(1, samples)


def faded(samples: np.ndarray, fade_in: int, fade_out: int) -> np.ndarray:
    """A copy (..., N) that is faded in over its first and faded out over its last samples."""
    out = np.array(samples, np.float32)
    fade_in, fade_out = min(fade_in, out.shape[-1]), min(fade_out, out.shape[-1])
    out[..., :fade_in] *= ramp(fade_in)
    out[..., out.shape[-1] - fade_out :] *= ramp(fade_out)[::-1]
    return out


def segment(samples: np.ndarray, begin: int, end: int, delay: int = 0) -> np.ndarray:
    """A copy (..., end - begin) of the samples [begin, end) of a sound that is delayed; 0 where it has none."""
    first, last = begin - delay, end - delay
    inside = samples[..., max(0, first) : max(0, last)]
    before = min(max(0, -first), end - begin)
    after = end - begin - before - inside.shape[-1]
    return np.pad(inside, [(0, 0)] * (samples.ndim - 1) + [(before, after)])


def concatenate(
    sources: Sequence[tuple[np.ndarray, int]], cuts: Sequence[int], samples: int, crossfade: int
) -> np.ndarray:
    """Sounds that follow one another, with crossfades: (..., samples) float32.

    sources: of each piece the sound (..., N) and by how much it is delayed. cuts: where each piece but the first begins,
    ascending. crossfade: its length, half of it before the cut.
    """
    out, reach = sound_array((*sources[0][0].shape[:-1], samples)), crossfade // 2
    rise, release_until = ramp(2 * reach), Releaser()
    for (source, delay), cut, following in zip(sources, [0, *cuts], [*cuts, samples], strict=True):
        begin, end = max(0, cut - reach), min(following + reach, samples)
        gain = rise[: max(0, end - begin)] if cut > 0 else rise[:0]
        length = len(gain)
        for part in blocks(end - begin):
            first, last = begin + part.start, begin + part.stop
            piece = segment(source, first, last, delay).astype(np.float32)
            if first == begin:
                piece[..., :length] = gain * piece[..., :length] + (1 - gain) * out[..., first : first + length]
            out[..., first:last] = piece
        release_until(end)
    return out


def overlay_into(out: np.ndarray, piece: np.ndarray, place: int, fade: int) -> None:
    """Replaces what a sound (..., N) has from `place` on by a piece (..., L), with fades at both ends of it.

    place: may lie before the beginning; what lies outside the sound is left out.
    """
    fade = min(fade, piece.shape[-1] // 2)
    share = faded(np.ones(piece.shape[-1], np.float32), fade, fade)
    there = out[..., max(0, place) : max(0, place + piece.shape[-1])]
    length = there.shape[-1]
    piece, share = piece[..., max(0, -place) :][..., :length], share[max(0, -place) :][:length]
    there += share * (piece - there)


def write_into(out: np.ndarray, piece: np.ndarray, place: int) -> None:
    """Replaces what a sound (..., N) has from `place` >= 0 on by a piece (..., L), as far as it goes."""
    there = out[..., place : place + piece.shape[-1]]
    there[:] = piece[..., : there.shape[-1]]


def add_into(out: np.ndarray, piece: np.ndarray, place: int) -> None:
    """Adds a piece (..., L) to a sound (..., N) from `place` on, which may lie before the beginning."""
    there = out[..., max(0, place) : max(0, place + piece.shape[-1])]
    there += piece[..., max(0, -place) :][..., : there.shape[-1]]


def duck_into(out: np.ndarray, begin: int, end: int) -> None:
    """Fades a sound (..., N) out from `begin` to `end`; behind it nothing changes."""
    there = out[..., max(0, begin) : max(0, end)]
    there *= ramp(there.shape[-1])[::-1]


def mute_into(out: np.ndarray, begin: int, end: int, fade: int) -> None:
    """Fades a sound (..., N) out from `begin` on and silences it until `end`."""
    begin = max(0, begin)
    there = out[..., begin : begin + fade]
    there *= ramp(fade)[::-1][: there.shape[-1]]
    out[..., begin + fade : max(begin + fade, end)] = 0


def loop(samples: np.ndarray, length: int, crossfade: int) -> np.ndarray:
    """A short sound (..., N), N >= 1, repeated to (..., length) with crossfades; a longer one is cut.

    crossfade: cut to half of the sound.
    """
    own = samples.shape[-1]
    if own >= length:
        return samples[..., :length]
    crossfade = min(crossfade, own // 2)
    out = np.zeros((*samples.shape[:-1], length + own), np.float32)
    for start in range(0, length, own - crossfade):
        out[..., start : start + own] += faded(samples, crossfade if start else 0, crossfade)
    return out[..., :length]


def until_next(times: Sequence[float] | np.ndarray, end: float) -> list[tuple[float, float]]:
    """Each of some ascending times with the following one; the last with `end`. In any unit."""
    return list(zip(times, [*times[1:], end]))
