"""The opponents' arithmetic on sounds and probabilities that are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets, match
from condfoley.evaluation.baselines import (
    adain,
    event_transfer,
    loop_reference,
    onset_transfer,
    published_onset_frames,
    without_reference,
)
from condfoley.foley import Foley
from condfoley.geometry import Geometry
from condfoley.runtime.engine import Prompt
from condfoley.runtime.loaded import Loaded
from tests.made_up import FPS, RATE, pulses

REFERENCE = pulses([0.4, 1.1, 1.6], 2.0, 900)


def probability(times, seconds=2.0, height=0.9):
    out = np.zeros(round(seconds * FPS))
    out[np.round(np.array(times) * FPS).astype(int)] = height
    return out


def test_published_peaks_clear_their_neighbours_and_never_are_none():
    seen = np.zeros(30)
    seen[[5, 7, 9, 20]] = (0.8, 0.9, 0.7, 0.6)
    assert published_onset_frames(seen).tolist() == [7, 20]
    seen[[3, 10, 11]] = 0.55  # 3 is the fourth frame before 7 and cleared; 11 is the fourth after it and is not
    assert published_onset_frames(seen).tolist() == [7, 11, 20]
    assert published_onset_frames(0.1 * seen).tolist() == [7]


@pytest.mark.parametrize("published", [True, False])
def test_transfer_puts_the_references_events_where_the_picture_has_them(published):
    wanted = np.array([0.4, 0.8667, 1.4])
    given = probability(wanted), FPS, REFERENCE, len(REFERENCE), RATE
    made = onset_transfer(*given) if published else event_transfer(*given, np.random.default_rng(0))
    assert made.shape == REFERENCE.shape and made.dtype == np.float32
    assert match(wanted, detect_onsets(made, RATE)[0], 0.05).recall == 1
    assert np.abs(made).max() <= np.abs(REFERENCE).max() + 1e-6


def test_the_strong_transfer_uses_every_event_before_one_comes_again():
    levels = (0.2, 0.5, 1.0)
    reference = sum(g * pulses([t], 3.0) for g, t in zip(levels, (0.3, 1.2, 2.1)))
    made = event_transfer(
        probability([0.2, 1.0, 1.8], 3.0), FPS, reference, len(reference), RATE, np.random.default_rng(1)
    )
    peaks = sorted(float(np.abs(made[round(t * RATE) :][: RATE // 4]).max()) for t in (0.2, 1.0, 1.8))
    assert peaks == pytest.approx([0.5 * g for g in levels], rel=0.1)


def test_transfer_to_a_longer_target_and_from_a_reference_without_events():
    tone = np.sin(np.arange(RATE) * 0.2).astype(np.float32) * 0.1
    long = round(5.0 * RATE)
    for made in (
        onset_transfer(probability([0.5, 4.2], 5.0), FPS, tone, long, RATE),
        event_transfer(probability([0.5, 4.2], 5.0), FPS, tone, long, RATE, np.random.default_rng(0)),
    ):
        assert made.shape == (long,) and np.isfinite(made).all()


def test_nothing_is_transferred_to_a_picture_in_which_nothing_happens():
    made = event_transfer(np.zeros(30), FPS, REFERENCE, len(REFERENCE), RATE, np.random.default_rng(0))
    assert not made.any()


def test_a_stylised_spectrogram_moves_like_its_style():
    content, style = (spectrogram(pulses(t, 2.0, f), Geometry()) for t, f in (([0.4, 1.2], 300), ([0.9], 2000)))
    made = adain(content, style)
    assert made.shape == content.shape and made.min() >= 0 and made.max() <= 1
    band = int(style.mean(1).argmax())
    assert made[band].mean() == pytest.approx(style[band].mean(), abs=0.05)
    assert np.allclose(adain(content, content), content, atol=1e-3)


def test_a_copy_is_repeated_to_the_targets_length():
    assert np.array_equal(loop_reference(REFERENCE, 1000, RATE), REFERENCE[:1000])
    assert len(loop_reference(REFERENCE, 3 * len(REFERENCE), RATE)) == 3 * len(REFERENCE)


@pytest.mark.parametrize("sound", [False, True])
def test_a_withheld_reference_does_not_reach_the_transformer(sound):
    given = []
    engine = SimpleNamespace(name="an engine", generate_codes=lambda prompt, *rest: given.append((prompt, *rest)))
    foley = Foley(Loaded(engine, Geometry()))
    deaf = without_reference(foley, sound).loaded.engine
    deaf.generate_codes(Prompt("target", "frames", "codes"), "streams")
    prompt, streams = given[0]
    assert (prompt.target, prompt.reference, streams) == ("target", None, "streams")
    assert prompt.codes == ("codes" if sound else None)
    assert deaf.name == "an engine" and foley.loaded.engine is engine


@pytest.mark.parametrize("sound", [False, True])
def test_a_withheld_reference_does_not_reach_the_flow(sound):
    engine = SimpleNamespace(flow_reference=lambda *given: given, flow_clean=lambda *given: "an estimate")
    deaf = without_reference(Foley(Loaded(engine, Geometry())), sound).loaded.engine
    seen, dropped = np.array([False]), np.array([True])
    *reference, no_reference, no_picture = deaf.flow_reference("sound", "frames", seen, seen)
    assert reference == ["sound", "frames"] and no_reference == [not sound] and no_picture == [True]
    assert deaf.flow_reference("sound", "frames", dropped, seen)[2] == [True]
    assert deaf.flow_clean() == "an estimate"
