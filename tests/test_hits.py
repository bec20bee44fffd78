"""Hits that the user knows: read, written, and followed to the last one."""

import json

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.onsets import detect_onsets
from condfoley.audio.track import Track
from condfoley.cli.main import main
from condfoley.comping.edits import extract_one_shot
from condfoley.comping.repair import enforce, repair
from condfoley.errors import InputError
from condfoley.hits import Hits, read_hits, write_hits
from condfoley.matching.dynamics import fill_strengths
from tests.made_up import RATE, pulses, write_video

FPS = 15.0
strengths = st.one_of(st.floats(0, 1), st.just(float("nan")))


@given(hits=st.dictionaries(st.integers(0, 15_000), strengths, min_size=1, max_size=20))
def test_what_is_written_is_read(hits, tmp_path_factory):
    times, hard = np.array(sorted((0.04 * place, strength) for place, strength in hits.items())).T
    path = tmp_path_factory.mktemp("hits") / "hits.txt"
    write_hits(path, Hits(times, hard))
    again = read_hits(path)
    assert np.allclose(again.times, times, atol=1e-4)
    assert np.isnan(again.strengths).sum() == np.isnan(hard).sum()


@pytest.mark.parametrize(
    "text, times, hard",
    [
        ("# mine\n2.5\n0.5\t0.5\t0.8\n\\\t100\t4000\n\n1.25\t1.3\n", [0.5, 1.25, 2.5], [0.8, np.nan, np.nan]),
        ("1.0\t1.0\tbang\n2\t2\thit 7\n3\t3\t1_0\n", [1, 2, 3], [np.nan] * 3),  # labels with names
        ("1.0\t0.3\n", [1], [np.nan]),  # start and end
        (" 1.5 \t 1.5 \t .25 \n1e-1\n", [0.1, 1.5], [np.nan, 0.25]),
        ("0.5\t0.5\t0.2\n0.52\t0.52\t0.7\n0.53\n", [0.5, 0.53], [0.7, np.nan]),  # those too near are one
        ("0.6\n0.6\t0.6\t0.4\n0.6\t\t0.1\n", [0.6], [0.4]),
    ],
)
def test_labels_and_plain_times_are_understood(tmp_path, text, times, hard):
    path = tmp_path / "labels.txt"
    path.write_text(text, encoding="utf-8")
    hits = read_hits(path)
    assert hits.times.tolist() == times
    assert np.array_equal(hits.strengths, hard, equal_nan=True)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "lists no hits"),
        ("0.5\n1,5\n", "line 2: the time has a comma; write 1.5, not 1,5"),
        ("1\t1\t0,8\n", "the strength has a comma; write 0.8, not 0,8"),
        ("0.5,0.5,0.8\n", "line 1: '0.5,0.5,0.8' is no time"),
        ("1_0\n", "'1_0' is no time"),
        ("bang\t1\n", "'bang' is no time"),
        ("-1\n", "the time -1 is not one from 0 s on"),
        ("nan\n", "the time nan is not"),
        ("1e999\n", "the time 1e999 is not"),
        ("1\t1\t1.5\n", "the strength 1.5 is not from 0 to 1"),
        ("1\t1\tinf\n", "the strength inf is not from 0 to 1"),
        ("1\t1\tnan\n", "the strength nan is not from 0 to 1"),
    ],
)
def test_what_is_no_hit_is_refused(tmp_path, text, complaint):
    path = tmp_path / "hits.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_hits(path)


def test_a_file_that_cannot_be_read_is_refused_in_plain_words(tmp_path):
    (tmp_path / "sound.wav").write_bytes(b"RIFF\xff\xfe\x80")
    cases = (("none.txt", "no such file of hits"), ("sound.wav", "is no text file"), (".", "is a folder"))
    for name, complaint in cases:
        with pytest.raises(InputError, match=complaint) as caught:
            read_hits(tmp_path / name)
        assert not any(word in str(caught.value) for word in ("Errno", "codec", "utf"))


def test_without_hits_the_file_asks_for_some(tmp_path):
    path = tmp_path / "hits.txt"
    write_hits(path, Hits(np.zeros(0), np.zeros(0)))
    assert path.read_text().startswith("# no impacts") and path.read_text().count("\n") == 1
    with pytest.raises(InputError, match="lists no hits"):
        read_hits(path)


