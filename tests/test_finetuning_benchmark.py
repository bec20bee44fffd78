"""The benchmark of fine-tuning: its lines are of other clips than were trained on, and a refusal changes nothing."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import finetuning
from benchmarks.finetuning_checks import SHIFTS, shifted, told_out_of_sync
from condfoley.errors import InputError
from condfoley.geometry import Geometry

G = Geometry()


@pytest.fixture
def world(tmp_path, monkeypatch):
    """30 empty clips; each fine-tuning of 10 clips helps a little, one of 5 is refused."""
    folder = tmp_path / "world"
    folder.mkdir()
    for i in range(30):
        (folder / f"{i:02d}.mp4").write_bytes(b"")
    seen = []

    def tuned(clips, out, seed, listen, options):
        seen.append({path.name for path in clips.iterdir()})
        return {"better": len(seen[-1]) == 10}

    def measures(clips, weights, part):
        measured = sorted(path.name for path in clips.iterdir())
        assert all(not trained & set(measured) for trained in seen)
        start = 3 + 0.01 * np.arange(len(measured))
        shipped = weights == finetuning.SHIPPED
        found = {"held_out": start if shipped else start - 0.1 - 0.001 * np.arange(len(measured))}
        return found | ({"f1": np.full(len(measured), 0.5 if shipped else 0.75)} if part == "events" else {})

    monkeypatch.setattr(finetuning, "fine_tuned", tuned)
    monkeypatch.setattr(finetuning, "measures", measures)
    return folder, seen


def options(world, tmp_path, *more):
    words = ["--world", str(world), "--out", str(tmp_path / "out"), "--counts", "5", "10", "--seeds", "3", *more]
    return finetuning.parser().parse_args(words)


def test_each_draw_is_measured_on_clips_that_no_draw_has(world, tmp_path):
    folder, seen = world
    lines = finetuning.world_lines(options(folder, tmp_path))
    assert [(line.clips, line.seed, line.better) for line in lines] == [
        (5, 0, False), (5, 1, False), (5, 2, False), (10, 0, True),
    ]  # fmt: skip
    assert len(seen[0] | seen[1]) > 5
    refused, better = lines[0], lines[-1]
    assert refused.before == refused.after and refused.gain == (0, 0, 0)
    assert better.gain[0] == pytest.approx(better.before - better.after) and better.gain[1] > 0.1
    assert "no" in refused.cells("x") and "yes" in better.cells("x")
    assert better.f1 is None and better.cells("x")[-2:] == ("", "")


def test_the_event_head_is_told_by_the_onsets_of_the_picture_too(world, tmp_path):
    refused, *_, better = finetuning.world_lines(options(world[0], tmp_path, "--part", "events"))
    assert refused.f1 == (0.5, 0.5) and better.f1 == (0.5, 0.75)
    assert better.cells("x")[-2:] == ("0.50", "0.75")
    assert len(finetuning.table(options(world[0], tmp_path, "--part", "tokenizer")).rows[0]) == 9


def test_lines_of_several_calls_are_in_one_file_once_each(world, tmp_path):
    finetuning.world_lines(options(world[0], tmp_path, "--part", "events"))
    finetuning.world_lines(options(world[0], tmp_path))
    finetuning.world_lines(options(world[0], tmp_path))
    with open(tmp_path / "out" / "world" / finetuning.LINES, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["part"], row["clips"], row["draw"], row["written"]) for row in rows] == [
        (part, *line) for part in ("events", "transformer")
        for line in [("5", "0", "0"), ("5", "1", "0"), ("5", "2", "0"), ("10", "0", "1")]
    ]  # fmt: skip
    assert rows[3]["f1_before"] == "0.5000" and rows[3]["f1_after"] == "0.7500" and rows[7]["f1_after"] == ""
    assert float(rows[3]["low"]) < float(rows[3]["gain"]) == pytest.approx(0.1, abs=0.02)


def test_too_few_clips_and_nothing_to_do_are_refused(world, tmp_path, capsys):
    with pytest.raises(InputError, match="has 30 clips; 65 are needed"):
        finetuning.world_lines(options(world[0], tmp_path, "--counts", "50"))
    assert finetuning.main([]) == 2
    assert "give --clips, --world or --check" in capsys.readouterr().err


def test_a_shifted_sound_is_later_by_so_many_samples():
    wav = np.arange(1, 9, dtype=np.float32)
    assert shifted(wav, 3).tolist() == [0, 0, 0, 1, 2, 3, 4, 5]
    assert shifted(wav, -3).tolist() == [4, 5, 6, 7, 8, 0, 0, 0]
    assert shifted(wav, 0).tolist() == wav.tolist()


def test_only_a_sure_offset_is_told():
    engine = SimpleNamespace(
        encode_frames=lambda frames: np.zeros((len(frames), 4), np.float32),
        assess_sync=lambda tokens, specs, length: (np.array([0.9, 0.5, 0.1]), np.array([0.05, 0.6, 0.9])),
    )
    frames, wav = np.zeros((60, 8, 8, 3), np.uint8), np.zeros(4 * G.sample_rate, np.float32)
    assert told_out_of_sync(engine, frames, wav, G) == [False, True, False]
    assert SHIFTS[0] == 0
