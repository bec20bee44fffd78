"""References of any length, and several: indexes, their cache, the window that is listened to, and what is read."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from condfoley import examples, media
from condfoley.audio.onsets import detect_onsets
from condfoley.cli.batch_jobs import references_of
from condfoley.cli.main import main
from condfoley.cli.options import GenerateOptions
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.project.store import read_project
from condfoley.references import cache, index, selection, window
from condfoley.references.files import reference_files
from condfoley.references.index import RATE, STEP, index_file
from condfoley.references.selection import located, placed, selected
from condfoley.references.window import Part, ReferenceFile, listened
from condfoley.resynthesis.bands import band_powers
from tests.references.recordings import struck

TIMES = np.arange(0.5, 19.0, 0.9)
SECONDS = 20.0
HZ = 32_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def recording(tmp_path):
    """A file of impacts, those in the first half dull, those in the second half bright."""
    halves = [struck(TIMES[part], SECONDS, HZ, tone) for part, tone in ((TIMES < 10, 900.0), (TIMES > 10, 6000.0))]
    soundfile.write(tmp_path / "long.wav", sum(halves), HZ, subtype="PCM_24")
    return ReferenceFile(tmp_path / "long.wav")


@pytest.fixture
def short_limit(monkeypatch):
    """What is longer than 5 s is long."""
    monkeypatch.setattr(window, "WHOLE", 5.0)
    monkeypatch.setattr(window, "LISTENED", 4.0)


def test_an_index_made_in_pieces_has_the_events_of_the_whole(recording, monkeypatch):
    whole = detect_onsets(media.read_audio(recording.path, RATE), RATE)[0]
    monkeypatch.setattr(index, "PIECE", 70 * STEP)
    pieces = [
        (last - first) for _, _, first, last in index._pieces(iter([np.zeros(5 * RATE, np.float32)] * 3), 70 * STEP)
    ]
    assert sum(pieces) == 15 * RATE and max(pieces) <= 140 * STEP
    found = index_file(recording.path, recording.duration)
    assert found.times == pytest.approx(whole, abs=1e-3) and len(whole) == len(TIMES)
    assert len(found.rms) == pytest.approx(SECONDS * RATE / STEP, abs=2)
    assert found.powers.shape[0] == len(whole) and not found.slides.any()
    assert (found.decays > 60).all() and np.ptp(found.levels) < 12


def test_an_index_is_kept_and_found_by_the_content_of_its_file(recording, tmp_path, monkeypatch):
    first = recording.index
    (kept,) = (tmp_path / "cache").glob("*.npz")
    monkeypatch.setattr(window, "index_file", lambda *_: pytest.fail("it is known"))
    moved = recording.path.rename(tmp_path / "moved.wav")
    again = ReferenceFile(moved).index
    assert np.array_equal(again.times, first.times) and np.array_equal(again.powers, first.powers, equal_nan=True)
    monkeypatch.undo()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    for damaged in (b"", kept.read_bytes()[: kept.stat().st_size // 2], b"PK" + bytes(100)):
        kept.write_bytes(damaged)
        assert np.array_equal(ReferenceFile(moved).index.times, first.times)
    assert cache.load(kept.name.split("-")[0]) is not None


def test_a_cache_is_bounded_or_off_and_may_be_read_only(recording, tmp_path, monkeypatch):
    found = recording.index
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * next((tmp_path / "cache").iterdir()).stat().st_size)
    for i in range(6):
        cache.save(f"{i:064d}", found)
    assert len(list((tmp_path / "cache").iterdir())) == 3 and cache.load(f"{5:064d}") is not None
    monkeypatch.setenv(cache.VARIABLE, "off")
    assert cache.load(f"{5:064d}") is None and ReferenceFile(recording.path).index is not None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    assert len(ReferenceFile(recording.path).index.times) == len(TIMES)


def test_of_a_long_reference_only_a_part_is_listened_to(recording, short_limit):
    heard = listened([recording], None, Geometry())
    assert isinstance(heard.clip, Part) and heard.clip.duration <= 4 and heard.start is not None
    whole, part = media.read_audio(recording.path, RATE), heard.clip.sound(RATE)
    first = round(heard.offset * RATE)
    assert np.abs(part - whole[first : first + len(part)]).max() < 1e-3
    asked = listened([recording], 12.0, Geometry())
    assert asked.offset + asked.start == pytest.approx(12.0)


def test_of_a_long_reference_the_events_are_read_that_fit(recording, short_limit):
    own = recording.index
    bright = int(np.flatnonzero(own.times > 15)[0])
    found = selected([recording], [10.0 ** (own.powers[bright].astype(float) / 10)])
    assert found.samples.shape[1] < 12 * HZ and found.rate == HZ
    moments = [located(found.sources, HZ, onset)[1] for onset in found.onsets]
    assert np.mean(np.array(moments) > 10) > 0.7  # the bright ones
    for onset, moment in zip(found.onsets, moments):
        assert np.abs(TIMES - moment).min() < 0.02
        assert placed(found.sources, HZ, 0, moment) == pytest.approx(onset, abs=0.01)
    dull = selected([recording], [10.0 ** (own.powers[0].astype(float) / 10)])
    assert np.mean([located(dull.sources, HZ, onset)[1] < 10 for onset in dull.onsets]) > 0.7
    forced = selected([recording], [10.0 ** (own.powers[0].astype(float) / 10)], moments=[(0, 17.6)])
    assert placed(forced.sources, HZ, 0, 17.6) is not None
    assert selected([recording], []).samples.any()  # for a soundtrack without events


def test_of_a_long_reference_with_one_event_its_part_alone_is_read(tmp_path, short_limit):
    sound = struck(np.array([15.0]), SECONDS, HZ, 900.0)
    sound[: round(14.9 * HZ)] = sound[round(16 * HZ) :] = 0  # no background
    soundfile.write(tmp_path / "one.wav", sound, HZ, subtype="PCM_24")
    clip = ReferenceFile(tmp_path / "one.wav")
    found = selected([clip], [10.0 ** (clip.index.powers[0].astype(float) / 10)])
    assert found.samples.shape[1] < 3 * HZ
    assert [located(found.sources, HZ, onset)[1] for onset in found.onsets] == pytest.approx([15.0], abs=0.02)


def test_of_a_long_reference_without_events_a_part_is_read(tmp_path, short_limit, monkeypatch):
    monkeypatch.setattr(selection, "MOST", 8.0)
    noise = 0.01 * np.random.default_rng(0).standard_normal(round(SECONDS * HZ))
    soundfile.write(tmp_path / "rain.wav", noise, HZ, subtype="PCM_24")
    clip = ReferenceFile(tmp_path / "rain.wav")
    assert not len(clip.index.times)
    assert selected([clip], []).samples.shape[1] == 8 * HZ
    assert [(s.number, s.start, s.end - s.begin) for s in selected([clip, clip], []).sources] == [
        (0, 0.0, 4 * HZ),
        (1, 0.0, 4 * HZ),
    ]


def test_distances_are_those_of_the_renderer(recording):
    from condfoley.resynthesis.choose import distance

    own = recording.index
    wav = media.read_audio(recording.path, RATE)[None]
    powers = [band_powers(wav[:, round(t * RATE) :][:, : round(0.3 * RATE)], RATE, model_only=True) for t in own.times]
    ours = selection.distances(own, powers[3])
    assert ours.argmin() == 3
    theirs = [distance(powers[3], other)[0] for other in powers]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95


def test_of_several_references_the_clearest_is_listened_to_and_all_are_used(tmp_path):
    for name, times in (("a.wav", [1.5]), ("b.wav", [0.4, 0.9, 1.3, 1.8])):
        soundfile.write(tmp_path / name, struck(times, 2.5, HZ), HZ)
    both = [ReferenceFile(path) for path in reference_files(str(tmp_path))]
    assert listened(both, None, Geometry()).number == 1
    found = selected(both, [])
    assert [s.number for s in found.sources] == [0, 1] and len(found.onsets) == 5
    assert [located(found.sources, HZ, onset)[0] for onset in found.onsets] == [0, 1, 1, 1, 1]
    with pytest.raises(InputError, match="--reference-start is of one reference"):
        listened(both, 0.5, Geometry())


def test_files_that_are_named(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match="holds no sounds or videos"):
        reference_files(str(tmp_path))
    for name in ("b.WAV", "a.mp3", ".hidden.wav"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in reference_files(str(tmp_path))] == ["a.mp3", "b.WAV"]
    with pytest.raises(InputError, match="given twice"):
        reference_files([str(tmp_path), str(tmp_path / "b.WAV")])
    assert references_of(tmp_path, "a.wav | sub/b.wav") == (str(tmp_path / "a.wav"), str(tmp_path / "sub/b.wav"))
    assert references_of(tmp_path, "a.wav") == str(tmp_path / "a.wav")
    one = GenerateOptions(reference=("x",), target="t", out="o")
    assert one.reference == "x" and len(GenerateOptions(reference=("x", "y"), target="t", out="o").references) == 2


def test_a_soundtrack_of_two_references_tells_moments_and_redo_takes_another(tmp_path, capsys):
    soundfile.write(tmp_path / "more.wav", struck(TIMES, SECONDS, HZ), HZ)
    out, words = tmp_path / "out", ["--reference", str(examples.REFERENCE), "--reference", str(tmp_path / "more.wav")]
    words += ["--target", str(examples.TARGET), "--out", str(out), "--render", "recorded", "--candidates", "1"]
    assert main(["generate", *words]) == 0
    assert "of 2 references the model listens to" in capsys.readouterr().err
    project = read_project(out)
    assert set(project.inputs) == {"target", "reference", "reference 2"}
    assert project.layers[0].references == ("reference", "reference 2")
    told = [cue for cue in project.cues if cue.reference_at is not None]
    assert len(told) >= 4 and all(cue.pinned is None for cue in told)
    with open(out / "cues.csv", newline="") as file:
        assert {row["reference"] for row in csv.DictReader(file)} <= {"", "reference", "reference 2"}
    cue, moment = told[1], float(TIMES[5])
    assert main(["edit", str(out), "--set", f"{cue.id}:reference_at={moment},reference=reference 2"]) == 0
    assert read_project(out).cue(cue.id).pinned is not None
    assert main(["redo", str(out), "--cue", str(cue.id), "--quiet"]) == 0
    after = read_project(out).cue(cue.id)
    assert after.reference_at == pytest.approx(moment, abs=0.03) and after.reference == "reference 2"
    assert after.pinned is None and after.excerpt.taken.reference == "reference 2"
    assert main(["edit", str(out), "--set", f"{cue.id}:reference=reference 3"]) == 2
    assert "has no reference 3; did you mean reference" in capsys.readouterr().err
