import json
from types import SimpleNamespace

import pytest

from benchmarks import paper_table
from condfoley.evaluation.scores import MeanScore, PairScores, paired_differences
from tests.evaluation.toy import write_set


def test_the_papers_tables_from_the_command_line(tmp_path, capsys):
    clips = write_set(tmp_path)
    words = ["--test", str(clips), "--out", str(tmp_path / "out"), "--systems", "truth,copy,silence"]
    assert paper_table.main(words) == 0
    said = capsys.readouterr().out
    assert "Timbre (" in said and "Onsets (4 pairs)" in said and "NOT COMPARABLE" in said
    assert "the action classifier itself: " in said and "loses to no onset transfer" in said
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["pairs"] == 4
    assert "| truth |" in (tmp_path / "out" / "paper_table.md").read_text()
    assert paper_table.main(["--test", "nowhere", "--out", str(tmp_path / "none")]) == 2
    assert "no such set" in capsys.readouterr().err


def test_a_defeat_is_said_plainly():
    cells = {"condfoley": {"f1_100": MeanScore(0.5, 0, 1, 3)}, "onset-transfer": {"f1_100": MeanScore(0.6, 0, 1, 3)}}
    assert "loses to onset transfer in: F1 ±100 ms (onset-transfer 0.60)" in paper_table.compare_with_transfer(
        SimpleNamespace(means=cells)
    )
    rows = [PairScores("a", "p", "t", {}, same_action=same) for same in (True, False, None)]
    assert [len(paper_table.subset(rows, same)) for same in (True, False)] == [1, 1]
    assert (
        paper_table.cell_text(None) == "-"
        and paper_table.cell_text(MeanScore(0.5, 0.1, 0.9, 2)) == "0.50 (0.10 .. 0.90)"
    )
    assert paper_table.cell_text(MeanScore(0.5, None, None, 2)) == "0.50"


def test_differences_are_taken_pair_by_pair():
    answers = {
        "condfoley": {"p": 0.9, "q": 0.5, "r": None},
        "other": {"p": 0.7, "q": 0.6, "r": 0.1},
        "mute": {"p": 0.8, "q": 0.4},
    }
    rows = [
        PairScores(system, pair, pair, {"f1_100": value}, mute=system == "mute")
        for system, given in answers.items()
        for pair, value in given.items()
    ]
    found = paired_differences(rows, "condfoley")
    assert list(found) == ["other", "mute"]
    assert found["other"]["f1_100"].mean == pytest.approx(0.05) and found["other"]["f1_100"].n == 2
    assert found["other"]["f1_100"].low == pytest.approx(-0.1) and found["other"]["f1_100"].high == pytest.approx(0.2)
    assert found["mute"]["f1_100"].mean == pytest.approx(0.7)  # the worst is 0, whatever its onsets agree with
    result = SimpleNamespace(scores=rows, systems=[SimpleNamespace(name=name) for name in answers])
    assert paper_table.paired_table(result).rows[0][:3] == ("other", "0.050 (-0.100 .. 0.200)", "-")
