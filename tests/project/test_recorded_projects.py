"""Projects of the reference's own samples: at its rate and with its channels, whatever is edited or drawn anew."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from condfoley import examples, media
from condfoley.cli.main import main
from condfoley.project.outputs import rendered
from condfoley.project.store import read_project


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A result of the example pair, rendered from recordings."""
    out = tmp_path_factory.mktemp("recorded") / "out"
    words = ["--reference", str(examples.REFERENCE), "--target", str(examples.TARGET), "--out", str(out), "--quiet"]
    assert main(["generate", *words, "--render", "recorded", "--candidates", "2", "--stems"]) == 0
    return out


def test_rate_and_channels_are_the_references(made):
    info, reference = soundfile.info(made / "soundtrack.wav"), media.probe(examples.REFERENCE)
    assert (info.samplerate, info.channels) == (reference.sample_rate, reference.channels) == (44_100, 2)
    project = read_project(made)
    assert project.rate == 44_100 and project.channels == 2 and len(project.cues) >= 6
    assert media.probe(made / "target_with_sound.mp4").sample_rate == 44_100
    whole, stem = (soundfile.read(made / name, dtype="float32")[0] for name in ("soundtrack.wav", "stems/main.wav"))
    assert np.array_equal(whole, stem)


def test_each_cue_knows_how_its_sound_was_made(made):
    project = read_project(made)
    ways = [cue.excerpt.way for cue in project.cues if cue.excerpt]
    assert ways == json.loads((made / "provenance.json").read_text())["made_by"] and ways.count("recorded") >= 3
    for cue in project.cues:
        assert (cue.excerpt.way == "recorded") == (cue.excerpt.taken is not None) == (cue.reference_at is not None)
        assert cue.pinned is None


def test_what_was_made_of_what_is_told(tmp_path, capsys):
    wav, rate = soundfile.read(made_up_reference(tmp_path))
    assert wav[:, 1].max() == 0
    words = ["--reference", str(tmp_path / "a.wav"), "--target", str(examples.TARGET), "--out", str(tmp_path / "x")]
    assert main(["generate", *words, "--render", "recorded", "--candidates", "1"]) == 0
    told = capsys.readouterr().err
    assert "one channel of the reference is silent" in told and "impacts are the reference's own samples" in told
    assert soundfile.info(tmp_path / "x/soundtrack.wav").channels == 1
    record = json.loads((tmp_path / "x/provenance.json").read_text())
    assert len(record["made_by"]) >= 6 and set(record["made_by"]) <= {"recorded", "grains", "vocoder"}


def made_up_reference(folder):
    """The sound of the example reference with a dead right channel."""
    wav = media.read_audio(examples.REFERENCE, 48_000)
    soundfile.write(folder / "a.wav", np.stack([wav, 0 * wav], 1), 48_000)
    return folder / "a.wav"


def test_redo_and_edit_keep_them(made, tmp_path):
    before = rendered(made, read_project(made)).sum()
    assert main(["redo", str(made), "--cue", "4", "--quiet"]) == 0
    project = read_project(made)
    after = rendered(made, project).sum()
    changed = np.flatnonzero((before != after).any(0)) / project.rate
    cue, following = project.cue(4), project.cue(5)
    assert after.shape == before.shape and cue.time - 0.1 < changed.min() and changed.max() < following.time
    redrawn = project.sounds[cue.excerpt.sound]
    assert redrawn.origin == "redrawn" and redrawn.channels == 2 and cue.excerpt.way in ("recorded", "vocoder")
    assert main(["edit", str(made), "--set", "5:time=3.4", "--quiet"]) == 0
    assert soundfile.info(made / "soundtrack.wav").channels == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--render", "grains"], "--render must be one of recorded, vocoder"),
        (["--rate", "100"], "--rate is 100"),
        (["--channels", "6"], "--channels is 6"),
        (["--render", "recorded", "--mode", "published"], "--mode published has its own vocoder"),
    ],
)
def test_bad_options(words, says, capsys, tmp_path):
    assert main(["generate", "--out", str(tmp_path / "x"), *words]) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "x").exists()


def test_the_vocoders_sound_at_another_rate(tmp_path):
    assert (
        main(
            [
                "generate",
                "--out",
                str(tmp_path / "x"),
                "--candidates",
                "1",
                "--rate",
                "48000",
                "--channels",
                "2",
                "--quiet",
            ]
        )
        == 0
    )
    sound, rate = soundfile.read(tmp_path / "x/soundtrack.wav")
    assert rate == 48_000 and sound.shape[1] == 2 and np.array_equal(sound[:, 0], sound[:, 1])
    assert len(sound) == round(6.0 * 48_000)
