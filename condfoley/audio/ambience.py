"""Ambience: a bed of any length from the quiet parts of a recording, between its impacts, joined without seams.

What follows is always another part of the recording where there is one, entered where its waveform fits best, so that hum goes on
in phase. Sounds are (C, N) float32; the bed has the level that its source has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.audio.splice import write_into
from condfoley.memory import Releaser, sound_array

BLOCK = 0.02  # s over which levels are taken
BEFORE, AFTER = 0.04, 0.12  # s around an onset that are never quiet
QUIET_SHARE = 10.0  # percentile of the levels that is the background
MARGIN_DB = 5.0  # above it, within which a sound has decayed
DRIFT_DB = 3.0  # by which the level may fall over a quiet part; an impact that still rings falls more
MIN_PART, MIN_TOTAL = 0.2, 0.5  # s, of one quiet part, and of all
MIN_OF_LONGEST = 0.4  # share of the longest part; with shorter ones there would be more seams
INAUDIBLE_DB = -85.0  # dBFS, RMS; a recorder's digital silence is no ambience
CROSSFADE, SHARE = 0.2, 0.25  # s, and share of the shorter part at most
SEARCH = 0.3  # share of a part, at its beginning, in which it is entered, and at its end, in which it is left
LOWEST_BAND = 8  # bins of the lowest octave in a crossfade
WIDTH = 0.05  # s in which the place to enter it is looked for; a period of any hum


def bed(
    sound: np.ndarray, rate: int, onsets: np.ndarray, samples: int, gain_db: float = 0.0, out: np.ndarray | None = None
) -> np.ndarray | None:
    """Ambience from a recording's quiet parts: (C, samples) float32; None where there is no quiet part long enough.

    sound: (C, N) or (N,) at `rate` Hz. onsets: (E,) s, of its impacts. gain_db: by which the bed is louder than it is in
    the recording. out: where it is written, if given.
    """
    sound = np.atleast_2d(np.asarray(sound, np.float32))
    parts = quiet_parts(sound, rate, onsets)
    if not parts:
        return None
    gain = np.float32(10 ** (gain_db / 20))
    return lay([part * gain for part in _levelled([sound[:, begin:end] for begin, end in parts])], rate, samples, out)[
        0
    ]


def looped(sound: np.ndarray, rate: int, samples: int, gain_db: float = 0.0) -> np.ndarray:
    """A recording of nothing but ambience as a bed: (C, samples) float32, cut or repeated without a seam.

    sound: (C, N) or (N,) at `rate` Hz, N >= 1.
    """
    made, _ = lay([np.atleast_2d(np.asarray(sound, np.float32))], rate, samples)
    return made * np.float32(10 ** (gain_db / 20))


def quiet_parts(sound: np.ndarray, rate: int, onsets: np.ndarray) -> list[tuple[int, int]]:
    """Begin and end, in samples, of the parts of a sound (C, N) in which nothing but its background is heard.

    onsets: (E,) s. None where all together are shorter than MIN_TOTAL, or inaudible.
    """
    size = max(1, round(BLOCK * rate))
    power = np.square(sound, dtype=np.float64).mean(0)
    blocks = power[: len(power) // size * size].reshape(-1, size).mean(1)  # (B,)
    if not len(blocks):
        return []
    levels = 10 * np.log10(np.maximum(np.convolve(blocks, np.full(3, 1 / 3), "same"), 1e-12))
    quiet = levels <= np.percentile(levels, QUIET_SHARE) + MARGIN_DB
    for onset in onsets:
        quiet[max(0, round((onset - BEFORE) / BLOCK)) : max(0, round((onset + AFTER) / BLOCK))] = False
    edges = np.flatnonzero(np.diff(np.pad(quiet.astype(np.int8), 1)))  # begin and end of each run, in turns
    parts = [
        (int(first) * size, int(last) * size)
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        if (last - first) * BLOCK >= MIN_PART and _steady(levels[first:last])
    ]
    longest = max((end - begin for begin, end in parts), default=0)
    parts = [(begin, end) for begin, end in parts if end - begin >= MIN_OF_LONGEST * longest]
    heard = np.concatenate([power[begin:end] for begin, end in parts]) if parts else np.zeros(1)
    enough = len(heard) >= MIN_TOTAL * rate and 10 * np.log10(max(heard.mean(), 1e-12)) > INAUDIBLE_DB
    return parts if enough else []


def lay(
    parts: Sequence[np.ndarray], rate: int, samples: int, out: np.ndarray | None = None
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Parts of a sound, one after the other and again from the first on: (C, samples) float32; begin and end of crossfades.

    parts: (C, n) each, n >= 1. out: where it is written, if given. Each part is entered where it continues best what is there,
    near a place drawn at random, and left at another, so that nothing comes back in the same way.
    """
    random, turn, seams, release_until = np.random.default_rng(0), 0, list[tuple[int, int]](), Releaser()
    tail = parts[0]
    made = sound_array((len(tail), samples)) if out is None else out
    write_into(made, tail, 0)
    length = tail.shape[1]
    while length < samples:
        turn = (turn + 1) % len(parts)
        following = parts[turn]
        fade = max(1, min(round(CROSSFADE * rate), int(SHARE * min(tail.shape[1], following.shape[1]))))
        room = max(0, int(SEARCH * (following.shape[1] - 2 * fade)))
        first, left = int(random.integers(room + 1)), int(random.integers(room + 1))
        begin = first + best_entry(tail[:, -fade:], following[:, first : first + fade + round(WIDTH * rate)])
        fresh = following[:, begin : max(following.shape[1] - left, begin + 2 * fade)]
        write_into(made, crossfaded(tail[:, -fade:], fresh[:, :fade]), length - fade)
        write_into(made, fresh[:, fade:], length)
        seams.append((length - fade, length))
        length += fresh.shape[1] - fade
        tail = fresh
        release_until(length)
    return made, [(begin, end) for begin, end in seams if end <= samples]


