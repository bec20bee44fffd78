"""What is struck and what slides: one rule for references, soundtracks and cues."""

from __future__ import annotations

import numpy as np
import pytest

from condfoley.resynthesis.kinds import kinds_of, loud_share, slide_seconds, slides
from condfoley.resynthesis.library import library_of
from tests.sounds import RATE, noise_bursts

FPS = 15.0


@pytest.mark.parametrize(
    ("seen", "loud", "found"),
    [
        (0.9, 0.0, True), (0.5, 0.1, False), (0.5, 0.6, True), (0.1, 0.9, False),
        (0.9, None, True), (0.5, None, False), (None, 0.9, True), (None, 0.2, False),
    ],
)  # fmt: skip
def test_the_rule(seen, loud, found):
    assert slides(seen, loud) is found


def test_what_goes_on_is_told_from_what_decays():
    struck, sliding = noise_bursts([0.2], [150.0]), noise_bursts([0.2], [5.0])
    assert loud_share(struck[None], RATE, 0.2, 2.0) < 0.3 < 0.9 < loud_share(sliding[None], RATE, 0.2, 2.0)
    assert kinds_of(sliding[None], RATE, [0.2], None, FPS) == [True]
    assert kinds_of(struck[None], RATE, [0.2], np.zeros(0), FPS) == [False]


def test_how_long_something_slides():
    shown = np.zeros(60)
    shown[15:24] = 0.9
    assert slide_seconds(shown, FPS, 1.0) == pytest.approx(0.6)
    assert slide_seconds(shown, FPS, 2.5) is None and slide_seconds(np.zeros(0), FPS, 1.0) is None
    shown[15:24] = 0.4
    assert slide_seconds(shown, FPS, 1.0) is None and slide_seconds(shown, FPS, 1.0, loud=0.8) == pytest.approx(0.6)
    shown[16:24] = 0
    shown[15] = 0.9
    assert slide_seconds(shown, FPS, 1.0) == pytest.approx(0.2)  # no slide is shorter


def test_a_reference_whose_picture_slides_behind_a_hit_still_strikes():
    wav, shown = noise_bursts([0.4, 1.2], [150.0, 4.0], duration=2.2), np.full(33, 0.4)
    library = library_of(wav[None], RATE, shown, FPS)
    assert [shot.slides for shot in library.shots] == [False, True]
    assert [shot.time for shot in library.struck] == pytest.approx([0.4], abs=0.01)
    ((begin, end),) = library.slides
    assert begin / RATE == pytest.approx(1.2, abs=0.02) and end > begin + 0.5 * RATE
