"""Layers: which cues are whose, several soundtracks as one project, and a layer that is added later."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from condfoley.audio.onsets import detect_onsets
from condfoley.cli.main import main
from condfoley.cues.rows import CueRow
from condfoley.data import simulation
from condfoley.errors import InputError
from condfoley.examples import REFERENCE, TARGET
from condfoley.foley import Foley
from condfoley.media import write_wav
from condfoley.project.layer_specs import LayerSpec, assign, parse_layers
from condfoley.project.layers import add_layer
from condfoley.project.outputs import rendered
from condfoley.project.store import read_project, write_project
from condfoley.runtime.torch import TorchEngine
from tests.made_up import RATE, noise_clip
from tests.sounds import pulses
from tests.tiny import write_tiny_weights

SOUNDS = Path(simulation.__file__).parent / "sounds"
BOOTS, CUP = LayerSpec("steps", "boots.wav"), LayerSpec("cup", "cup.wav")


@pytest.mark.parametrize(
    ("word", "spec"),
    [
        ("steps=boots.wav", BOOTS),
        ("steps=boots.wav@0:5", LayerSpec("steps", "boots.wav", (0.0, 5.0))),
        ("steps=boots.wav@2.5:", LayerSpec("steps", "boots.wav", (2.5, float("inf")))),
        ("steps=boots.wav@:4", LayerSpec("steps", "boots.wav", (0.0, 4.0))),
        ("steps=boots.wav@slide", LayerSpec("steps", "boots.wav", kind="slide")),
        ("steps=a@b/boots=1.wav", LayerSpec("steps", "a@b/boots=1.wav")),
        ("steps=a@b.wav@impact", LayerSpec("steps", "a@b.wav", kind="impact")),
        ("schritte_2-ä=x.wav", LayerSpec("schritte_2-ä", "x.wav")),
    ],
)
def test_layers_are_told_in_a_word(word, spec):
    assert parse_layers([word]) == [spec]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["steps"], "is not understood"),
        (["steps="], "is not understood"),
        (["=boots.wav"], "is empty"),
        (["a/b=boots.wav"], "other characters"),
        (["..=boots.wav"], "other characters"),
        (["my steps=boots.wav"], "other characters"),
        (["ambience=boots.wav"], "the bed has that name"),
        (["main=boots.wav"], "a layer main already"),
        (["steps=a.wav", "Steps=b.wav"], "a layer steps already"),
        (["steps_cue_01=a.wav"], "files of a cue"),
        (["steps_before=a.wav"], "files of a cue"),
        (["steps=a.wav@5:5"], "the span 5:5 is empty"),
        (["steps=a.wav@1.2.3:5"], "is no span"),
    ],
)
def test_layers_that_cannot_be_are_refused(words, complaint):
    with pytest.raises(InputError, match=complaint):
        parse_layers(words)


def test_a_cue_is_of_the_layer_that_it_names_or_that_takes_it_or_of_the_main_one():
    rows = [
        CueRow(0.5, layer="cup"),
        CueRow(1.0),
        CueRow(2.0, kind="slide"),
        CueRow(4.0, layer="main"),
        CueRow(6.0),
        CueRow(7.0, kind="slide"),
    ]
    specs = [dataclasses.replace(BOOTS, span=(0.0, 5.0)), CUP, LayerSpec("drag", "x.wav", kind="slide")]
    found = {name: [row.time for row in own] for name, own in assign(rows, specs).items()}
    assert found == {"main": [4.0, 6.0], "steps": [1.0, 2.0], "cup": [0.5], "drag": [7.0]}
    with pytest.raises(InputError, match=r"line 3: there is no layer cap; did you mean cup\?"):
        assign([CueRow(1.0, layer="cap", where="line 3")], [CUP])
    with pytest.raises(InputError, match="no cue of --hits names it"):
        assign(rows[1:], [CUP])
    with pytest.raises(InputError, match="none is in its span or of its kind; give another one"):
        assign(rows[1:], [dataclasses.replace(BOOTS, span=(8.0, 9.0))])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Clips, the toy weights and a project of three layers."""
    home = tmp_path_factory.mktemp("layers")
    write_tiny_weights(home / "weights")
    noise_clip(home / "reference.mp4", 3.0)
    noise_clip(home / "target.mp4", 6.0, sound=False)
    for name, pitch in (("boots", 300), ("cup", 2500)):
        write_wav(home / f"{name}.wav", 0.4 * pulses([0.3, 1.1, 1.9], 2.6, pitch), RATE)
    (home / "hits.txt").write_text("0.7\t0.7\tcup\n1.9\t1.9\t0.9\n3.3\t3.9\tsteps 0.5\n4.6\t4.6\tcup 0.4\n")
    assert generate(home, "out", "--hits", str(home / "hits.txt"), "--stems", *layers(home, "steps", "cup")) == 0
    return home


