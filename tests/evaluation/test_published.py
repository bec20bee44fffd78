"""The published scorer gives the published code's own numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from condfoley.evaluation.published_scorer import RATE, published_onsets, published_score

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "onset_cases.json").read_text())


def sound(case):
    if not case["pred_samples"]:
        return np.random.default_rng(0).normal(0, 1e-6, 2 * RATE)
    wav = np.zeros(2 * RATE)
    wav[case["pred_samples"]] = case["strength"]
    return wav


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=[c["name"] for c in GOLDEN["cases"]])
def test_golden_case(case):
    given = np.array(case["true_samples"]), np.array(case["pred_samples"], int), sound(case), case["window_s"]
    if "error" in case:
        with pytest.raises(ValueError, match="published scorer cannot"):
            published_score(*given)
        return
    score = published_score(*given)
    assert score.accuracy == case["accuracy"]
    assert score.average_precision == pytest.approx(case["average_precision"], abs=1e-12)
    assert list(score.kept) == case["kept_after_nms"]
    assert [int(h) for h in score.matched] == case["prediction_hit"]


def test_the_fixtures_are_of_our_rate():
    assert GOLDEN["sample_rate"] == RATE


def test_published_onsets_are_heard_in_the_first_two_seconds_only():
    wav = np.zeros(4 * RATE, np.float32)
    for time in (0.5, 1.2, 3.0):
        start = round(time * RATE)
        wav[start : start + 2000] = np.random.default_rng(0).normal(0, 1, 2000) * np.exp(-np.arange(2000) / 500)
    found = published_onsets(wav) / RATE
    assert found == pytest.approx([0.5, 1.2], abs=0.05)
    assert len(published_onsets(np.zeros(0))) == 0