def test_what_is_known_of_a_hit_takes_the_place_of_what_the_picture_shows():
    shown = np.zeros(45, np.float32)
    shown[14:17] = 0.6
    told = Hits(np.array([0.5, 1.0, 2.0]), np.array([0.2, np.nan, np.nan]))
    assert np.allclose(
        fill_strengths(shown, told, FPS), [0.2, 0.6, 0.4]
    )  # told, shown, neither: as the others in the mean
    dense = Hits(np.arange(8) / 8, np.array([0.9, 0.1] * 4))
    assert np.allclose(fill_strengths(shown, dense, FPS), dense.strengths)  # however near each other


def test_what_comes_up_where_something_louder_was_taken_out_goes_as_well():
    rng = np.random.default_rng(0)
    loud, soft = pulses([0.6, 1.4], 2.0, 500), 0.02 * pulses([0.2], 2.0, 900)
    wav = (loud + soft + 1e-5 * rng.standard_normal(len(loud))).astype(np.float32)
    wav[: round(1.3 * RATE)] *= 8  # so that the given one is the softest
    cues, nothing = np.array([1.4]), np.zeros((1, 0), np.float32)
    assert np.allclose(enforce(Track(wav, RATE), cues, nothing).onsets, cues, atol=0.02)


@pytest.mark.parametrize("hits", [[], [0.5, 1.1]], ids=["without hits", "with hits"])
def test_where_nothing_strikes_the_reference_does(hits):
    rng = np.random.default_rng(0)
    reference = pulses(hits, 2.0, 500) if hits else 0.1 * rng.standard_normal(2 * RATE).astype(np.float32)
    hum = Track(0.01 * np.sin(np.arange(2 * RATE) * 0.03).astype(np.float32), RATE)  # a soundtrack without impacts
    cues = np.array([0.004, 0.6, 1.4])
    onsets = enforce(hum, cues, extract_one_shot(Track(reference, RATE))).onsets
    assert len(onsets) >= 2 and all(np.abs(onsets - time).min() < 0.03 for time in cues[1:])
    assert all(np.abs(cues - time).min() < 0.03 for time in onsets)
    assert len(repair(hum, cues).onsets) == 0  # a picture is not so sure


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    home = tmp_path_factory.mktemp("hits")
    write_video(home / "target.mp4", 2.0)
    write_video(home / "reference.mp4", 2.0, pulses([0.3, 0.9, 1.6], 2.0, 700))
    return home


def words(files, out, *more):
    inputs = ["--reference", str(files / "reference.mp4"), "--target", str(files / "target.mp4")]
    return ["generate", *inputs, "--out", str(files / out), "--candidates", "2", "--quiet", *more]


def test_the_soundtrack_strikes_when_it_is_told_to(files):
    told = files / "told.txt"
    told.write_text("0.4\n1.1\t1.1\t0.5\n1.7\n", encoding="utf-8")
    assert main(words(files, "told", "--hits", str(told))) == 0
    result = files / "told"
    assert read_hits(result / "hits.txt").times.tolist() == [0.4, 1.1, 1.7]
    heard = detect_onsets(soundfile.read(result / "soundtrack.wav", dtype="float32")[0], RATE)[0]
    assert np.allclose(heard, [0.4, 1.1, 1.7], atol=0.05)
    record = json.loads((result / "provenance.json").read_text())
    assert (
        record["hits_from"] == "file"
        and record["hits"] == [0.4, 1.1, 1.7]
        and record["inputs"]["hits"]["name"] == "told.txt"
    )
    # What was edited in a result may replace it.
    assert main(words(files, "told", "--hits", str(result / "hits.txt"), "--force")) == 0


def test_labels_that_count_the_hits_are_no_strengths_which_is_said(files, capsys):
    told = files / "numbered.txt"
    told.write_text("0.4\t0.4\t01\n1.1\t1.1\t02\n", encoding="utf-16")
    given = [word for word in words(files, "numbered", "--hits", str(told)) if word != "--quiet"]
    assert main(given) == 0
    assert "its labels count the cues" in capsys.readouterr().err
    assert read_hits(files / "numbered" / "hits.txt").times.tolist() == [0.4, 1.1]


@pytest.mark.parametrize(
    "hits, more, complaint",
    [
        ("3.5\n", [], "past the end"),
        ("0.5\n", ["--mode", "published"], "follows no hits"),
        ("0.5\n", ["--no-rerank"], "leave out one"),
        ("0.5\n", ["--no-comp"], "leave out one"),
    ],
)
def test_hits_that_cannot_be_followed_are_refused_at_once(files, capsys, hits, more, complaint):
    path = files / "wrong.txt"
    path.write_text(hits, encoding="utf-8")
    assert main(words(files, "wrong", "--hits", str(path), *more)) == 2
    assert complaint in capsys.readouterr().err
    assert not (files / "wrong").exists()
