"""Parts of fine-tuning as pure functions: the choice of the step, folds, recordings, fingerprints, faults of clips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.training.finetuning import choice
from condfoley.training.finetuning.examine import ExaminedClip, _fault, clips_csv, left_out
from condfoley.training.finetuning.fingerprint import landmarks, overlaps
from condfoley.training.finetuning.listening import choose_targets, reference_for
from condfoley.training.finetuning.parts import FEW, LEARNERS
from condfoley.training.finetuning.plan import LEAST, make_folds, used_recordings
from condfoley.training.finetuning.recordings import by_name, joined, recordings_of

G = Geometry()


def curves(rows):
    values = np.array(rows, float)
    return choice.Curves(tuple(range(0, 10 * values.shape[1], 10)), tuple(map(str, range(len(rows)))), values)


def test_the_best_step_is_that_of_the_lowest_mean():
    verdict = choice.judge(curves([[3, 2.5, 2.6], [4, 3.4, 3.6], [5, 4.6, 4.5], [4, 3.5, 3.6]]))
    assert verdict.step == 10 and verdict.better
    assert verdict.gain == pytest.approx(np.mean([0.5, 0.6, 0.4, 0.5])) and 0 < verdict.low < verdict.gain


def test_few_recordings_have_to_be_surer_than_many():
    """A gain with a t of 6 is beyond 95 % of chance with three recordings, but not beyond 99 %; with ten the former is enough."""
    gains = np.array([0.1, 0.15, 0.2])
    assert choice.mean_interval(gains)[1] > 0
    few = choice.judge(curves([[3, 3 - gain] for gain in gains]))
    assert not few.better and few.level == 0.99 and few.low < 0 < few.gain
    many = choice.judge(curves([[3, 3 - gain] for gain in np.resize(gains, choice.FEW)]))
    assert many.better and many.level == 0.95


def test_the_start_is_a_candidate():
    verdict = choice.judge(curves([[3, 3.1, 3.4], [4, 4.2, 4.5], [5, 4.9, 5.8]]))
    assert verdict.step == 0 and not verdict.better
    assert (verdict.after == verdict.before).all() and verdict.gain == verdict.low == verdict.high == 0


def test_one_recording_that_gets_much_better_is_not_enough():
    """It is measured at the step that the others choose, and the mean of all is not beyond chance."""
    verdict = choice.judge(curves([[9, 2, 2], [4, 4.1, 4.1], [4, 4.1, 4.1], [4, 4.1, 4.1]]))
    assert verdict.step == 10 and not verdict.better
    assert verdict.after[0] == 9


@pytest.mark.parametrize("seed", range(3))
def test_a_gain_by_chance_is_rarely_taken_for_one(seed):
    """Noise at each step: the choice of its lowest one does not bias what is measured, though the lowest mean is lower."""
    rng = np.random.default_rng(seed)
    gains = []
    for _ in range(400):
        values = np.concatenate([np.full((12, 1), 4.0), 4 + rng.normal(0, 0.1, (12, 8))], 1)
        gains.append(choice.judge(curves(values)).gain)
    assert abs(np.mean(gains)) < 4 * np.std(gains) / 20 < 0.02  # the lowest of eight means is lower than 4 by 0.04


def test_folds_that_stopped_early_are_compared_at_common_steps():
    first = {0: {"a": 3.0, "b": 5.0}, 5: {"a": 2.0, "b": 4.0}, 10: {"a": 1.0, "b": 1.0}}
    second = {0: {"c": 4.0}, 5: {"c": 3.5}}
    found = choice.join([first, second], {"a": "x", "b": "x", "c": "y"})
    assert found.steps == (0, 5) and found.recordings == ("x", "y")
    assert found.values.tolist() == [[4.0, 3.0], [4.0, 3.5]]
    with pytest.raises(ValueError, match="the loss of the start"):
        choice.join([{5: {"a": 1.0}}], {"a": "x"})


def test_training_ends_when_held_out_clips_stop_getting_better():
    assert not choice.stalled([3.0, 3.1], 2)
    assert choice.stalled([3.0, 3.1, 3.2], 2)
    assert choice.stalled([3.0, 2.5, 2.6, 2.5], 2)
    assert not choice.stalled([3.0, 2.5, 2.6, 2.4], 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=6, max_size=90))
def test_no_recording_is_on_both_sides(numbers):
    recordings = {f"{i:03d}": f"r{number}" for i, number in enumerate(numbers)}
    if len(set(numbers)) < 3:
        return
    folds = make_folds(recordings)
    for fold in folds:
        assert fold.train and fold.held_out
        assert not {recordings[c] for c in fold.train} & {recordings[c] for c in fold.held_out}
        assert sorted((*fold.train, *fold.held_out)) == sorted(recordings)
    held = [clip for fold in folds for clip in fold.held_out]
    assert len(held) == len(set(held))
    if len(numbers) >= FEW and len(set(numbers)) >= LEAST:
        assert len(folds) == 1 and len({recordings[clip] for clip in held}) >= 2
    else:
        assert sorted(held) == sorted(recordings)


def test_settings_follow_the_number_of_clips():
    recipe_for = LEARNERS["transformer"].recipe
    ranks = [recipe_for(count).rank for count in (3, 39, 40, 149, 150, 10_000)]
    assert ranks == sorted(ranks) and len(set(ranks)) == 3
    assert recipe_for(3).keep_init > recipe_for(200).keep_init


def test_parts_of_a_recording_are_known_by_their_names():
    names = ["kitchen_0001.mp4", "kitchen_0002.mp4", "IMG_0001.mp4", "IMG_0002.mp4", "000001.mp4", "000002.mp4"]
    names += ["door part 1.mov", "door part 2.mov", "day one/a.mp4", "day one/b.mp4"]
    found = by_name(names)
    assert found["kitchen_0001.mp4"] == found["kitchen_0002.mp4"] != found["IMG_0001.mp4"]
    assert len({found[name] for name in names[2:6]}) == 4
    assert found["door part 1.mov"] == found["door part 2.mov"] == "door"
    assert found["day one/a.mp4"] == found["day one/b.mp4"]
    assert by_name(["x/a.mp4", "x/b.mp4"]) == {"x/a.mp4": "a", "x/b.mp4": "b"}  # all in one folder: it says nothing


def test_groups_csv_has_the_last_word_and_is_checked(tmp_path):
    (tmp_path / "groups.csv").write_text("clip,recording\nIMG_1.mp4,roof\nIMG_2.mp4,roof\n")
    found = recordings_of(tmp_path, ["IMG_1.mp4", "IMG_2.mp4", "IMG_3.mp4"])
    assert found["IMG_1.mp4"] == found["IMG_2.mp4"] == "roof" != found["IMG_3.mp4"]
    with pytest.raises(InputError, match="line 2: there is no clip IMG_1.mp4"):
        recordings_of(tmp_path, ["IMG_2.mp4"])
    (tmp_path / "groups.csv").write_text("clip,group\nIMG_1.mp4,roof\n")
    with pytest.raises(InputError, match="columns clip and recording"):
        recordings_of(tmp_path, ["IMG_1.mp4"])


def test_recordings_with_a_common_sound_are_joined_through_others():
    found = joined({"a": "1", "b": "2", "c": "3", "d": "4"}, [("b", "c"), ("a", "b")])
    assert found == {"a": "1", "b": "1", "c": "1", "d": "4"}


def impacts(seed, seconds=6.0):
    """Struck things: damped partials at random times, in a little noise."""
    rng = np.random.default_rng(seed)
    wav = rng.normal(0, 1e-3, round(seconds * G.sample_rate))
    for start in np.sort(rng.uniform(0, seconds - 0.5, 9)):
        t = np.arange(round(0.4 * G.sample_rate)) / G.sample_rate
        hit = sum(np.sin(2 * np.pi * f * t) * np.exp(-t * rng.uniform(8, 40)) for f in rng.uniform(200, 6000, 6))
        first = round(start * G.sample_rate)
        wav[first : first + len(t)] += rng.uniform(0.05, 0.15) * hit
    return wav.astype(np.float32)


def test_excerpts_and_copies_are_found_by_their_sound_and_others_are_not():
    rng = np.random.default_rng(5)
    sounds = {f"{i}": impacts(i) for i in range(6)}
    whole, step = sounds["0"], 2 * G.sample_rate + 777
    sounds["quiet copy"] = 0.3 * whole + rng.normal(0, 1e-4, len(whole)).astype(np.float32)
    sounds["excerpt"] = sounds["1"][step:]
    found = {frozenset(pair[:2]): pair.share for pair in overlaps({n: landmarks(w, G) for n, w in sounds.items()})}
    assert set(found) == {frozenset(("0", "quiet copy")), frozenset(("1", "excerpt"))}
    assert found[frozenset(("0", "quiet copy"))] > 0.8 > found[frozenset(("1", "excerpt"))]
    assert overlaps({"silence": landmarks(np.zeros(G.sample_rate, np.float32), G), "0": landmarks(whole, G)}) == []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (ExaminedClip("a", seconds=6, impacts=4, seen=4, offset=0.0, confidence=0.9), ""),
        (ExaminedClip("a", seconds=2, impacts=4, seen=4), "2.0 s long"),
        (ExaminedClip("a", seconds=6), "no impacts"),
        (ExaminedClip("a", seconds=6, impacts=4), "nothing moves"),
        (ExaminedClip("a", seconds=6, impacts=4, seen=4, voices=True), "music or speech"),
        (ExaminedClip("a", seconds=6, impacts=4, seen=4, offset=-0.47, confidence=0.3), "0.47 s early"),
        (ExaminedClip("a", seconds=6, impacts=4, seen=4, offset=0.6, confidence=0.05), ""),  # the model is not sure
    ],
)
def test_a_clip_is_left_out_for_a_reason(row, told):
    fault = _fault(row, G)
    assert told in fault and bool(fault) == bool(told)


def test_reasons_are_counted_and_written():
    rows = [
        ExaminedClip(n, r, used=False, reason=w)
        for n, r, w in (("a", "x", "no impacts in its sound"), ("b", "y", "has the sound of a"))
    ]
    rows.append(ExaminedClip("c", "z", 6.0, 3, 3, 0.07, 0.5, used=True))
    assert left_out(rows) == "1 without impacts, 1 copied"
    lines = clips_csv(rows).decode().splitlines()
    assert lines[0].startswith("clip,recording,seconds,impacts") and lines[3] == "c,z,6.0,3,3,0.07,0.5,no,yes,"
    with pytest.raises(InputError, match="1 usable clip of 1 recording .left out: 1 without impacts, 1 copied."):
        used_recordings(rows, "folder")


def test_what_is_heard_is_of_all_folds_with_other_recordings_sounds():
    assert choose_targets([("a", "b"), ("c",)], 2) == [(0, "a"), (1, "c")]
    assert choose_targets([("a", "b"), ("c",)], 9) == [(0, "a"), (1, "c"), (0, "b")]
    assert reference_for("b", {"a": "x", "b": "y", "c": "y"}) == "a"
