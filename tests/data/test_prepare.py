"""`condfoley prepare` end to end, on generated stand-ins of all three data sets, and training's store on the result."""

import csv
import dataclasses
import functools
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.cli import main as cli
from condfoley.data import sources
from condfoley.data.index import Index, find_leaks, totals
from condfoley.data.prepare import PrepareOptions, prepare
from condfoley.data.published import greatest_hits_splits
from condfoley.data.rejected import by_reason
from condfoley.data.segments import segment_spans
from condfoley.data.store import ClipStore
from condfoley.errors import EXIT_USER_ERROR, InputError
from tests.data import stand_ins

REPOSITORY = Path(__file__).parents[2]
ALONE = PrepareOptions(workers=1)


def rejected(out: Path) -> dict[str, str]:
    with open(out / "rejected.csv", newline="") as file:
        return {row["clip"]: row["reason"] for row in csv.DictReader(file)}


def opened(out, **options) -> ClipStore:
    return ClipStore.open(str(out), stand_ins.GEOMETRY, frame_size=24, workers=1, **options)


@pytest.fixture(scope="module")
def greatest_hits(tmp_path_factory):
    """(names for training, names for testing, prepared folder): 12 s videos, so two clips each."""
    root = tmp_path_factory.mktemp("greatest_hits")
    names = stand_ins.greatest_hits(root / "vis-data", train=4, seconds=12.0)
    assert cli.main(["prepare", "greatest-hits", str(root), str(root / "out"), "--verify", "--segment", "4"]) == 0
    return *names, root / "out"


def test_greatest_hits_end_to_end(greatest_hits, capsys):
    train, test, out = greatest_hits
    index = Index.load(str(out))
    assert {clip.video for clip in index.clips()} == {*train, *test}
    assert {clip.video for clip in index.clips() if clip.split == "test"} == set(test)
    assert find_leaks(index.clips()) == {}
    store = opened(out)
    clips = store.train + store.validation
    assert store.validation and not {clip.name[:-5] for clip in clips} & set(test)  # test clips stay unseen
    first = next(clip for clip in clips if clip.name == f"{train[0]}_0000")
    assert first.frame_count == 60 and first.sample_count == round(4 * stand_ins.GEOMETRY.sample_rate)
    assert [(event.kind, event.material, event.labelled) for event in first.events] == [
        ("hit", "metal", True),
        ("hit", "", False),
    ]
    second = next(clip for clip in clips if clip.name == f"{train[0]}_0001")
    assert [event.kind for event in second.events] == ["scratch"]
    assert second.events[0].time == pytest.approx(0.4)  # 4.4 s of the video
    sound = np.abs(second.sound(0, 0, second.sample_count))
    assert np.argmax(sound > 0.1) / stand_ins.GEOMETRY.sample_rate == pytest.approx(0.4, abs=0.01)
    assert "silent from 8.0 s" in rejected(out)[f"{train[0]}_0002"]


def test_pictures_keep_their_shape_and_sound_is_lossless(greatest_hits, tmp_path):
    out = greatest_hits[2]
    with tarfile.open(next(out.glob("*.tar"))) as shard:
        shard.extractall(tmp_path, filter="data")
    picture, sound = min(tmp_path.glob("*.mp4")), min(tmp_path.glob("*.flac"))
    from condfoley import media

    info = media.probe(picture)
    assert (info.width, info.height, info.fps, info.has_audio) == (64, 48, stand_ins.GEOMETRY.fps, False)
    assert media.probe(sound).sample_rate == stand_ins.GEOMETRY.sample_rate and media.probe(sound).channels == 1


