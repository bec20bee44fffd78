"""One tab edits a project; the record of a project beside it."""

import json

import pytest

from condfoley.errors import InputError
from condfoley.studio.leases import SECONDS, Leases
from condfoley.studio.record import MAX_NAME, RECORD, Record, cleaned_name, read_record, write_record


def test_the_first_tab_edits_until_it_is_gone():
    now = [100.0]
    leases = Leases(lambda: now[0])
    assert leases.ask("a", "one") and not leases.ask("a", "two") and leases.ask("b", "two")
    assert leases.holds("a", "one") and not leases.holds("a", "two") and not leases.holds("a", "")
    assert leases.free("a", "one") and not leases.free("a", "two") and leases.free("c", "two")
    now[0] += SECONDS - 1
    assert leases.ask("a", "one")  # again
    now[0] += SECONDS - 1
    assert not leases.ask("a", "two")
    now[0] += 2
    assert not leases.holds("a", "one") and leases.free("a", "two") and leases.ask("a", "two")
    leases.end("a", "one")
    assert leases.holds("a", "two")
    leases.end("a", "two")
    assert leases.ask("a", "one")


def test_the_record_is_kept(tmp_path):
    assert read_record(tmp_path) == Record()
    record = Record("Tür & <b>", "0" * 16, {"main": "1" * 16, "bed": None}, 7)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"name": 3}', '{"references": [1]}', '{"written": "x"}', '{"target": 1}']
)
def test_a_damaged_record_is_an_empty_one(tmp_path, content):
    (tmp_path / RECORD).write_text(content)
    assert read_record(tmp_path) == Record()
    (tmp_path / RECORD).write_text(json.dumps({"name": "x", "later": 1}))
    assert read_record(tmp_path) == Record("x")


def test_names_are_one_line():
    assert cleaned_name(" a\nb\u2028c\x00 ") == "a b c" and len(cleaned_name("ü" * 500)) == MAX_NAME
    with pytest.raises(InputError):
        cleaned_name("\n ")
