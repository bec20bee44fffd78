"""Edits of cues and layers: which cue a row is about, what changes with it, and that nothing else does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from condfoley.cues.files import parse_cues
from condfoley.errors import InputError
from condfoley.project.choose import choose_excerpt, level_of
from condfoley.project.create import project_of
from condfoley.project.cue_format import format_csv, format_json, format_labels
from condfoley.project.edits import change_layers, choose_alternative, edit_cues, level_change
from condfoley.project.model import Cue, Excerpt, Layer, Project, Sound
from condfoley.project.render import render
from condfoley.project.words import cue_list_of_words
from tests.project.conftest import DURATION, TIMES, generated, inputs, onsets
from tests.sounds import RATE

FORMS = {"cues.csv": format_csv, "cues.json": format_json, "hits.txt": format_labels}
same_fixture = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def edited(project, text, name="cues.csv"):
    before = repr(project)
    out = edit_cues(project, parse_cues(text, name))
    assert repr(project) == before  # an edit leaves the project that it is given
    return out


def by_words(project, add=(), set_=(), remove=()):
    return edit_cues(project, cue_list_of_words(project, add, set_, remove))


def with_cue(project, key, **values):
    return project.with_cues([dataclasses.replace(c, **values) if c.id == key else c for c in project.cues])


@pytest.fixture
def two_layers(home) -> Project:
    """Cues 1, 3 of main, 2, 4 of steps, which has sounds of its own."""
    cues = [dataclasses.replace(cue, layer="steps") if cue.id in (2, 4) else cue for cue in home.project.cues]
    main = home.project.layers[0]
    return home.project.with_layer(dataclasses.replace(main, name="steps", openings=())).with_cues(cues)


@pytest.mark.parametrize("name", FORMS)
def test_an_unchanged_list_changes_nothing(home, name):
    project = with_cue(home.project, 3, kind="slide", duration=0.3712, strength=0.70499, gain=-2.5, pan=0.3)
    assert edited(project, FORMS[name](project.cues), name) == (project, [])


def test_hits_as_generate_writes_them_change_nothing(home):
    """They have the times that the picture shows, not those of the onsets, and no slides."""
    project = with_cue(home.project, 2, kind="slide", duration=0.3, seen=1.0601)
    lines = [f"{cue.seen:.4f}\t{cue.seen:.4f}\t{cue.strength:.2f}\n" for cue in project.cues]
    assert edited(project, "".join(lines), "hits.txt") == (project, [])
    times_alone = "".join(f"{cue.seen:.4f}\n" for cue in project.cues)
    assert edited(project, times_alone, "hits.txt") == (project, [])


def test_a_cue_that_was_moved_is_no_longer_where_the_picture_shows_it(home):
    moved, _ = by_words(home.project, set_=["2:time=1.2"])
    assert moved.cue(2).seen == 1.2
    back, _ = edited(moved, "\n".join(["0.4", "1.02", "1.5", "2.3"]), "hits.txt")
    assert back.cue(2).time == 1.02


@same_fixture
@given(
    times=st.lists(st.integers(0, 2900), min_size=1, max_size=6, unique=True).map(sorted),
    shift=st.integers(-40, 40),
)
def test_moved_cues_keep_their_ids_and_order_without_ids_in_the_list(home, times, shift):
    assume(all(b - a >= 90 for a, b in zip(times, times[1:])) and 0 <= times[0] + shift)
    project = home.project.with_cues([Cue(i + 1, time / 1000) for i, time in enumerate(times)])
    text = "".join(f"{(time + shift) / 1000}\n" for time in times)
    after, _ = edited(project, text, "hits.txt")
    assert [cue.id for cue in after.cues] == [cue.id for cue in project.cues]
    assert [cue.time for cue in after.cues] == [(time + shift) / 1000 for time in times]


@same_fixture
@given(
    kept=st.sets(st.integers(1, 4)),
    moves=st.dictionaries(st.integers(1, 4), st.integers(-90, 90)),
    gains=st.dictionaries(st.integers(1, 4), st.integers(-60, 60)),
    added=st.sampled_from([None, 0.1, 0.7, 1.9, 2.7]),
)
def test_a_list_with_ids_is_what_the_project_has_then(home, kept, moves, gains, added):
    rows = []
    for cue in home.project.cues:
        if cue.id in kept:
            time = round(cue.time + moves.get(cue.id, 0) / 1000, 6)
            rows.append(f"{cue.id},{time:.6f},{gains.get(cue.id, 0)}")
    rows += [f",{added},3"] if added is not None else []
    after, _ = edited(home.project, "id,time,gain\n" + "\n".join(rows), "cues.csv")
    again = {cue.id: cue for cue in after.cues}
    assert set(again) - {5} == kept and len(again) == len(rows)
    for key in kept:
        before = home.project.cue(key)
        assert again[key].time == pytest.approx(before.time + moves.get(key, 0) / 1000, abs=2e-6)
        assert again[key].gain == gains.get(key, 0) and again[key].excerpt == before.excerpt
        if not moves.get(key) and not gains.get(key):
            assert again[key] == before
    if added is not None:
        new = again[5]  # not the id of a cue that was removed
        assert (new.time, new.gain, new.layer) == (added, 3, "main") and new.excerpt is not None


@same_fixture
@given(moves=st.lists(st.tuples(st.sampled_from([1, 2, 3, 4]), st.integers(0, 2950)), max_size=3))
def test_every_cue_is_heard_wherever_it_is_moved(home, moves):
    project = home.project
    for key, time in moves:
        try:
            project, _ = by_words(project, set_=[f"{key}:time={time / 1000}"])
        except InputError:  # overlaps another one
            continue
    sound = render(project, home.read)
    for cue in project.cues:
        begin = round(cue.time * RATE)
        part = sound.cue_stem("main", cue.id)[0, begin : begin + round(0.012 * RATE)]
        assert np.abs(part).max() > 0.05, (cue.id, cue.time)  # its attack, which neither lead nor cut takes away


def test_a_cue_moved_close_to_another_one_cuts_neither_off(home):
    for words, times in (("2:time=1.4601", (0.4, 1.4601, 1.5, 2.3)), ("3:time=1.035", (0.4, 1.0, 1.035, 2.3))):
        project, _ = by_words(home.project, set_=[words])
        sound = render(project, home.read)
        for cue, time in zip(project.cues, times, strict=True):
            assert np.abs(onsets(sound.cue_stem("main", cue.id)) - time).min() < 0.01


def test_a_cue_moved_just_behind_a_scene_cut_is_heard_and_begins_there(tmp_path):
    from tests.project.conftest import stored

    home = stored(tmp_path / "p", generated(cuts=(0.7,)))
    project, _ = by_words(home.project, set_=["2:time=0.71"])
    sound = render(project, home.read).cue_stem("main", 2)[0]
    assert not sound[: round(0.7 * RATE)].any() and np.abs(onsets(sound[None]) - 0.71).min() < 0.01


def test_an_onset_just_behind_a_scene_cut_is_its_cues(tmp_path):
    from tests.project.conftest import stored

    home = stored(tmp_path / "p", generated(cuts=(0.98,)))
    excerpt = home.project.cue(2).excerpt
    assert round(0.98 * RATE) <= excerpt.begin <= excerpt.onset < excerpt.end


def test_strength_changes_the_level_and_a_stated_gain_is_taken(home):
    strength = home.project.cue(3).strength
    louder, notes = by_words(home.project, set_=["3:strength=1"])
    assert louder.cue(3).gain == pytest.approx(level_change(strength, 1.0)) and louder.cue(3).gain > 0 and not notes
    stated, _ = by_words(home.project, set_=["3:strength=1,gain=-4"])
    assert stated.cue(3).gain == -4
    assert [c for c in louder.cues if c.id != 3] == [c for c in home.project.cues if c.id != 3]


def test_levels_stay_within_what_a_list_may_have(home):
    project = with_cue(home.project, 1, gain=59.0, strength=0.05)
    after, _ = by_words(project, set_=["1:strength=1"])
    assert after.cue(1).gain == 60.0
    assert edited(after, format_csv(after.cues)) == (after, [])


def test_an_added_cue_sounds_like_an_impact_near_it_or_like_another_cue(home):
    near, notes = by_words(home.project, add=["0.72"])  # candidates have one at 0.7 by themselves
    assert not notes and near.cue(5).excerpt.sound in home.project.layers[0].candidates
    assert near.cue(5).excerpt.onset == pytest.approx(0.7 * RATE, abs=0.01 * RATE)
    far, _ = by_words(home.project, add=["1.85,strength=0.9"])
    assert far.cue(5).excerpt == home.project.cue(4).excerpt or far.cue(5).excerpt.sound == "main"
    heard = onsets(render(near, home.read).sum())
    assert np.abs(heard - 0.72).min() < 0.01 and len(heard) == 5


def test_where_all_cues_are_replaced_the_new_ones_have_sounds(home):
    after, notes = edited(home.project, "0.1\n1.25\n1.95\n", "hits.txt")
    assert not notes and [cue.time for cue in after.cues] == [0.1, 1.25, 1.95]
    assert np.abs(onsets(render(after, home.read).sum()) - [0.1, 1.25, 1.95]).max() < 0.01
    none = home.project.with_cues([])
    assert by_words(none, add=["1.9"])[0].cue(1).excerpt.sound in home.project.layers[0].candidates


def test_a_weak_impact_of_a_candidate_is_not_made_much_louder(home):
    key = home.project.layers[0].candidates[2]
    weak = dataclasses.replace(
        home.project.sounds[key], levels=tuple(level - 30 for level in home.project.sounds[key].levels)
    )
    only = dataclasses.replace(home.project.layers[0], candidates=(key,))
    project = home.project.with_sounds(weak).with_layer(only)
    excerpt, gain = choose_excerpt(project, "main", 0.72, 0.6)
    assert excerpt.sound == "main" and abs(gain) < 12
    assert choose_excerpt(home.project, "main", 0.72, 0.6)[0].sound != "main"


def test_an_excerpt_is_as_loud_as_its_strength_says(home):
    for strength in (0.4, 0.9):
        excerpt, gain = choose_excerpt(home.project, "main", 0.72, strength)
        others = [(level_of(home.project, c.excerpt), c.strength) for c in home.project.cues]
        wanted = np.median([level + level_change(hard, strength) for level, hard in others])
        assert level_of(home.project, excerpt) + gain == pytest.approx(wanted, abs=0.01)


def test_a_layer_without_sounds_leaves_the_cue_silent_which_is_said(home):
    project = home.project.with_layer(Layer("empty"))
    after, notes = by_words(project, add=["2.0,layer=empty"], set_=["1:layer=empty"])
    assert after.cue(5).excerpt is None and after.cue(1).excerpt is None
    assert len(notes) == 2 and all("no sound yet" in note and "redo" in note for note in notes)


def test_a_cue_of_another_layer_gets_a_sound_of_that_layer(two_layers):
    steps = dataclasses.replace(two_layers.layer("steps"), candidates=())
    project = two_layers.with_layer(steps)
    after, _ = by_words(project, set_=["3:layer=steps"])
    assert after.cue(3).layer == "steps"
    assert after.cue(3).excerpt in (project.cue(2).excerpt, project.cue(4).excerpt)
    labels = format_labels(project.cues)
    renamed = [line.replace("\t0.", "\tsteps 0.") if line.startswith("1.49") or line.startswith("1.5") else line
               for line in labels.splitlines()]  # fmt: skip
    from_labels, _ = edited(project, "\n".join(renamed), "hits.txt")
    assert from_labels.cue(3).layer == "steps" and from_labels.cue(3).seen == project.cue(3).seen


def test_a_row_without_layer_keeps_the_cues(two_layers):
    rows = "".join(f"{cue.id},{cue.time:.6f}\n" for cue in two_layers.cues)
    assert edited(two_layers, "id,time\n" + rows) == (two_layers, [])


def test_kind_duration_and_reference_need_another_sound_which_is_said(home):
    after, notes = by_words(home.project, set_=["2:kind=slide,duration=0.2"])
    assert (after.cue(2).kind, after.cue(2).duration) == ("slide", 0.2)
    assert len(notes) == 1 and "condfoley redo PROJECT --cue 2" in notes[0]
    assert after.cue(2).excerpt == home.project.cue(2).excerpt
    _, notes = by_words(home.project, add=["2.8,reference_at=0.3"])
    assert "redo PROJECT --cue 5" in notes[0]


def test_a_locked_cue_is_neither_changed_nor_removed(home):
    project = with_cue(home.project, 2, locked=True)
    for change in ({"set_": ["2:gain=3"]}, {"remove": ["2"]}):
        with pytest.raises(InputError, match="^cue 2 is locked"):
            by_words(project, **change)
    with pytest.raises(InputError, match="locked"):
        edited(project, "0.4\n1.3\n1.5\n2.3\n", "hits.txt")
    assert edited(project, format_labels(project.cues), "hits.txt") == (project, [])
    assert by_words(project, set_=["2:locked=0,gain=3"])[0].cue(2).gain == 3
    assert by_words(project, set_=["1:gain=3"])[0].cue(2) == project.cue(2)


def test_unsorted_cues_are_sorted_which_is_said(home):
    after, notes = edited(home.project, "2.31\n0.4\n1.0\n1.5\n", "hits.txt")
    assert [cue.id for cue in after.cues] == [1, 2, 3, 4] and any("sorted" in note for note in notes)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("id,time\n1,3.0\n", "line 2: 3 s is past the end of the target"),
        ("id,time\n1,-1\n", "line 2"),
        ("id,time\n1,0.4\n,0.41\n", "line 3: 0.41 s overlaps the cue at 0.4 s .*line 2.*move or remove one"),
        ("id,time,kind,duration\n1,0.4,slide,1.0\n2,1.0,,\n", "overlaps the slide at 0.4 s.*shorten the slide"),
        ("id,time,layer\n1,0.4,mian\n", "there is no layer mian; did you mean main"),
        ("id,time,kind\n1,0.4,scrape\n", "there is no kind scrape"),
        ("id,time\n9,0.4\n", "there is no cue 9; leave a new cue's id empty"),
        ("id,time\n1,0.4\n1,0.9\n", "the id 1 is taken"),
    ],
)
def test_what_a_project_cannot_have_is_refused_in_one_line(home, text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        edited(home.project, text)
    assert "\n" not in str(caught.value)


def test_overlaps_that_the_project_has_already_are_no_error(home):
    project = with_cue(home.project, 1, kind="slide", duration=1.2)
    after, _ = edited(project, format_csv(project.cues).replace("\n4,", "\n4,", 1))
    assert after == project
    assert by_words(project, set_=["4:gain=2"])[0].cue(4).gain == 2
    with pytest.raises(InputError, match="overlaps the slide"):
        by_words(project, set_=["2:time=1.1"])


def test_no_generated_slide_lasts_until_after_the_next_cue(tmp_path):
    tmp_path.joinpath("p").mkdir()
    soundtrack = dataclasses.replace(generated(), sliding=np.ones(round(DURATION * 15)))
    project = project_of(tmp_path / "p", soundtrack, inputs())
    assert {cue.kind for cue in project.cues} == {"slide"}
    for cue, following in zip(project.cues, project.cues[1:]):
        assert cue.time + cue.duration <= following.time
    assert by_words(project, add=["0.1"])[0].cue(5).time == 0.1  # which tells nobody of the others


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"set_": ["7:time=1"]}, "there is no cue 7"),
        ({"set_": ["time=1"]}, "give an id and what to change"),
        ({"set_": ["1:tme=1"]}, "there is no column tme; did you mean time"),
        ({"set_": ["1:id=4"]}, "there is no column id"),
        ({"set_": ["1:time=1"], "remove": ["1"]}, "cue 1 is removed by --remove"),
        ({"remove": ["x"]}, "'x' is no id"),
        ({"remove": ["9" * 5000]}, "is no id"),
        ({"add": ["2,5"]}, "is not understood; give a time in seconds"),
        ({"add": ["soon"]}, "'soon' is no time"),
    ],
)
def test_words_that_are_not_understood(home, change, complaint):
    with pytest.raises(InputError, match=complaint):
        by_words(home.project, **change)


def test_a_cue_that_is_removed_twice_is_removed(home):
    after, _ = by_words(home.project, remove=["2", "2"])
    assert [cue.id for cue in after.cues] == [1, 3, 4]
    assert by_words(home.project, set_=["2:strength="])[0].cue(2).strength is None


def test_choosing_an_alternative_swaps_it_as_loud_as_before(home):
    key = home.project.layers[0].candidates[1]
    sound: Sound = home.project.sounds[key]
    other = Excerpt(key, sound.onsets[1] - 200, sound.onsets[2] - 400, sound.onsets[1])
    project = with_cue(home.project, 2, alternatives=(other, home.project.cue(1).excerpt))
    before = repr(project)
    after = choose_alternative(project, 2, 1)
    assert after.cue(2).excerpt == other
    assert after.cue(2).alternatives == (home.project.cue(2).excerpt, home.project.cue(1).excerpt)
    heard = level_of(project, other) + after.cue(2).gain
    assert heard == pytest.approx(level_of(project, project.cue(2).excerpt), abs=0.01)
    assert choose_alternative(after, 2, 1).cue(2) == project.cue(2) and repr(project) == before
    for number in (0, 3):
        with pytest.raises(InputError, match=f"no alternative {number}; it has 2"):
            choose_alternative(project, 2, number)
    with pytest.raises(InputError, match="redo --variations"):
        choose_alternative(project, 1, 1)
    with pytest.raises(InputError, match="locked"):
        choose_alternative(with_cue(project, 2, locked=True), 2, 1)


def test_layers_get_gains_and_are_muted(two_layers):
    before = repr(two_layers)
    after = change_layers(two_layers, {"steps": -3.0}, mute=["main"])
    assert (after.layer("steps").gain, after.layer("main").muted, after.layer("steps").muted) == (-3.0, True, False)
    assert change_layers(after, {}, unmute=["main"]).layer("main") == two_layers.layer("main")
    assert repr(two_layers) == before and after.cues == two_layers.cues
    for values, complaint in (
        (({"stairs": 1.0},), "there is no layer stairs; the project has main, steps"),
        (({"main": float("nan")},), "give one from -60 to 60"),
        (({}, ["main"], ["main"]), "both muted and unmuted"),
    ):
        with pytest.raises(InputError, match=complaint):
            change_layers(two_layers, *values)


def test_cues_stay_those_of_the_soundtrack(home):
    assert [cue.time for cue in home.project.cues] == pytest.approx(TIMES, abs=0.01)