def test_the_published_split_holds_out_clips_of_training_videos(greatest_hits, tmp_path, monkeypatch):
    train, test, out = greatest_hits
    lists = dataclasses.replace(greatest_hits_splits(), held_out=0.5)  # the true share finds none of so few
    monkeypatch.setattr(sources.greatest_hits, "greatest_hits_splits", lambda: lists)
    options = PrepareOptions(split="published", segment=4.0, workers=1)
    index = prepare("greatest-hits", out.parent, tmp_path / "out", options, quiet=True)
    assert {clip.split for clip in index.clips() if clip.video in train} == {"train", "validation"}
    assert {clip.split for clip in index.clips() if clip.video in test} == {"test"}
    assert set(find_leaks(index.clips())) < set(train)
    store = opened(tmp_path / "out")  # asked for, so not refused
    assert {clip.name[:-5] for clip in store.train} & {clip.name[:-5] for clip in store.validation}
    with pytest.raises(InputError, match="greatest-hits"):
        prepare("folder", tmp_path, tmp_path / "other", PrepareOptions(split="published"))


def test_countix_av_end_to_end(tmp_path):
    stand_ins.countix_av(tmp_path / "src")
    index = prepare("countix-av", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    assert {split: held.clips for split, held in totals(index.clips()).items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    store = opened(tmp_path / "out")
    events = {clip.name: [event.time for event in clip.events] for clip in store.train + store.validation}
    assert events["-aB3_xYz012-000050_0000"] == pytest.approx([0.3, 2.1, 3.9], abs=0.03)  # from 0.5 s on
    assert events["eeeeeeeeeee-000000_0000"] == pytest.approx(stand_ins.HITS, abs=0.03)


def test_a_folder_end_to_end_with_everything_that_is_wrong_listed(tmp_path):
    src, out = tmp_path / "src", tmp_path / "out"
    for name in ("one", "two", "deep/three", "no sound", "still", "truth"):
        struck = {"sound": name != "no sound", "moving": name != "still"}
        stand_ins.struck(src / f"{name}.mp4", **struck)
    (src / "truth.json").write_text(json.dumps({"generator": 1, "events": [{"time": 1.5, "kind": "hit"}]}))
    (src / "damaged.mp4").write_bytes((src / "one.mp4").read_bytes()[:3000])
    (src / "notes.txt").write_text("no video")
    index = prepare("folder", src, out, ALONE, quiet=True)
    assert {clip.video for clip in index.clips()} == {"one", "two", "deep__three", "truth"}
    why = rejected(out)
    assert set(why) == {"no-sound", "still", "damaged"}
    assert "no sound" in why["no-sound"] and "no event" in why["still"]
    store = opened(out, renderings=2)
    clips = {clip.name: clip for clip in store.train + store.validation}
    assert [e.time for e in clips["one_0000"].events] == pytest.approx(stand_ins.HITS, abs=0.03)
    assert not any(event.labelled for event in clips["one_0000"].events)
    assert [e.time for e in clips["truth_0000"].events] == [1.5]
    assert {name: clip.tracks for name, clip in clips.items()} == {
        "one_0000": 1, "two_0000": 1, "deep__three_0000": 1, "truth_0000": 2,  # only simulated events sound anew
    }  # fmt: skip


def test_a_second_run_adds_what_is_new_and_leaves_the_rest_alone(tmp_path):
    src, out = tmp_path / "src", tmp_path / "out"
    stand_ins.struck(src / "one.mp4")
    (src / "two.mp4").write_bytes(b"not yet copied")
    prepare("folder", src, out, ALONE, quiet=True)
    before = {path: path.stat().st_mtime_ns for path in out.glob("clips-*")}
    assert set(rejected(out)) == {"two"}
    stand_ins.struck(src / "two.mp4")
    index = prepare("folder", src, out, ALONE, quiet=True)
    assert {clip.video for clip in index.clips()} == {"one", "two"} and rejected(out) == {}
    assert before == {path: path.stat().st_mtime_ns for path in before}
    with pytest.raises(InputError, match="another segment"):
        prepare("folder", src, out, PrepareOptions(segment=5.0))


def test_a_killed_preparation_goes_on_where_it_stopped(tmp_path):
    src, out = tmp_path / "src", tmp_path / "out"
    for index in range(6):
        stand_ins.struck(src / f"{index}.mp4")
    words = ["prepare", "folder", str(src), str(out), "--workers", "1", "--shard-videos", "1"]
    process = subprocess.Popen([sys.executable, "-m", "condfoley", *words], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    while not list(out.glob("clips-*.json")):
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("clips-*.json")}
    assert len(kept) < 6 and not (out / "index.json").exists()
    with pytest.raises(InputError, match="not yet prepared"):
        opened(out)
    assert cli.main([*words, "--verify"]) == 0
    assert len(Index.load(str(out)).clips()) == 6
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    assert sorted({path.name.split(".")[0] for path in out.iterdir() if path.suffix in (".tar", ".part")}) == [
        f"clips-{index:06d}" for index in range(6)
    ]
    assert not (out / ".parts").exists()


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_preparation_leaves_nothing_half_written(way, tmp_path):
    src, out = tmp_path / "src", tmp_path / "out"
    for index in range(6):
        stand_ins.struck(src / f"{index}.mp4")
    words = ["prepare", "folder", str(src), str(out), "--workers", "2", "--shard-videos", "1"]
    process = stand_ins.interruptible(words)
    while not (list(out.glob("clips-*.json")) and list(out.glob(".parts/*"))):
        time.sleep(0.005)
        assert process.poll() is None
    os.killpg(process.pid, way)  # as Ctrl-C does: the workers get it too
    assert process.communicate()[1].endswith("condfoley: interrupted\n") and process.returncode == 130
    assert {path.suffix for path in out.iterdir()} == {".tar", ".json"} and not (out / "index.json").exists()
    assert {path.stem for path in out.glob("*.json")} == {path.stem for path in out.glob("*.tar")}
    assert cli.main([*words, "--verify"]) == 0


def test_names_that_clash_and_sources_without_a_usable_clip_are_refused(tmp_path, capsys):
    stand_ins.struck(tmp_path / "a" / "x.mp4")
    stand_ins.struck(tmp_path / "a" / "x.mkv")
    assert cli.main(["prepare", "folder", str(tmp_path / "a"), str(tmp_path / "out")]) == EXIT_USER_ERROR
    assert "both be clip x" in capsys.readouterr().err
    stand_ins.struck(tmp_path / "b" / "mute.mp4", sound=False)
    assert cli.main(["prepare", "folder", str(tmp_path / "b"), str(tmp_path / "out")]) == EXIT_USER_ERROR
    assert "no usable clip (1 left out" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rejected.csv"]


@pytest.mark.parametrize(
    "words",
    [["nothing", "a", "b"], ["folder", "a"], ["folder", "no such folder", "b"], ["folder", "a", "b", "--segment", "0"]],
)
def test_a_wrong_call_is_one_line(words, capsys):
    assert cli.main(["prepare", *words]) == EXIT_USER_ERROR
    assert capsys.readouterr().err.count("\n") == 1


def test_the_door_in_data_prep_is_the_same_command(tmp_path):
    words = ["greatest-hits", str(tmp_path), str(tmp_path / "out")]
    door = [sys.executable, str(REPOSITORY / "data_prep" / "prepare.py")]
    done = subprocess.run([*door, *words], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_USER_ERROR
    assert done.stderr.count("\n") == 1 and "_denoised.mp4 is missing" in done.stderr


def test_verify_finds_a_damaged_shard(tmp_path, capsys):
    stand_ins.struck(tmp_path / "src" / "one.mp4")
    words = ["prepare", "folder", str(tmp_path / "src"), str(tmp_path / "out"), "--workers", "1", "--verify"]
    assert cli.main(words) == 0
    shard = tmp_path / "out" / "clips-000000.tar"
    content = bytearray(shard.read_bytes())
    content[2000] ^= 1
    shard.write_bytes(content)
    assert cli.main(words) == EXIT_USER_ERROR
    assert f"{shard} is damaged" in capsys.readouterr().err


def test_a_shard_that_broke_off_stops_the_store(tmp_path):
    for name in ("one", "two"):
        stand_ins.struck(tmp_path / "src" / f"{name}.mp4")
    prepare("folder", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    shard = tmp_path / "out" / "clips-000000.tar"
    shard.write_bytes(shard.read_bytes()[:-20000])
    with pytest.raises(InputError, match="damaged"):
        opened(tmp_path / "out")


def test_shards_with_the_former_name_of_a_field_are_gone_on_with(tmp_path):
    stand_ins.struck(tmp_path / "src" / "one.mp4")
    prepare("folder", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    notes = tmp_path / "out" / "clips-000000.json"
    assert '"resize"' in notes.read_text()
    notes.write_text(notes.read_text().replace('"resize"', '"squeeze"'))
    made = notes.with_suffix(".tar").stat().st_mtime_ns
    prepare("folder", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    assert notes.with_suffix(".tar").stat().st_mtime_ns == made


@pytest.mark.parametrize("begin", [b"fLaC", b'"events"'])
def test_a_shard_whose_sound_or_facts_are_damaged_stops_the_store(tmp_path, begin):
    for name in ("one", "two"):
        stand_ins.struck(tmp_path / "src" / f"{name}.mp4")
    prepare("folder", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    shard = tmp_path / "out" / "clips-000000.tar"
    content = shard.read_bytes()
    assert begin in content
    shard.write_bytes(content.replace(begin, b"x" * len(begin)))
    with pytest.raises(
        InputError, match=f"{shard.name} is damaged; delete it and run the same `condfoley prepare` again"
    ):
        opened(tmp_path / "out")


def test_an_index_with_a_video_in_two_splits_is_refused(greatest_hits, tmp_path):
    train, test, out = greatest_hits
    content = json.loads((out / "index.json").read_text())
    clip = next(c for shard in content["shards"] for c in shard["clips"] if c["video"] == train[0])
    clip["split"] = "test"
    for shard in out.glob("*.tar"):
        os.link(shard, tmp_path / shard.name)
    (tmp_path / "index.json").write_text(json.dumps(content))
    assert set(find_leaks(Index.load(str(tmp_path)).clips())) == {train[0]}
    with pytest.raises(InputError, match=f"video {train[0]} is in test and"):
        opened(tmp_path)


@pytest.mark.parametrize("damage", [
    {"settings": []}, {"shards": [1]}, {"names": [["a"]]}, {"names": "000000"}, {"size": 1.5}, {"sha256": None},
    {"clips": [{"key": ["a"], "video": "a", "split": "train", "duration": 1.0, "events": 1}]},
    {"clips": [{"key": "a", "video": "a", "split": "train", "duration": "1", "events": 1}]},
    {"rejected": [["a", "b", "c"]]},
])  # fmt: skip
def test_an_index_with_values_of_other_types_is_told(damage, tmp_path):
    shard = {"file": "a.tar", "sha256": "0", "size": 1, "names": ["a"], "clips": [], "rejected": [["a", "why"]]}
    content = {"settings": {"format": 1}, "shards": [shard]}
    path = tmp_path / "index.json"
    path.write_text(json.dumps(content))
    assert Index.load(str(path)).shards[0].rejected == (("a", "why"),)
    shard |= {key: value for key, value in damage.items() if key in shard}
    path.write_text(json.dumps(content | {key: value for key, value in damage.items() if key not in shard}))
    with pytest.raises(InputError, match="no index of a prepared data set"):
        Index.load(str(path))


def test_a_prepared_data_set_is_read_from_a_web_server(greatest_hits, tmp_path):
    out = greatest_hits[2]

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(out)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/index.json"
        with pytest.raises(InputError, match="data.cache"):
            opened(url)
        there, here = opened(url, cache=str(tmp_path)), opened(out)
        with pytest.raises(InputError, match="404"):
            opened(url.replace("index", "none") + "/index.json", cache=str(tmp_path))
    finally:
        server.shutdown()
        server.server_close()
    assert [c.name for c in there.train] == [c.name for c in here.train]
    assert np.array_equal(there.train[0].sound(0, 0, 9999), here.train[0].sound(0, 0, 9999))
    assert np.array_equal(there.train[0].frames(0, 4), here.train[0].frames(0, 4))


def test_on_ray_the_same_clips_are_made(two_ray_workers, greatest_hits, tmp_path):
    train, test, local = greatest_hits
    options = PrepareOptions(segment=4.0, engine="ray", shard_videos=2)
    index = prepare("greatest-hits", local.parent, tmp_path / "out", options, quiet=True)
    assert sorted(c.key for c in index.clips()) == sorted(c.key for c in Index.load(str(local)).clips())


def damage(video: Path, kind: str, first: float, last: float) -> Path:
    """Noise instead of the packets of a stream between two seconds."""
    content, rng = bytearray(video.read_bytes()), np.random.default_rng(0)
    with av.open(str(video)) as container:
        for packet in container.demux():
            if packet.size and packet.stream.type == kind and first < packet.pts * packet.time_base < last:
                content[packet.pos : packet.pos + packet.size] = rng.bytes(packet.size)
    video.write_bytes(content)
    return video


def test_a_video_that_is_damaged_in_the_middle_is_used_up_to_there_and_one_cut_off_is_left_out(tmp_path, capsys):
    long = {"times": (1.0, 3.0, 9.0, 17.0), "seconds": 20.0}
    broken = damage(stand_ins.struck(tmp_path / "src" / "broken.mp4", **long), "audio", 14.0, 16.0)
    early = damage(stand_ins.struck(tmp_path / "src" / "early.mp4", **long), "audio", 5.0, 7.0)
    short = stand_ins.struck(tmp_path / "src" / "short.mkv", **long)
    short.write_bytes(short.read_bytes()[: short.stat().st_size // 2])
    words = ["prepare", "folder", str(tmp_path / "src"), str(tmp_path / "out"), "--workers", "1"]
    assert cli.main(words) == 0
    why = rejected(tmp_path / "out")
    assert why["broken"] == f"{broken}: damaged, cannot be decoded from about 14.0 s on; used up to 8.0 s"
    assert why["early"].startswith(
        f"{early}: damaged, cannot be decoded from about 5.0 s on; what is before is too short"
    )
    assert "cut off" in why["short"]
    assert [clip.key for clip in Index.load(str(tmp_path / "out")).clips()] == ["broken_0000"]
    assert "3 left out" in capsys.readouterr().err


def test_a_picture_that_is_damaged_is_told_by_its_second(tmp_path, monkeypatch):
    from condfoley.data import segments

    def broken(clip, index, start):
        for frame in frames(clip, index, start):
            if frame[0] > 9.9:
                raise av.error.PermissionError(1, "Operation not permitted")
            yield frame

    frames = segments.timed_frames
    monkeypatch.setattr(segments, "timed_frames", broken)
    stand_ins.struck(tmp_path / "src" / "one.mp4", times=(1.0, 9.0), seconds=16.0)
    prepare("folder", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    assert "from about 9.9 s on; used up to 8.0 s" in rejected(tmp_path / "out")["one"]


def test_labels_outside_a_video_are_named_and_the_others_used(tmp_path):
    for name, times in (("late", (1.5, 99)), ("early", (-1.5, 2.0)), ("soon", ("soon",))):
        video = stand_ins.struck(tmp_path / "src" / f"{name}.mp4")
        video.with_suffix(".json").write_text(json.dumps({"events": [{"time": t, "kind": "hit"} for t in times]}))
    index = prepare("folder", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    assert {clip.key: clip.events for clip in index.clips()} == {"late_0000": 1, "early_0000": 1}
    why = rejected(tmp_path / "out")
    assert why["late"] == "its event at 99 s is left out: late.mp4 lasts from 0 to 6.00 s"
    assert why["early"] == "its event at -1.5 s is left out: early.mp4 lasts from 0 to 6.00 s"
    assert "time 'soon' is no number" in why["soon"]
    prepare("folder", tmp_path / "src", tmp_path / "out", ALONE, quiet=True)
    assert rejected(tmp_path / "out") == why


@pytest.mark.parametrize(
    ("data_set", "options", "named"),
    [
        ("greatest-hits", {"test": 0.5}, "--test is for a folder"),
        ("greatest-hits", {"split": "published", "validation": 0.2}, "--validation has no use with --split published"),
        ("countix-av", {"test": 0.5}, "--test is for a folder"),
        ("countix-av", {"validation": 0.2}, "--validation has no use with countix-av"),
    ],
)
def test_options_that_a_data_set_has_no_use_for_are_refused(data_set, options, named, tmp_path):
    with pytest.raises(InputError, match=named):
        prepare(data_set, tmp_path, tmp_path / "out", PrepareOptions(**options))
    assert not (tmp_path / "out").exists()


def test_a_part_of_greatest_hits_shows_what_is_damaged_before_what_is_absent(tmp_path, capsys):
    train, test = stand_ins.greatest_hits(tmp_path / "vis-data")
    (tmp_path / "vis-data" / f"{train[2]}_denoised.mp4").write_bytes(b"not a video")
    (tmp_path / "vis-data" / f"{train[1]}_times.txt").unlink()
    assert cli.main(["prepare", "greatest-hits", str(tmp_path), str(tmp_path / "out"), "--workers", "1"]) == 0
    said = capsys.readouterr().err
    assert list(rejected(tmp_path / "out"))[:2] == sorted(train[1:3])
    assert "968 left out" in said and "966, such as 2015" in said and f"1, {train[2]}: " in said
    assert f"1, {train[1]}: its {train[1]}_times.txt is missing" in said


def test_reasons_are_counted_whatever_names_and_numbers_are_in_them():
    given = [
        ("a", "/x/a one.mp4: has no sound; give"),
        ("b", "/x/b.mkv: has no sound; give"),
        ("c", "no event from 8.0 s"),
    ]
    given += [("d", "no event from 16.0 s"), ("e", "no event from 0.0 s"), ("f", "f_1.mp4 is missing")]
    assert [(count, clip) for count, clip, _ in by_reason(given)] == [(3, "c"), (2, "a"), (1, "f")]


def test_a_split_that_drew_no_video_is_told_and_the_share_that_would(tmp_path, capsys):
    for name in ("one", "two"):
        stand_ins.struck(tmp_path / "src" / f"{name}.mp4")
    words = ["prepare", "folder", str(tmp_path / "src"), "--workers", "1"]
    assert cli.main([*words, str(tmp_path / "a"), "--validation", "0.01", "--test", "0.01"]) == 0
    said = capsys.readouterr().err
    assert "no test split: --test 0.01 drew none of 2 videos" in said
    (share,) = re.findall(r"no validation split: --validation 0.01 drew none of 2 videos; --validation (\S+) and", said)
    cli.main([*words, str(tmp_path / "b"), "--validation", share])
    assert "validation: 1 videos" in capsys.readouterr().err
    assert cli.main([*words, str(tmp_path / "c"), "--validation", "0"]) == 0
    assert "no validation split" not in capsys.readouterr().err


@given(total=st.integers(1, 2000), length=st.integers(1, 200), shortest=st.integers(1, 200))
def test_segments_cover_every_frame_once(total, length, shortest):
    made = segment_spans(total, length, shortest)
    assert [frame for first, count in made for frame in range(first, first + count)] == list(range(total))
    assert all(count == length for _, count in made[:-1])
    assert len(made) == 1 or made[-1][1] >= min(length, shortest)


@pytest.mark.parametrize("shares", [{"validation": float("nan")}, {"test": -0.1}, {"validation": 0.5, "test": 0.5}])
def test_shares_that_leave_nothing_to_train_on_are_refused(shares):
    with pytest.raises(InputError, match="--validation and --test"):
        PrepareOptions(**shares)
