"""A recording with its own channels and rate, on the picture's clock."""

import numpy as np
import pytest
import soundfile

from condfoley import media
from condfoley.inputs import ClipFile, Footage


def tone(hz, seconds=1.0, rate=48_000):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(("channels", "rate"), [(1, 44_100), (2, 48_000), (2, 96_000), (1, 8000)])
def test_channels_and_rate_are_the_files(tmp_path, channels, rate):
    wav = np.stack([tone(500, rate=rate), tone(700, rate=rate)])[:channels]
    soundfile.write(tmp_path / "a.wav", wav.T, rate, subtype="FLOAT")
    found, own = media.read_sound(tmp_path / "a.wav")
    assert own == rate and np.array_equal(found, wav)
    other, at = media.read_sound(tmp_path / "a.wav", 24_000)
    assert at == 24_000 and other.shape == (channels, 24_000)
    assert ClipFile(tmp_path / "a.wav").recording()[1] == rate


def test_more_channels_become_two_without_the_bass_channel(tmp_path):
    sides = [tone(f) for f in (400, 600, 800, 50, 1000, 1200)]  # left, right, centre, bass, surrounds
    soundfile.write(tmp_path / "a.flac", np.stack(sides, 1), 48_000)
    found, _ = media.read_sound(tmp_path / "a.flac")
    spectra = np.abs(np.fft.rfft(found, axis=1))

    def heard(channel, hz):
        return spectra[channel, hz] > 0.02 * spectra.max()

    assert [heard(0, f) for f in (400, 600, 800, 50, 1000, 1200)] == [True, False, True, False, True, False]
    assert [heard(1, f) for f in (400, 600, 800, 50, 1000, 1200)] == [False, True, True, False, False, True]
    assert spectra[0, 400] > 1.3 * spectra[0, 800]


def test_footage_has_its_samples(tmp_path):
    wav = np.stack([tone(500), tone(700)])
    assert np.array_equal(Footage(samples=wav, rate=48_000).recording()[0], wav)
    assert Footage(samples=wav[0], rate=48_000).recording()[0].shape == (1, 48_000)
    assert Footage(pictures=np.zeros((2, 8, 8, 3), np.uint8), times=np.array([0.0, 0.1])).recording() is None


def test_sound_before_the_picture_is_cut_and_later_sound_is_preceded_by_silence(make_clip):
    for start in (-0.2, 0.3):
        path = make_clip(f"{start}.mkv", wav=tone(500, rate=48_000), wav_start=start)
        found, rate = media.read_sound(path)
        mono = media.read_audio(path, rate)
        assert np.allclose(found.mean(0), mono, atol=1e-4)
