"""The benchmark of a first use measures what it says, on processes that do nearly nothing."""

import os
import sys

import pytest

from benchmarks import start
from condfoley.errors import InputError


def test_a_process_is_measured():
    code = "import sys, time; print('now', file=sys.stderr, flush=True); x = b'1' * 60_000_000; time.sleep(.3)"
    run = start.run_process([sys.executable, "-c", code])
    assert run.seconds - run.first_line >= 0.3 and run.peak >= 60_000_000


def test_a_process_that_fails_is_named_with_its_last_line():
    with pytest.raises(InputError, match="no way"):
        start.run_process([sys.executable, "-c", "import sys; sys.exit('no way')"])


def test_a_file_with_two_names_counts_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(os.urandom(100_000))
    once = start.size_on_disk(tmp_path)
    os.link(tmp_path / "a" / "file", tmp_path / "again")
    (tmp_path / "link").symlink_to(tmp_path / "again")
    assert start.size_on_disk(tmp_path) == once >= 100_000


def test_bad_options(capsys):
    assert start.main(["--repeats", "0"]) == 2
    assert "--repeats" in capsys.readouterr().err
    assert start.main(["--repeats", "1", "--torch-python", "/nowhere/python"]) == 2
    assert "/nowhere/python" in capsys.readouterr().err
