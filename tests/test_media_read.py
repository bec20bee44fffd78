"""Reading: frames by their time stamps, sound on the picture's clock, what probe reports and refuses."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from condfoley import media
from condfoley.errors import InputError
from condfoley.media.picture import apply_orientation
from condfoley.media.sound import align_to_clock
from tests.conftest import click_times, clicks
from tests.made_up import assert_shows, levels

EXAMPLES = Path(__file__).parents[1] / "condfoley" / "examples"
RATE = 22050


@given(
    gaps=st.lists(st.floats(0.001, 2.0), min_size=1, max_size=40),
    begin=st.floats(-3.0, 3.0),
    fps=st.floats(0.5, 60.0),
    start=st.floats(0.0, 5.0),
    count=st.integers(0, 60),
)
@settings(max_examples=200, deadline=None)
def test_shown_at_is_the_last_frame_not_later_than_the_instant(gaps, begin, fps, start, count):
    times = list(begin + np.cumsum(gaps))
    instants = [start + k / fps for k in range(count)]
    shown = list(media.shown_at(zip(times, range(len(times)), strict=True), instants, tolerance=0.0))
    assert shown == [max((i for i, t in enumerate(times) if t <= instant), default=0) for instant in instants]


def test_shown_at_reads_no_further_than_it_must():
    source = iter([(0.0, "a"), (1.0, "b"), (2.0, "c"), (3.0, "d")])
    assert list(media.shown_at(source, [0.0, 1.0])) == ["a", "b"]
    assert next(source) == (3.0, "d")
    assert list(media.shown_at([], [0.0])) == []


@pytest.mark.parametrize(("duration", "count"), [(6.0, 90), (0.01, 1), (1.99, 30), (60.0, 900)])
def test_frame_count(duration, count):
    assert media.frame_count(duration, 15.0) == count


@given(
    cuts=st.lists(st.integers(1, 300), min_size=1, max_size=8),
    skew=st.floats(-0.5, 0.5),
    start=st.floats(0.0, 1.0),
    length=st.floats(0.01, 1.5),
)
@settings(max_examples=100, deadline=None)
def test_sound_is_laid_on_the_clock_sample_by_sample(cuts, skew, start, length):
    rate = 1000
    ramp = np.arange(1, sum(cuts) + 1, dtype=np.float32)
    bounds = np.cumsum([0, *cuts])
    chunks = [(skew + a / rate, rate, ramp[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    pieces = [samples for _, samples in align_to_clock(chunks, start, start + length)]
    laid = np.concatenate([*pieces, np.zeros(0, np.float32)])
    assert len(laid) <= round(length * rate) + 1
    sounding = np.flatnonzero(laid)
    assert (np.diff(laid[sounding]) == 1).all()
    if len(sounding):  # the sample heard at a time is the one stamped with it, to a sample
        wanted = (start - skew) * rate + sounding + 1
        assert np.abs(laid[sounding] - wanted).max() <= 1.0


def test_gaps_become_silence_and_overlaps_are_cut():
    one = np.ones(100, np.float32)
    parts = list(align_to_clock([(0.0, 1000, one), (0.3, 1000, 2 * one), (0.35, 1000, 3 * one)], 0.0, 1.0))
    laid = np.concatenate([samples for _, samples in parts])
    assert [int((laid == level).sum()) for level in (1, 0, 2, 3)] == [100, 200, 100, 50]


@pytest.mark.parametrize("name", ["hitting_metal.mp4", "hitting_bag_silent.mp4"])
def test_the_examples(name):
    info = media.probe(EXAMPLES / name)
    assert (info.duration, info.fps, info.width, info.height, info.rotation) == (6.0, 15.0, 604, 340, 0)
    assert info.has_audio == (name == "hitting_metal.mp4")
    frames = media.read_frames(EXAMPLES / name, 15.0, 112)
    assert frames.shape == (90, 112, 112, 3) and frames.dtype == np.uint8
    assert (np.abs(np.diff(frames.astype(int), axis=0)).reshape(89, -1).max(1) > 0).all()
    if info.has_audio:
        wav = media.read_audio(EXAMPLES / name, RATE)
        assert wav.shape == (132300,) and wav.dtype == np.float32 and 0.3 < np.abs(wav).max() < 1.0


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_frame_of_its_own_rate_once(make_clip, name, b_frames):
    path = make_clip(name, b_frames=b_frames)
    assert_shows(levels(path), range(15))
    assert media.probe(path).duration == pytest.approx(1.0, abs=0.001)


def test_other_rates(make_clip):
    assert_shows(levels(make_clip("a.mp4", fps=30.0)), [2 * k for k in range(15)])
    assert_shows(levels(make_clip("b.mp4", fps=5.0)), [k // 3 for k in range(15)])
    path = make_clip("c.mp4", fps=29.97)
    assert_shows(levels(path), [int(k / 15 * 29.97 + 0.06) for k in range(15)])


def test_variable_frame_rate_goes_by_time(make_clip):
    path = make_clip(times=[0, 0.1, 0.5, 0.55, 0.9], stay=0.3)
    assert media.probe(path).duration == pytest.approx(1.2, abs=0.002)
    assert_shows(levels(path), [0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4])


def test_windows(make_clip):
    path = make_clip(duration=6.0)
    assert_shows(levels(path, start=0.4), range(6, 90))
    assert_shows(levels(path, start=5.0, duration=0.6), range(75, 84))  # after a seek
    assert_shows(levels(path, start=5.8, duration=0.4), [87, 88, 89, 89, 89, 89])  # the last one stays
    with pytest.raises(InputError, match=r"no time 6 s"):
        media.read_frames(path, 15.0, 8, start=6.0)
    with pytest.raises(InputError, match="above 0"):
        media.read_frames(path, 15.0, 8, duration=0.0)


def corner(_k):
    """White in the upper left quarter, black elsewhere."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255
    return image


