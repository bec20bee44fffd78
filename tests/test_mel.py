"""The mel front end in numpy is that in torch, and librosa's filters."""

import librosa
import numpy as np
import pytest
import torch

from condfoley.audio import mel
from condfoley.geometry import Geometry
from condfoley.networks import mel as torch_mel

GEOMETRIES = [Geometry(), Geometry(mel_scale="slaney"), Geometry(n_fft=512, hop=160, n_mels=40)]


@pytest.fixture
def wav():
    """Two sounds: (2, 9000)."""
    rng = np.random.default_rng(0)
    return (rng.standard_normal((2, 9000)) * 10 ** rng.uniform(-3, -0.5, (2, 1))).astype(np.float32)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels", "fmin", "fmax"), [(22050, 1024, 80, 125, 7600), (48000, 1024, 48, 0, 10000)]
)
def test_filters_are_those_of_librosa(scale, rate, n_fft, n_mels, fmin, fmax):
    wanted = librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=scale == "htk", norm="slaney"
    )
    found = mel.mel_filters(rate, n_fft, n_mels, fmin, fmax, scale)
    assert found.dtype == np.float32 and np.allclose(found, wanted, rtol=1e-5, atol=1e-6 * wanted.max())


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_scales_are_invertible(scale):
    hz = np.array([0.0, 125.0, 999.0, 1000.0, 1001.0, 11025.0])
    assert mel.mel_to_hz(mel.hz_to_mel(hz, scale), scale) == pytest.approx(hz, abs=1e-6)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_spectra_are_those_of_torch(wav, geometry):
    wanted, found = torch_mel.stft(torch.from_numpy(wav), geometry).numpy(), mel.stft(wav, geometry)
    assert found.dtype == np.complex64 and found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
    assert np.allclose(mel.magnitude(found), np.abs(found), rtol=1e-5, atol=1e-6)
    made = torch_mel.log_mel(torch.from_numpy(wav), geometry).numpy()
    assert mel.log_mel(wav, geometry).dtype == np.float32
    assert np.abs(mel.log_mel(wav, geometry) - made).max() < 1e-5


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("length", [9000, 8000, 9001, 12000])
def test_the_inverse_is_that_of_torch(wav, geometry, length):
    rng = np.random.default_rng(1)
    spectrum = mel.stft(wav, geometry)
    spectrum = spectrum * rng.uniform(0, 2, spectrum.shape).astype(np.float32)
    window = torch.hann_window(geometry.n_fft)
    wanted = torch.istft(torch.from_numpy(spectrum.copy()), geometry.n_fft, geometry.hop, window=window, length=length)
    found = mel.istft(spectrum, geometry, length)
    assert found.dtype == np.float32 and found.shape == (2, length)
    whole = min(length, wav.shape[1] // geometry.hop * geometry.hop)  # behind it torch divides by almost nothing
    assert np.abs(found - wanted.numpy())[:, :whole].max() < 1e-5
    assert np.allclose(mel.istft(mel.stft(wav, geometry), geometry, 9000)[:, :8500], wav[:, :8500], atol=1e-5)


def test_long_sounds_are_transformed_in_blocks(wav):
    g = Geometry(n_fft=64, hop=8, n_mels=5)
    assert wav.shape[1] // g.hop > mel.BLOCK
    wanted, found = torch_mel.stft(torch.from_numpy(wav), g).numpy(), mel.stft(wav, g)
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
    assert np.allclose(mel.istft(found, g, 9000), wav, atol=1e-5)


def test_any_leading_axes(wav):
    one = mel.log_mel(wav[0], Geometry())
    assert np.allclose(mel.log_mel(wav[None], Geometry())[0, 0], one, atol=1e-6)


def test_short_sounds():
    with pytest.raises(ValueError, match="more than 512"):
        mel.stft(np.zeros(512, np.float32), Geometry())
    assert mel.spectrogram(np.zeros(3, np.float32), Geometry()).shape == (80, 5)
    assert mel.spectrogram(np.zeros((2, 2048), np.float32), Geometry()).shape == (2, 80, 9)


def test_kept_arrays_are_read_only():
    for kept in (mel.filterbank(Geometry()), mel.band_gains_to_bins(Geometry()), mel.hann(1024)):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 0


def test_gains_of_bands_become_gains_of_bins():
    share = mel.band_gains_to_bins(Geometry())
    assert share.shape == (513, 80) and np.allclose(share.sum(1), 1, atol=1e-6)
    assert share[0, 0] == share[-1, -1] == 1
