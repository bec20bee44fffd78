"""The harness of `python -m benchmarks.faults` tells each kind of fault, and a few cases of each kind end well."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import faults, faults_clips, faults_damage, faults_http, faults_media, faults_run
from benchmarks.faults_run import FAULTS, OUT, run_case
from condfoley.cli import main as cli
from condfoley.errors import InputError

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are watched as Linux does")


def refuse(message: str) -> int:
    def run(argv: list[str]) -> int:
        raise InputError(message)

    cli.COMMANDS["refuse"] = ("", run)
    return cli.main(["refuse"])


def leave(home: Path) -> int:
    (home / OUT).mkdir()
    (home / OUT / "soundtrack.wav").write_text("half")
    return refuse("clip.mp4: is damaged; export it again")


def fail(home: Path) -> int:
    cli.COMMANDS["fail"] = ("", lambda argv: 1 // 0)
    return cli.main(["fail"])


def talk(home: Path) -> int:
    print("something", file=sys.stderr)
    return refuse("clip.mp4: is damaged; export it again")


def spin(home: Path) -> int:
    while True:
        pass


@pytest.mark.parametrize(
    ("work", "verdict"),
    [
        (lambda home: 0, "done"),
        (lambda home: refuse("clip.mp4: is damaged; export it again"), "refused"),
        (lambda home: refuse("something is damaged"), "unclear"),
        (talk, "unclear"),
        (leave, "left"),
        (fail, "traceback"),
        (lambda home: [][0], "traceback"),
        (lambda home: os.kill(os.getpid(), signal.SIGSEGV), "crash"),
        (lambda home: len(bytearray(3 << 30)), "memory"),
        (spin, "hang"),
    ],
)
def test_each_way_to_end_is_told(work, verdict):
    outcome = run_case(work, "clip.mp4", seconds=1)
    assert outcome.verdict == verdict, outcome
    assert outcome.peak > 0


def test_a_batch_has_a_line_for_each_pair_and_its_list_of_failed_ones_is_no_result():
    def pairs(home: Path) -> int:
        refuse("a: clip.mp4 is damaged")
        (home / OUT).mkdir()
        (home / OUT / "failed.csv").write_text("name,reason")
        return refuse("b: clip.mp4 is damaged")

    assert run_case(pairs, "clip.mp4", lines=2).verdict == "refused"
    assert run_case(pairs, "clip.mp4").verdict == "unclear"


def test_who_does_not_end_is_ended():
    assert run_case(lambda home: signal.pause() or 0, patience=0.2).verdict == "hang"


@pytest.mark.parametrize(("megabytes", "verdict"), [(1 << 7, "done"), (1 << 9, "memory")])
def test_memory_counts_beyond_what_the_calling_process_uses(monkeypatch, megabytes, verdict):
    monkeypatch.setattr(faults_run, "BYTES", 1 << 28)
    kept = np.ones(1 << 29, np.uint8)  # of this process
    outcome = run_case(lambda home: int(np.ones(megabytes << 20, np.uint8).min()) - 1, memory=None)
    assert outcome.verdict == verdict and kept.all()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    faults_clips.write_form(path, faults_clips.FORMS[0])
    return path.read_bytes()


@pytest.mark.parametrize("kind", faults_damage.DAMAGES)
def test_a_seed_gives_the_same_damage(clip, kind):
    one, again, other = (faults_damage.DAMAGES[kind](clip, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again and one != clip and one != other


def test_boxes_are_found_at_any_depth(clip):
    found = {kind for _, _, kind in faults_damage.boxes(clip)}
    assert {b"ftyp", b"moov", b"mdat", b"tkhd", b"elst", b"stts", b"avc1"} <= found
    assert max(end for _, end, _ in faults_damage.boxes(clip)) == len(clip)
    assert list(faults_damage.boxes(b"RIFF" + bytes(100))) == []


def test_damaged_texts_differ_and_are_mostly_readable():
    table, content = b"time,strength\n0.5,0.7\n1.5,0.2\n", json.dumps({"a": [1, {"b": "c"}], "d": 2.5}).encode()
    tables = {faults_damage.damaged_table(table, np.random.default_rng(seed)) for seed in range(50)}
    assert len(tables) > 20
    parsed = 0
    for seed in range(50):
        try:
            parsed += json.loads(faults_damage.damaged_json(content, np.random.default_rng(seed))) is not None
        except ValueError:
            pass
    assert 20 < parsed < 50


@pytest.mark.heavy
def test_damaged_clips_are_read_or_refused(clip, tmp_path, monkeypatch):
    base = tmp_path / "a.mp4"
    base.write_bytes(clip)
    monkeypatch.setattr(faults_media, "write_all", lambda folder: [base])
    monkeypatch.setattr(faults_media, "WHOLE", 10**9)
    monkeypatch.setattr(cli, "COMMANDS", dict(cli.COMMANDS))
    for number in range(1, 28):
        for what, how, outcome in faults_media.run(number, np.random.default_rng([7, number]), tmp_path):
            assert outcome.verdict not in FAULTS, (number, what, how, outcome)


@pytest.mark.heavy
def test_odd_requests_are_answered(tmp_path):
    pytest.importorskip("fastapi", reason="servers need FastAPI (pip install 'condfoley[studio]')")
    seen = set()
    with faults_http._stack:
        for number in range(30):
            for what, server, outcome in faults_http.run(number, np.random.default_rng([7, number]), tmp_path):
                assert outcome.verdict in ("done", "refused"), (number, what, server, outcome)
                seen.add((server, outcome.verdict))
        faults_http._clients.cache_clear()
    assert {server for server, _ in seen} == set(faults_http.PATHS) and ("serve", "done") in seen


def test_a_run_that_was_stopped_goes_on_and_its_table_counts(tmp_path, monkeypatch, capsys):
    ran = []

    class Module:
        @staticmethod
        def run(number, rng, store):
            ran.append(number)
            return [("a", "b", run_case(lambda home: 0 if number else 1 // 0))]

    monkeypatch.setattr("importlib.import_module", lambda name: Module)
    words = ["media", "--out", str(tmp_path)]
    assert faults.main([*words, "--cases", "2"]) == 1
    with (tmp_path / "media.jsonl").open("a") as file:
        file.write('{"seed": 0, "case": 2, "wh')  # as if killed
    capsys.readouterr()
    assert faults.main([*words, "--cases", "3"]) == 1 and ran == [0, 1, 2]
    cells = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].split("|")]
    assert cells[1:7] == ["media", "3", "3", "2", "0", "1"]
