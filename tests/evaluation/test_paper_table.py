import json

from benchmarks import paper_table
from tests.evaluation.toy import write_set


def test_the_papers_tables_from_the_command_line(tmp_path, capsys):
    clips = write_set(tmp_path)
    words = ["--test", str(clips), "--out", str(tmp_path / "out"), "--systems", "truth,copy,silence"]
    assert paper_table.main(words) == 0
    said = capsys.readouterr().out
    assert "Timbre (" in said and "Onsets (4 pairs)" in said and "NOT COMPARABLE" in said
    assert "the action judge itself: " in said and "loses to no onset transfer" in said
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["pairs"] == 4
    assert "| truth |" in (tmp_path / "out" / "paper_table.md").read_text()
    assert paper_table.main(["--test", "nowhere", "--out", str(tmp_path / "none")]) == 2
    assert "no such set" in capsys.readouterr().err


def test_a_defeat_is_said_plainly():
    from types import SimpleNamespace

    from condfoley.evaluation.scores import Cell, Row

    cells = {"condfoley": {"f1_100": Cell(0.5, 0, 1, 3)}, "onset-transfer": {"f1_100": Cell(0.6, 0, 1, 3)}}
    assert "loses to onset transfer in: F1 ±100 ms (onset-transfer 0.60)" in paper_table.verdict(
        SimpleNamespace(cells=cells)
    )
    rows = [Row("a", "p", "t", {}, same_action=same) for same in (True, False, None)]
    assert [len(paper_table.subset(rows, same)) for same in (True, False)] == [1, 1]
    assert paper_table.cell_text(None) == "-" and paper_table.cell_text(Cell(0.5, 0.1, 0.9, 2)) == "0.50 (0.10 .. 0.90)"
    assert paper_table.cell_text(Cell(0.5, None, None, 2)) == "0.50"
