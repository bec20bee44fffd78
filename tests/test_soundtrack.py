"""How the sounds of a result are finished, and kept on disk."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from condfoley.audio.limiter import limit
from condfoley.audio.track import Track
from condfoley.audio.true_peak import true_peak_db
from condfoley.errors import UnwritableError
from condfoley.settings import CEILING_DBTP
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
    with pytest.raises(UnwritableError, match="set TMPDIR"):
        spilled(Track(WAV, RATE))


def test_a_finished_track_has_soft_edges_and_a_limited_peak():
    noise = np.random.default_rng(0).normal(0, 0.1, 3000).astype(np.float32)
    loud = finished(Track(noise, RATE), gain=30.0)
    edge = round(EDGE * RATE)
    assert true_peak_db(loud.mono) == pytest.approx(CEILING_DBTP, abs=0.05)
    assert true_peak_db(loud.mono) <= CEILING_DBTP + 1e-4
    soft = finished(Track(noise, RATE))
    assert max(abs(soft.mono[0]), abs(soft.mono[-1])) < 0.01 * np.abs(noise).max()
    assert np.allclose(soft.mono[edge:-edge], noise[edge:-edge], atol=1e-6)
    assert len(finished(Track(np.ones(3, np.float32), RATE))) == 3


def test_one_high_peak_does_not_make_the_rest_softer():
    wav = (0.1 * np.sin(np.arange(RATE) * 0.05)).astype(np.float32)
    wav[RATE // 2] = 3.0
    limited = limit(np.stack([wav, 0.5 * wav]), MAX_PEAK, RATE)
    assert np.abs(limited).max() <= MAX_PEAK and true_peak_db(limited) == pytest.approx(CEILING_DBTP, abs=0.05)
    assert np.allclose(limited[1], 0.5 * limited[0])
    apart = np.abs(np.arange(RATE) - RATE // 2) > 0.006 * RATE
    assert np.array_equal(limited[0][apart], wav[apart])
    assert np.array_equal(limit(wav[:100], MAX_PEAK, RATE), wav[:100])