@pytest.mark.parametrize(("rotation", "where"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (-90, (0, 1))])
def test_rotation_is_applied(make_clip, rotation, where):
    path = make_clip("a.mov", rotation=rotation, image=corner)
    info = media.probe(path)
    assert (info.width, info.height) == ((48, 64) if rotation % 180 else (64, 48))
    assert info.rotation == rotation % 360
    quarters = media.read_frames(path, 15.0, 16)[0].reshape(2, 8, 2, 8, 3).mean((1, 3, 4))
    assert np.unravel_index(quarters.argmax(), (2, 2)) == where and quarters.max() > 200


def test_mirrored_pictures_too():
    image = np.arange(6).reshape(2, 3, 1)
    assert (apply_orientation(image, (-1, 0, 0, 1))[..., 0] == [[2, 1, 0], [5, 4, 3]]).all()
    assert (apply_orientation(image, (0, 1, 1, 0))[..., 0] == [[0, 3], [1, 4], [2, 5]]).all()


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("libx264", "yuv420p10le"), ("prores_ks", "yuva444p10le"), ("libx264", "yuv444p")]
)
def test_ten_bits_alpha_and_full_chroma(make_clip, codec, pix_fmt):
    assert_shows(levels(make_clip("a.mov", codec=codec, pix_fmt=pix_fmt)), range(15))


@pytest.mark.parametrize(
    ("name", "rate", "layout", "codec"),
    [
        ("a.mp4", 44100, "mono", "aac"),
        ("a.mp4", 48000, "5.1", "aac"),
        ("a.mov", 8000, "mono", "pcm_s16le"),
        ("a.mkv", 192000, "stereo", "pcm_s24le"),
        ("a.mkv", 96000, "7.1", "flac"),
        ("a.mp4", 48000, "7.1", "aac"),
        ("a.mkv", 48000, "stereo", "libopus"),
        ("a.mov", 11025, "stereo", "pcm_u8"),
        ("a.mov", 48000, "stereo", "pcm_f32le"),
        ("a.ts", 48000, "stereo", "aac"),
    ],
)
def test_any_sound_arrives_in_time(make_clip, name, rate, layout, codec):
    path = make_clip(name, wav=clicks([0.2, 0.7], 1.0, rate), rate=rate, layout=layout, sound_codec=codec)
    info = media.probe(path)
    assert (info.has_audio, info.sample_rate) == (True, rate)
    wav = media.read_audio(path, RATE)
    assert len(wav) == round(info.duration * RATE)
    assert click_times(wav, RATE) == pytest.approx([0.2, 0.7], abs=0.001)
    assert 0.3 < np.abs(wav).max() < 1.0


