"""The level, ceiling, room and file of a whole soundtrack: exact sums, and edits that keep them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import soundfile

from condfoley.audio.loudness import integrated_loudness
from condfoley.audio.rooms import HOME, echo, room_response
from condfoley.audio.true_peak import true_peak_db
from condfoley.cli.main import main
from condfoley.project.master import with_master
from condfoley.project.model import Layer, Master, Opening
from condfoley.project.outputs import rendered
from condfoley.project.render import render
from condfoley.project.store import SCALE, read_project, write_project
from condfoley.settings import ROOMS
from tests.project.conftest import DURATION, generated, onsets, stored
from tests.project.results import assert_of_one_revision, contents, sound_of
from tests.sounds import RATE


def mastered(home, **values):
    return dataclasses.replace(home.project, master=Master(**values))


@pytest.mark.parametrize("loudness", [-30.0, -23.0, -16.0])
def test_the_whole_has_the_loudness_and_no_higher_true_peak(home, loudness):
    project, notes = with_master(home.path, home.project, loudness=loudness)
    whole = render(project, home.read)
    assert integrated_loudness(whole.sum(), RATE) == pytest.approx(loudness, abs=0.1)
    assert true_peak_db(whole.sum()) <= -1 + 1e-3
    assert notes == [] and np.array_equal(sum(whole.cue_stem("main", p.placed.cue) for p in whole.parts()), whole.sum())


def test_what_cannot_be_as_loud_is_told(home, tmp_path):
    _, notes = with_master(home.path, home.project, loudness=-5.0)
    assert "allows no more" in notes[0] and "the highest peaks are lowered by" in notes[-1]
    silent = dataclasses.replace(home.project, layers=(dataclasses.replace(home.project.layers[0], muted=True),))
    assert "silent" in with_master(home.path, silent, loudness=-23.0)[1][0]


@pytest.mark.parametrize("ceiling", [-12.0, -3.0])
def test_a_lower_ceiling_leaves_sums_exact(home, ceiling):
    project = mastered(home, gain=12.0, true_peak=ceiling)
    whole = render(project, home.read)
    assert true_peak_db(whole.sum()) == pytest.approx(ceiling, abs=0.05)
    parts = [part.samples.astype(float) for part in whole.parts()]
    assert all(np.array_equal(part * SCALE, np.rint(part * SCALE)) for part in parts)


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "dry"])
def test_a_room_adds_its_echo_to_each_part_and_sums_stay_exact(home, room):
    dry, wet = (render(mastered(home, room=kind, gain=-20), home.read) for kind in ("dry", room))
    assert wet.channels == 2 and wet.sum().shape == (2, dry.length)
    keys = {part.placed.cue for part in wet.parts()}
    assert np.array_equal(sum(wet.cue_stem("main", key).astype(float) for key in keys), wet.sum())
    added = wet.sum() - dry.sum()
    expected = echo(dry.sum(), room, RATE)[:, : dry.length]
    apart = np.abs(added - expected)[:, : -round(0.011 * RATE)]  # behind that it is faded
    assert apart.max() < 0.001 * np.abs(expected).max() + 1e-5 and np.abs(added).max() > 1e-4
    assert np.abs(onsets(wet.sum()) - onsets(dry.sum())).max() < 0.01
    assert np.abs(added[0] - added[1]).max() > 0.1 * np.abs(added).max()  # stereo


def test_an_echo_ends_at_a_scene_cut_and_a_bed_has_none(tmp_path):
    home = stored(tmp_path / "cut", generated(cuts=(1.25,)))
    whole = render(mastered(home, room="hall"), home.read)
    early = whole.sum(lambda placed: placed.begin < 1.2 * RATE)
    assert np.abs(early[:, : round(1.2 * RATE)]).max() > 0.01 and not early[:, round(1.25 * RATE) :].any()
    bed = Layer("ambience", openings=home.project.layers[0].openings[:1])
    project = dataclasses.replace(mastered(home, room="hall"), layers=(*home.project.layers, bed))
    assert isinstance(bed.openings[0], Opening)
    assert len([part for part in render(project, home.read).parts() if part.placed.layer == "ambience"]) == 1


def test_the_shipped_rooms_are_small_and_differ():
    files = sorted(HOME.glob("*.flac"))
    assert {path.stem for path in files} == set(ROOMS) - {"dry"}
    assert sum(path.stat().st_size for path in files) < 300_000
    lengths = {path.stem: room_response(path.stem, 48000).shape[1] / 48000 for path in files}
    assert lengths["booth"] < lengths["living"] < lengths["tiled"] < lengths["hall"] < 3
    for path in files:  # as loud at every rate
        low, high = (np.square(room_response(path.stem, rate)).sum() * rate for rate in (48000, 96000))
        assert low == pytest.approx(high, rel=0.02)


def test_an_edit_sets_them_keeps_them_and_undo_takes_them_back(folder, capsys):
    before = contents(folder)
    words = ["--room", "tiled", "--room-gain", "-6", "--loudness", "-20", "--true-peak", "-2"]
    assert main(["edit", str(folder), *words]) == 0
    assert_of_one_revision(folder)
    master = read_project(folder).master
    assert (master.room, master.room_gain, master.loudness, master.true_peak) == ("tiled", -6.0, -20.0, -2.0)
    assert integrated_loudness(sound_of(folder), RATE) == pytest.approx(-20, abs=0.1)
    assert true_peak_db(sound_of(folder)) <= -2 + 1e-3
    assert main(["stems", str(folder), "--each-cue"]) == 0
    stems = sum(sound_of(path.parent, path.name) for path in (folder / "stems").glob("*.wav"))
    assert np.array_equal(stems, rendered(folder, read_project(folder)).sum())
    assert main(["edit", str(folder), "--remove", "4"]) == 0  # all else is as loud as before
    after = read_project(folder).master
    assert after == master
    assert main(["undo", str(folder), "--to", "1"]) == 0
    now = contents(folder)
    assert all(now[name] == before[name] for name in ("soundtrack.wav", "project.json"))
    capsys.readouterr()


@pytest.mark.parametrize("bits, subtype", [("16", "PCM_16"), ("24", "PCM_24"), ("32f", "FLOAT")])
def test_bits_of_the_soundtrack_and_of_pcm(folder, bits, subtype):
    from condfoley import media

    assert main(["edit", str(folder), "--bits", bits, "--codec", "pcm"]) == 0
    assert soundfile.info(folder / "soundtrack.wav").subtype == subtype
    whole, wav = rendered(folder, read_project(folder)).sum(), sound_of(folder)
    assert np.abs(wav - whole).max() <= {"16": 1.5 * 2**-15, "24": 0, "32f": 0}[bits] + 1e-9
    (video,) = folder.glob("target_with_sound.*")
    assert np.array_equal(media.read_sound(video)[0][:, : wav.shape[1]], wav.astype(np.float32))


def test_dither_leaves_no_trace_of_the_sound_and_silence_alone():
    from condfoley.media.wav import dithered

    soft = (1.2 * 2.0**-15 * np.sin(2 * np.pi * 440 * np.arange(2**17) / 48000)).astype(np.float32)
    error = dithered(soft).astype(float) - soft
    assert np.std(error) * 2**15 == pytest.approx(0.5, abs=0.03)  # sqrt(1/12 + 1/6) steps
    assert abs(np.corrcoef(error, soft)[0, 1]) < 0.01 and abs(np.corrcoef(error**2, np.abs(soft))[0, 1]) < 0.01
    assert np.array_equal(dithered(soft), dithered(soft)) and not dithered(np.zeros((2, 100), np.float32)).any()
    loud = dithered(np.array([1.0, -1.0, 0.99999], np.float32))
    assert loud.max() < 1 and loud.min() >= -1


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["--true-peak", "1"], "--true-peak is 1; give one from -30 to 0 dBTP"),
        (["--loudness", "-3"], "--loudness is -3; give one from -60 to -5 LUFS"),
        (["--loudness", "nan"], "--loudness must be a number"),
        (["--room", "cave"], "--room must be one of"),
        (["--room-gain", "3"], "give it with --room"),
        (["--room", "hall", "--room-gain", "90"], "from -60 to 60 dB"),
        (["--bits", "8"], "--bits must be one of"),
    ],
)
def test_what_cannot_be_is_refused(folder, capsys, words, complaint):
    before = contents(folder)
    assert main(["edit", str(folder), *words]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1 and contents(folder) == before


def test_a_project_of_before_has_the_usual_master(folder):
    path = folder / "project.json"
    content = json.loads(path.read_text())
    del content["master"]
    path.write_text(json.dumps(content))
    assert read_project(folder).master == Master()
    assert DURATION and write_project(folder, read_project(folder)).master == Master()
