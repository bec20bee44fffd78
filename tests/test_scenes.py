"""Scene cuts: found where they are, and crossed by nothing."""

import numpy as np
import pytest

from condfoley.examples import TARGET
from condfoley.foley import Foley
from condfoley.inputs import Footage
from condfoley.media import read_frames, scenes
from condfoley.media.scenes import scene_cuts
from condfoley.scenes import follow_one_another, scene_gains
from tests.made_up import FPS, RATE, noise_clip, soundtrack, track
from tests.tiny import write_tiny_weights

SIZE = 64


def room(seed: int, seconds: float, speed: float = 3.0) -> np.ndarray:
    """A scene: patches of some colours, with a thing that moves through them: (T, SIZE, SIZE, 3) uint8."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(20, 200, (8, 8, 3)).repeat(8, 0).repeat(8, 1) + rng.integers(0, 30, (SIZE, SIZE, 3))
    frames = np.repeat(patches[None].astype(np.uint8), round(seconds * FPS), 0)
    for k, frame in enumerate(frames):
        place = round(k * speed) % (SIZE - 12)
        frame[place : place + 12, 20:32] = 230
    return frames


def test_cuts_are_found_to_the_frame():
    clips = [room(1, 2.0), room(2, 0.5), room(3, 1.4, 8)]
    assert scene_cuts(np.concatenate(clips), FPS) == [len(clips[0]), len(clips[0]) + len(clips[1])]
    assert scene_cuts(np.concatenate([clips[0], clips[0][::-1]]), FPS) == []


def test_flashes_shakes_and_slow_changes_are_no_cuts():
    whole = room(1, 4.0)
    flash = whole.copy()
    flash[20:22] = (flash[20:22] * 0.2 + 200).astype(np.uint8)
    flash[40] = 255
    assert scene_cuts(flash, FPS) == []
    shifts = np.random.default_rng(0).integers(-4, 5, (len(whole), 2))
    assert scene_cuts(np.stack([np.roll(f, s, (0, 1)) for f, s in zip(whole, shifts)]), FPS) == []
    weight = np.linspace(0, 1, len(whole))[:, None, None, None]
    assert scene_cuts((whole * (1 - weight) + room(2, 4.0) * weight).astype(np.uint8), FPS) == []
    assert scene_cuts(read_frames(TARGET, FPS, SIZE), FPS) == []


def test_no_scene_is_shorter_than_it_may_be():
    glimpse = [room(1, 1.0), room(2, 0.2), room(3, 1.0), room(4, 0.2)]
    cuts = scene_cuts(np.concatenate(glimpse), FPS)
    total = sum(map(len, glimpse))
    assert cuts and min(np.diff([0, *cuts, total])) >= scenes.MIN_SECONDS * FPS
    for seconds in (1 / FPS, 0.3, 0.6):
        assert scene_cuts(room(1, seconds), FPS) == []


@pytest.mark.parametrize("block", [8, 37])
def test_blocks_change_nothing(monkeypatch, block):
    frames = np.concatenate([room(1, 2.0), room(2, 2.5)])
    whole = scenes.cut_strengths(frames)
    monkeypatch.setattr(scenes, "BLOCK", block)
    assert np.allclose(scenes.cut_strengths(frames), whole, atol=1e-5)


def test_sounds_that_follow_one_another_end_at_the_cut():
    first, second = track([0.5, 0.99], 1.3), track([0.2, 1.1], 1.2)
    made = follow_one_another([first, second], [0.0, 1.0], [0.0, 6.0], 2 * RATE)
    assert len(made) == 2 * RATE
    assert np.array_equal(made.samples[:, : RATE - 100], first.samples[:, : RATE - 100])
    assert np.allclose(made.samples[:, RATE + 100 :], 10**0.3 * second.samples[:, 100:RATE], atol=1e-6)
    assert np.abs(made.samples[:, RATE - 1 : RATE + 1]).max() < 0.02 * np.abs(made.samples).max()
    assert made.onsets == pytest.approx([*first.onsets, *(second.onsets + 1.0)])


def test_scenes_are_as_loud_against_each_other_as_they_look():
    made = [soundtrack([(0.0, 1.0)]), soundtrack([(0.0, 1.0)])]
    made[1].cues.strengths[:] /= 2
    loud, soft = scene_gains(made, 1.0)
    assert loud == -soft and loud - soft == pytest.approx(1.5 * 20 * np.log10(2), abs=0.01)
    assert scene_gains(made, 0.0) == [0.0, 0.0]
    made[1].cues.strengths[:] = 0  # nothing is known
    assert scene_gains(made, 1.0) == [0.0, 0.0]


@pytest.fixture(scope="module")
def foley(tmp_path_factory):
    return Foley.load(write_tiny_weights(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    from condfoley.inputs import ClipFile

    return ClipFile(noise_clip(tmp_path_factory.mktemp("reference") / "reference.mp4", 3.0))


def joined(*clips: np.ndarray) -> Footage:
    frames = np.concatenate(clips)
    return Footage(frames, np.arange(len(frames)) / FPS, length=len(frames) / FPS)


@pytest.mark.parametrize("told", [None, [0.5, 2.2, 3.0]])
def test_each_scene_has_a_sound_of_its_own(foley, reference, told):
    cut = 2.0
    made = [
        foley.render(reference, joined(room(1, cut), other), candidates=2, hits=told, dynamics=0.0)
        for other in (room(2, 1.4), room(3, 1.4))
    ]
    for one in made:
        assert one.scene_cuts == (cut,) and len(one.wav) == round(3.4 * RATE)
        assert cut in [take.start for take in one.takes] and len(one.candidates) == 2
        assert all(len(candidate.wav) == len(one.wav) for candidate in one.candidates)
        assert len(one.impact_probability) == len(one.target_frames) == round(3.4 * FPS)
        assert told is None or one.cues.times.tolist() == told
    # What is seen after the cut changes nothing before it but the level, which the whole has.
    before = [one.candidates[0].wav[100 : round(cut * RATE) - 100] for one in made]
    assert np.abs(before[0]).max() > 0
    assert np.corrcoef(*before)[0, 1] > 0.999


def test_scenes_may_be_crossed_when_asked_to(foley, reference):
    target = joined(room(1, 2.0), room(2, 1.4))
    whole = foley.render(reference, target, candidates=2, scene_cuts=False)
    assert whole.scene_cuts == () and [take.start for take in whole.takes][0] == 0
    assert foley.render(reference, target, candidates=1, mode="published").scene_cuts == ()


def test_progress_goes_on_and_ends_once(foley, reference):
    shares: list[float] = []
    target = joined(room(1, 1.0), room(2, 1.0), room(3, 0.4))
    made = foley.render(reference, target, candidates=1, progress=lambda stage, share: shares.append(share))
    assert made.scene_cuts == (1.0, 2.0)
    assert shares == sorted(shares) and shares[-1] == 1.0 and shares.count(1.0) == 1
