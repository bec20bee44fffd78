"""Records without the folders of a machine."""

import json

import pytest

from condfoley.results.public import make_public, without_folders


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("/home/me/my clip.mp4", "my clip.mp4"),
        ("C:\\Users\\me\\a.mp4", "a.mp4"),
        ("condfoley generate --out=/home/me/out --seed 3 /data/b.mp4", "condfoley generate --out=out --seed 3 b.mp4"),
        ("sounds/main.flac", "sounds/main.flac"),
        ("steps=/a/b.wav@0:5", "steps=b.wav@0:5"),
        ("dB/oct and 1/2", "dB/oct and 1/2"),
        ("main", "main"),
    ],
)
def test_only_names_of_files_stay(text, public):
    assert without_folders({"a": [text, 3, None]}) == {"a": [public, 3, None]}


def test_all_records_of_a_result(tmp_path):
    (tmp_path / "history").mkdir()
    for name in ("project.json", "provenance.json", "history/0001.json"):
        (tmp_path / name).write_text(json.dumps({"path": "/home/mé/x.mp4"}), encoding="utf-8")
    make_public(tmp_path)
    for name in ("project.json", "provenance.json", "history/0001.json"):
        assert json.loads((tmp_path / name).read_text(encoding="utf-8")) == {"path": "x.mp4"}