def best_entry(tail: np.ndarray, following: np.ndarray) -> int:
    """The sample from which on a sound (C, n) is most like the end of another, (C, fade): the highest correlation."""
    from scipy.fft import irfft, next_fast_len, rfft

    fade, count = tail.shape[1], following.shape[1]
    if count <= fade:
        return 0
    own, other = tail.mean(0, dtype=np.float64), following.mean(0, dtype=np.float64)
    own = own - own.mean()
    size = next_fast_len(count + fade, real=True)
    products = irfft(rfft(other, size) * np.conj(rfft(own, size)), size)[: count - fade + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(other))])
    return int(np.argmax(products / np.sqrt(np.maximum(energy[fade:] - energy[:-fade], 1e-20))))


def crossfaded(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """One sound (C, n) fades into another, with constant power in each octave, however alike the two are there.

    Hum that goes on in phase and noise that does not need other gains, or one of them would swell or sink.
    """
    from scipy.fft import irfft, rfft

    count = before.shape[1]
    place = (np.arange(count) + 0.5) / count * np.pi / 2
    down, up = np.cos(place), np.sin(place)
    spectra = [rfft(np.asarray(sound, np.float64), axis=1) for sound in (before, after)]
    bins = spectra[0].shape[1]
    edges = [0, *(LOWEST_BAND << octave for octave in range(24) if LOWEST_BAND << octave < bins), bins]
    out = np.zeros(before.shape)
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        inside = (np.arange(bins) >= first) & (np.arange(bins) < last)
        old, new = (irfft(spectrum * inside, count, axis=1) for spectrum in spectra)
        energies = float(np.square(old).sum() * np.square(new).sum())
        alike = float((old * new).sum()) / np.sqrt(energies) if energies > 0 else 0.0
        out += (down * old + up * new) / np.sqrt(np.maximum(1 + 2 * down * up * alike, 0.1))
    return out.astype(np.float32)


def _levelled(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Parts (C, n) that all have the RMS that they have together."""
    powers = [float(np.square(part, dtype=np.float64).mean()) for part in parts]
    mean = float(np.average(powers, weights=[part.shape[1] for part in parts]))
    return [part * np.float32(np.sqrt(mean / max(power, 1e-20))) for part, power in zip(parts, powers, strict=True)]


def _steady(levels: np.ndarray) -> bool:
    """Whether levels, (B,) dB, fall by less than DRIFT_DB over all."""
    early, late = levels[: len(levels) // 3 + 1], levels[-(len(levels) // 3 + 1) :]
    return bool(early.mean() - late.mean() < DRIFT_DB)