def test_stereo_keeps_its_level_in_mono(make_clip):
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)).astype(np.float32)
    wav = media.read_audio(make_clip("a.mov", wav=tone, sound_codec="pcm_s16le"), RATE)
    assert np.sqrt(np.mean(wav[2000:-2000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.005)


def test_one_clock_for_picture_and_sound(make_clip):
    sound = clicks([0.2, 0.7], 1.0, 44100)
    late_picture = make_clip("a.mp4", times=[0.5 + k / 15 for k in range(15)], wav=sound)
    assert click_times(media.read_audio(late_picture, RATE), RATE) == pytest.approx([0.2], abs=0.001)
    assert_shows(levels(late_picture), range(15))
    late_sound = make_clip("b.mp4", wav=sound, wav_start=0.2)
    wav = media.read_audio(late_sound, RATE)
    assert len(wav) == RATE and not wav[: int(0.19 * RATE)].any()
    assert click_times(wav, RATE) == pytest.approx([0.4, 0.9], abs=0.0015)  # MP4 rounds starts


def test_an_edit_list_moves_time_zero(make_clip, tmp_path):
    """A clip trimmed without encoding starts between key frames; players hide what was cut."""
    path = make_clip("a.mp4", duration=2.0, wav=clicks([0.2, 0.9, 1.6], 2.0, 44100))
    cut = tmp_path / "cut.mp4"
    with av.open(str(path)) as source, av.open(str(cut), "w") as target:
        tracks = {s.index: target.add_stream_from_template(s, opaque=True) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                shift = round(0.8 / packet.time_base)  # 12 frames
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = tracks[packet.stream.index]
                target.mux(packet)
    assert media.probe(cut).duration == pytest.approx(1.2, abs=0.002)
    assert_shows(levels(cut), range(12, 30))
    wav = media.read_audio(cut, RATE)
    assert click_times(wav, RATE) == pytest.approx([0.1, 0.8], abs=0.002)
    again = media.mux(cut, clicks([0.3], 1.2, RATE), RATE, tmp_path / "out.mp4")
    assert_shows(levels(again), range(12, 30))
    assert click_times(media.read_audio(again, RATE), RATE) == pytest.approx([0.3], abs=0.001)


def test_sound_windows(make_clip):
    times = [0.5 + k for k in range(8)]
    path = make_clip(duration=8.0, wav=clicks(times, 8.0, 44100))
    wav = media.read_audio(path, RATE, start=5.25, duration=4.0)  # beyond the end: silence
    assert len(wav) == 4 * RATE
    assert click_times(wav, RATE) == pytest.approx([0.25, 1.25, 2.25], abs=0.001)
    whole = media.read_audio(path, RATE)
    part = media.read_audio(path, RATE, start=4.0, duration=2.0)
    assert np.abs(part[200:-200] - whole[4 * RATE + 200 : 6 * RATE - 200]).max() < 0.01


def test_a_sound_file_is_no_video(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, clicks([0.25], 1.0, 16000), 16000)
    info = media.probe(path)
    assert (info.has_video, info.has_audio, info.duration, info.width) == (False, True, 1.0, 0)
    assert click_times(media.read_audio(path, RATE), RATE) == pytest.approx([0.25], abs=0.001)
    with pytest.raises(InputError, match="has no picture; give a video"):
        media.read_frames(path, 15.0, 8)


def test_no_sound_is_said(make_clip):
    path = make_clip()
    with pytest.raises(InputError, match="has no sound"):
        media.read_audio(path, RATE)
    with pytest.raises(InputError, match="has no sound"):
        media.require_audio(media.probe(path))


def bad_files(good: bytes, front: bytes, mkv: bytes):
    """name -> (content, what the refusal says)."""
    return {
        "text.mp4": (b"I am not a video at all.\n" * 40, "not a media file"),
        "notes.txt": (b"I am not a video at all.\n" * 40, "no video or sound file"),
        "empty.mp4": (b"", "empty"),
        "no_index.mp4": (good[: len(good) // 2], "cut off before its index"),
        "half.mp4": (front[: (front.index(b"mdat") + len(front)) // 2], "cut off, .* s of its"),
        "half.mkv": (mkv[: len(mkv) // 2], "cut off, .* s of its"),
        "list.mp4": (b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n", "not a media file"),
    }


def test_bad_files_are_refused_in_one_line(make_clip, tmp_path):
    noise = np.random.default_rng(0)
    image = lambda _k: noise.integers(0, 255, (48, 64, 3), dtype=np.uint8)  # noqa: E731
    good = make_clip("good.mp4", duration=3.0, image=image)
    front = media.mux(good, np.zeros(3 * RATE), RATE, tmp_path / "front.mp4")
    mkv = make_clip("good.mkv", duration=3.0, image=image)
    whole = [path.read_bytes() for path in (good, front, mkv)]
    for name, (data, message) in bad_files(*whole).items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputError, match=message) as caught:
            media.probe(path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value), name
    with pytest.raises(InputError, match="no such file"):
        media.probe(tmp_path / "missing.mp4")
    with pytest.raises(InputError, match="is a folder"):
        media.probe(tmp_path)


@pytest.mark.parametrize("name", ["late.mkv", "late.webm", "late.mp4"])
def test_a_file_may_begin_late_on_its_own_clock(make_clip, name):
    codec = "libvpx" if name.endswith("webm") else "libx264"
    path = make_clip(name, times=[2 + k / 15 for k in range(15)], codec=codec, b_frames=0)
    assert media.probe(path).duration == pytest.approx(1.0, abs=0.002)
    assert_shows(levels(path), range(15))


def test_a_still_image_is_no_video(tmp_path):
    path = tmp_path / "still.png"
    av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8)).save(str(path))
    with pytest.raises(InputError, match="no video or sound file"):
        media.probe(path)


def test_a_changed_file_is_probed_again(make_clip):
    assert media.probe(make_clip(duration=1.0)).duration == 1.0
    assert media.probe(make_clip(duration=2.0)).duration == 2.0


def test_odd_names(make_clip):
    assert_shows(levels(make_clip("take: 2 %03d é.mp4")), range(15))


@pytest.mark.parametrize("name", ["list.m3u8", "list.txt", "list.ffconcat", "list.sdp"])
def test_a_list_of_other_files_is_not_followed(make_clip, tmp_path, name):
    other = make_clip("other.mp4")
    texts = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    }
    (tmp_path / name).write_text(texts.get(name, "ffconcat version 1.0\nfile 'other.mp4'\n"))
    with pytest.raises(InputError, match="not a media file"):
        media.probe(tmp_path / name)


def test_a_picture_beyond_the_limit_is_not_decoded(make_clip, monkeypatch):
    path = make_clip("a.mp4", size=(640, 480))
    monkeypatch.setattr("condfoley.media.streams._LIMITS", {"max_pixels": "300000"})
    monkeypatch.setattr(sys.modules["condfoley.media.probe"], "MAX_PIXELS", 300_000)  # media.probe is a function
    with pytest.raises(InputError, match="megapixels"):
        media.probe(path)
    monkeypatch.setattr("condfoley.media.streams._LIMITS", {"max_pixels": "310000"})
    path.touch()
    assert media.probe(path).width == 640
