"""How the sounds of a result are finished, and kept on disk."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from condfoley.audio.track import Track
from condfoley.errors import Unwritable
from condfoley.soundtrack import EDGE, MAX_PEAK, finished, spilled

WAV = np.linspace(-0.5, 0.5, 30_000, dtype=np.float32)
RATE = 22050


def test_a_track_on_disk_is_the_same():
    track = Track(WAV, RATE)
    aside = spilled(track)
    assert isinstance(aside.samples, np.memmap) and np.array_equal(aside.samples, track.samples)
    assert not aside.samples.flags.writeable and spilled(aside) is aside
    assert aside.onsets is track.onsets


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a device that is always full")
def test_a_full_temporary_folder_is_told(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **kind: open("/dev/full", "wb", **kind))
    with pytest.raises(Unwritable, match="set TMPDIR"):
        spilled(Track(WAV, RATE))


def test_a_finished_track_has_soft_edges_and_a_limited_peak():
    noise = np.random.default_rng(0).normal(0, 0.1, 3000).astype(np.float32)
    loud = finished(Track(noise + 0.3, RATE), gain_db=30.0)
    edge = round(EDGE * RATE)
    assert np.abs(loud.mono).max() == pytest.approx(MAX_PEAK, abs=0.2) and abs(loud.mono.mean()) < 0.01
    assert np.abs(loud.mono).max() <= MAX_PEAK + 1e-6
    soft = finished(Track(noise, RATE))
    assert max(abs(soft.mono[0]), abs(soft.mono[-1])) < 0.01 * np.abs(noise).max()
    assert np.allclose(soft.mono[edge:-edge], (noise - noise.mean())[edge:-edge], atol=1e-6)
    assert len(finished(Track(np.ones(3, np.float32), RATE))) == 3
