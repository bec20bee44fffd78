"""A performance gives times and strengths; claps are made up, noise is none."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.onsets import match_pairs
from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.examples import REFERENCE, TARGET
from condfoley.foley import Foley
from condfoley.hits import Hits, read_hits
from condfoley.inputs import ClipFile
from condfoley.matching.dynamics import LEVEL_PER_STRENGTH
from condfoley.media import write_wav
from condfoley.project.perform import (
    MAX_OFFSET,
    SNAP,
    Performance,
    align_to_picture,
    best_offset,
    perform,
    read_performance,
)
from tests.made_up import RATE, pulses, write_video


def claps(times, duration, levels=None, hum=1e-3):
    """Bursts of noise that decay in some ms, over a hum and noise: (N,) float32."""
    rng = np.random.default_rng(0)
    t = np.arange(round(duration * RATE)) / RATE
    wav = hum * (np.sin(2 * np.pi * 50 * t) + 0.3 * rng.standard_normal(len(t)))
    for time, level in zip(times, levels or [0.0] * len(times)):
        since = t - time
        burst = np.where(since >= 0, np.exp(-since.clip(0) / 0.02), 0) * rng.standard_normal(len(t))
        wav += 0.2 * 10 ** (level / 20) * burst
    return wav.astype(np.float32)


def test_claps_give_times_and_strengths():
    played = perform(claps([0.5, 1.2, 2.0], 3.0, [0.0, -9.0, -18.0]), RATE, 3.0)
    assert played.hits.times == pytest.approx([0.5, 1.2, 2.0], abs=0.01)
    assert played.hits.strengths.max() == 1.0 and not played.notes
    fallen = 20 * LEVEL_PER_STRENGTH * np.log10(played.hits.strengths)
    assert fallen == pytest.approx([0.0, -9.0, -18.0], abs=2.0)  # dB
    softer = perform(0.01 * claps([0.5, 1.2, 2.0], 3.0, [0.0, -9.0, -18.0]), RATE, 3.0)
    assert softer.hits.strengths == pytest.approx(played.hits.strengths, abs=0.02)


def test_a_tone_that_is_struck_is_a_performance_too():
    assert perform(pulses([0.4, 1.1], 2.0, 300), RATE, 2.0).hits.times == pytest.approx([0.4, 1.1], abs=0.02)


@pytest.mark.parametrize("kind", ["noise", "silence", "hum"])
def test_what_has_no_onsets_is_no_performance(kind):
    rng = np.random.default_rng(0)
    wav = {
        "noise": 0.1 * rng.standard_normal(3 * RATE),
        "silence": np.zeros(3 * RATE),
        "hum": 0.1 * np.sin(np.arange(3 * RATE) * 0.02),
    }[kind]
    with pytest.raises(InputError, match="nothing that begins suddenly was heard in take.wav"):
        perform(wav.astype(np.float32), RATE, 3.0, "take.wav")


def test_another_length_than_the_target_is_told():
    longer = perform(claps([0.5, 3.5], 4.0), RATE, 2.0, "take.wav")
    assert longer.hits.times == pytest.approx([0.5], abs=0.01)
    assert longer.notes == (
        "take.wav is 2.0 s longer than the target; 1 of its impacts, past the target's end, were left out",
    )
    assert "ends 3.0 s before the target" in perform(claps([0.5], 1.0), RATE, 4.0).notes[0]
    with pytest.raises(InputError, match="past the end of the target"):
        perform(claps([3.5], 4.0), RATE, 2.0)


@given(
    gaps=st.lists(st.integers(25, 120), min_size=3, max_size=12, unique=True),
    late=st.integers(-40, 40),
    seed=st.integers(0, 99),
)
def test_a_performance_that_is_late_is_moved_to_the_picture(gaps, late, seed):
    seen = 0.6 + np.cumsum(gaps) / 100
    unsteady = np.random.default_rng(seed).uniform(-0.03, 0.03, len(seen))
    played = Performance(Hits(seen + late / 100 + unsteady, np.linspace(0.2, 1, len(seen))))
    moved = align_to_picture(played, seen, 30.0)
    assert np.diff(moved.hits.times).min() >= 0 and len(moved.hits.times) == len(seen)
    assert abs(best_offset(played.hits.times, seen)) <= MAX_OFFSET
    offset = best_offset(played.hits.times, seen)
    if abs(offset - np.median(seen - played.hits.times)) < 0.03:  # no other offset fits as well by chance
        assert moved.hits.times == pytest.approx(seen)
        assert f"{len(seen)} of {len(seen)} impacts are" in moved.notes[-1]
    else:
        assert len(match_pairs(played.hits.times + offset, seen, SNAP)) >= len(seen) / 2


def test_what_the_picture_does_not_show_is_only_moved_as_a_whole():
    seen = np.array([1.0, 2.0, 3.5])
    played = Performance(Hits(np.array([1.2, 2.2, 2.9, 3.7, 3.99]), np.ones(5)))
    moved = align_to_picture(played, seen, 3.6)
    assert moved.hits.times[:4] == pytest.approx([1.0, 2.0, 2.7, 3.5]) and moved.hits.times[4] < 3.6
    assert moved.notes == ("performed 200 ms late; 3 of 5 impacts are where the picture shows one",)
    same = align_to_picture(played, np.zeros(0), 3.6)
    assert np.array_equal(same.hits.times, played.hits.times) and "not aligned" in same.notes[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    home = tmp_path_factory.mktemp("perform")
    write_video(home / "target.mp4", 2.0)
    write_video(home / "reference.mp4", 2.0, pulses([0.3, 0.9, 1.6], 2.0, 700))
    write_wav(home / "take.wav", claps([0.4, 1.1, 1.7], 2.0, [0.0, -6.0, 0.0]), RATE)
    write_wav(home / "hiss.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32), RATE)
    return home


def words(files, out, *more):
    inputs = ["--reference", str(files / "reference.mp4"), "--target", str(files / "target.mp4")]
    return ["generate", *inputs, "--out", str(files / out), "--candidates", "2", *more]


def test_the_soundtrack_strikes_as_it_is_performed(files):
    assert main(words(files, "played", "--perform", str(files / "take.wav"), "--quiet")) == 0
    hits = read_hits(files / "played" / "hits.txt")
    record = json.loads((files / "played" / "provenance.json").read_text())
    assert record["hits_from"] == "performance" and record["inputs"]["perform"]["name"] == "take.wav"
    assert hits.times == pytest.approx([0.4, 1.1, 1.7], abs=0.01) and hits.strengths[1] < hits.strengths[0]


def test_a_late_performance_follows_the_picture_when_asked_to(files, capsys):
    seen = Foley.load().impacts(ClipFile(TARGET)).times
    write_wav(files / "late.wav", claps(seen + 0.2, 6.5), RATE)
    given = ["--reference", str(REFERENCE), "--target", str(TARGET), "--out", str(files / "late")]
    assert main(["generate", *given, "--candidates", "1", "--perform", str(files / "late.wav"), "--perform-align"]) == 0
    assert "ms late; " in capsys.readouterr().err
    assert read_hits(files / "late" / "hits.txt").times == pytest.approx(seen, abs=1e-3)


@pytest.mark.parametrize(
    "more, complaint",
    [
        (["--perform", "hiss.wav"], "nothing that begins suddenly"),
        (["--perform", "none.wav"], "none.wav"),
        (["--perform", "target.mp4"], "has no sound"),
        (["--perform", "take.wav", "--hits", "told.txt"], "leave out one of the two"),
        (["--perform", "take.wav", "--no-comp"], "it or --perform"),
        (["--perform-align"], "give it with --perform"),
    ],
)
def test_what_cannot_be_performed_is_refused_at_once(files, capsys, more, complaint):
    given = [str(files / word) if "." in word and not word.startswith("--") else word for word in more]
    assert main(words(files, "refused", *given)) == 2
    assert complaint in capsys.readouterr().err and not (files / "refused").exists()


def test_a_performance_is_read_from_any_file_with_sound(files):
    assert read_performance(files / "reference.mp4", 2.0).hits.times == pytest.approx([0.3, 0.9, 1.6], abs=0.03)