def assert_heard(stem, project, layer: str) -> None:
    """Something is heard at each of a layer's cues; toy weights may sound anyhow."""
    for cue in project.cues_of(layer):
        assert np.abs(stem[round(cue.time * RATE) :][: RATE // 10]).max() > 1e-4


def layers(home, *names: str, where: str = "") -> list[str]:
    files = {"steps": "boots.wav", "cup": "cup.wav"}
    return [word for name in names for word in ("--layer", f"{name}={home / files[name]}{where}")]


def generate(home, out: str, *words: str) -> int:
    inputs = [
        "--reference",
        str(home / "reference.mp4"),
        "--target",
        str(home / "target.mp4"),
        "--out",
        str(home / out),
    ]
    return main(["generate", *inputs, "--weights", str(home / "weights"), "--candidates", "2", "--quiet", *words])


def test_each_layer_follows_its_own_cues_and_their_sum_is_the_soundtrack(home):
    out, project = home / "out", read_project(home / "out")
    assert [(layer.name, layer.reference) for layer in project.layers] == [
        ("main", "reference"), ("steps", "reference-steps"), ("cup", "reference-cup"),
    ]  # fmt: skip
    times = {layer.name: [round(cue.time, 1) for cue in project.cues_of(layer.name)] for layer in project.layers}
    assert times == {"main": [1.9], "steps": [3.3], "cup": [0.7, 4.6]}
    slide = project.cues_of("steps")[0]
    assert (slide.kind, slide.duration, slide.strength) == ("slide", pytest.approx(0.6), 0.5)
    stems = [soundfile.read(out / f"stems/{layer.name}.wav", dtype="float32")[0] for layer in project.layers]
    for stem, layer in zip(stems, project.layers):
        assert_heard(stem, project, layer.name)
    whole = soundfile.read(out / "soundtrack.wav")[0]
    assert np.abs(sum(stem.astype(float) for stem in stems) - whole).max() < 2**-15
    assert {project.sounds[key].file.split("/")[1] for key in project.layer("cup").candidates} == {"cup"}
    assert "steps 0.50" in (out / "hits.txt").read_text()
    record = json.loads((out / "provenance.json").read_text())
    assert record["inputs"]["layer cup"]["name"] == "cup.wav"


def test_a_layers_cues_may_be_a_span_of_what_the_picture_shows_which_is_encoded_once(home, monkeypatch):
    encoded, encode = [], TorchEngine.encode_frames
    monkeypatch.setattr(TorchEngine, "encode_frames", lambda *a, **k: encoded.append(len(a[1])) or encode(*a, **k))
    assert generate(home, "hits", "--no-scene-cuts") == 0
    alone, times = len(encoded), [cue.time for cue in read_project(home / "hits").cues]
    encoded.clear()
    middle = (times[0] + times[1]) / 2
    assert generate(home, "span", "--no-scene-cuts", *layers(home, "cup", where=f"@:{middle}")) == 0
    assert len(encoded) == alone  # the references of layers are sounds
    project = read_project(home / "span")
    assert [cue.layer for cue in project.cues] == ["cup"] + ["main"] * (len(times) - 1)
    assert [cue.seen for cue in project.cues] == pytest.approx([c.seen for c in read_project(home / "hits").cues])
    assert all(cue.confidence is not None for cue in project.cues)


def test_a_main_layer_without_cues_is_left_out_and_told(home, capsys):
    words = [word for word in layers(home, "cup", where="@0:")]
    assert generate(home, "none", *words) == 0
    assert [layer.name for layer in read_project(home / "none").layers] == ["cup"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--layer", "cup=nowhere.wav"], "nowhere.wav"),
        (["--layer", "cup"], "is not understood"),
        (["--mode", "published", "--layer", "cup=x.wav@0:1"], "no layers"),
        (["--no-comp", "--layer", "cup=x.wav@0:1"], "leave out one"),
    ],
)
def test_layers_that_cannot_be_used_leave_nothing(home, words, complaint, capsys):
    assert generate(home, "refused", *words) == 2
    told = capsys.readouterr().err
    assert complaint in told and told.count("\n") == 1 and not (home / "refused").exists()


def test_a_file_of_cues_that_names_no_layer_is_told(home, capsys):
    assert generate(home, "refused", "--hits", str(home / "hits.txt"), *layers(home, "cup")) == 2
    assert "no layer steps" in capsys.readouterr().err


def test_a_layer_is_added_and_takes_cues_of_a_span_which_the_others_keep_no_more(home, tmp_path):
    foley = Foley.load(home / "weights")
    folder = shutil.copytree(home / "out", tmp_path / "project")
    project = read_project(folder)
    spec = LayerSpec("late", str(home / "boots.wav"), (3.0, 6.0))
    steps = project.cues_of("steps")[0]
    locked = project.with_cues([dataclasses.replace(c, locked=c.id == steps.id, gain=-2.0) for c in project.cues])
    added = write_project(folder, add_layer(folder, locked, spec, foley, [CueRow(5.4, strength=0.7)])[0])
    assert [round(cue.time, 1) for cue in added.cues_of("late")] == [4.6, 5.4]
    assert [cue.gain for cue in added.cues_of("late")] == [-2.0, 0.0]
    assert added.cues_of("steps") == locked.cues_of("steps") and len(added.cues_of("cup")) == 1
    assert added.inputs["reference-late"].path.endswith("boots.wav")
    assert_heard(rendered(folder, read_project(folder)).stem("late")[0], added, "late")
    for wrong, complaint in (
        (spec, "a layer late already"),
        (LayerSpec("none", str(home / "boots.wav")), "has no cues"),
        (LayerSpec("none", str(home / "nowhere.wav"), (0.0, 6.0)), "nowhere.wav"),
    ):
        with pytest.raises(InputError, match=complaint):
            add_layer(folder, added, wrong, foley)


def test_what_is_odd_of_a_layers_reference_is_told_with_the_layers_name(home, tmp_path, capsys):
    write_wav(tmp_path / "odd.wav", np.clip(6 * pulses([0.3, 1.1, 1.9], 2.6, 300), -1.0, 1.0), RATE)
    weights, out = ["--weights", str(home / "weights"), "--candidates", "1"], str(tmp_path / "out")
    inputs = ["--reference", str(home / "reference.mp4"), "--target", str(home / "target.mp4"), "--out", out]
    cues = ["--hits", str(home / "hits.txt"), *layers(home, "steps"), "--layer", f"cup={tmp_path / 'odd.wav'}"]
    assert main(["generate", *inputs, *cues, *weights]) == 0
    told = capsys.readouterr().err
    assert "condfoley: layer cup: the reference is clipped" in told and "condfoley: layer main: " in told
    assert main(["edit", out, "--layer", f"late={tmp_path / 'odd.wav'}@3:6", *weights[:2]]) == 0
    assert "condfoley: layer late: the reference is clipped" in capsys.readouterr().err


def test_a_layer_whose_video_cannot_be_written_leaves_no_sounds(home, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(home / "out", tmp_path / "project")
    before = {path for path in folder.rglob("*") if path.name != ".lock"}

    def full(*words, **more):
        written = {path.parent.name for path in {p for p in folder.rglob("*") if p.is_file()} - before}
        assert {"sounds", "codes", "late"} <= written
        raise InputError("the disk is full; make room there")

    monkeypatch.setattr("condfoley.project.outputs.write_media", full)
    spec = f"late={home / 'boots.wav'}@3:6"
    assert main(["edit", str(folder), "--layer", spec, "--weights", str(home / "weights"), "--quiet"]) == 2
    assert "disk is full" in capsys.readouterr().err
    assert {path for path in folder.rglob("*") if path.name != ".lock"} == before


def test_the_shipped_weights_keep_layers_apart(tmp_path):
    """Each stem has impacts at its own cues and nowhere else."""
    out, inputs = tmp_path / "out", ["--reference", str(REFERENCE), "--target", str(TARGET)]
    drum = next(SOUNDS.glob("drum/*snare_hard.flac"))
    words = ["--candidates", "4", "--stems", "--layer", f"drum={drum}@2:4", "--out", str(out), "--quiet"]
    assert main(["generate", *inputs, *words]) == 0
    project = read_project(out)
    assert len(project.cues_of("drum")) >= 2 and len(project.cues_of("main")) >= 2
    for layer in project.layers:
        stem, rate = soundfile.read(out / f"stems/{layer.name}.wav", always_2d=True)
        found, times = detect_onsets(stem.mean(1), rate)[0], [cue.time for cue in project.cues_of(layer.name)]
        assert found == pytest.approx(times, abs=0.03)
