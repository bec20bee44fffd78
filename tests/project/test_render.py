"""A project as sound: exact where nothing was edited, exact sums, and edits that change nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condfoley.project.create import add_soundtrack
from condfoley.project.model import Layer, Tail
from condfoley.project.render import place_layer, render, sound_end
from condfoley.project.store import SCALE, quantised
from tests.project.conftest import DURATION, TIMES, generated, onsets, stored
from tests.sounds import RATE


def changed(project, key, **values):
    """With other values of a cue."""
    return project.with_cues([dataclasses.replace(c, **values) if c.id == key else c for c in project.cues])


def test_an_unedited_project_is_the_soundtrack_to_the_bit(home):
    rendered = render(home.project, home.read)
    assert np.array_equal(rendered.sum(), quantised(home.soundtrack.track.samples))
    assert [c.time for c in home.project.cues] == pytest.approx(TIMES, abs=0.01)
    assert [c.seen for c in home.project.cues] == pytest.approx(np.array(TIMES) + 0.02)


def test_an_unedited_project_with_scene_cuts_is_the_soundtrack_to_the_bit(tmp_path):
    home = stored(tmp_path / "p", generated(cuts=(0.6, 1.2, 2.9)))
    assert np.array_equal(render(home.project, home.read).sum(), quantised(home.soundtrack.track.samples))
    assert len(home.project.layers[0].openings) == 4  # the beginning, and behind each cut


edits = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 4]),
        st.floats(0, DURATION - 0.01),
        st.floats(-20, 20),
        st.sampled_from([0.0, -1.0, 0.4]),
        st.booleans(),
    ),
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits, st.sampled_from([0.0, 9.0]))
def test_stems_add_up_to_the_soundtrack_exactly(home, changes, layer_gain):
    project = home.project.with_layer(dataclasses.replace(home.project.layers[0], gain=layer_gain))
    for key, time, gain, pan, muted in changes:
        project = changed(project, key, time=time, gain=gain, pan=pan, muted=muted)
    rendered = render(project, home.read)
    whole = rendered.sum()
    keys = [placed.cue for placed in place_layer(project, project.layers[0])]
    stems = [rendered.cue_stem("main", key) for key in dict.fromkeys(keys)]
    for order in (stems, stems[::-1]):
        assert np.array_equal(sum(stem.astype(np.float64) for stem in order), whole.astype(np.float64))
    assert np.array_equal(np.rint(whole * np.float64(SCALE)), whole * np.float64(SCALE))
    assert whole.shape == (project.channels, home.project.samples) and np.abs(whole).max() <= 0.981


def test_a_moved_cue_is_heard_at_its_time_and_nothing_else_changes(home):
    before = render(home.project, home.read).sum()
    after = render(changed(home.project, 2, time=1.2), home.read).sum()
    assert np.abs(onsets(after) - [0.4, 1.2, 1.5, 2.3]).max() < 0.01
    different = np.flatnonzero((before != after).any(0)) / RATE
    assert different.min() > 1.0 - 0.07 and different.max() < 1.5
    assert np.abs(after[0, round(1.0 * RATE) : round(1.13 * RATE)]).max() > 1e-4  # the one before rings out
    quiet = np.abs(after[0, round(1.0 * RATE) : round(1.13 * RATE)]).max()
    assert quiet < 0.1 * np.abs(before[0, round(1.0 * RATE) : round(1.13 * RATE)]).max()


def test_a_gain_and_a_mute_change_only_their_cue(home):
    before = render(home.project, home.read).sum()
    part = slice(round(1.55 * RATE), round(2.2 * RATE))
    louder = render(changed(home.project, 3, gain=-6.0), home.read).sum()
    assert np.allclose(louder[:, part], before[:, part] * 10**-0.3, atol=2 / SCALE)
    silent = render(changed(home.project, 3, muted=True), home.read).sum()
    assert not silent[:, part].any()
    for after in (louder, silent):
        different = np.flatnonzero((before != after).any(0)) / RATE
        assert different.min() > 1.5 - 0.07 and different.max() < 2.3


def test_a_removed_cue_leaves_the_one_before_to_ring_out(home):
    project = home.project.with_cues([cue for cue in home.project.cues if cue.id != 3])
    after = render(project, home.read).sum()
    assert np.abs(onsets(after) - [0.4, 1.0, 2.3]).max() < 0.01
    quiet = after[0, round(1.7 * RATE) : round(2.2 * RATE)]
    assert 2e-4 < np.sqrt(np.square(quiet).mean()) < 4e-3  # the background of 1e-3


def test_panning_makes_it_stereo_and_leaves_the_middle_as_it_was(home):
    before = render(home.project, home.read).sum()
    left = render(changed(home.project, 4, pan=-1.0), home.read).sum()
    assert left.shape[0] == 2
    part = slice(0, round(2.2 * RATE))
    assert np.array_equal(left[0, part], before[0, part]) and np.array_equal(left[1, part], before[0, part])
    assert np.abs(left[1, round(2.31 * RATE) :]).max() < 1e-6 < np.abs(left[0, round(2.31 * RATE) :]).max()


def test_a_muted_layer_is_silent_and_a_second_layer_is_added(home):
    project = home.project
    cues = [dataclasses.replace(cue, layer="steps") if cue.id in (2, 4) else cue for cue in project.cues]
    project = project.with_layer(Layer("steps", gain=-3.0)).with_cues(cues)
    rendered = render(project, home.read)
    assert np.array_equal(rendered.stem("main") + rendered.stem("steps"), rendered.sum())
    assert np.abs(onsets(rendered.stem("steps")) - [1.0, 2.3]).max() < 0.01
    muted = project.with_layer(dataclasses.replace(project.layer("steps"), muted=True))
    assert np.array_equal(render(muted, home.read).sum(), rendered.stem("main"))


def test_no_tail_crosses_a_scene_cut(tmp_path):
    home = stored(tmp_path / "p", generated(cuts=(1.25,)))
    moved = changed(home.project, 2, time=1.2)  # would ring beyond the cut
    after = render(moved, home.read)
    stem = after.cue_stem("main", 2)
    assert not stem[:, round(1.25 * RATE) :].any() and np.abs(stem[:, round(1.24 * RATE) - 9]).max() > 0
    before = render(home.project, home.read).sum()
    assert np.array_equal(after.sum()[:, round(1.27 * RATE) :], before[:, round(1.27 * RATE) :])


@pytest.mark.parametrize("time", [0.0, 0.001, DURATION - 1e-3])
def test_a_cue_at_either_end_is_cut_off_softly(home, time):
    whole = render(changed(home.project, 1, time=time), home.read).sum()
    assert whole.shape == (1, home.project.samples)
    assert np.abs(whole[:, [0, -1]]).max() < 0.01


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([1, 2, 3, 4]), st.integers(400, 9000), st.integers(0, 400), st.sampled_from([0.0, -6.0]))
def test_a_tail_of_a_cues_own_sound_changes_nothing(home, key, begin, fade, gain):
    project = changed(home.project, key, gain=gain)
    cue = project.cue(key)
    whole = render(project, home.read).sum()
    tailed = changed(project, key, tails=(Tail(begin, cue.excerpt, fade),))
    assert np.array_equal(
        render(tailed, home.read).sum(), whole
    )  # also one that begins after the next cue: it is left out


def test_a_tail_is_heard_after_its_crossfade_and_goes_on_into_the_next_cue(home):
    project = home.project
    cue, other = project.cue(2), dataclasses.replace(project.cue(2).excerpt, sound=project.layers[0].candidates[2])
    began = round(cue.time * RATE)
    drawn = changed(project, 2, excerpt=other, tails=(Tail(3000, cue.excerpt, 400),))
    before, after = (render(p, home.read).sum()[0] for p in (project, drawn))
    assert np.array_equal(after[began + 3000 :], before[began + 3000 :])
    changes = np.flatnonzero(before != after)
    assert began - other.lead - 400 < changes[0] < began and changes[-1] > began + 2500
    moved = changed(drawn, 3, time=cue.time + 0.1)  # the next cue comes before the tail
    assert all(placed.skip == 0 for placed in place_layer(moved, moved.layers[0]))


def test_an_excerpt_goes_on_in_its_sound_until_the_next_onset_of_that(home):
    """Where the next cue is gone, the natural decay is heard up to its attack, and grains only from there on."""
    before = render(home.project, home.read).sum()
    removed = home.project.with_cues([cue for cue in home.project.cues if cue.id != 3])
    after = render(removed, home.read).sum()
    excerpt = home.project.cue(3).excerpt
    assert excerpt.begin < excerpt.onset - 0.01 * RATE
    until = excerpt.onset - round(0.008 * RATE)
    assert np.array_equal(after[:, :until], before[:, :until]) and not np.array_equal(after, before)
    sound, part = home.project.sounds["main"], home.project.cue(2).excerpt
    assert sound_end(home.project, sound, part) == until
    cut = dataclasses.replace(home.project, scene_cuts=((part.end + 3) / RATE,))
    assert sound_end(cut, sound, part) == part.end + 3
    assert sound_end(home.project, sound, home.project.cue(4).excerpt) == sound.length


def test_sounds_of_another_revision_are_not_overwritten(home):
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.suffix in (".flac", ".npz")}
    project = dataclasses.replace(home.project, sounds={}, layers=(), cues=())  # as `undo` leaves it
    after = add_soundtrack(home.path, project, generated(), "main", "reference")
    assert {path: path.read_bytes() for path in before} == before
    assert not {home.path / sound.file for sound in after.sounds.values()} & set(before)
