"""`condfoley batch`: many pairs, one model; goes on where it stopped, and one bad pair stops nothing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from condfoley import outputs
from condfoley.cli import main
from condfoley.hits import read_hits
from tests.made_up import pulses, write_video
from tests.tiny import write_tiny_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with a reference, two targets and something that is no video."""
    folder = tmp_path / "clips"
    (folder / "targets").mkdir(parents=True)
    write_video(folder / "reference.mp4", 2.0, pulses([0.5, 1.2], 2.0))
    for name in ("a", "b"):
        write_video(folder / "targets" / f"{name}.mp4", 1.0)
    (folder / "targets" / "broken.mp4").write_bytes(b"not a video\n" * 50)
    return folder


def listed(path: Path, *rows: tuple[str, str, str]) -> Path:
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("name", "reference", "target"), *rows])
    return path


def stamps(out: Path) -> dict[str, int]:
    return {p.parent.name: p.stat().st_mtime_ns for p in out.glob(f"*/{outputs.PROVENANCE}")}


def test_a_folder_of_targets_goes_on_past_a_bad_one_and_only_makes_what_is_missing(clips, weights, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["batch", "--reference", str(clips / "reference.mp4"), "--targets", str(clips / "targets")]
    words += ["--out", str(out), "--weights", str(weights), "--candidates", "2", "--quiet"]
    assert main(words) == 2
    printed, complaints = capsys.readouterr()
    assert printed.split() == [str(out / name / "target_with_sound.mp4") for name in ("a", "b")]
    assert complaints.count("\n") == 1 and "broken" in complaints
    assert list(csv.DictReader(open(out / "failed.csv")))[0]["name"] == "broken"
    assert not (out / "broken").exists()
    first = stamps(out)

    (clips / "targets" / "broken.mp4").unlink()
    (out / "b" / outputs.PROVENANCE).unlink()  # as if killed before the end
    for path in (out / "b").rglob("*.*"):
        path.unlink()
    assert main(words) == 0
    assert not (out / "failed.csv").exists()
    second = stamps(out)
    assert second["a"] == first["a"] and second["b"] > first["b"]


def test_on_ray_the_same_results_and_complaints(clips, weights, tmp_path, capsys, two_ray_workers):
    rows = [("one", "reference.mp4", "targets/a.mp4"), ("bad", "reference.mp4", "targets/broken.mp4")]
    words = ["batch", "--pairs", str(listed(clips / "pairs.csv", *rows)), "--weights", str(weights), "--quiet"]
    words += ["--candidates", "1", "--device", "cpu"]
    sounds = []
    for engine in ("local", "ray"):
        out = tmp_path / engine
        assert main([*words, "--out", str(out), "--engine", engine]) == 2
        printed, complaints = capsys.readouterr()
        ours = [line for line in printed.splitlines() if "(raylet)" not in line]  # a busy machine makes Ray talk
        assert ours == [str(out / "one" / "target_with_sound.mp4")] and "bad" in complaints
        sounds.append(soundfile.read(out / "one" / "soundtrack.wav")[0])
    assert np.allclose(*sounds, atol=1e-3)  # Ray's workers have one thread, so sums come in another order


def test_a_list_names_the_results_and_other_settings_do_not_replace_them(clips, weights, tmp_path, capsys):
    pairs = listed(clips / "pairs.csv", ("one", "reference.mp4", "targets/a.mp4"))
    out = tmp_path / "out"
    words = ["batch", "--pairs", str(pairs), "--out", str(out), "--weights", str(weights), "--candidates", "1"]
    assert main([*words, "--quiet"]) == 0
    assert (out / "one" / "soundtrack.wav").exists()
    assert main([*words, "--quiet", "--seed", "5"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*words, "--quiet", "--seed", "5", "--force"]) == 0


def test_a_list_may_name_the_hits_of_a_pair_and_edited_ones_are_followed(clips, weights, tmp_path, capsys):
    pairs = clips / "pairs.csv"
    pairs.write_text("reference,target,hits\nreference.mp4,targets/a.mp4,a.txt\nreference.mp4,targets/b.mp4,\n")
    (clips / "a.txt").write_text("0.3\n0.7\n")
    out = tmp_path / "out"
    words = [
        "batch",
        "--pairs",
        str(pairs),
        "--out",
        str(out),
        "--weights",
        str(weights),
        "--candidates",
        "1",
        "--quiet",
    ]
    assert main(words) == 0
    assert read_hits(out / "a" / outputs.HITS).times.tolist() == [0.3, 0.7]
    first = stamps(out)
    (clips / "a.txt").write_text("0.4\n")
    assert main(words) == 2 and "--force" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
    assert read_hits(out / "a" / outputs.HITS).times.tolist() == [0.4] and stamps(out)["a"] > first["a"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "lists no pairs"),
        ([("x", "reference.mp4", "")], "line 2"),
        ([("../x", "reference.mp4", "targets/a.mp4")], "cannot name a folder"),
        ([("x", "reference.mp4", "targets/a.mp4")] * 2, "two pairs would write to x"),
    ],
)
def test_lists_that_cannot_be_used(clips, tmp_path, capsys, rows, says):
    pairs = listed(clips / "pairs.csv", *rows)
    assert main(["batch", "--pairs", str(pairs), "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_targets_of_one_name_are_to_be_renamed(clips, tmp_path, capsys):
    (clips / "targets" / "a.mov").write_bytes(b"")
    words = ["--reference", str(clips / "reference.mp4"), "--targets", str(clips / "targets")]
    assert main(["batch", *words, "--out", str(tmp_path / "out")]) == 2
    assert "would write to a; rename one of the two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--pairs"),
        (["--pairs", "no.csv"], "no.csv"),
        (["--pairs", "p.csv", "--reference", "r.mp4"], "go together"),
        (["--targets", "nowhere", "--reference", "r.mp4"], "no folder"),
    ],
)
def test_calls_that_cannot_be_meant(tmp_path, capsys, words, says):
    assert main(["batch", "--out", str(tmp_path / "out"), *words]) == 2
    assert says in capsys.readouterr().err
