"""Cue lists as CSV, JSON and labels: what is written is read, and what people save elsewhere too."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.cues.files import parse_cues, read_cues
from condfoley.cues.rows import COLUMNS, CueRow, require_usable, row_of_cells
from condfoley.errors import InputError
from condfoley.hits import parse_hits, read_hits
from condfoley.project.cue_format import differing, format_csv, format_json, format_labels, write_cues
from condfoley.project.model import Cue

HEADER = ",".join(COLUMNS)
times = st.floats(0, 10_000).map(lambda x: round(x, 6))
shares = st.none() | st.floats(0, 1).map(lambda x: round(x, 6))
names = st.none() | st.text("abcäß ,;\"'é-", min_size=1).map(str.strip).filter(bool)
switches = st.none() | st.booleans()
impacts = st.builds(
    CueRow, time=times, strength=shares, kind=st.sampled_from([None, "impact", "slide"]), confidence=shares,
    layer=names, gain=st.none() | st.floats(-60, 60).map(lambda x: round(x, 6)),
    pan=st.none() | st.floats(-1, 1).map(lambda x: round(x, 6)), locked=switches, muted=switches,
    reference_at=st.none() | times,
)  # fmt: skip
slides = st.builds(
    CueRow,
    time=times,
    kind=st.just("slide"),
    duration=st.floats(0.001, 100).map(lambda x: round(x, 6)),
)


def numbered(rows):
    """The rows in order of time, with ids."""
    return tuple(
        CueRow(**{**vars(row), "id": i}) for i, row in enumerate(sorted(rows, key=lambda row: row.time), start=1)
    )


@given(rows=st.lists(impacts | slides, max_size=8).map(numbered))
def test_what_is_written_is_read(rows):
    for text, name in ((format_csv(rows), "cues.csv"), (format_json(rows), "cues.json")):
        again = parse_cues(text, name)
        assert again.rows == rows and not again.notes
    assert format_csv(parse_cues(format_csv(rows), "cues.csv").rows) == format_csv(rows)


@given(rows=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 2000), st.integers(0, 100)), max_size=8))
def test_labels_keep_time_end_and_strength(rows):
    cues = [
        Cue(i, time / 1000, hard / 100, "slide" if long else "impact", long / 1000 or None, layer=["main", "steps"][i % 2])
        for i, (time, long, hard) in enumerate(rows)
    ]  # fmt: skip
    cues.sort(key=lambda cue: cue.time)
    again = parse_cues(format_labels(cues), "labels").rows
    assert [(r.time, r.strength, r.layer or "main") for r in again] == [(c.time, c.strength, c.layer) for c in cues]
    assert [r.duration and round(r.duration, 4) for r in again] == [c.duration for c in cues]


@given(time=st.floats(0, 7200))
def test_times_are_exact_to_the_sample(time):
    read = parse_cues(format_csv([Cue(1, time)]), "cues.csv").rows[0].time
    assert abs(read - time) < 0.5 / 192_000
    assert not differing(Cue(1, time), CueRow(time=read, id=1), {"time"})


def test_only_what_was_changed_differs():
    cue = Cue(3, 1 / 3, strength=0.5, confidence=0.25, layer="cup")
    row = parse_cues(format_csv([cue]).replace("0.333333,0.5", "0.333333,"), "cues.csv").rows[0]
    assert differing(cue, row) == {"strength": None}
    moved = parse_cues("id,time\n3,0.34\n", "cues.csv")
    assert moved.columns == {"id", "time"}
    assert differing(cue, moved.rows[0], moved.columns) == {"time": 0.34}


@pytest.mark.parametrize(
    "text, rows",
    [
        ("time,strength\r\n1.5,0.5\r\n\r\n2,\r\n", [CueRow(1.5, strength=0.5), CueRow(2)]),
        ("\ufefftime;kind\n# mine\n1.5;slide\n", [CueRow(1.5, kind="slide")]),
        ('"Kind"\t"Time"\nIMPACT\t.5\n', [CueRow(0.5, kind="impact")]),
        ("reference at,TIME,locked\n2,1,yes\n,2,x\n", [CueRow(1, reference_at=2, locked=True), CueRow(2, locked=True)]),
        ('time,layer\n1,"cup, left"\n', [CueRow(1, layer="cup, left")]),
        ("time,strength\n1,\n,\n2,\n", [CueRow(1), CueRow(2)]),
        ("time,duration,,\n1,0.5,,\n2,,,\n", [CueRow(1, kind="slide", duration=0.5), CueRow(2)]),
        ("time,reference\n1,cup.wav\n", [CueRow(1, reference="cup.wav")]),
        ('\n [{"time": 1}]', [CueRow(1)]),
        ('{"cues": [{"time": 1}]}', [CueRow(1)]),
        ('[{"time": 1, "muted": true}, {"time": "2", "strength": null}]', [CueRow(1, muted=True), CueRow(2)]),
        ("1\t2.5\tsteps\n3\t3\t0.5\n", [CueRow(1, kind="slide", duration=1.5, layer="steps"), CueRow(3, strength=0.5)]),
        ("1\t1\tsteps 0.7\n2\t2\t.5 left foot\n3\t3\thit 1\n",
         [CueRow(1, strength=0.7, layer="steps"), CueRow(2, strength=0.5, layer="left foot"), CueRow(3, layer="hit 1")]),
        ("1\t1\tleft foot 0.7\n2\t2\t1.0 left foot\n3\t3\tfoot 1.0\n",
         [CueRow(1, strength=0.7, layer="left foot"), CueRow(2, strength=1, layer="left foot"),
          CueRow(3, strength=1, layer="foot")]),
        ("1\t1\tfoot 1.5\n2\t2\t1.5 foot\n", [CueRow(1, layer="foot 1.5"), CueRow(2, layer="1.5 foot")]),
        (" # mine\n1\t1\n\\\t100\t200\n", [CueRow(1)]),
        ("1\t1\t1\n2\t2\t2\n", [CueRow(1), CueRow(2)]),
        ("1\t1\t1\n2\t2\t0\n", [CueRow(1, strength=1), CueRow(2, strength=0)]),
        ("1\t1\t2\n2\t2\tsteps\n", [CueRow(1), CueRow(2, layer="steps")]),
        ("1\n2\t2.5\n3\tinf\n4\t3\n5\tx\n",
         [CueRow(1), CueRow(2, kind="slide", duration=0.5), CueRow(3), CueRow(4), CueRow(5)]),
        ("1\t1.00004\n2.00003\t2\n", [CueRow(1), CueRow(2.00003)]),  # what four decimals make of one time
        ("", []),
    ],
)  # fmt: skip
def test_what_people_save_is_understood(text, rows):
    assert list(parse_cues(text, "cues").rows) == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_windows_encodings_are_read(tmp_path, encoding):
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    for name, text in (("labels.txt", "1.0\t1.0\tTür\r\n"), ("cues.csv", "time;layer\r\n1.0;Tür\r\n")):
        (tmp_path / name).write_bytes((mark + text).encode(encoding))
        assert read_cues(tmp_path / name).rows == (CueRow(1.0, layer="Tür"),)
        assert read_hits(tmp_path / name).times.tolist() == [1.0]
    (tmp_path / "cut.txt").write_bytes("1.0\n".encode("utf-16-le"))  # says nothing of how it is written
    with pytest.raises(InputError, match="is no text file"):
        read_cues(tmp_path / "cut.txt")


@pytest.mark.parametrize(
    "text, name, complaint",
    [
        ("soon\n", "cues.csv", "line 1: 'soon' is no time"),
        ("soon, or later\n", "labels.txt", "labels.txt, line 1: 'soon, or later' is no time"),
        ("tiem,2\n1,2\n", "cues.csv", "line 1: there is no column tiem"),
        ("1.5,red\n2,blue\n", "cues.csv", "line 1: '1.5,red' is no time"),
        ("", "CUES.JSON", "CUES.JSON, line 1: this is no JSON"),
    ],
)
def test_whether_a_text_is_a_table_shows_in_its_name_and_first_line(text, name, complaint):
    with pytest.raises(InputError, match=complaint):
        parse_cues(text, name)


def test_labels_may_be_in_a_file_that_is_called_a_table():
    assert parse_cues("1\t2\tsteps; left\n", "cues.csv").rows == (
        CueRow(1, kind="slide", duration=1, layer="steps; left"),
    )


def test_a_cue_needs_a_time_wherever_it_is_from():
    with pytest.raises(InputError, match="the new cue: '' is no time"):
        row_of_cells({"strength": 0.5}, "the new cue", [])


def test_a_list_has_the_columns_that_any_of_its_cues_has():
    assert parse_cues('[{"time": 1, "gain": 2}, {"time": 2, "pan": 0}]', "c.json").columns == {"time", "gain", "pan"}
    assert parse_cues("[]", "c.json").columns == {"time"}


def test_what_was_changed_or_left_out_is_told():
    cues = parse_cues("time,kind,duration\n2,impact,\n1,impact,0.3\n", "cues.csv")
    assert [row.time for row in cues.rows] == [1, 2] and cues.rows[0].duration is None
    assert len(cues.notes) == 2 and "line 3: an impact lasts no time" in cues.notes[0] and "sorted" in cues.notes[1]
    assert cues.notes[1].startswith("cues.csv: ")
    listed = parse_cues('[{"time": 2, "kind": "impact", "duration": 1}, {"time": 1}]', "cues.json")
    assert [row.time for row in listed.rows] == [1, 2]
    assert listed.notes[0].startswith("cues.json, cue 1: an impact") and listed.notes[1].startswith("cues.json: ")
    labels = parse_cues("2\t2\n1\t1\n", "labels.txt")
    assert [row.where for row in labels.rows] == ["labels.txt, line 2", "labels.txt, line 1"]
    assert labels.notes == ("labels.txt: the cues were not in the order of their times; they were sorted",)
    counted = parse_cues("1\t1\t01\n2\t2\t02\n", "labels.txt")
    assert [row.strength for row in counted.rows] == [None, None] and "count the cues" in counted.notes[0]


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("time;strength\n1;0.5\n3,25;0.5\n", "line 3: the time has a comma; write 3.25, not 3,25"),
        ("time,strength\n3,25,0.5\n", "line 2 has 3 cells, the header 2; write numbers with a point"),
        ("time,strenght\n1,1\n", "line 1: there is no column strenght; did you mean strength?"),
        ("time,colour\n1,red\n", "there is no column colour; there are id, time"),
        ("time,time\n1,1\n", "the column time is there twice"),
        ("tiem,strength\n1,1\n", "there is no column tiem; did you mean time"),
        ("id,strength\n1,1\n", "the column time is missing"),
        ("time\n\nsoon\n", "line 3: 'soon' is no time; it needs seconds from the beginning"),
        ("time;gain\n1;0,5\n", "line 2: the gain has a comma; write 0.5, not 0,5"),
        ("time,reference_at\n1,-1\n", "line 2: the reference at -1 is not one from 0 s on"),
        ("time,strength\n,0.5\n", "line 2: '' is no time"),
        ("time\n-1\n", "line 2: the time -1 is not one from 0 s on"),
        ("time\n1e999\n", "line 2: the time 1e999 is not"),
        ("time,kind\n1,hit\n", "line 2: there is no kind hit; there are impact, slide"),
        ("time,kind\n1,slid\n", "did you mean slide"),
        ("time,strength\n1,80\n", "line 2: the strength 80 is not from 0 to 1"),
        ("time,gain\n1,loud\n", "the gain loud is not from -60 to 60 dB"),
        ("time,pan\n1,-2\n", "the pan -2 is not from -1"),
        ("time,duration\n1,nan\n", "the duration nan is not"),
        ("time,locked\n1,maybe\n", "line 2: locked is 'maybe'; write 1 for yes"),
        ("id,time\n7,1\n7,2\n", r"line 3: the id 7 is taken \(cues.csv, line 2\)"),
        ("id,time\n1.5,1\n", "line 2: the id 1.5 is no whole number"),
        ("id,time\n0,1\n", "the id 0 is no whole number from 1 on"),
        ("id,time\n999999999,1\n1000000000,2\n", "line 3: the id 1000000000 is no whole number"),
        ("id,time\n" + "9" * 5000 + ",1\n", "is no whole number"),
        ('time,layer\n1,"cup\n', "line 2 cannot be read"),
        ("1\t2\nsoon\t3\n", "line 2: 'soon' is no time; it needs a time in seconds a line"),
        ("1\t2,5\n", "line 1: the end has a comma; write 2.5, not 2,5"),
        ("1\t1\t0,5\n", "line 1: the strength has a comma; write 0.5, not 0,5"),
        ("1\t1\n2\t2\t1.5\n", "line 2: the strength 1.5 is not from 0 to 1; a label may also be a name"),
        ('{"cues": [{"time": 1}, {"time": 1, "streng": 2}]}', "cue 2: there is no column streng; did you mean strength"),
        ('{"cues": [{"time": [1]}]}', "cue 1: time is a list"),
        ('{"cues": [{"strength": 1}]}', "cue 1: the column time is missing"),
        ('{"time": 1}', "it needs a list of cues"),
        ('[{"time": 1}', "line 1: this is no JSON"),
        ("[" * 100_000, "^cues.json: this is no JSON"),
        ('[{"time": 1}, {"time": -1}]', "cue 2: the time -1 is not one from 0 s on"),
    ],
)  # fmt: skip
def test_what_is_no_cue_is_refused(text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        parse_cues(text, "cues.csv" if not text.startswith(("{", "[")) else "cues.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("time\n1\n5\n", "line 3: 5 s is past the end of the target"),
        ("time,layer\n1,step\n", "there is no layer step; did you mean steps"),
        ("time\n1\n1.02\n", r"line 3: 1.02 s overlaps the cue at 1 s \(cues.csv, line 2\); move or remove one$"),
        (
            "time,duration\n1,2\n2.5,\n",
            "line 3: 2.5 s overlaps the slide at 1 s .*; move or remove one, or shorten the slide$",
        ),
    ],
)
def test_cues_that_a_target_cannot_have_are_refused(text, complaint):
    with pytest.raises(InputError, match=complaint):
        require_usable(parse_cues(text, "cues.csv").rows, 5.0, ["main", "steps"])
    require_usable(
        parse_cues("time,layer,duration\n1,steps,2\n1.5,main,\n3,steps,\n", "cues.csv").rows, 5.0, ["main", "steps"]
    )


def test_cues_may_be_as_near_as_two_are_told_apart():
    require_usable([CueRow(1.0), CueRow(1.03), CueRow(1.5)], 5.0)


def test_what_a_project_has_already_is_not_refused():
    first, second, late = CueRow(1.0, where="old"), CueRow(1.01, where="old"), CueRow(7.0, where="old")
    require_usable([first, second, late], 5.0, as_they_are=[first, second, late])
    for known in (first, second):
        with pytest.raises(InputError, match="overlaps"):
            require_usable([first, second], 5.0, as_they_are=[known])


def test_a_file_is_named_in_what_is_said_of_it(tmp_path):
    path = tmp_path / "mine.csv"
    with pytest.raises(InputError, match="mine.csv: no such file of cues; check"):
        read_cues(path)
    path.write_text("time\nsoon\n")
    with pytest.raises(InputError, match="mine.csv, line 2: 'soon' is no time"):
        read_cues(path)
    path.write_bytes(b"time\n1.0 \xe4\n")
    with pytest.raises(InputError, match="mine.csv is no text file"):
        read_cues(path)


def test_all_forms_serve_as_hits(tmp_path):
    cues = [Cue(1, 0.5, 0.5), Cue(2, 1.25, muted=True), Cue(3, 2.0, kind="slide", duration=0.5)]
    for name in ("cues.csv", "cues.json"):
        write_cues(tmp_path / name, cues)
        hits = read_hits(tmp_path / name)
        assert hits.times.tolist() == [0.5, 2.0] and hits.strengths[0] == 0.5
    write_cues(tmp_path / "hits.txt", cues)
    assert (tmp_path / "hits.txt").read_text().splitlines()[0] == "0.5000\t0.5000\t0.50"
    assert read_hits(tmp_path / "hits.txt").times.tolist() == [0.5, 1.25, 2.0]
    with pytest.raises(InputError, match="lists no hits"):
        parse_hits(json.dumps({"cues": []}), "cues.json")
