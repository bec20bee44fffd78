"""What the stages learn from: labels, repeated frames, picked onsets, splices, the learning rate."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from condfoley.data.events import Event
from condfoley.geometry import Geometry
from condfoley.runtime.peaks import pick_onsets
from condfoley.training.augment import augment, cut_window, paste_half, repeated_frames
from condfoley.training.extract import window_starts
from condfoley.training.stage import learning_rate_scale
from condfoley.training.stages.sync import draw_splices
from condfoley.training.stages.video import frame_labels, merge_labels
from condfoley.training.stages.vocoder import MultiScaleDiscriminator, stft_distance


def test_labels_peak_at_the_frame_that_shows_the_contact():
    events = (Event(1.0, "hit", 0.0, 0.8), Event(2.0, "scratch", 0.5, 0.3))
    labels = frame_labels(events, 10, 40, 15.0)
    assert labels[:, 0].argmax() == 5 and labels[5, 0] == 1  # frame 15 shows the instant 1.0 s
    assert np.isclose(labels[5, 2], 0.8) and np.isclose(labels[20, 2], 0.3)
    assert labels[:20, 1].sum() == 0 and labels[20:28, 1].all() and not labels[28:, 1].any()


@given(times=st.lists(st.integers(2, 55), min_size=1, max_size=8, unique=True))
def test_picked_onsets_find_the_labels_again(times):
    times = sorted(t * 0.5 for t in times)
    events = tuple(Event(t, "hit") for t in times)
    labels = frame_labels(events, 0, 450, 15.0)[:, 0]
    assert np.allclose(pick_onsets(labels, 15.0), times, atol=0.02)


def test_nothing_is_picked_from_a_flat_line():
    assert len(pick_onsets(np.full(30, 0.2), 15.0)) == 0


@given(first=st.integers(0, 27), heights=st.lists(st.floats(0.31, 0.55), min_size=3, max_size=3))
def test_an_onset_that_is_spread_over_three_frames_counts_once_and_lies_among_them(first, heights):
    probability = np.zeros(30)
    probability[first : first + 3] = heights
    (time,) = pick_onsets(probability, 15.0)
    assert first / 15 < time < (first + 2) / 15
    alone = np.zeros(30)
    alone[first] = heights[0]
    assert len(pick_onsets(alone, 15.0)) == 0


@given(source=st.floats(3, 15), phase=st.floats(0, 1), count=st.integers(1, 60))
def test_repeated_frames_never_show_the_future(source, phase, count):
    index = repeated_frames(count, 15.0, source, phase)
    assert (index <= np.arange(count)).all() and (index >= 0).all() and (np.diff(index) >= 0).all()
    assert (np.arange(count) - index <= 15.0 / source + 1).all()


def test_augmentation_depends_on_its_stream_only():
    frames = torch.rand(5, 3, 20, 20)
    a, b, other = (augment(frames.clone(), 16, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert a.shape == (5, 3, 16, 16) and torch.isfinite(a).all()
    assert torch.equal(a, b) and not torch.equal(a, other)


@given(frames=st.integers(1, 200), seed=st.integers(0, 50))
def test_window_starts_allow_a_pair_without_overlap(frames, seed):
    starts = window_starts(frames, 28, np.random.default_rng(seed))
    assert (starts >= 0).all() and (starts <= max(0, frames - 28)).all()
    if frames >= 57:
        assert abs(int(starts[0]) - int(starts[1])) >= 28


@given(seed=st.integers(0, 100))
def test_splices_stay_inside(seed):
    moves, share = draw_splices(300.0, np.random.default_rng(seed))
    assert 0 < share <= 1
    assert all(0 <= to and to + n <= 300 and 0 <= source and source + n <= 300 for to, source, n in moves)


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate_scale(i, 100, 10, "cosine") for i in range(100)]
    assert rates[0] < rates[9] <= 1 and rates[99] < 0.03 and rates[10] > 0.99
    assert learning_rate_scale(99, 100, 10, "constant") == 1


def test_stft_distance_is_zero_for_equal_sounds_only():
    wav = torch.randn(2, 8192)
    assert stft_distance(wav, wav) == 0 and stft_distance(wav, 0.5 * wav) > 0.1


def test_the_vocoders_judges_listen_at_three_rates():
    judged = MultiScaleDiscriminator(channels=4)(torch.randn(2, 8192))
    assert len(judged) == 3
    assert judged[0][-1].shape[-1] > judged[1][-1].shape[-1] > judged[2][-1].shape[-1]


def test_half_of_a_picture_goes_to_another_clip():
    for seed in range(8):
        frames, other = torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8)
        paste_half(frames, other, np.random.default_rng(seed))
        assert frames.sum() == frames.numel() / 2
        assert frames[:, :, :4].all() or frames[..., :4].all()


def test_two_things_that_are_seen_at_once_are_both_labelled():
    hits = frame_labels((Event(0.4, "hit", strength=0.2),), 0, 30, 15.0)
    slides = frame_labels((Event(1.2, "scratch", 0.5, strength=0.9),), 0, 30, 15.0)
    both = merge_labels(hits, slides)
    assert np.array_equal(both[:, :2], merge_labels(slides, hits)[:, :2])
    assert both[6].tolist() == hits[6].tolist() and both[18].tolist() == slides[18].tolist()
    assert np.array_equal(both[:, 1], slides[:, 1])


@given(column=st.integers(1, 19))
def test_picture_and_sound_of_a_window_are_cut_at_the_same_time(column):
    g = Geometry()
    tokens = np.zeros((g.window_frames, 2)), np.ones((g.window_frames, 2))
    codes = np.zeros(g.codes, int), np.ones(g.codes, int)
    picture, sound = cut_window(tokens, codes, column, g)
    assert picture.shape == tokens[0].shape and sound.shape == codes[0].shape
    assert sound.sum() == (g.code_columns - column) * g.code_rows and not sound[: column * g.code_rows].any()
    seen, heard = np.flatnonzero(picture[:, 0])[0] / g.fps, column * g.column_samples / g.sample_rate
    assert abs(seen - heard - g.sound_lag * g.hop / g.sample_rate) <= 0.5 / g.fps + 1e-9
