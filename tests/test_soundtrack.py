"""Sounds that are put aside on disk."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from condfoley.errors import UnwritableError
from condfoley.soundtrack import EDGE, Candidate, with_soft_edges

WAV = np.linspace(-0.5, 0.5, 30_000, dtype=np.float32)


def test_a_candidate_put_aside_sounds_the_same_and_can_be_replaced():
    candidate = Candidate(WAV.copy(), 0, 0.0, 1.0)
    for _ in range(2):  # once more changes nothing
        candidate.put_aside()
        assert np.array_equal(candidate.wav, WAV) and not candidate.wav.flags.writeable
    candidate.replace(-WAV)
    assert np.array_equal(candidate.wav, -WAV) and not candidate.wav.flags.writeable


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a device that is always full")
def test_a_full_temporary_folder_is_told_and_the_sound_stays(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **kind: open("/dev/full", "wb", **kind))
    candidate = Candidate(WAV.copy(), 0, 0.0, 1.0)
    with pytest.raises(UnwritableError, match="set TMPDIR"):
        candidate.put_aside()
    assert np.array_equal(candidate.wav, WAV)


def test_edges_are_soft_and_the_rest_is_as_it_was():
    wav = with_soft_edges(np.ones(3000, np.float32), 22050)
    fade = round(EDGE * 22050)
    assert wav[0] == 0 and wav[-1] == 0 and np.all(wav[fade:-fade] == 1) and np.all(np.diff(wav[:fade]) > 0)
    assert len(with_soft_edges(np.ones(3, np.float32), 22050)) == 3
