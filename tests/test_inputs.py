"""What a reference becomes before it is listened to."""

import numpy as np
import pytest

from condfoley.audio.levels import peak_rms_db
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.inputs import ATTACK, MAX_LEVEL_DBFS, MIN_LEVEL_DBFS, ClipFile, Footage, highpass, read_reference
from condfoley.media import write_clip, write_wav
from tests.made_up import RATE, pulses

G = Geometry()


def recorded(path, wav, **how):
    return read_reference(ClipFile(write_wav(path, wav, RATE)), 0.0, G, **how)


@pytest.mark.parametrize("gain", [1e-3, 0.02, 0.3, 1.9])
def test_references_come_at_a_level_that_training_knew(tmp_path, gain):
    wav = gain * pulses([0.3, 1.2], 2.5)
    found = recorded(tmp_path / "some.wav", wav)
    level = peak_rms_db(found.window.mono, RATE)
    assert MIN_LEVEL_DBFS - 0.1 <= level <= MAX_LEVEL_DBFS + 0.1
    assert level - found.gain_db == pytest.approx(peak_rms_db(wav, RATE), abs=0.3)
    if gain == 0.3:
        assert found.gain_db == 0.0
    as_it_is = recorded(tmp_path / "some.wav", wav, as_recorded=True)
    assert as_it_is.gain_db == 0.0 and np.allclose(as_it_is.following, wav, atol=1e-5)


def test_an_offset_of_the_recorder_is_no_sound(tmp_path):
    wav = pulses([0.3, 1.2], 2.5)
    found = recorded(tmp_path / "offset.wav", (0.4 * wav + 0.5).astype(np.float32))
    clean = recorded(tmp_path / "clean.following", 0.4 * wav)
    assert np.abs(found.following - clean.following).max() < 0.01 and abs(found.following.mean()) < 1e-3
    assert np.allclose(highpass(wav, RATE), wav, atol=0.01)  # 400 Hz stay, and stay where they are
    for short in (0, 1, 5):
        assert len(highpass(np.ones(short, np.float32), RATE)) == short


def test_the_last_hit_rings_on_behind_the_window(tmp_path):
    seconds = G.clip_samples / RATE
    alone = recorded(tmp_path / "alone.wav", pulses([0.4, seconds - 0.2], 4.0))
    assert len(alone.window) == G.clip_samples and len(alone.with_tail) == G.clip_samples + RATE
    assert np.array_equal(alone.with_tail.mono[: G.clip_samples], alone.window.mono)
    followed = recorded(tmp_path / "followed.wav", pulses([0.4, seconds - 0.2, seconds + 0.3], 4.0))
    assert len(followed.with_tail) / RATE == pytest.approx(seconds + 0.3 - ATTACK, abs=0.02)
    short = recorded(tmp_path / "short.wav", pulses([0.1], 0.6))
    assert len(short.with_tail) == len(short.window) == round(0.6 * RATE)


def test_clips_in_memory_are_as_files(tmp_path):
    rng = np.random.default_rng(0)
    pictures = np.kron(rng.integers(0, 255, (30, 6, 8, 3), dtype=np.uint8), np.ones((1, 8, 8, 1), np.uint8))
    stereo = np.stack([pulses([0.3, 1.2], 2.0), 0.5 * pulses([0.3, 1.2], 2.0)])
    clip = Footage(pictures, np.arange(30) / 15, stereo, RATE)
    assert clip.duration == pytest.approx(2.0) and clip.frames(G).shape == (30, G.frame_size, G.frame_size, 3)
    assert np.allclose(clip.sound(RATE), stereo.mean(0)) and len(clip.sound(2 * RATE)) == 4 * RATE
    file = ClipFile(write_clip(tmp_path / "clip.mp4", pictures, 15.0, stereo.mean(0), RATE))
    assert np.abs(file.frames(G).astype(int) - clip.frames(G)).mean() < 12  # but for what the codec loses
    assert len(file.sound(RATE)) == len(clip.sound(RATE))
    slow = Footage(pictures[:2], np.array([0.0, 1.0]))  # a picture stays until the next one comes
    frames = slow.frames(G)
    assert len(frames) == 30 and np.array_equal(frames[0], frames[14]) and not np.array_equal(frames[14], frames[15])
    assert slow.sound(RATE) is None and Footage(samples=stereo[0], rate=RATE).frames(G) is None


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"pictures": np.zeros((2, 4, 4), np.uint8)}, "pictures must be"),
        ({"pictures": np.zeros((2, 4, 4, 3), np.float32), "times": np.arange(2)}, "pictures must be"),
        ({"pictures": np.zeros((2, 4, 4, 3), np.uint8), "times": np.zeros(2)}, "ascending"),
        ({"pictures": np.zeros((2, 4, 4, 3), np.uint8)}, "needs a time"),
        ({"samples": np.full(9, np.nan), "rate": RATE}, "finite"),
        ({"samples": np.zeros(9)}, "rate in Hz"),
        ({"samples": np.zeros(9), "rate": RATE, "length": 0.0}, "above 0 s"),
    ],
)
def test_arrays_that_are_no_clip_are_refused(wrong, complaint):
    with pytest.raises(InputError, match=complaint):
        Footage(**wrong)
