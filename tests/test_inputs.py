"""What a reference becomes before it is listened to."""

import numpy as np
import pytest

from condfoley.geometry import Geometry
from condfoley.inputs import ATTACK, LOUDEST, SOFTEST, read_reference, without_offset
from condfoley.matching.dynamics import loudest
from condfoley.media import write_wav
from tests.made_up import RATE, pulses

G = Geometry()


def recorded(path, wav, **how):
    return read_reference(write_wav(path, wav, RATE), 0.0, G, **how)


@pytest.mark.parametrize("gain", [1e-3, 0.02, 0.3, 1.9])
def test_references_come_at_a_level_that_training_knew(tmp_path, gain):
    wav = gain * pulses([0.3, 1.2], 2.5)
    found = recorded(tmp_path / "some.wav", wav)
    level = loudest(found.used, RATE)
    assert SOFTEST - 0.1 <= level <= LOUDEST + 0.1
    assert level - found.gain == pytest.approx(loudest(wav, RATE), abs=0.3)
    if gain == 0.3:
        assert found.gain == 0.0
    as_it_is = recorded(tmp_path / "some.wav", wav, as_recorded=True)
    assert as_it_is.gain == 0.0 and np.allclose(as_it_is.wav, wav, atol=1e-5)


def test_an_offset_of_the_recorder_is_no_sound(tmp_path):
    wav = pulses([0.3, 1.2], 2.5)
    found = recorded(tmp_path / "offset.wav", (0.4 * wav + 0.5).astype(np.float32))
    clean = recorded(tmp_path / "clean.wav", 0.4 * wav)
    assert np.abs(found.wav - clean.wav).max() < 0.01 and abs(found.wav.mean()) < 1e-3
    assert np.allclose(without_offset(wav, RATE), wav, atol=0.01)  # 400 Hz stay, and stay where they are
    for short in (0, 1, 5):
        assert len(without_offset(np.ones(short, np.float32), RATE)) == short


def test_the_last_hit_rings_on_behind_the_window(tmp_path):
    seconds = G.clip_samples / RATE
    alone = recorded(tmp_path / "alone.wav", pulses([0.4, seconds - 0.2], 4.0))
    assert len(alone.used) == G.clip_samples and len(alone.ringing) == G.clip_samples + RATE
    assert np.array_equal(alone.ringing[: G.clip_samples], alone.used)
    followed = recorded(tmp_path / "followed.wav", pulses([0.4, seconds - 0.2, seconds + 0.3], 4.0))
    assert len(followed.ringing) / RATE == pytest.approx(seconds + 0.3 - ATTACK, abs=0.02)
    short = recorded(tmp_path / "short.wav", pulses([0.1], 0.6))
    assert len(short.ringing) == len(short.used) == round(0.6 * RATE)
