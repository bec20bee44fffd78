"""A sound's mel bands, measured and filtered piece by piece: memory does not grow with its length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.audio.postfilter import bands_of_bins
from condfoley.audio.windows import Piece, pieces
from condfoley.geometry import Geometry
from condfoley.networks.mel import filterbank, magnitude, stft

CHUNK = 4096  # frames of a long sound whose spectra are in memory at a time
MARGIN = 8  # frames on both sides of them, which their windows reach into


class Bands:
    """The mel bands of a sound: their power, and the sound with a gain in each.

    The spectrum of a sound of at most CHUNK frames is computed once and kept.
    """

    def __init__(self, wav: np.ndarray, geometry: Geometry):
        """wav: (N,) float32."""
        self.wav, self.geometry = wav, geometry
        self._filled = _long_enough(wav, geometry)
        self._kept: Tensor | None = None

    def powers(self) -> Tensor:
        """Power of each band in each frame: (n_mels, N // hop + 1)."""
        g, out = self.geometry, []
        for piece, spectrum in self._pieces():
            mel = filterbank(g) @ magnitude(spectrum)
            end = piece.end if piece.end < len(self._filled) else piece.end + g.hop  # the last frame is the last's
            out.append(mel[:, (piece.begin - piece.left) // g.hop : (end - piece.left) // g.hop])
        return torch.cat(out, 1)[:, : len(self.wav) // g.hop + 1].square()

    def filtered(self, gain: Tensor) -> np.ndarray:
        """The sound with a gain (n_mels, N // hop + 1) in each band and frame: (N,) float32.

        Bins outside all bands follow the nearest band.
        """
        return mixed((self, gain))

    def _pieces(self) -> Iterator[tuple[Piece, Tensor]]:
        """Yields the pieces of the sound, in samples, each with the spectrum (bins, frames) of it and its margins."""
        g = self.geometry
        if self._kept is None and len(self._filled) <= CHUNK * g.hop:
            self._kept = self._spectrum(0, len(self._filled))
        for piece in pieces(len(self._filled), CHUNK * g.hop, MARGIN * g.hop):
            yield piece, self._spectrum(piece.left, piece.right) if self._kept is None else self._kept

    def _spectrum(self, begin: int, end: int) -> Tensor:
        return stft(torch.tensor(self._filled[begin:end]), self.geometry)


def mixed(*filtered: tuple[Bands, Tensor]) -> np.ndarray:
    """The sum of sounds of one length, each with a gain as in `Bands.filtered`: (N,) float32."""
    first = filtered[0][0]
    g, out = first.geometry, np.empty(len(first.wav), np.float32)
    window, share = torch.hann_window(g.n_fft), bands_of_bins(g)
    frames = len(first._filled) // g.hop + 1
    gains = [F.pad(gain, (0, max(0, frames - gain.shape[1])), value=1.0) for _, gain in filtered]
    for parts in zip(*(bands._pieces() for bands, _ in filtered), strict=True):
        piece, spectrum = parts[0]
        place = slice(piece.left // g.hop, piece.left // g.hop + spectrum.shape[1])
        turned = sum(spectrum * (share @ gain[:, place]) for (_, spectrum), gain in zip(parts, gains, strict=True))
        made = torch.istft(turned, g.n_fft, g.hop, window=window, length=piece.right - piece.left)
        kept = out[piece.begin : piece.end]
        kept[:] = made[piece.begin - piece.left :][: len(kept)].numpy()
    return out


def _long_enough(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The sound (N,), with silence behind it where it is shorter than an analysis window."""
    return np.pad(wav, (0, geometry.n_fft - len(wav))) if len(wav) < geometry.n_fft else wav


def frames_of(times: np.ndarray, geometry: Geometry, total: int) -> list[int]:
    """Indices of the spectrogram frames with which hits begin: H numbers in [0, total).

    One before the nearest frame, since a frame's window reaches on beyond its centre. times: (H,) s. total: frames.
    """
    rate = geometry.sample_rate / geometry.hop
    return [min(max(0, round(float(time) * rate) - 1), total - 1) for time in times]


def smooth(values: Tensor, frames: int) -> Tensor:
    """Moving mean over time: (n_mels, M) -> (n_mels, M). Beyond both ends the first and the last value go on.

    frames: width of the mean, odd.
    """
    return F.avg_pool1d(F.pad(values[None], (frames // 2, frames // 2), mode="replicate"), frames, 1)[0]
