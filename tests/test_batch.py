"""`condfoley batch`: many pairs, one model; goes on where it stopped, and one bad pair stops nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from condfoley.cli.batch_jobs import list_jobs
from condfoley.cli.main import main
from condfoley.cli.options import BatchOptions
from condfoley.errors import InputError
from condfoley.hits import read_hits
from condfoley.media import write_wav
from condfoley.memory import ByteCache
from condfoley.pair_list import read_pairs
from condfoley.project import store
from condfoley.results import folder as outputs
from tests.made_up import RATE, pulses, write_video
from tests.tiny import write_tiny_flow, write_tiny_weights


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


@pytest.mark.heavy
def test_a_batch_keeps_nothing_of_the_sounds_of_finished_pairs(clips, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "DECODED", ByteCache(1 << 30))
    (clips / "targets" / "broken.mp4").unlink()
    words = ["batch", "--reference", str(clips / "reference.mp4"), "--targets", str(clips / "targets"), "--quiet"]
    assert main([*words, "--out", str(tmp_path / "out"), "--weights", str(weights), "--candidates", "1"]) == 0
    assert store.DECODED.bytes == 0
    project = store.read_project(tmp_path / "out" / "a")
    store.read_sound(tmp_path / "out" / "a", project.sounds["main"], project.rate)
    kept = store.DECODED.bytes
    store.forget_sounds(tmp_path / "out" / "b")
    assert store.DECODED.bytes == kept > 0
    store.forget_sounds(tmp_path / "out" / "a")
    assert store.DECODED.bytes == 0


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
    assert "made with other values of --seed; " in (told := capsys.readouterr().err) and "--force" in told
    assert main([*words, "--quiet", "--seed", "5", "--force"]) == 0


def test_timelines_and_stems_are_written_too_also_where_the_results_are_there(clips, weights, tmp_path, capsys):
    pairs = listed(
        clips / "pairs.csv", ("one", "reference.mp4", "targets/a.mp4"), ("two", "reference.mp4", "targets/b.mp4")
    )
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
    words += ["--stems"]
    assert main([*words, "--timeline"]) == 0
    for name in ("one", "two"):
        assert all((out / name / file).is_file() for file in outputs.TIMELINES)
        assert (out / name / "stems" / "main.wav").is_file()
    (out / "one" / "timeline.rpp").unlink()
    (out / "two" / "timeline.otio").unlink()
    first = stamps(out)
    (out / "two" / "project.json").write_text("damaged")
    capsys.readouterr()
    assert main([*words, "--timeline"]) == 2
    assert (out / "one" / "timeline.rpp").is_file() and not (out / "two" / "timeline.otio").exists()
    assert stamps(out) == first
    complaints = capsys.readouterr().err
    assert complaints.count("\n") == 1 and complaints.startswith("condfoley: two: ")
    assert [row["name"] for row in csv.DictReader(open(out / "failed.csv"))] == ["two"]


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
    assert main(words) == 2
    assert f"{out / 'a'}: made from another hits file; delete that folder" in capsys.readouterr().err
    (out / "a").rename(tmp_path / "away")
    assert main(words) == 0
    assert read_hits(out / "a" / outputs.HITS).times.tolist() == [0.4]
    assert stamps(out)["b"] == first["b"]  # only the one whose hits were edited


def test_a_list_may_name_the_sound_that_a_pair_starts_from(clips, tmp_path, capsys):
    weights = write_tiny_flow(tmp_path / "weights")
    (clips / "pairs.csv").write_text(
        "reference,target,start_from\nreference.mp4,targets/a.mp4,temp.wav\nreference.mp4,targets/b.mp4,\n"
    )
    write_wav(clips / "temp.wav", pulses([0.3, 0.7], 1.0), RATE)
    out = tmp_path / "out"
    words = ["batch", "--pairs", str(clips / "pairs.csv"), "--out", str(out), "--weights", str(weights)]
    words += ["--generator", "flow", "--steps", "1", "--candidates", "1", "--strength", "0.25", "--quiet"]
    assert main(words) == 0, capsys.readouterr().err
    options = [json.loads((out / name / outputs.PROVENANCE).read_text())["settings"] for name in ("a", "b")]
    assert options[0]["strength"] == 0.25 and "strength" not in options[1]
    first = stamps(out)
    assert main(words) == 0 and stamps(out) == first
    write_wav(clips / "temp.wav", pulses([0.5], 1.0), RATE)
    assert main(words) == 2 and stamps(out) == first
    assert f"{out / 'a'}: made from another sound to start from; delete" in capsys.readouterr().err
    (clips / "pairs.csv").write_text("reference,target\nreference.mp4,targets/b.mp4\n")
    assert main(words) == 2 and "starts from a sound; name it in a column start_from" in capsys.readouterr().err


def test_paths_may_be_spelled_otherwise_and_lost_files_are_made_again(clips, weights, tmp_path, capsys, monkeypatch):
    sound = ["--out", str(tmp_path / "out"), "--weights", str(weights), "--candidates", "1", "--quiet"]
    assert (
        main(["batch", "--pairs", str(listed(clips / "p.csv", ("a", "reference.mp4", "targets/a.mp4"))), *sound]) == 0
    )
    first = stamps(tmp_path / "out")
    (clips / "targets" / "b.mp4").unlink()
    (clips / "targets" / "broken.mp4").unlink()
    monkeypatch.chdir(clips)
    words = ["batch", "--reference", "../clips/reference.mp4", "--targets", "targets", *sound]
    assert main(words) == 0 and stamps(tmp_path / "out") == first
    for name in ("soundtrack.wav", "target_with_sound.mp4", "candidates/01_0.flac"):
        before = stamps(tmp_path / "out")
        (tmp_path / "out" / "a" / name).unlink()
        assert main(words) == 0, capsys.readouterr().err
        assert (tmp_path / "out" / "a" / name).is_file() and stamps(tmp_path / "out") != before


def planned(folder: Path) -> dict[str, str]:
    """Name of the folder -> name of the target, of each pair that `batch` would make."""
    options = BatchOptions(out="out", reference="r.mp4", targets=str(folder))
    return {Path(job.out).name: Path(job.target).name for job in list_jobs(options)}


def test_a_folder_is_searched_for_every_kind_of_video(clips):
    folder = clips / "targets"
    for name in ("c.wmv", "d.TS", "a.mov", "e.gif"):
        (folder / name).write_bytes(b"whatever it holds")
    (folder / "strange.vid").write_bytes((folder / "a.mp4").read_bytes())
    for name in ("notes.txt", ".hidden.mp4"):
        (folder / name).write_text("hello\n" * 9)
    (folder / "folder.mp4").mkdir()
    assert planned(folder) == {
        "a_mov": "a.mov", "a_mp4": "a.mp4", "b": "b.mp4", "broken": "broken.mp4", "c": "c.wmv", "d": "d.TS", "e": "e.gif",
        "strange": "strange.vid",
    }  # fmt: skip
    (folder / "a_mov.mp4").write_bytes(b"")
    with pytest.raises(InputError, match="would write to a_mov; rename one of the two"):
        planned(folder)


def test_a_path_that_the_system_refuses_is_a_pair_that_cannot_be_used(clips, tmp_path, capsys):
    long = "n" * 256
    (tmp_path / "pairs.csv").write_text(f"reference,target,name\n{clips / 'reference.mp4'},{long},one\n")
    assert main(["batch", "--pairs", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert f"one: {long}: this name is too long" in " ".join(capsys.readouterr().err.split()).replace(
        f"{tmp_path}/", ""
    )


@pytest.mark.parametrize(
    "text",
    [
        "reference;target;name\nr, 1.mp4;t.mp4;x\n",
        ' Reference , TARGET , Name \n\n"r, 1.mp4" , t.mp4 , x \n,,\n',
        "\ufeffreference\ttarget\tname\r\nr, 1.mp4\tt.mp4\tx\r\n",
    ],
)
def test_lists_of_other_programs_are_read(tmp_path, text):
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    (line,) = read_pairs(tmp_path / "pairs.csv")
    assert (line.name, line.reference, line.target) == ("x", tmp_path / "r, 1.mp4", tmp_path / "t.mp4")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a.mp4,b.mp4\n", "its header is 'a.mp4,b.mp4'; it needs the columns reference and target"),
        (b"reference,target\na,b.mp4,c.mp4\n", "line 2 has more cells than the header"),
        (b"reference,target\n\n\nr\xe9.mp4,t.mp4\n", "is not in UTF-8"),
        (b"reference,target\n\n\nr.mp4\n", "line 4: reference or target is missing"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path, content, says):
    (tmp_path / "pairs.csv").write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_pairs(tmp_path / "pairs.csv")


def test_columns_that_are_not_read_are_said(clips, weights, tmp_path, capsys):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"reference;target;hit;note\n{clips}/reference.mp4;{clips}/targets/a.mp4;mine.txt;\n")
    words = [
        "batch",
        "--pairs",
        str(pairs),
        "--out",
        str(tmp_path / "out"),
        "--weights",
        str(weights),
        "--candidates",
        "1",
    ]
    assert main(words) == 0
    assert (
        f"condfoley: {pairs}: not read: hit, note; the columns are reference, target, name, hits"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_an_output_that_cannot_be_written_is_refused_once(clips, tmp_path, capsys, where):
    (tmp_path / "file").write_text("mine")
    words = ["--reference", str(clips / "reference.mp4"), "--targets", str(clips / "targets")]
    assert main(["batch", *words, "--out", str(tmp_path / where)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "choose another --out" in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clips", "file"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "lists no pairs"),
        ([("x", "reference.mp4", "")], "line 2"),
        ([("failed.csv", "reference.mp4", "targets/a.mp4")], "as the list of failures is"),
        ([("../x", "reference.mp4", "targets/a.mp4")], "cannot name a folder"),
        ([("x", "reference.mp4", "targets/a.mp4")] * 2, "two pairs would write to x"),
    ],
)
def test_lists_that_cannot_be_used(clips, tmp_path, capsys, rows, says):
    pairs = listed(clips / "pairs.csv", *rows)
    assert main(["batch", "--pairs", str(pairs), "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--pairs"),
        (["--pairs", "no.csv"], "no.csv"),
        (["--pairs", "p.csv", "--reference", "r.mp4"], "go together"),
        (["--targets", "nowhere", "--reference", "r.mp4"], "no folder"),
        (["--targets", "t", "--reference", "r.mp4", "--strength", "0.5"], "--pairs names in its column start_from"),
        (["--pairs", "p.csv", "--strength", "2"], "--strength is 2; give a number from 0 to 1"),
    ],
)
def test_calls_that_cannot_be_meant(tmp_path, capsys, words, says):
    assert main(["batch", "--out", str(tmp_path / "out"), *words]) == 2
    assert says in capsys.readouterr().err
