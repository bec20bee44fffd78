"""When what frames show was there: older pictures that are still shown, and exposure behind the time stamp."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley import media
from condfoley.geometry import Geometry
from condfoley.inputs import ClipFile, Footage
from condfoley.references.window import Part
from condfoley.runtime.exposure import EXPOSURE_DELAY, corrected
from condfoley.scenes import Scene

G = Geometry()


@given(st.lists(st.floats(0, 3.9), max_size=8, unique=True).map(sorted), st.floats(12, 120))
def test_corrected_times_are_those_of_the_pictures(times, rate):
    instants = np.arange(60) / G.fps
    late = EXPOSURE_DELAY - media.picture_ages(np.arange(0, 5, 1 / rate), instants, G.fps)
    found = corrected(np.array(times), late, G.fps)
    assert found.shape == (len(times),) and (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found < 60 / G.fps)).all()
    assert (np.abs(found - times) <= 1 / G.fps + EXPOSURE_DELAY + 1e-9).all()


def test_unknown_delays_change_nothing():
    times = np.array([0.1, 0.7])
    assert corrected(times, None, G.fps) is times and corrected(times, np.zeros(0), G.fps) is times
    assert corrected(np.zeros(0), np.zeros(5), G.fps).shape == (0,)


def test_ages_of_still_pictures_end_with_the_frame():
    np.testing.assert_allclose(
        media.picture_ages(np.array([0.0, 0.08, 0.9]), np.array([0.0, 0.1, 0.5, 0.9]), 15.0), [0, 0.02, 1 / 15, 0]
    )
    assert media.picture_ages(np.zeros(0), np.arange(3) / 15, 15.0).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("fps", "oldest"), [(15, 0.0), (30, 0.0), (60, 0.0), (25, 2 / 75), (24, 1 / 30)])
def test_files_show_older_pictures_where_rates_do_not_divide(make_clip, fps, oldest):
    clip = ClipFile(make_clip(f"{fps}.mp4", fps=fps, duration=2.0))
    late = clip.late(G)
    assert late.shape == (len(clip.frames(G)),)
    assert late.max() == pytest.approx(EXPOSURE_DELAY, abs=1e-5)
    assert late.min() == pytest.approx(EXPOSURE_DELAY - oldest, abs=1e-4)
    for part in (Part(clip, 0.4, 1.0), Scene(clip, 0.4, 1.0, "")):
        np.testing.assert_allclose(part.late(G), late[6:21], atol=1e-9)
    same = Footage(np.zeros((2 * fps, 8, 8, 3), np.uint8), np.arange(2 * fps) / fps)
    np.testing.assert_allclose(same.late(G), late, atol=1e-4)


def test_what_has_no_picture_has_no_delays(make_clip, tmp_path):
    media.write_wav(tmp_path / "x.wav", np.zeros((1, 22050), np.float32), 22050)
    assert ClipFile(tmp_path / "x.wav").late(G) is None
    assert Footage(samples=np.zeros(100), rate=100).late(G) is None
