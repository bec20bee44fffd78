"""A folder of clips becomes arrays: resumable, split by name, events heard where none are given."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from condfoley.data.decode import FORMAT
from condfoley.data.simulation.write import GENERATOR
from condfoley.data.sources.listing import hash_fraction
from condfoley.data.store import ClipStore
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.media import write_clip, write_wav

GEOMETRY = Geometry()


def hits(path, times=(0.5, 1.4), seconds=2.0, silent=False, **notes):
    """A grey video in which noise bursts are heard at `times`, and the notes beside it, if any."""
    rate = GEOMETRY.sample_rate
    rng = np.random.default_rng(0)
    wav = np.zeros(round(seconds * rate), np.float32)
    for t in times:
        burst = rng.normal(0, 0.3, rate // 5) * np.exp(-np.arange(rate // 5) / (0.02 * rate))
        wav[round(t * rate) :][: len(burst)] += burst.astype(np.float32)
    frames = np.full((round(seconds * 15), 32, 32, 3), 90, np.uint8)
    write_clip(path, frames, 15.0, wav * (not silent), rate)
    if notes:
        path.with_suffix(".json").write_text(json.dumps(notes))
    return path


@pytest.fixture
def folder(tmp_path):
    hits(tmp_path / "a.mp4")
    hits(tmp_path / "b.mp4", events=[{"time": 0.5, "kind": "scratch", "duration": 0.3}])
    hits(tmp_path / "silent.mp4", silent=True)
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    return tmp_path


def test_usable_clips_are_decoded_and_the_rest_is_listed(folder, capsys):
    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    clips = {c.name: c for c in store.train + store.validation}
    assert set(clips) == {"a.mp4", "b.mp4"} and len(store.validation) == 1
    assert {name for name, _ in store.rejected} == {"silent.mp4", "broken.mp4"}
    assert "left out broken.mp4" in capsys.readouterr().err
    a, b = clips["a.mp4"], clips["b.mp4"]
    assert a.frames(3, 5).shape == (5, 24, 24, 3) and a.frame_count == 30
    assert [e.kind for e in b.events] == ["scratch"]  # given
    assert np.allclose([e.time for e in a.events], [0.5, 1.4], atol=0.02)  # heard


def test_one_video_is_held_out_whatever_the_share_and_the_help_says_so(folder):
    from docstring_parser import parse_from_object

    from condfoley.training.config import DataConfig

    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1, validation=0.0)
    assert [len(clips) for clips in (store.train, store.validation)] == [1, 1]
    (told,) = (p.description for p in parse_from_object(DataConfig).params if p.arg_name == "validation")
    assert "never fewer than one video" in told


def test_windows_beyond_the_ends_are_silence(folder):
    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    clip = store.train[0]
    wav = clip.sound(0, -100, clip.sample_count + 200)
    assert wav.shape == (clip.sample_count + 200,) and not wav[:100].any() and not wav[-100:].any()
    assert np.array_equal(wav[100:-100], clip.sound(0, 0, clip.sample_count))


def test_only_what_is_new_is_decoded_again(folder):
    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    cached = store.cache / "a.mp4.frames.npy"
    before = cached.stat().st_mtime_ns
    hits(folder / "c.mp4")
    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    assert len(store.train) + len(store.validation) == 3
    assert cached.stat().st_mtime_ns == before


def test_a_clip_that_changed_is_decoded_again(folder):
    def opened():
        store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
        return {clip.name: clip for clip in store.train + store.validation}

    before = opened()
    read = np.load(before["a.mp4"].prefix + ".sound.npy", mmap_mode="r")  # as another run may
    sound = read.copy()
    hits(folder / "a.mp4", times=(0.2, 0.8))
    hits(folder / "broken.mp4")  # repaired
    (folder / "b.json").write_text('{"events": [{"time": 1.0, "kind": "hit"}]}')
    after = opened()
    assert set(after) == {"a.mp4", "b.mp4", "broken.mp4"}
    assert np.allclose([e.time for e in after["a.mp4"].events], [0.2, 0.8], atol=0.02)
    assert [e.time for e in after["b.mp4"].events] == [1.0]
    assert all(before[name].digest != after[name].digest for name in before)
    assert np.array_equal(read, sound) and not np.array_equal(np.load(read.filename), sound)
    os.utime(folder / "a.mp4")
    assert opened()["a.mp4"].digest == after["a.mp4"].digest  # the content counts


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:20], lambda whole: whole.replace(b'"tracks": 1', b'"tracks": "a"')]
)
def test_a_clip_whose_cached_facts_are_damaged_is_decoded_again(folder, damage):
    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    facts = store.cache / "a.mp4.json"
    whole = facts.read_bytes()
    facts.write_bytes(damage(whole))
    assert facts.read_bytes() != whole
    ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    assert facts.read_bytes() == whole


def test_damaged_arrays_of_the_cache_are_told(folder):
    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    (clip,) = store.train
    for name, read in (("frames", lambda: clip.frames(0, 1)), ("sound", lambda: clip.sound(0, 0, 1))):
        path = Path(f"{clip.prefix}.{name}.npy")
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(InputError, match=f"{name}.npy cannot be read .*; remove its folder, and it is made again"):
            read()


def test_other_settings_have_a_cache_of_their_own(folder):
    sizes = {24: 0, 32: 0}
    for size in sizes:
        store = ClipStore.open(str(folder), GEOMETRY, frame_size=size, workers=1)
        assert store.train[0].frames(0, 1).shape == (1, size, size, 3)
        sizes[size] = Path(store.train[0].prefix + ".json").stat().st_mtime_ns
    again = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1).train[0]
    assert Path(again.prefix + ".json").stat().st_mtime_ns == sizes[24]


def test_renderings_are_other_instruments_at_the_same_times(folder):
    hits(folder / "d.mp4", generator=GENERATOR, events=[{"time": 0.5, "kind": "hit"}])
    store = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1, renderings=3)
    clip = next(c for c in store.train + store.validation if c.name == "d.mp4")
    tracks = [clip.sound(i, 0, clip.sample_count) for i in range(3)]
    assert clip.tracks == 3 and not np.array_equal(tracks[0], tracks[1])
    again = ClipStore.open(str(folder), GEOMETRY, cache=str(folder / "other"), frame_size=24, workers=1, renderings=3)
    same = next(c for c in again.train + again.validation if c.name == "d.mp4")
    assert np.array_equal(tracks[2], same.sound(2, 0, clip.sample_count))


def test_only_simulated_clips_are_sounded_anew(folder):
    opened = [ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1, renderings=n) for n in (0, 2)]
    own, kept = (next(c for c in s.train + s.validation if c.name == "b.mp4") for s in opened)
    assert kept.tracks == 1 and not kept.materials  # its events were written by hand
    assert np.array_equal(kept.sound(0, 0, kept.sample_count), own.sound(0, 0, own.sample_count))


def test_a_cache_of_another_format_is_not_read(folder):
    first = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1)
    for notes in first.cache.glob("*.mp4.json"):
        notes.write_text('{"frame_count": 30, "sample_count": 44100, "tracks": 1, "events": []}')
    again = ClipStore.open(str(folder), GEOMETRY, frame_size=24, workers=1, cache_format=FORMAT + 1)
    assert again.cache != first.cache and all(clip.events for clip in again.train + again.validation)


def test_sound_files_serve_where_no_picture_is_needed(tmp_path):
    for name in "ab":
        write_wav(tmp_path / f"{name}.wav", np.sin(np.arange(GEOMETRY.sample_rate) / 9).astype(np.float32), 22050)
    store = ClipStore.open(str(tmp_path), GEOMETRY, workers=1, sound_only=True)
    assert {c.sample_count for c in store.train + store.validation} == {GEOMETRY.sample_rate}


def test_a_single_clip_is_too_few(tmp_path):
    hits(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="at least 2"):
        ClipStore.open(str(tmp_path), GEOMETRY, frame_size=24, workers=1)


def test_the_split_depends_on_the_name_only():
    shares = np.array([hash_fraction(f"{i:06d}.mp4") for i in range(2000)])
    assert 0.03 < (shares < 0.04).mean() < 0.05
    assert hash_fraction("x.mp4") == hash_fraction("x.mp4")


def test_two_clips_with_one_name_in_the_cache_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    hits(tmp_path / "a" / "b.mp4")
    hits(tmp_path / "a__b.mp4")
    with pytest.raises(InputError, match="same clip name"):
        ClipStore.open(str(tmp_path), GEOMETRY, frame_size=24, workers=1)


def test_what_is_wrong_with_a_folder_of_useless_clips_is_said(tmp_path):
    hits(tmp_path / "a.mp4", silent=True)
    with pytest.raises(InputError, match="0 usable.*silent"):
        ClipStore.open(str(tmp_path), GEOMETRY, frame_size=24, workers=1)


def test_unreadable_notes_reject_their_clip_only(tmp_path):
    for name in "abc":
        hits(tmp_path / f"{name}.mp4")
    (tmp_path / "c.json").write_text('{"events": [{"time": "soon"}]}')
    store = ClipStore.open(str(tmp_path), GEOMETRY, frame_size=24, workers=1)
    assert [name for name, _ in store.rejected] == ["c.mp4"] and "c.json" in store.rejected[0][1]
