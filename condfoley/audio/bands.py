"""Mel bands of a sound, measured and filtered in chunks: memory does not grow with its length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from condfoley.audio.mel import at_least, band_gains_to_bins, filterbank, istft, magnitude, stft
from condfoley.audio.windows import Piece, pieces
from condfoley.geometry import Geometry
from condfoley.memory import release, sound_array

CHUNK = 4096  # frames of a long sound whose spectra are in memory at a time
MARGIN = 8  # frames on both sides of them, which their windows reach into


class Bands:
    """The mel bands of a sound: their power, and the sound with a gain in each.

    The spectrum of a sound of at most `chunk` frames is computed once and kept.
    """

    def __init__(self, samples: np.ndarray, geometry: Geometry, chunk: int = CHUNK):
        """samples: (..., N) float32. chunk: frames whose spectra are in memory at a time."""
        self.samples, self.geometry, self.chunk = samples, geometry, chunk
        self._padded = at_least(samples, geometry.n_fft)
        self._spectrum: np.ndarray | None = None

    @property
    def frames(self) -> int:
        """M: number of frames, one each hop, the first one centred on the first sample."""
        return self.samples.shape[-1] // self.geometry.hop + 1

    def powers(self) -> np.ndarray:
        """Power of each band in each frame, mean over the channels: (n_mels, M) float32."""
        g, total, out = self.geometry, self._padded.shape[-1], sound_array((self.geometry.n_mels, self.frames))
        for piece, spectrum in self.spectra():
            mel = filterbank(g) @ magnitude(spectrum)  # (..., n_mels, frames)
            power = np.square(mel).reshape(-1, *mel.shape[-2:])
            power = power[0] if len(power) == 1 else power.mean(0)
            end = piece.end if piece.end < total else piece.end + g.hop  # the last frame belongs to the last piece
            there = out[:, piece.begin // g.hop :]
            power = power[:, (piece.begin - piece.left) // g.hop : (end - piece.left) // g.hop][:, : there.shape[1]]
            there[:, : power.shape[1]] = power
            release(out, self.samples)
        return out

    def filtered(self, gain: np.ndarray) -> np.ndarray:
        """The sound with a gain (n_mels, M) for each band and frame, the same in all channels: (..., N) float32.

        Bins outside all bands follow the nearest band.
        """
        return mix((self, gain))

    def spectra(self) -> Iterator[tuple[Piece, np.ndarray]]:
        """Yields pieces of the sound, in samples, each with the spectrum (..., bins, frames) of it and its margins."""
        g, total = self.geometry, self._padded.shape[-1]
        if self._spectrum is None and total <= self.chunk * g.hop:
            self._spectrum = stft(self._padded, g)
        for piece in pieces(total, self.chunk * g.hop, MARGIN * g.hop):
            kept = self._spectrum
            yield piece, stft(self._padded[..., piece.left : piece.right], g) if kept is None else kept


def mix(*filtered: tuple[Bands, np.ndarray]) -> np.ndarray:
    """The sum of sounds of one shape, each with its gain as in `Bands.filtered`: (..., N) float32."""
    first = filtered[0][0]
    g, out = first.geometry, sound_array(first.samples.shape)
    to_bins, frames = band_gains_to_bins(g), first._padded.shape[-1] // g.hop + 1
    missing = frames - min(gain.shape[1] for _, gain in filtered)
    gains = [np.pad(gain, ((0, 0), (0, missing)), constant_values=1) if missing > 0 else gain for _, gain in filtered]
    for parts in zip(*(bands.spectra() for bands, _ in filtered), strict=True):
        piece, spectrum = parts[0]
        place = slice(piece.left // g.hop, piece.left // g.hop + spectrum.shape[-1])
        total: np.ndarray | None = None
        for (_, spectrum), gain in zip(parts, gains, strict=True):
            in_bins = (gain[:, place].T @ to_bins.T).T  # (bins, frames), laid out in memory as the spectrum is
            term = spectrum * in_bins
            total = term if total is None else np.add(total, term, out=total)
        assert total is not None
        made = istft(total, g, piece.right - piece.left)
        kept = out[..., piece.begin : piece.end]
        kept[:] = made[..., piece.begin - piece.left :][..., : kept.shape[-1]]
        release(out, *(bands.samples for bands, _ in filtered))
    return out


def onset_frames(onsets: np.ndarray, geometry: Geometry, total: int) -> list[int]:
    """Indices of the spectrogram frames with which impacts begin: E numbers in [0, total).

    One before the nearest frame, since a frame's window reaches on beyond its centre. onsets: (E,) s. total: frames.
    """
    rate = geometry.sample_rate / geometry.hop
    return [min(max(0, round(float(time) * rate) - 1), total - 1) for time in onsets]


def smooth(values: np.ndarray, frames: int) -> np.ndarray:
    """Moving mean over the last axis: (..., M) -> (..., M). Beyond both ends the first and the last value go on.

    frames: width of the mean, odd.
    """
    length, reach = values.shape[-1], frames // 2
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(reach, reach)], "edge")
    total = padded[..., :length].copy()
    for i in range(1, frames):
        total += padded[..., i : i + length]
    return total / np.float32(frames)
