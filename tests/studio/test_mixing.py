"""What is rendered after an edit is bit by bit what rendering all of it gives."""

import dataclasses

import numpy as np
import pytest

from condfoley.audio import true_peak
from condfoley.project.model import Master, Opening
from condfoley.project.outputs import rendered
from condfoley.studio import blocks, ceiling, mixing
from condfoley.studio.blocks import Blocks, merged
from condfoley.studio.mixing import mixed
from tests.project.conftest import generated, home, stored  # noqa: F401 - a fixture

ALL = slice(None)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """So that a sound of three seconds has many."""
    monkeypatch.setattr(blocks, "SIZE", 2**12)
    monkeypatch.setattr(mixing, "SIZE", 2**12)
    for module in (true_peak, ceiling):
        monkeypatch.setattr(module, "BLOCK", 2**10)


def random_edit(project, rng):
    """One of the changes that an edit makes."""
    what = rng.integers(8)
    cues = list(project.cues)
    at = int(rng.integers(len(cues))) if cues else 0
    if what == 0 and cues:
        cues[at] = dataclasses.replace(cues[at], time=float(rng.uniform(0, project.duration)))
    elif what == 1 and cues:
        cues[at] = dataclasses.replace(cues[at], gain=float(rng.uniform(-20, 25)))
    elif what == 2 and cues:
        cues[at] = dataclasses.replace(cues[at], muted=not cues[at].muted)
    elif what == 3 and len(cues) > 1:
        del cues[at]
    elif what == 4 and cues:
        time = float(rng.uniform(0, project.duration))
        cues.append(dataclasses.replace(cues[at], id=project.next_id, time=time))
    elif what == 5:
        layer = project.layers[0]
        project = project.with_layer(
            dataclasses.replace(layer, gain=float(rng.uniform(-6, 12)), muted=rng.random() < 0.2)
        )
    elif what == 6 and cues:
        cues[at] = dataclasses.replace(cues[at], pan=float(rng.choice([0.0, 0.0, 0.5])))
    elif what == 7:
        values = {"gain": float(rng.choice([0.0, 3.0])), "room": str(rng.choice(["dry", "dry", "living"]))}
        project = dataclasses.replace(project, master=Master(**values, true_peak=float(rng.uniform(-12, -1))))
    return project.with_cues(cues)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_edits_it_is_what_rendering_all_gives(home, seed):  # noqa: F811
    rng, project = np.random.default_rng(seed), home.project
    mix = mixed(project, home.read)
    assert not mix.changed and np.array_equal(mix.whole[ALL, :], rendered(home.path, project).sum())
    limited = 0
    for _ in range(25):
        former, project = mix, random_edit(project, rng)
        mix = mixed(project, home.read, former)
        whole = rendered(home.path, project)
        assert np.array_equal(mix.whole[ALL, :], whole.sum())
        limited += bool(mix.ceiling.regions)
        begin, end = sorted(rng.integers(0, project.samples, 2))
        assert np.array_equal(mix.sum(begin, end), whole.sum()[:, begin:end])
        for cue in project.cues:
            alone = mix.sum(begin, end, lambda placed: placed.cue == cue.id)  # noqa: B023
            assert np.array_equal(alone, whole.cue_stem("main", cue.id)[:, begin:end])
        differ = (mix.whole[ALL, :] != former.whole[ALL, :]).any(0)  # one channel against two, too
        inside = np.zeros(project.samples, bool)
        for first, last in mix.changed:
            assert differ[first] and differ[last - 1]
            inside[first:last] = True
        assert not (differ & ~inside).any()
    assert limited  # some of the edits made peaks


def test_what_did_not_change_is_shared(home):  # noqa: F811
    project = home.project
    former = mixed(project, home.read)
    cue = dataclasses.replace(project.cues[0], gain=-6.0)
    mix = mixed(project.with_cues([cue, *project.cues[1:]]), home.read, former)
    shared = [one is two for one, two in zip(mix.whole.blocks, former.whole.blocks)]
    assert not all(shared) and sum(shared) > len(shared) / 2
    assert mix.raw.other_blocks(former.raw) == merged(mix.whole.other_blocks(former.whole))
    again = mixed(project, home.read, mix)
    assert again.changed == mix.changed
    assert [part.placed for part in again.parts] == [part.placed for part in former.parts]


def test_a_sound_that_was_replaced_is_read_again(home):  # noqa: F811
    former = mixed(home.project, home.read)
    other = {key: dataclasses.replace(sound, quiet_db=-30.0) for key, sound in home.project.sounds.items()}
    project = dataclasses.replace(home.project, sounds=other)
    silent = mixed(project, lambda sound: np.zeros((1, sound.length), np.float32), former)
    assert not silent.whole[ALL, :].any()
    opening = home.project.layers[0].openings[0]
    late = dataclasses.replace(home.project.layers[0], openings=(Opening(opening.start, opening.excerpt, 50),))
    project = home.project.with_layer(late)
    assert np.array_equal(mixed(project, home.read, former).whole[ALL, :], rendered(home.path, project).sum())


def test_another_duration_is_made_anew(tmp_path):
    one = stored(tmp_path / "one", generated(duration=3.0))
    other = dataclasses.replace(one.project, duration=2.5)
    mix = mixed(other, one.read, mixed(one.project, one.read))
    assert not mix.changed and np.array_equal(mix.whole[ALL, :], rendered(one.path, other).sum())


def test_blocks_are_an_array():
    rng = np.random.default_rng(0)
    array = rng.standard_normal((2, 10000)).astype(np.float32)
    found = Blocks.filled(2, 10000, lambda a, b: array[:, a:b].copy())
    for begin, end in [
        (0, 10000),
        (5, 6),
        (4095, 4097),
        (4096, 8192),
        (9000, 20000),
        (50, 50),
        (60, 50),
        (10000, 10001),
    ]:
        assert np.array_equal(found[ALL, begin:end], array[:, begin:end])
    other = found.replaced([(4000, 4100)], lambda a, b: np.zeros((2, b - a), np.float32))
    array[:, 4000:4100] = 0
    assert np.array_equal(other[ALL, :], array) and found[ALL, 4000:4100].any()
    assert other.other_blocks(found) == [(0, 8192)]
    assert merged([(5, 9), (0, 3), (8, 10)]) == [(0, 3), (5, 10)] and merged([(0, 3), (5, 9)], 2) == [(0, 9)]
