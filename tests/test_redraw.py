"""A span is drawn anew: only its surroundings are computed, what is before it is known, its impacts are at the cues."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley import Foley
from condfoley.audio import windows
from condfoley.audio.levels import impact_levels
from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.examples import REFERENCE, TARGET
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import ClipFile, Footage
from condfoley.matching.dynamics import bring_to_levels, fill_levels
from condfoley.media import read_frames
from condfoley.redraw import LEAD, TAIL, Redraw, heard_around, section, see
from condfoley.settings import Settings
from tests.made_up import FPS, RATE, noise_clip, pulses
from tests.tiny import write_tiny_weights

G = Geometry()
COLUMN = G.column_samples / G.sample_rate  # s


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("redraw")


@pytest.fixture(scope="module")
def foley(home):
    return Foley.load(write_tiny_weights(home / "weights"))


@pytest.fixture(scope="module")
def clips(home):
    return ClipFile(noise_clip(home / "reference.mp4", 3.0)), ClipFile(
        noise_clip(home / "target.mp4", 12.0, sound=False)
    )


@given(begin=st.floats(0, 60), length=st.floats(0.01, 20), before=st.floats(0, 10), after=st.floats(0, 10))
def test_a_section_holds_its_span_and_a_window_at_least(begin, length, before, after):
    span, scene = (begin, begin + length), (max(0.0, begin - before), begin + length + after)
    first, last, known, _ = section(span, scene, G)
    assert last - first >= G.valid_columns and 0 <= known < last - first
    assert first * COLUMN <= begin and last * COLUMN >= min(span[1] + TAIL, scene[1]) - 1e-6
    assert first >= int(scene[0] / COLUMN)  # nothing of the scene before is known but part of a column
    if known:
        assert (first + known) * COLUMN <= begin - LEAD + 1e-6
    assert (last - first) * COLUMN < length + LEAD + TAIL + 2 * G.valid_columns * COLUMN


def test_known_codes_stay_and_the_others_continue_from_them(foley, clips):
    pipeline = foley.pipeline(3.0, 2)
    exemplar = pipeline.encode_reference(pipeline.read_reference(clips[0], None))
    tokens = pipeline.encode_frames(clips[1].frames(foley.geometry, (0.0, 3.0)))
    sampling = pipeline.sampling(Settings())
    known = np.random.default_rng(0).integers(0, 64, (2, 10 * G.code_rows))
    one, other = (pipeline.drafter.continue_codes(k, tokens, exemplar, [4, 5], sampling) for k in (known, known[::-1]))
    assert one.shape == (2, G.columns_for(3.0) * G.code_rows)
    assert np.array_equal(one[:, : known.shape[1]], known) and np.array_equal(other[0, : known.shape[1]], known[1])
    assert len(np.unique(one[:, known.shape[1] :])) > 5
    shared = pipeline.drafter.continue_codes(known[:1], tokens, exemplar, [4, 5], sampling)
    assert np.array_equal(shared[0], one[0]) and np.array_equal(shared[1, : known.shape[1]], known[0])


def test_the_picture_of_a_section_is_that_of_the_whole_target(foley, clips):
    begin, target = 4.31, clips[1]
    pipeline = foley.pipeline(2.0)
    picture, tokens, frame = see(pipeline, target, begin)
    whole = target.frames(foley.geometry)
    assert len(picture.frames) == round(2.0 * FPS)
    assert np.array_equal(picture.frames[0], whole[round(begin * FPS)])
    places = begin * FPS + np.arange(5)
    wanted = windows.at_frames(pipeline.encode_frames(whole), places)
    found = windows.at_frames(tokens, frame + np.arange(5))
    away = windows.at_frames(tokens, frame + 3 + np.arange(5))
    assert np.abs(found - wanted).mean() < 0.3 * np.abs(away - wanted).mean()  # each clip has its own contrast


@pytest.mark.parametrize("span", [(0.0, 1.0), (5.3, 6.1), (11.2, 12.0)])
def test_impacts_are_at_the_cues_as_loud_as_asked(foley, clips, span):
    times = np.array([span[0] + 0.2, span[0] + 0.6])
    levels, heard = np.array([-22.0, -25.0]), pulses([1.0, 5.0], 12.0)
    wanted = Redraw(span, Hits(times, np.full(2, np.nan)), levels, heard, each=True)
    made = foley.redraw(*clips, wanted, candidates=3, seed=9)
    assert made.start % G.column_samples == 0 and [c.seed for c in made.candidates] == [9, 10, 11]
    assert made.start / RATE <= span[0] and (made.start + len(made.track)) / RATE >= span[1] - 1 / RATE
    for track in (made.track, *(c.track for c in made.candidates)):
        onsets = track.onsets + made.start / RATE
        near = np.abs(onsets[:, None] - times).argmin(0)
        assert np.abs(onsets[near] - times).max() < 0.1
        assert impact_levels(track.samples, track.onsets[near], RATE) == pytest.approx(levels, abs=1.5)


def test_another_seed_gives_another_sound_and_the_same_seed_the_same(foley, clips):
    wanted = Redraw((3.0, 4.0), Hits(np.array([3.4]), np.array([0.5])), heard=pulses([1.0], 12.0))
    first, again, other = (foley.redraw(*clips, wanted, candidates=2, seed=s).track.wav for s in (1, 1, 5))
    assert np.array_equal(first, again) and not np.allclose(first, other, atol=1e-3)


def known_codes(pipeline, place, exemplar, heard):
    return pipeline.drafter.encode_known(heard_around(place, exemplar, heard, 0.0))


def test_what_is_heard_before_is_known_and_what_is_replaced_is_not(foley, clips, monkeypatch):
    pipeline, encoded = foley.pipeline(3.0), []
    exemplar = pipeline.encode_reference(pipeline.read_reference(clips[0], None))
    noise = np.random.default_rng(0).normal(0, 0.1, 12 * RATE).astype(np.float32)
    later = noise.copy()
    later[round(3.0 * RATE) :] = 0
    place, codes = section((3.0, 4.0), (0.0, 12.0), G), np.arange(G.codes)[None]
    monkeypatch.setattr(foley.loaded.engine, "encode_windows", lambda specs: encoded.append(specs) or codes)
    for heard in (noise, later, pulses([1.0], 12.0)):
        known = known_codes(pipeline, place, exemplar, heard)
        assert known[0].tolist() == codes[0, -place.known * G.code_rows :].tolist()  # those at the window's end
    assert place.known >= G.valid_columns // 2
    assert np.array_equal(encoded[0], encoded[1]) and not np.allclose(encoded[0], encoded[2])
    first = section((0.0, 1.0), (0.0, 12.0), G)
    assert (
        not known_codes(pipeline, first, exemplar, noise).size and not known_codes(pipeline, place, exemplar, None).size
    )


def test_a_section_of_arrays_is_read_as_that_of_a_file(home, clips):
    pictures = read_frames(clips[1].path, FPS, 32)
    footage = Footage(pictures, np.arange(len(pictures)) / FPS)
    g = dataclasses.replace(G, frame_size=32)
    for span in ((0.0, 1.0), (3.37, 4.9), (11.0, 12.0)):
        assert np.array_equal(footage.frames(g, span), clips[1].frames(g, span))


def test_levels_that_are_not_known_follow_the_strengths():
    strengths = np.array([1.0, 0.5, 0.5])
    filled = fill_levels(np.array([-10.0, np.nan, np.nan]), strengths)
    assert filled[0] == -10 and filled[1] == filled[2] < -15
    assert np.isnan(fill_levels(np.full(3, np.nan), strengths)).all()
    assert fill_levels(np.array([-10.0, np.nan, -30.0]), np.full(3, 0.5))[1] == pytest.approx(-20)


def test_impacts_are_brought_to_levels_with_the_rest_beside_them():
    track = Track(pulses([0.3, 1.0], 2.0), RATE)
    wanted = np.array([-30.0, -20.0])
    out = bring_to_levels(track, track.onsets, wanted)
    assert impact_levels(out.samples, track.onsets, RATE) == pytest.approx(wanted, abs=0.2)
    assert bring_to_levels(track, track.onsets[:0], wanted[:0]) is track


@pytest.mark.parametrize("span", [(5.0, 5.0), (6.0, 5.0), (-1.0, 2.0), (11.0, 12.5), (float("nan"), 3.0)])
def test_a_span_that_is_none_is_refused(foley, clips, span):
    with pytest.raises(InputError, match="not one within the target"):
        foley.redraw(*clips, Redraw(span, Hits(np.zeros(0), np.zeros(0))))


def test_the_published_mode_draws_no_span(foley, clips):
    with pytest.raises(InputError, match="as a whole"):
        foley.redraw(*clips, Redraw((1.0, 2.0), Hits(np.zeros(0), np.zeros(0))), mode="published")


def test_the_shipped_weights_draw_a_span_as_loud_and_as_exact_as_the_first_time():
    shipped = Foley.load()
    made = shipped.generate(REFERENCE, TARGET, candidates=4, render="vocoder")
    span = (1.5, 3.0)
    inside = (made.cues.times >= span[0]) & (made.cues.times < span[1])
    cues = Hits(made.cues.times[inside], made.cues.strengths[inside])
    near = [int(np.abs(made.track.onsets - time).argmin()) for time in cues.times]
    levels = impact_levels(made.track.samples, made.track.onsets, RATE)[near]
    wanted = Redraw(span, cues, levels, made.wav)
    drawn = shipped.redraw(ClipFile(REFERENCE), ClipFile(TARGET), wanted, candidates=4, seed=4)
    onsets = drawn.track.onsets
    assert onsets + drawn.start / RATE == pytest.approx(cues.times, abs=0.03)
    assert impact_levels(drawn.track.samples, onsets, RATE) == pytest.approx(levels, abs=1.0)
    begin = round(cues.times[0] * RATE)
    first, second = made.track.mono[begin:][: RATE // 2], drawn.track.mono[begin - drawn.start :][: RATE // 2]
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5  # another sound
