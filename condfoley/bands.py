"""A sound's mel bands, measured and filtered piece by piece: memory does not grow with its length."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.geometry import Geometry
from condfoley.mel import filterbank, stft
from condfoley.postfilter import bands_of_bins
from condfoley.windows import pieces

CHUNK, MARGIN = 4096, 8  # frames of a long sound whose spectra are in memory at a time, and around them


def powers(wav: np.ndarray, geometry: Geometry) -> Tensor:
    """Power of each mel band in each frame of a sound (N,) float32: (n_mels, N // hop + 1)."""
    g, out = geometry, []
    filled = _long_enough(wav, g)
    for begin, end, left, right in pieces(len(filled), CHUNK * g.hop, MARGIN * g.hop):
        mel = filterbank(g) @ stft(torch.tensor(filled[left:right]), g).abs()
        last = (end if end < len(filled) else end + g.hop) // g.hop  # the frame at the end belongs to the last piece
        out.append(mel[:, (begin - left) // g.hop : last - left // g.hop])
    return torch.cat(out, 1)[:, : len(wav) // g.hop + 1].square()


def filtered(wav: np.ndarray, gain: Tensor, geometry: Geometry) -> np.ndarray:
    """A sound (N,) float32 with a gain (n_mels, N // hop + 1) in each band and frame: (N,) float32.

    Bins outside all bands follow the nearest band.
    """
    g, out = geometry, np.empty(len(wav), np.float32)
    window, share = torch.hann_window(g.n_fft), bands_of_bins(g)
    filled = _long_enough(wav, g)
    gain = F.pad(gain, (0, max(0, len(filled) // g.hop + 1 - gain.shape[1])), value=1.0)
    for begin, end, left, right in pieces(len(filled), CHUNK * g.hop, MARGIN * g.hop):
        spectrum = stft(torch.tensor(filled[left:right]), g)  # (bins, frames)
        first = left // g.hop
        spectrum = spectrum * (share @ gain[:, first : first + spectrum.shape[1]])
        made = torch.istft(spectrum, g.n_fft, g.hop, window=window, length=right - left)
        piece = out[begin:end]
        piece[:] = made[begin - left :][: len(piece)].numpy()
    return out


def _long_enough(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A sound (N,) with silence behind it where it is shorter than an analysis window; else itself."""
    return np.pad(wav, (0, geometry.n_fft - len(wav))) if len(wav) < geometry.n_fft else wav


def frames_of(times: np.ndarray, geometry: Geometry, total: int) -> list[int]:
    """The frame with which a hit at each of times (H,) s begins, in [0, total): it reaches half a window back."""
    rate = geometry.sample_rate / geometry.hop
    return [min(max(0, round(float(time) * rate) - 1), total - 1) for time in times]


def smooth(values: Tensor, frames: int) -> Tensor:
    """Moving mean of (n_mels, M) over an odd number of frames; the first and the last one go on for ever."""
    return F.avg_pool1d(F.pad(values[None], (frames // 2, frames // 2), mode="replicate"), frames, 1)[0]
