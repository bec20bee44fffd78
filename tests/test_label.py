"""`condfoley label`: sheets of a clip's frames, marked contacts as a cue file, and their comparison."""

import numpy as np
import pytest
from PIL import Image

from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.hits import read_hits
from condfoley.labelling.contacts import Contacts, differences, judged, parse_frames, read_contacts, write_contacts
from condfoley.labelling.report import report
from condfoley.labelling.sheets import COLUMNS, LABEL, frame_times, write_sheets
from tests.conftest import grey

SHOWN = np.arange(40) / 20


def test_marks_are_a_cue_file(tmp_path):
    path = tmp_path / "contacts.csv"
    write_contacts(path, SHOWN, [30, 3], [9])
    assert path.read_text().splitlines() == [
        "time,frame,confidence", "0.150000,3,1.0", "0.450000,9,0.5", "1.500000,30,1.0",
    ]  # fmt: skip
    contacts = read_contacts(path)
    assert contacts.certain.tolist() == [0.15, 1.5] and contacts.doubtful.tolist() == [0.45]
    assert read_hits(path).times.tolist() == [0.15, 0.45, 1.5]


@pytest.mark.parametrize(
    ("sure", "doubtful", "message"),
    [([40], [], "no frame 40; the clip's last one is 39"), ([3], [3], "frame 3 is among")],
)
def test_frames_that_cannot_be_marked(tmp_path, sure, doubtful, message):
    with pytest.raises(InputError, match=message):
        write_contacts(tmp_path / "contacts.csv", SHOWN, sure, doubtful)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "3,x", "-1", "3;4", "3,3", "1.5"])
def test_lists_of_frames_are_checked(text):
    with pytest.raises(InputError, match="--contacts"):
        parse_frames(text, "--contacts")


def test_doubtful_contacts_are_neither_right_nor_wrong():
    contacts = Contacts(np.array([1.0, 2.0, 2.1]), np.array([True, False, True]))
    found = np.array([0.99, 2.04, 3.0])
    assert judged(found, contacts, 0.1).tolist() == [0.99, 2.04, 3.0]  # 2.04 is paired with the certain one at 2.1 ...
    assert judged(found, contacts, 0.05).tolist() == [0.99, 3.0]  # ... from which it is too far here


@pytest.mark.parametrize("late", [-0.12, 0.0, 0.07, 0.15])
def test_differences_find_a_constant_offset(late):
    contacts = np.array([0.3, 0.62, 1.0, 1.4])
    sound = np.sort(np.append(contacts[[0, 1, 3]] + late, 5.0))
    np.testing.assert_allclose(differences(contacts, sound), [late, late, np.nan, late], atol=1e-9)
    assert np.isnan(differences(contacts, np.zeros(0))).all() and not len(differences(np.zeros(0), sound))


def test_the_report_says_how_late_sound_and_picture_are():
    contacts = Contacts(np.array([0.5, 1.0, 1.5]), np.array([True, True, False]))
    table = report("x.mp4", contacts, np.array([0.54, 1.06, 1.5]), np.array([0.48, 1.0]))
    assert [row[2:] for row in table.rows] == [("+40", "-20"), ("+60", "+0"), ("+0", "-"), ("+50", "-10")]
    assert "F1 1.00 within 100 ms" in table.notes[0] and "50 ms later than its picture" in table.notes[1]
    assert "no sound" in report("x.mp4", contacts, None, np.zeros(0)).notes[1]


def test_sheets_show_the_frames_in_their_order(make_clip, tmp_path):
    clip = make_clip("clip.mp4", fps=20, duration=2.0)
    np.testing.assert_allclose(frame_times(clip), SHOWN, atol=1e-6)
    (sheet,) = write_sheets(clip, tmp_path, 48, 0.5, 1.5)
    picture = np.asarray(Image.open(sheet).convert("L"), float)
    height = picture.shape[0] // 3  # 20 frames in rows of 8
    for place in range(20):
        row, column = divmod(place, COLUMNS)
        tile = picture[row * height + LABEL : (row + 1) * height, column * 48 : (column + 1) * 48]
        assert abs(tile.mean() - grey(place + 10)) < 4


def test_from_the_command_line(make_clip, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = str(make_clip("clip.mp4", fps=20, duration=1.0))
    assert main(["label", clip]) == 0 and (tmp_path / "clip_label/sheet-001.png").is_file()
    assert main(["label", clip]) == 2 and "--force" in capsys.readouterr().err
    assert main(["label", clip, "--contacts", "4,11", "--unsure", "15"]) == 0
    assert main(["label", clip, "--contacts", "4"]) == 2 and "--force" in capsys.readouterr().err
    assert main(["label", clip, "--report"]) == 0
    out = capsys.readouterr().out
    assert "2 contacts marked in the picture, and 1 doubtful ones" in out and "0.550" in out
    assert main(["label", clip, "--out", "other", "--contacts", "99"]) == 2
    assert main(["label", clip, "--out", "none", "--report"]) == 2
    assert main(["label", clip, "--begin", "7"]) == 2
    assert main(["label", clip, "--width", "3"]) == 2
