"""`python -m benchmarks.confidence` tells calibrated confidences from others, `false_cues` counts cues."""

import numpy as np
import pytest

from benchmarks import confidence, false_cues
from condfoley import examples
from condfoley.errors import InputError
from condfoley.foley import Foley
from tests.made_up import pulses, write_video


def test_what_is_as_often_right_as_it_says_is_calibrated():
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 1, 20_000)
    right = rng.random(len(said)) < said
    assert confidence.calibration_error(said, right) < 0.02
    assert confidence.calibration_error(said**3, right) > 0.1
    assert confidence.fit_logistic(said, right) == pytest.approx((1.0, 0.0), abs=0.1)


def test_a_fit_finds_how_odds_were_bent():
    rng = np.random.default_rng(1)
    true = rng.uniform(0.05, 0.95, 20_000)
    said = 1 / (1 + np.exp(-2 * confidence.log_odds(true) - 1))
    assert confidence.fit_logistic(said, rng.random(len(said)) < true) == pytest.approx((0.5, -0.5), abs=0.1)


def test_ranks_and_the_table():
    said, right = np.array([0.95, 0.8, 0.6, 0.3]), np.array([True, True, False, False])
    assert confidence.rank_accuracy(said, right) == 1 and confidence.rank_accuracy(said, ~right) == 0
    text = confidence.table(confidence.Cues(said, right, 30.0), {"shown": said}).text()
    assert "4.0 cues a minute are not right" in text and "marked as doubtful are 1 of 2 wrong and 0 of 2 right" in text


def test_what_cannot_be_used_is_told(tmp_path, capsys):
    write_video(tmp_path / "000000.mp4", 1.0, pulses([0.5], 1.0))
    assert confidence.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("benchmarks.confidence: ")
    for right in (True, False):
        with pytest.raises(InputError, match="give more clips"):
            confidence.fit_logistic(np.array([0.4, 0.6]), np.array([right, right]))


def test_cues_are_counted(tmp_path, capsys):
    still = write_video(tmp_path / "still.mp4", 3.0)
    rows = false_cues.counted(Foley.load(), [still, examples.TARGET]).rows
    _, rate, clips = next(row for row in rows if row[0] == "0.5 or more")
    assert 7 <= float(rate) * (3 + 6) / 60 <= 9 and clips == "1 of 2"  # the example pair's bag is struck eight times
    assert false_cues.main([str(tmp_path / "nowhere")]) == 2
    assert "has no videos" in capsys.readouterr().err
