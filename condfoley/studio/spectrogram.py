"""Spectrograms as PNG: mel-spaced from 0 Hz to 20 kHz, or the Nyquist frequency, in a perceptually uniform colour map."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np

from condfoley.audio.mel import hann, hz_to_mel, mel_to_hz
from condfoley.errors import InputError
from condfoley.studio.peaks import Samples

HIGHEST = 20e3  # Hz
WINDOW, LEAST_WINDOW = 0.046, 0.006  # s of a frame in a wide view, and at least in a near one
FRAMES = 6  # at most, of which the mean power makes a column
FLOOR_DB, TOP_DB = -100.0, -15.0  # of a bin, as sines of that level have it, at either end of the colour map
MAX_WIDTH, MAX_HEIGHT = 4096, 1024
COLUMNS = 64  # that are computed at a time
COLOURS = "magma"


def spectrogram_png(samples: Samples, rate: int, first: int, last: int, width: int, height: int) -> bytes:
    """A span of a sound as PNG, `width` by `height` pixels, the lowest frequency at the bottom.

    samples: (C, N) float32 at `rate` Hz, of which the mean is shown; [first, last): the span, in samples. Raises InputError
    for a size that cannot be drawn, ValueError for an empty span.
    """
    from PIL import Image

    require_size(width, height)
    levels = mel_levels(samples, rate, first, last, width, height)
    shade = ((levels[::-1] - FLOOR_DB) / (TOP_DB - FLOOR_DB)).clip(0, 1)
    image = Image.fromarray(np.rint(255 * shade).astype(np.uint8), "L")
    image.putpalette(palette())
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=3)
    return out.getvalue()


def require_size(width: int, height: int) -> None:
    """Raises InputError for a size, in pixels, that cannot be drawn."""
    if not (1 <= width <= MAX_WIDTH and 1 <= height <= MAX_HEIGHT):
        raise InputError(
            f"a spectrogram of {width} x {height} cannot be drawn; {MAX_WIDTH} x {MAX_HEIGHT} is the largest"
        )


def mel_levels(samples: Samples, rate: int, first: int, last: int, width: int, height: int) -> np.ndarray:
    """Levels of `height` mel-spaced bands, lowest first, in `width` columns of a span: (height, width) float32, dB.

    0 dB is a sine of amplitude 1. Raises ValueError for an empty span.
    """
    if first >= last:
        raise ValueError(f"an empty span, {first} to {last}")
    hop = (last - first) / width  # samples of a column
    size = _window(hop, rate)
    each = int(np.clip(np.ceil(2 * hop / size), 1, FRAMES))
    centres = first + (np.arange(width * each) + 0.5) * hop / each
    bands = mel_bands(rate, size, height).T
    out = np.empty((width, height), np.float32)
    for begin in range(0, width, COLUMNS):
        places = centres[begin * each : (begin + COLUMNS) * each]
        power = _power(samples, np.rint(places).astype(int), size).reshape(-1, each, size // 2 + 1).mean(1)
        out[begin : begin + COLUMNS] = power @ bands
    return 10 * np.log10(np.maximum(out, 1e-12)).T


def _window(hop: float, rate: int) -> int:
    """Samples of a frame, a power of two: about eight columns of a near view, so that moments can be told apart."""
    seconds = min(WINDOW, max(LEAST_WINDOW, 8 * hop / rate))
    return int(2 ** round(np.log2(seconds * rate)))


def _power(samples: Samples, centres: np.ndarray, size: int) -> np.ndarray:
    """(T, size // 2 + 1): power around some samples, of which those outside the sound are 0; that of a full sine is 1."""
    from scipy.fft import rfft

    starts = centres - size // 2
    if starts[-1] - starts[0] < 4 * len(starts) * size:  # they overlap, or nearly so
        sound = _between(samples, int(starts[0]), int(starts[-1]) + size)
        frames = np.lib.stride_tricks.sliding_window_view(sound, size)[starts - starts[0]]
    else:
        frames = np.stack([_between(samples, start, start + size) for start in starts.tolist()])
    spectra = rfft(frames * hann(size), axis=1)
    return np.square(np.abs(spectra) * np.float32(4 / size))  # a Hann window's sum is half its length


def _between(samples: Samples, begin: int, end: int) -> np.ndarray:
    """The mean of all channels of the samples [begin, end), those outside the sound 0: (end - begin,)."""
    inside = samples[:, max(0, begin) : max(0, end)]
    sound = inside[0] if len(inside) == 1 else inside.mean(0)
    before = min(max(0, -begin), end - begin)
    return np.pad(sound, (before, end - begin - before - len(sound)))


@lru_cache(maxsize=16)
def mel_bands(rate: int, size: int, height: int) -> np.ndarray:
    """Triangles around `height` mel-spaced frequencies, at least two bins wide, so that none is empty; rows sum to 1."""
    top = min(HIGHEST, rate / 2)
    centres = mel_to_hz(np.linspace(0, hz_to_mel(top, "htk"), height + 1), "htk")
    bins, step = np.linspace(0, rate / 2, size // 2 + 1), rate / size
    wide = np.maximum(np.diff(centres), step)[:, None]
    out = (1 - np.abs(bins - centres[:-1, None]) / wide).clip(0).astype(np.float32)
    out /= out.sum(1, keepdims=True)
    out.flags.writeable = False
    return out


@lru_cache(maxsize=1)
def palette() -> bytes:
    """256 colours, three bytes each, from black to light."""
    import matplotlib

    return (matplotlib.colormaps[COLOURS](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()
