"""Window arithmetic covers everything once, for any length."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from condfoley.audio import windows
from condfoley.audio.splice import loop
from condfoley.audio.windows import at_frames, clearest, crossfade_tiles, pieces, plan, segments


@given(total=st.integers(1, 400), window=st.integers(1, 40), advance=st.integers(1, 40))
def test_every_column_is_written_exactly_once(total, window, advance):
    if not advance <= window <= total:
        with pytest.raises(ValueError):
            plan(total, window, advance)
        return
    times_written = np.zeros(total, int)
    end_before = 0
    for start, written in plan(total, window, advance):
        assert start + written == end_before  # begins right after what is there: no hole, no column twice
        times_written[start + written : start + window] += 1
        end_before = start + window
    assert (times_written == 1).all()
    assert end_before == total


@given(total=st.integers(1, 300), window=st.integers(1, 40), advance=st.integers(1, 40), known=st.integers(1, 300))
def test_columns_behind_the_known_ones_are_written_once_and_each_window_sees_some(total, window, advance, known):
    assume(advance <= window <= total and known <= total)
    end_before = known
    for start, written in plan(total, window, advance, known):
        assert start >= 0 and start + written == end_before < start + window
        assert written >= min(known, window - advance)  # context, as far as there is some
        end_before = start + window
    assert end_before == total


@given(total=st.integers(20, 300), advance=st.integers(1, 20), value=st.floats(-3, 3))
def test_crossfaded_tiles_of_a_constant_are_that_constant(total, advance, value):
    starts = [s for s, _ in plan(total, 20, advance)]
    out = crossfade_tiles([np.full((2, 20), value, np.float32)] * len(starts), starts, total)
    assert out.shape == (2, total) and out.dtype == np.float32
    assert np.allclose(out, value, atol=1e-5)


@given(total=st.integers(1, 900), longest=st.integers(3, 60), data=st.data())
def test_tiles_are_few_and_overlap(total, longest, data):
    overlap = data.draw(st.integers(1, longest - 1))
    starts, length = windows.tiles(total, longest, overlap)
    assert starts[0] == 0 and starts[-1] + length == total and length <= max(longest, 1)
    assert all(b > a and a + length - b >= overlap for a, b in itertools.pairwise(starts))
    assert (
        len(starts) == 1 or len(starts) * longest - (len(starts) - 1) * overlap < total + longest - overlap
    )  # no fewer would do
    for unusable in (0, longest):
        with pytest.raises(ValueError, match="cannot overlap"):
            windows.tiles(total, longest, unusable)


def test_crossfade_moves_from_one_tile_to_the_next():
    tiles = [np.zeros(4, np.float32), np.ones(4, np.float32)]
    moved = crossfade_tiles(tiles, [0, 2], 6)
    assert moved.shape == (6,) and np.allclose(moved, [0.0, 0.0, 0.25, 0.75, 1.0, 1.0])
    assert (tiles[0] == 0).all() and (tiles[1] == 1).all()


@given(length=st.integers(1, 500), samples=st.integers(1, 2000), fade=st.integers(0, 100))
def test_looped_has_the_wished_length_and_no_holes(length, samples, fade):
    out = loop(np.ones(length, np.float32), samples, fade)
    assert out.shape == (samples,)
    assert np.allclose(out[: max(0, samples - length)], 1, atol=1e-5)  # crossfades keep the level
    assert out.max() <= 1 + 1e-5


def test_clearest_window_holds_the_strongest_events():
    levels = np.ones(100)
    start = clearest(np.array([1.0, 7.0, 7.5]), np.array([1.0, 1.0, 1.0]), levels, 10.0, 1.86)
    assert start < 7.0 and start + 1.86 - 0.2 >= 7.5
    assert clearest(np.array([0.5]), np.array([1.0]), levels, 1.0, 1.86) == 0.0
    levels[60:] = 5  # no events at all: the loudest part
    assert clearest(np.zeros(0), np.zeros(0), levels, 10.0, 1.86) >= 5.9


@given(
    events=st.dictionaries(st.integers(0, 800), st.integers(1, 9), min_size=1, max_size=6),
    halves=st.integers(1, 16),
    window=st.sampled_from([1.0, 1.86]),
)
@example(events={2: 2, 400: 1}, halves=10, window=1.0)  # only just inside the first window
@example(events={1: 2, 400: 1}, halves=10, window=1.0)  # only just outside of it
@example(events={180: 2, 400: 1, 401: 1}, halves=4, window=1.0)  # only just inside the last one
def test_no_window_holds_more_than_the_clearest_one(events, halves, window):
    duration = halves / 2
    times = np.array(sorted(events)) / 100
    strengths = np.array([events[time] for time in sorted(events)], float)
    start, last = clearest(times, strengths, np.ones(8), duration, window), max(0.0, duration - window)

    def held(begin):
        return strengths[(begin + windows.AFTER_START <= times) & (times <= begin + window - windows.BEFORE_END)].sum()

    assert 0 <= start <= last
    assert held(start) == max(held(begin) for begin in [*np.arange(0, last, windows.STEP), last])


@pytest.mark.parametrize("event", [0.5, 150.3, 204.0, 206.39])
def test_the_clearest_window_of_a_long_recording(event):
    duration = 0.1 * windows.TOGETHER - 0.05 + 1.86  # one window more than are looked at together
    start = clearest(np.array([event]), np.ones(1), np.ones(8), duration, 1.86)
    assert 0 <= start <= duration - 1.86 and start + 0.02 <= event <= start + 1.66


def test_without_events_the_loudest_window_is_the_clearest():
    levels, nothing = np.ones(8), np.zeros(0)  # of half a second each
    levels[:2] = 5
    assert clearest(nothing, nothing, levels, 4.0, 1.0) == 0.0
    start = clearest(nothing, nothing, levels[::-1], 4.0, 1.0)
    assert start <= 3.0 < 3.5 < start + 1.0  # both begin inside


@given(frames=st.integers(1, 3000))
def test_segments_cover_all_frames(frames):
    seen = np.zeros(frames, bool)
    for start in segments(frames, 56):
        assert 0 <= start <= max(0, frames - 56)
        seen[start : start + 56] = True
    assert seen.all()


def test_tokens_between_frames():
    tokens = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert np.array_equal(at_frames(tokens, np.arange(4)), tokens)
    assert np.allclose(at_frames(tokens, np.array([0.5, 2.25])), [[1.0, 2.0], [4.5, 5.5]])
    assert np.array_equal(at_frames(tokens, np.array([-3.0, 7.5])), tokens[[0, 3]])  # the ends go on for ever
    assert np.array_equal(at_frames(tokens[:1], np.array([0.0, 0.4])), tokens[[0, 0]])
    assert at_frames(tokens, np.array([0.5])).dtype == np.float32


@pytest.mark.parametrize("total", [1, 7, 10, 11, 35])
def test_pieces_make_up_the_whole_and_see_a_margin_of_it(total):
    made = list(pieces(total, 10, 3))
    assert [i for piece in made for i in range(piece.begin, piece.end)] == list(range(total))
    for piece in made:
        assert piece.left == max(0, piece.begin - 3) and piece.right == min(total, piece.end + 3)


@given(st.integers(1, 500), st.integers(1, 40))
def test_stretches_cover_everything_with_the_same_length(total, window):
    assume(total >= window)
    starts, length = windows.stretches(total, window)
    assert starts[0] == 0 and starts[-1] + length == total
    assert all(a < b <= a + length for a, b in zip(starts, starts[1:]))
    assert len(starts) <= windows.SIDE_BY_SIDE
    assert length <= window or len(starts) == 1 or length == -(-total // windows.SIDE_BY_SIDE)
    windows.plan(length, min(length, window), -(-window // 2))  # can be written


def test_short_targets_are_one_stretch():
    assert windows.stretches(20, 20) == ([0], 20) and windows.stretches(39, 20) == ([0], 39)


def test_stretches_are_written_in_single_windows_where_a_few_are_enough():
    assert windows.stretches(40, 20) == ([0, 20], 20) and windows.stretches(65, 20) == ([0, 16, 32, 48], 17)
    starts, length = windows.stretches(6000, 20)
    assert len(starts) == windows.SIDE_BY_SIDE and length == 750


@given(st.integers(1, 500), st.integers(1, 40))
def test_stretches_that_are_joined_are_the_whole(total, window):
    assume(total >= window)
    starts, length = windows.stretches(total, window)
    whole = np.arange(2 * total).reshape(2, total)
    parts = np.stack([whole[:, start : start + length] for start in starts])
    made = windows.join(parts, starts, total)
    assert np.array_equal(made, whole) and made.dtype == whole.dtype


def test_stretches_that_are_joined_share_what_they_have_in_common():
    parts = np.array([[[1, 2, 3, 4]], [[5, 6, 7, 8]]])
    assert windows.join(parts, [0, 2], 6).tolist() == [[1, 2, 3, 6, 7, 8]]
    shorter = windows.join(parts[..., :3], [0, 2], 5)  # of an odd overlap the later has more
    assert shorter.tolist() == [[1, 2, 5, 6, 7]]


def test_windows_that_write_nothing_are_refused():
    with pytest.raises(ValueError, match="cannot plan"):
        windows.plan(20, 10, 0)


def test_parts_and_their_places_go_together():
    parts = np.ones((2, 1, 4), np.float32)
    for join in (windows.join, lambda parts, *places: crossfade_tiles(list(parts), *places)):
        with pytest.raises(ValueError):
            join(parts, [0, 2, 4], 8)
