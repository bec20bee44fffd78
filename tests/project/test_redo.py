"""Spans and cues drawn anew: nothing changes outside, what is inside is new and at the cues, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condfoley.audio.levels import impact_levels
from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate
from condfoley.comping.takes import Take
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import Footage
from condfoley.project import redo
from condfoley.project.edits import choose_alternative
from condfoley.project.model import AMBIENCE, Layer, Opening
from condfoley.project.redo import Drawing, redo_cue, redo_span, vary_cue
from condfoley.project.render import render, unmastered
from condfoley.project.spans import span_of_cue, spans_of
from condfoley.redraw import Redraw, Redrawn
from tests.project.conftest import DURATION, TIMES, generated, onsets, stored
from tests.sounds import RATE, noise_bursts


class FakeFoley:
    """Draws bursts of noise at the cues, a little late, in a section around the span; remembers what it was asked."""

    def __init__(self, late: float = 0.004, floor: float = 1e-3):
        self.late, self.floor, self.asked = late, floor, []
        self.loaded = SimpleNamespace(identity={"name": "made-up", "parts": {}})
        self.geometry = Geometry()

    def hears_both_sides(self, settings):
        return False

    def redraw(self, reference, target, wanted: Redraw, settings, progress):
        start = max(0, round((wanted.span[0] - 0.3) * RATE))
        duration = wanted.span[1] + 0.4 - start / RATE
        places = [float(time) - start / RATE + self.late for time in wanted.cues.times]

        def bursts(seed: int) -> Track:
            sound = noise_bursts(places, [60.0] * len(places), duration, self.floor, seed)
            return Track(0.5 * sound, RATE, (np.array(places), np.full(len(places), 60.0)))

        candidates = [
            Candidate(bursts(s), s, 0.0, 0.5, 1.0) for s in range(settings.seed, settings.seed + settings.candidates)
        ]
        self.asked.append((wanted, settings))
        return Redrawn(start, candidates[0].track, candidates, [Take(0.0, 0)], 0.25)


REACH = round(0.05 * RATE)  # samples over which a peak is limited


@pytest.fixture(autouse=True)
def inputs_are_there(monkeypatch):
    monkeypatch.setattr(redo, "find_input", lambda *_: "made_up.mp4")
    monkeypatch.setattr(redo, "find_references", lambda *_: {"reference": Path("made_up.mp4")})
    monkeypatch.setattr(redo, "ClipFile", lambda path: Footage(name=path))


def drawing(home, **options) -> Drawing:
    return Drawing(home.path, FakeFoley(), **({"candidates": 2} | options))


def sound_of(home, project):
    return render(project, home.read).sum()


def changes(before, after) -> np.ndarray:
    """Samples that differ."""
    return np.flatnonzero((before != after).any(0))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begin=st.floats(0, DURATION - 0.1), length=st.floats(0.1, DURATION), again=st.floats(0, DURATION - 0.4))
def test_outside_of_the_span_no_sample_changes(home, begin, length, again):
    project = home.project
    for span in ((begin, min(begin + length, DURATION)), (again, again + 0.4)):
        try:
            parts, notes = spans_of(project, span)
        except InputError as error:  # it holds nothing but the beginning of a cue's sound
            assert "not there either" in str(error) and not any(span[0] <= cue.time < span[1] for cue in project.cues)
            continue
        drawn, _ = redo_span(project, span, drawing(home))
        changed = changes(*(unmastered(version, home.read).sum() for version in (project, drawn)))
        limited = changes(sound_of(home, project), sound_of(home, drawn))  # the ceiling reaches a little further
        assert changed[0] - REACH <= limited[0] and limited[-1] <= changed[-1] + REACH
        first = min(part.begin for part in parts)
        assert len(changed) and first <= changed[0] and changed[-1] < round(span[1] * RATE)
        assert first == round(span[0] * RATE) or any("begins there" in note for note in notes)
        assert [(c.id, c.time) for c in drawn.cues] == [(c.id, c.time) for c in project.cues]
        project = drawn


def test_the_cues_of_a_span_get_other_sounds_at_their_times_as_loud_as_before(home):
    project = home.project
    drawn, notes = redo_span(project, (0.9, 2.0), drawing(home))
    assert not notes and [cue.excerpt.sound for cue in drawn.cues] == ["main", "main-redo", "main-redo", "main"]
    before, after = sound_of(home, project), sound_of(home, drawn)
    assert onsets(after) == pytest.approx(TIMES, abs=0.012)
    inside = slice(round(1.0 * RATE), round(1.3 * RATE))
    assert abs(np.corrcoef(before[0, inside], after[0, inside])[0, 1]) < 0.2
    wanted = FakeFoley()
    redo_span(project, (0.9, 2.0), Drawing(home.path, wanted, candidates=2))
    asked, chosen = wanted.asked[0]
    levels = impact_levels(before, np.array([cue.time for cue in project.cues]), RATE)[1:3]
    assert asked.levels == pytest.approx(levels, abs=0.5)
    assert len(asked.heard) == round(0.9 * RATE) and np.array_equal(
        asked.heard[-8000:], before[0, : len(asked.heard)][-8000:]
    )
    assert chosen.seed == project.layers[0].seed and drawn.layers[0].seed == chosen.seed + 2


def test_onsets_next_to_their_cues_are_taken_to_be_there_and_the_excerpts_follow_one_another(home):
    near = Drawing(home.path, FakeFoley(late=0.0005), candidates=1)
    drawn, _ = redo_span(home.project, (0.9, 2.2), near)
    second, third = (drawn.cue(key).excerpt for key in (2, 3))
    assert second.end == third.begin
    assert third.onset - second.onset == round(drawn.cue(3).time * RATE) - round(drawn.cue(2).time * RATE)


def test_locked_cues_and_other_layers_keep_their_sounds(home):
    project = home.project.with_cues([dataclasses.replace(cue, locked=cue.id == 2) for cue in home.project.cues])
    drawn, notes = redo_span(project, (0.9, 2.0), drawing(home))
    assert drawn.cue(2) == project.cue(2) and drawn.cue(3).excerpt.sound == "main-redo"
    assert notes == ["locked and left as it was: cue 2"]
    for wrong in (lambda: redo_span(project, (0.9, 1.4), drawing(home)), lambda: redo_cue(project, 2, drawing(home))):
        with pytest.raises(InputError, match="locked"):
            wrong()
    with pytest.raises(InputError, match="cue 2, which sounds"):
        redo_span(project, (1.1, 1.3), drawing(home))


def test_a_span_without_cues_gets_other_sound_between_its_crossfades(home):
    drawn, notes = redo_span(home.project, (1.7, 2.1), drawing(home))
    assert "no cue" in notes[0] and [tail.excerpt.sound for tail in drawn.cue(3).tails] == ["main-redo", "main"]
    changed = changes(sound_of(home, home.project), sound_of(home, drawn))
    assert changed[0] < round(1.71 * RATE) and changed[-1] > round(2.09 * RATE)
    opening, _ = redo_span(home.project, (0.05, 0.25), drawing(home))
    assert [part.excerpt.sound for part in opening.layers[0].openings] == ["main", "main-redo-2", "main"]
    changed = changes(sound_of(home, home.project), sound_of(home, opening))
    assert changed[0] >= round(0.05 * RATE) and changed[-1] < round(0.25 * RATE)


def test_a_cue_is_drawn_anew_by_itself_and_from_another_moment_of_the_reference(home):
    project = home.project.with_cues(
        [dataclasses.replace(cue, reference_at=0.7 if cue.id == 3 else None) for cue in home.project.cues]
    )
    foley = FakeFoley()
    drawn = redo_cue(project, 3, Drawing(home.path, foley, seed=40, candidates=1))
    wanted, chosen = foley.asked[0]
    assert wanted.cues.times.tolist() == [project.cue(3).time] and wanted.heard is None
    assert (chosen.seed, chosen.candidates, chosen.reference_start) == (40, 1, 0.7)
    span = span_of_cue(project, project.cue(3))
    changed = changes(sound_of(home, project), sound_of(home, drawn))
    assert span.begin <= changed[0] and changed[-1] < span.end
    redo_span(project, (0.9, 2.0), Drawing(home.path, foley, candidates=1))
    assert [settings.reference_start for _, settings in foley.asked[1:]] == [project.layers[0].reference_start, 0.7]


def test_a_cue_without_a_sound_gets_one(home):
    silent = dataclasses.replace(home.project.cue(4), excerpt=None, strength=None)
    project = home.project.with_cues([*home.project.cues[:3], silent])
    drawn = redo_cue(project, 4, drawing(home))
    assert drawn.cue(4).excerpt.sound == "main-redo"
    assert onsets(sound_of(home, drawn)) == pytest.approx(TIMES, abs=0.012)


def test_alternatives_are_made_and_what_is_heard_stays(home):
    varied = vary_cue(home.project, 2, 3, drawing(home))
    assert np.array_equal(sound_of(home, varied), sound_of(home, home.project))
    assert len({part.sound for part in varied.cue(2).alternatives}) == 3
    sounds = [sound_of(home, choose_alternative(varied, 2, number))[0] for number in (1, 2, 3)]
    for one, other in zip(sounds, sounds[1:]):
        assert not np.array_equal(one, other)
    again = vary_cue(varied, 2, 2, drawing(home))
    assert len(again.cue(2).alternatives) == 2
    assert not {p.sound for p in again.cue(2).alternatives} & {p.sound for p in varied.cue(2).alternatives}


def test_alternatives_end_as_loud_as_what_they_replace(home):
    noisy = Drawing(home.path, FakeFoley(floor=0.1), candidates=2)
    varied = vary_cue(home.project, 2, 2, noisy)
    ends = round((home.project.cue(3).time - 0.07) * RATE)
    last = slice(ends - round(0.03 * RATE), ends)

    def level(project):
        return 10 * np.log10(np.square(sound_of(home, project)[0, last]).mean())

    for number in (1, 2):
        assert level(choose_alternative(varied, 2, number)) == pytest.approx(level(home.project), abs=4)


def test_a_sound_of_a_revision_that_was_undone_is_not_written_over(home):
    redo_span(home.project, (0.9, 2.0), drawing(home))
    drawn, _ = redo_span(home.project, (0.9, 2.0), drawing(home))
    assert drawn.cue(2).excerpt.sound == "main-redo-2"


def test_no_sound_crosses_a_scene_cut(tmp_path):
    home = stored(tmp_path / "cut", generated(cuts=(1.25,)))
    foley = FakeFoley()
    drawn, _ = redo_span(home.project, (0.9, 1.2), Drawing(home.path, foley, candidates=1))
    assert foley.asked[0][0].scene == (0.0, 1.25)
    changed = changes(sound_of(home, home.project), sound_of(home, drawn))
    assert changed[-1] < round(1.2 * RATE)
    with pytest.raises(InputError, match=r"scene cut at 1\.250 s"):
        redo_span(home.project, (0.9, 2.0), drawing(home))


@pytest.mark.parametrize(
    ("span", "complaint"),
    [
        ((2.0, 2.0), "not one within"),
        ((2.5, 3.5), "not one within"),
        ((-1.0, 1.0), "not one within"),
        ((1.0, 1.04), "shorter than"),
        ((float("nan"), 1.0), "not one within"),
    ],
)
def test_spans_that_are_none_are_refused(home, span, complaint):
    with pytest.raises(InputError, match=complaint):
        redo_span(home.project, span, drawing(home))


def test_what_cannot_be_drawn_is_refused(home):
    silent = home.project.with_cues([]).with_layer(dataclasses.replace(home.project.layers[0], openings=()))
    with pytest.raises(InputError, match="not there either"):
        redo_span(silent, (1.0, 2.0), drawing(home))
    with pytest.raises(InputError, match="no layer cup"):
        redo_span(home.project, (1.0, 2.0), drawing(home), "cup")
    other = dataclasses.replace(home.project, weights={"name": "theirs", "parts": {"vocoder": "1"}})
    with pytest.raises(InputError, match="other weights"):
        redo_span(other, (0.9, 2.0), drawing(home))
    bed = home.project.with_layer(dataclasses.replace(home.project.layers[0], reference=None))
    with pytest.raises(InputError, match="no reference"):
        redo_span(bed, (0.9, 2.0), drawing(home), "main")


def test_a_bed_is_left_as_it_is(home):
    excerpt = home.project.layers[0].openings[0].excerpt
    bed = Layer(AMBIENCE, "reference", openings=(Opening(0, dataclasses.replace(excerpt, end=9000)),))
    project = home.project.with_layer(bed)
    assert [part.layer for part in spans_of(project, (0.9, 2.0))[0]] == ["main"]
    assert [part.layer for part in spans_of(project, (1.1, 1.3))[0]] == ["main"]
    with pytest.raises(InputError, match="the bed is not drawn"):
        redo_span(project, (0.9, 2.0), drawing(home), AMBIENCE)


def test_hits_of_the_span_alone_are_drawn(home):
    foley = FakeFoley()
    redo_span(home.project, (1.0 - 0.2, 1.2), Drawing(home.path, foley, candidates=1))
    cues: Hits = foley.asked[0][0].cues
    assert cues.times == pytest.approx([home.project.cue(2).time])
    assert cues.strengths == pytest.approx([home.project.cue(2).strength])
