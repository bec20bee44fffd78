"""The benchmark of the vocoder: halves of known sounds."""

import numpy as np
import pytest
import torch

from benchmarks import resynthesis
from condfoley.foley import Foley
from condfoley.media import mux
from tests.made_up import write_video

RATE = 22050


@pytest.fixture(scope="module")
def foley():
    return Foley.load()


def clip(folder, name, wav):
    video = write_video(folder / f"{name}_silent.mkv", len(wav) / RATE)
    mux(video, wav.astype(np.float32), RATE, folder / f"{name}.mp4", codec="aac")
    video.unlink()


def test_a_dull_sounds_second_half_is_nearer_with_its_first_half_as_reference(foley, tmp_path):
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(0, 0.05, 4 * RATE))
    spectrum[4 * 7650 :] = 0  # the bands end at 7.6 kHz
    clip(tmp_path, "dull", np.fft.irfft(spectrum))
    without, given = resynthesis.halves(foley, tmp_path, 5).values()
    assert len(given) == 1 and given[0] < 0.8 * without[0]


def test_the_table_and_what_cannot_be_used(foley, tmp_path, capsys):
    assert resynthesis.main(["--only", "halves", "--simulated", str(tmp_path)]) == 2
    assert "has no video with sound" in capsys.readouterr().err
    assert resynthesis.main(["--only", "thirds"]) == 2 and "'thirds' is no part" in capsys.readouterr().err
    clip(tmp_path, "one", 0.1 * torch.randn(2 * RATE, generator=torch.Generator().manual_seed(0)).numpy())
    assert resynthesis.main(["--only", "halves", "--simulated", str(tmp_path), "--videos", "1"]) == 0
    assert "as in the first half" in capsys.readouterr().out
