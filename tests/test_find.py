"""`condfoley find`: which sounds of a folder fit a target."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

from condfoley.cli.main import main
from condfoley.errors import InputError
from condfoley.finding import known, listen, rank
from condfoley.finding.files import sounds_in
from condfoley.finding.listen import Heard, clearest_windows
from condfoley.finding.rank import Finder, ranked
from condfoley.references import cache
from condfoley.weights import drop_part
from tests.made_up import write_video
from tests.sounds import RATE, noise_bursts, pulses
from tests.test_light import HEAVY
from tests.tiny import write_tiny_weights


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def library(tmp_path):
    """Three sounds, one of them of a video and one in a subfolder; a damaged and a silent file; and other things."""
    folder = tmp_path / "library"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    sf.write(folder / "low.wav", pulses([0.1, 0.5], 1.0, 300), RATE)
    sf.write(folder / "deep" / "er" / "noise.flac", noise_bursts([0.2, 2.0, 4.0], [60, 60, 60], 5.0), RATE)
    sf.write(folder / ".hidden" / "x.wav", pulses([0.1], 0.5), RATE)
    write_video(folder / "filmed.mp4", 2.0, pulses([0.3, 1.2], 2.0, 2500))
    (folder / "damaged.wav").write_bytes(b"RIFF....")
    sf.write(folder / "silent.wav", np.zeros(RATE), RATE)
    (folder / "notes.txt").write_text("no sound")
    return folder


@pytest.fixture
def target(tmp_path):
    return write_video(tmp_path / "target.mp4", 3.0, pulses([0.5, 1.4], 3.0, 2500))


def find(target, library, weights, *words):
    return main(["find", str(target), str(library), "--weights", str(weights), *words])


def test_the_sounds_of_a_folder_and_its_subfolders(library, tmp_path):
    names = [str(path.relative_to(library)) for path in sounds_in(library)]
    assert names == ["damaged.wav", "deep/er/noise.flac", "filmed.mp4", "low.wav", "silent.wav"]
    (tmp_path / "empty").mkdir()
    for folder, why in (
        (tmp_path / "empty", "no sounds"),
        (tmp_path / "x", "not exist"),
        (library / "low.wav", "a file"),
    ):
        with pytest.raises(InputError, match=why):
            sounds_in(folder)


def test_sounds_are_ranked_by_their_best_window(tmp_path):
    wanted = np.array([1.0, 0.0], np.float32)

    def heard(*angles):
        return Heard(np.arange(len(angles)) * 2.0, np.array([[np.cos(a), np.sin(a)] for a in angles], np.float32))

    found = ranked(wanted, {tmp_path / "b": heard(1.0, 0.2), tmp_path / "a": heard(0.5), tmp_path / "c": heard(0.5)})
    assert [(f.path.name, f.start) for f in found] == [("b", 2.0), ("a", 0.0), ("c", 0.0)]
    assert found[0].score == pytest.approx(np.cos(0.2)) and found[1].score == pytest.approx(np.cos(0.5))


def test_no_event_is_in_two_windows():
    times, strengths = np.array([1.0, 1.5, 10.0, 20.0, 30.0, 40.0]), np.array([5.0, 5.0, 9.0, 1.0, 2.0, 0.5])
    starts = clearest_windows(times, strengths, np.ones(1000), 50.0, 1.86)
    inside = [set(np.flatnonzero((times >= s) & (times < s + 1.86))) for s in starts]
    assert inside == [{0, 1}, {2}, {4}, {3}]
    levels = np.where(np.arange(1000) // 100 == 3, 1.0, 0.1)
    nothing = np.zeros(0)
    assert len(found := clearest_windows(nothing, nothing, levels, 50.0, 1.86)) == 1 and 14 < found[0] < 20


def test_the_command_ranks_what_it_can_read_and_lists_the_rest(library, target, weights, capsys):
    assert find(target, library, weights, "--quiet") == 0
    out, err = capsys.readouterr()
    assert sorted(line.split()[-1].rsplit("/", 1)[-1] for line in out.splitlines()) == [
        "filmed.mp4", "low.wav", "noise.flac",
    ]  # fmt: skip
    scores = [float(line.split()[0]) for line in out.splitlines()]
    assert scores == sorted(scores, reverse=True)
    lines = err.splitlines()
    assert len(lines) == 2 and "damaged.wav: not a media file" in lines[0] and "silent.wav: is silent" in lines[1]


def test_json_has_the_same(library, target, weights, capsys):
    assert find(target, library, weights, "--json", "--top", "2") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sounds"] == 3 and len(told["found"]) == 2 and told["by"] == "sound"  # as the target has one
    assert {item["path"].rsplit("/", 1)[-1] for item in told["left_out"]} == {"damaged.wav", "silent.wav"}
    assert told["found"][0]["score"] >= told["found"][1]["score"] and told["found"][0]["start"] >= 0


def test_by_sound_the_same_sound_is_first(library, target, weights, capsys):
    sf.write(library / "copy.wav", pulses([0.5, 1.4], 3.0, 2500), RATE)
    sf.write(library / "guide.wav", pulses([0.5, 1.4], 3.0, 2500), RATE)
    assert find(library / "guide.wav", library, weights, "--by", "sound", "--json") == 0
    found = json.loads(capsys.readouterr().out)["found"]
    assert found[0]["path"].endswith("copy.wav") and found[0]["score"] == pytest.approx(1, abs=1e-3)
    assert not any(item["path"].endswith("guide.wav") for item in found)  # the target itself


def test_the_shipped_model_finds_by_sound_and_says_that_it_cannot_by_a_picture(library, tmp_path, monkeypatch, capsys):
    sf.write(library / "like.wav", pulses([0.4, 1.0], 2.0, 2500), RATE)
    write_video(tmp_path / "guide.mp4", 3.0, pulses([0.5, 1.4], 3.0, 2500))
    write_video(tmp_path / "silent.mp4", 3.0)
    assert main(["find", str(tmp_path / "guide.mp4"), str(library), "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert {f["path"].rsplit("/", 1)[-1] for f in told["found"][:2]} == {"like.wav", "filmed.mp4"}
    assert told["by"] == "sound" and "chance" not in printed.err
    assert main(["find", str(tmp_path / "silent.mp4"), str(library), "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["by"] == "picture" and "no better than chance" in printed.err


def test_a_second_search_listens_to_what_is_new(library, target, weights, monkeypatch, capsys):
    assert find(target, library, weights, "--by", "picture") == 0
    first = capsys.readouterr().out
    listened, hashed = [], []
    plain, digest = listen.listen, known.sha256
    monkeypatch.setattr(rank, "listen", lambda path, *rest: listened.append(path.name) or plain(path, *rest))
    monkeypatch.setattr(known, "sha256", lambda path: hashed.append(path.name) or digest(path))
    assert find(target, library, weights, "--by", "picture") == 0
    assert capsys.readouterr().out == first
    assert sorted(listened) == ["damaged.wav", "silent.wav"] and hashed == []
    (library / "low.wav").rename(library / "moved.wav")
    sf.write(library / "new.wav", pulses([0.2], 0.6, 800), RATE)
    listened.clear()
    assert find(target, library, weights, "--by", "picture") == 0
    assert sorted(listened) == ["damaged.wav", "new.wav", "silent.wav"] and sorted(hashed) == ["moved.wav", "new.wav"]


def test_files_of_the_same_content_are_known_once(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"same")
    store = known.Known(tmp_path / "x.sqlite", "part")
    one, two, gone = store.hashes([tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "none.wav"])
    assert one == two and gone == ""
    heard = Heard(np.array([0.5, 2.0]), np.array([[0.6, 0.8], [1.0, 0.0]], np.float32))
    store.save({one: heard, "": heard})
    loaded = store.load([one, ""])
    assert list(loaded) == [one] and np.array_equal(loaded[one].vectors, heard.vectors)
    assert np.array_equal(loaded[one].starts, heard.starts)
    assert known.Known(tmp_path / "x.sqlite", "another part").load([one]) == {}
    assert known.Known(None, "part").load([one]) == {}


def test_what_was_used_last_is_kept(tmp_path, monkeypatch):
    store = known.Known(tmp_path / "x.sqlite", "part")
    heard = Heard(np.zeros(1), np.ones((1, 2), np.float32))
    for moment, key in enumerate("abc"):
        monkeypatch.setattr(known.time, "time", lambda moment=moment: float(moment))
        store.save({key: heard})
    monkeypatch.setattr(known.time, "time", lambda: 9.0)
    store.load("a")
    store.make_room(most=2)
    assert sorted(store.load("abc")) == ["a", "c"]


@pytest.mark.parametrize("content", [b"no database at all " * 100, b""])
def test_a_damaged_cache_is_written_anew(tmp_path, content):
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    store = known.Known(path, "part")
    heard = {"key": Heard(np.zeros(1), np.ones((1, 2), np.float32))}
    assert store.load(["key"]) == {}
    store.save(heard)
    assert list(store.load(["key"])) == ["key"]


def test_nothing_is_kept_where_the_user_wants_nothing(library, target, weights, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "off")
    assert find(target, library, weights) == 0
    assert not (tmp_path / "cache").exists()
    monkeypatch.setenv(cache.VARIABLE, str(target / "no folder"))
    assert find(target, library, weights) == 0


def test_a_long_sound_is_heard_in_its_clearest_windows(tmp_path, weights, monkeypatch):
    finder = Finder.load(weights, engine="torch")
    path = tmp_path / "long.wav"
    sf.write(path, noise_bursts([3.0, 9.0, 15.0], [60, 60, 60], 20.0), RATE)
    whole = listen.listen(path, finder.engine, finder.geometry)
    monkeypatch.setattr(listen, "WHOLE", 5.0)
    parts = listen.listen(path, finder.engine, finder.geometry)
    assert sorted(int(start // 6) for start in parts.starts) == [0, 1, 2]
    assert np.allclose(np.sort(whole.starts), np.sort(parts.starts), atol=0.2)


@pytest.mark.parametrize(
    ("words", "why"),
    [(["x.mp4", "LIBRARY"], "x.mp4: no such file"), (["TARGET", "x"], "x does not exist"),
     (["LIBRARY/low.wav", "LIBRARY", "--by", "picture"], "has no picture"), (["TARGET", "LIBRARY", "--top", "0"], "--top is 0"),
     (["TARGET"], "missing: library"), (["TARGET", "LIBRARY", "--by", "smell"], "--by must be one of")],
)  # fmt: skip
def test_what_cannot_be_used_is_told_in_one_line(library, target, weights, capsys, words, why):
    words = [word.replace("LIBRARY", str(library)).replace("TARGET", str(target)) for word in words]
    assert main(["find", *words, "--weights", str(weights), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert why in err and err.count("\n") == 1


def test_a_folder_of_damaged_files_alone_is_refused(tmp_path, target, weights, capsys):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.wav").write_bytes(b"x")
    assert find(target, tmp_path / "bad", weights, "--quiet") == 2
    assert "none of 1 files can be used" in capsys.readouterr().err


def test_weights_without_the_part_say_what_to_do(tmp_path, library, target, capsys, monkeypatch):
    folder = write_tiny_weights(tmp_path / "weights")
    drop_part(folder, "bind")
    assert find(target, library, folder) == 2
    err = capsys.readouterr().err
    assert "condfoley train --config configs/small/bind.yaml" in err and err.count("\n") == 1
    monkeypatch.setattr(rank, "SHIPPED", folder)
    assert find(target, library, folder) == 2
    err = capsys.readouterr().err
    assert "my_weights, then condfoley train" in err and "weights=my_weights" in err and err.count("\n") == 1


COMMAND = """
import sys
from condfoley.cli.main import main
assert main(["find", sys.argv[1], sys.argv[2], "--weights", sys.argv[3], "--quiet"]) == 0
print(*(name for name in sys.argv[4:] if name in sys.modules))
"""


def test_with_graphs_nothing_heavy_is_imported_and_both_engines_agree(tmp_path, library, target):
    pytest.importorskip("onnx")
    from condfoley.runtime.export import write_graphs

    folder = write_tiny_weights(tmp_path / "weights")
    write_graphs(folder, ["video_encoder", "sync", "events", "contact", "bind"])
    words = [sys.executable, "-c", COMMAND, str(target), str(library), str(folder), *HEAVY]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""
    with_onnx, with_torch = (Finder.load(folder, engine=name) for name in ("onnx", "torch"))
    assert with_onnx.engine.name == "onnx" and with_torch.engine.name == "torch"
    assert np.allclose(with_onnx.picture_vector(target), with_torch.picture_vector(target), atol=1e-4)
    assert np.allclose(with_onnx.sound_vector(target), with_torch.sound_vector(target), atol=1e-4)
