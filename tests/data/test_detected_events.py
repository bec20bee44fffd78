"""Events that nobody annotated: what is heard, and of that what the picture shows."""

import numpy as np
import pytest

from condfoley.data.detected_events import frame_motion, sound_events, visible_sound_events
from tests.data.stand_ins import GEOMETRY, struck_picture, struck_sound


def test_only_onsets_near_motion_are_seen():
    wav, frames = struck_sound((0.8, 2.0, 3.2), 4.0), struck_picture((0.8, 3.2), 4.0, GEOMETRY.fps)
    assert [e.time for e in sound_events(wav, GEOMETRY.sample_rate)] == pytest.approx([0.8, 2.0, 3.2], abs=0.03)
    seen = visible_sound_events(wav, GEOMETRY.sample_rate, 0.0, frames, GEOMETRY.fps)
    assert [event.time for event in seen] == pytest.approx([0.8, 3.2], abs=0.03)
    assert not any(event.labelled for event in seen)


def test_sound_may_begin_before_the_picture():
    wav, frames = struck_sound((0.3, 1.3), 3.0), struck_picture((0.8,), 2.0, GEOMETRY.fps)
    seen = visible_sound_events(wav, GEOMETRY.sample_rate, 0.5, frames, GEOMETRY.fps)  # the first is before the clip
    assert [event.time for event in seen] == pytest.approx([0.8], abs=0.03)


def test_motion_is_counted_in_blocks_of_any_picture():
    noise = np.random.default_rng(0).integers(85, 95, (4, 48, 64, 3)).astype(np.uint8)
    assert frame_motion(noise).shape == (3,) and frame_motion(noise).max() < 4
    noise[2, 8:16, 8:16] = 200  # one small thing
    assert (frame_motion(noise) > 50).tolist() == [False, True, True]
    assert frame_motion(noise[:, :5, :5]).shape == (3,)
