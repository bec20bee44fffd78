"""A track: samples that never change, and onsets that are detected once."""

import numpy as np
import pytest

from condfoley.audio import track as tracks
from condfoley.audio.track import Track
from tests.made_up import RATE, pulses


@pytest.fixture
def detections(monkeypatch):
    """Sounds in which onsets were detected."""
    detected, detect = [], tracks.detect_onsets
    monkeypatch.setattr(tracks, "detect_onsets", lambda wav, rate: detected.append(wav) or detect(wav, rate))
    return detected


def test_onsets_are_detected_once_and_stay_through_gain_and_delay(detections):
    track = Track(pulses([0.5, 1.2], 2.0), RATE)
    assert not detections
    assert track.onsets == pytest.approx([0.5, 1.2], abs=0.02) and len(track.rises) == 2
    assert np.array_equal(track.scaled(0.1).onsets, track.onsets)
    assert np.allclose(track.delayed(0.1).onsets, track.onsets + 0.1)
    assert track.edited(-track.samples).onsets == pytest.approx([0.5, 1.2], abs=0.02)
    assert len(detections) == 2
    assert track.delayed(0.0) is track


def test_samples_cannot_be_changed():
    track = Track(pulses([0.5], 1.0), RATE)
    with pytest.raises(ValueError, match="read-only"):
        track.samples[:] = 0
    with pytest.raises(ValueError, match="read-only"):
        track.mono[:] = 0


def test_any_rate_and_number_of_channels():
    stereo = Track(np.stack([np.ones(480, np.float32), np.zeros(480, np.float32)]), 48000)
    assert (stereo.channels, len(stereo), stereo.duration) == (2, 480, 0.01)
    assert np.all(stereo.mono == 0.5) and stereo.wav.shape == (2, 480) and Track(stereo.mono, 48000).wav.shape == (480,)
    for wrong in (np.zeros((0, 4)), np.zeros((1, 2, 3))):
        with pytest.raises(ValueError, match="channels"):
            Track(wrong, RATE)


@pytest.mark.parametrize("samples", [2, -2, 0, 9, -9])
def test_a_delay_leaves_silence(samples):
    wav = np.arange(1.0, 6.0, dtype=np.float32)
    expected = {2: [0, 0, 1, 2, 3], -2: [3, 4, 5, 0, 0], 0: [1, 2, 3, 4, 5]}.get(samples, [0] * 5)
    assert Track(wav, 10).delayed(samples / 10).mono.tolist() == expected
