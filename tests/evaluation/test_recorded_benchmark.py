"""The table of the reference's own samples, from its command, and that a second run goes on with the first one's rows."""

from __future__ import annotations

import json

from benchmarks import recorded
from tests.evaluation.toy import write_set


def test_the_table_from_the_command_line(tmp_path, capsys, monkeypatch):
    clips, out = write_set(tmp_path), tmp_path / "out"
    words = ["--test", str(clips), "--out", str(out), "--candidates", "1"]
    assert recorded.main([*words, "--systems", "recorded,copy"]) == 0
    assert recorded.main([*words, "--systems", "recorded,copy,truth"]) == 0
    said = capsys.readouterr().out
    assert "4 pairs" in said and "repetition over the reference's" in said
    rows = [json.loads(path.read_text()) for path in out.glob("clip*.json")]
    assert len(rows) == 4 and all(list(row["systems"]) == ["recorded", "copy", "truth"] for row in rows)
    assert all(row["systems"]["truth"]["values"]["f1_50"] == 1 for row in rows)
    assert all(row["systems"]["copy"]["values"]["stft_nearest"] < 1e-6 for row in rows if row["systems"]["copy"])
    assert (out / "recorded.md").read_text().startswith("## The reference's own samples")

    def no_model(*_):
        raise AssertionError("all is stored")

    monkeypatch.setattr("benchmarks.recorded_sounds.written", no_model)
    assert recorded.main([*words, "--systems", "recorded"]) == 0


def test_what_is_asked_for_wrongly(capsys, tmp_path):
    assert recorded.main(["--systems", "recorde", "--out", str(tmp_path)]) == 2
    assert "recorde; choose from vocoder, recorded" in capsys.readouterr().err
    assert recorded.main(["--test", "nowhere", "--out", str(tmp_path)]) == 2


def test_the_second_judge_and_mute_sounds():
    def row(reference, own, silent=0.0):
        values = {"mute": silent, "action": 1.0, "f1_100": 1.0, "clicks": 0.0}
        found = {"values": values, "statistics": own}
        return {
            "pair": reference, "target": reference, "reference": reference, "same_action": reference == "a",
            "reference_statistics": [0.0, float(ord(reference))], "systems": {"s": found},
            "reference_repetition": None, "reference_clicks": 0,
        }  # fmt: skip

    rows = [row("a", [0.0, 97.2]), row("b", [0.0, 96.0]), row("c", [0.0, 99.0], silent=1.0)]
    recorded.finished(rows)
    values = [r["systems"]["s"]["values"] for r in rows]
    assert [v["nearest_is_reference"] for v in values] == [1.0, 0.0, 1.0]
    assert [v["action_other"] for v in values] == [None, 1.0, 0.0] and values[2]["f1_100"] == 0.0
