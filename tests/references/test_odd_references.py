"""References as people have them: any rate and number of channels, clipped, spoken over, with one impact or none."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.references.remarks import has_music_or_speech, is_clipped, pitched_share
from condfoley.references.window import ReferenceFile
from condfoley.resynthesis.recorded import GRAINS, RECORDED, events_at, render_events
from condfoley.resynthesis.soundtrack import read_library
from condfoley.settings import Settings
from tests.references.recordings import struck, tune, voice
from tests.sounds import RATE, noise_bursts

TIMES = (0.5, 1.1, 1.8, 2.4)
SECONDS = 3.2


def written(folder, sound, rate, name="a.wav"):
    """A reference file. sound: (N,) or (C, N)."""
    soundfile.write(folder / name, np.atleast_2d(sound).T, rate, subtype="FLOAT")
    return ReferenceFile(folder / name)


def surround(path, sound):
    """A reference file of 6 or 8 channels that knows which is which. sound: (C, N) at 48 kHz."""
    layout = {6: "5.1", 8: "7.1"}[len(sound)]
    with av.open(str(path), "w", format="wav") as target:
        stream = target.add_stream("pcm_f32le", rate=48_000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T.reshape(1, -1), np.float32), "flt", layout)
        frame.sample_rate = 48_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            target.mux(packet)
    return ReferenceFile(path)


def library_of_file(reference, **settings):
    return read_library([reference], Settings(render="recorded", **settings))


@pytest.mark.parametrize("rate, used", [(8000, 22050), (192_000, 96_000)])
def test_a_very_low_or_high_rate(tmp_path, rate, used):
    library = library_of_file(written(tmp_path, struck(TIMES, SECONDS, rate), rate))
    assert library.rate == used and len(library.shots) == len(TIMES) and library.notes == ()
    assert np.abs(library.onsets - TIMES).max() < 0.02


@pytest.mark.parametrize("channels", [6, 8])
def test_surround_becomes_stereo(tmp_path, channels):
    mono = struck(TIMES, SECONDS, 48_000)
    sound = np.stack([mono * gain for gain in (1.0, 0.5, 0.7, 5.0, 0.2, 0.2, 0.1, 0.1)[:channels]])
    library = library_of_file(surround(tmp_path / "a.wav", sound))
    assert library.sound.shape[0] == 2 and len(library.shots) == len(TIMES)
    left, right = np.square(library.sound, dtype=float).mean(1)
    assert left > right and np.abs(library.sound).max() < 1  # the loud low-frequency channel is left out


def test_mono_in_stereo_stays_equal_channels(tmp_path):
    mono = struck(TIMES, SECONDS, 48_000)
    library = library_of_file(written(tmp_path, np.stack([mono, mono]), 48_000))
    assert np.array_equal(library.sound[0], library.sound[1]) and library.notes == ()


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_channel_is_left_out_and_told(tmp_path, dead):
    sound = np.zeros((2, round(SECONDS * 48_000)), np.float32)
    sound[1 - dead] = struck(TIMES, SECONDS, 48_000)
    library = library_of_file(written(tmp_path, sound, 48_000))
    assert len(library.sound) == 1 and len(library.shots) == len(TIMES)
    assert library.notes == ("one channel of the reference is silent; the other one is used",)


def test_channels_out_of_phase_do_not_cancel_out(tmp_path):
    mono = struck(TIMES, SECONDS, 48_000)
    reference = written(tmp_path, np.stack([mono, -0.9 * mono]), 48_000)
    library = library_of_file(reference)
    assert len(library.sound) == 1 and len(library.shots) == len(TIMES) and "cancel each other out" in library.notes[0]
    assert len(reference.index.times) == len(TIMES)  # nor do they where only an index is made


def test_a_clipped_recording_is_told(tmp_path):
    sound = struck(TIMES, SECONDS, 48_000)
    clipped = np.clip(8 * sound / np.abs(sound).max(), -1, 1)
    assert is_clipped(clipped[None]) and not is_clipped(sound[None]) and not is_clipped(np.zeros((1, 100)))
    library = library_of_file(written(tmp_path, clipped, 48_000))
    assert "clipped" in library.notes[0] and len(library.shots) == len(TIMES)


@pytest.mark.parametrize("below", [voice, tune])
def test_speech_or_music_under_the_impacts_is_told(tmp_path, below):
    hits = struck(np.arange(0.3, 7.5, 0.7), 8.0, 44_100)
    library = library_of_file(written(tmp_path, hits + 0.05 * below(8.0, 44_100), 44_100))
    assert any("music or speech" in note for note in library.notes)


def test_speech_before_the_impacts_is_told_of():
    """Somebody speaks for two of nine seconds, softly, as before a shot."""
    hits = struck(np.arange(4.0, 8.5, 0.7), 9.0, 44_100)
    talk = hits + 0.05 * np.pad(voice(2.0, 44_100), (0, 7 * 44_100))
    assert has_music_or_speech(talk[None], 44_100) and not has_music_or_speech(hits[None], 44_100)
    assert not has_music_or_speech(talk[None, : 2 * 44_100 - 1], 44_100)  # too short to tell


def test_hum_and_ringing_are_neither():
    hits, time = struck(np.arange(0.3, 7.5, 0.7), 8.0, 44_100), np.arange(8 * 44_100) / 44_100
    assert pitched_share(hits[None], 44_100) == 0
    assert pitched_share((hits + 0.03 * np.sin(2 * np.pi * 100 * time).astype(np.float32))[None], 44_100) == 0
    bells = sum(np.exp(-9 * (time % 0.8)) * np.sin(2 * np.pi * hertz * time) for hertz in (310, 743, 1181))
    assert pitched_share(bells[None].astype(np.float32), 44_100) == 0


def target_of_three():
    """A generated track of three impacts, and its events."""
    track = Track(noise_bursts([0.4, 1.2, 2.0], [60.0] * 3, 2.8, 1e-3), RATE)
    return track, events_at(track, track.onsets, [False] * len(track.onsets))


def test_one_event_is_used_for_all(tmp_path):
    library = library_of_file(written(tmp_path, noise_bursts([0.5], [60.0], 1.5, 1e-3, seed=5), RATE), rate=48_000)
    track, events = target_of_three()
    made, ways, _ = render_events(track, events, library)
    assert len(library.shots) == 1 and RECORDED in ways and made.rate == 48_000
    assert len(made.onsets) == len(track.onsets)


def test_without_an_event_it_is_a_texture_and_that_is_told(tmp_path):
    rustle = 0.05 * np.random.default_rng(0).standard_normal(3 * 48_000)
    library = library_of_file(written(tmp_path, rustle, 48_000))
    track, events = target_of_three()
    made, ways, _ = render_events(track, events, library)
    assert not library.shots and library.notes == ("nothing is struck in the reference; it is used as a texture",)
    assert GRAINS in ways and made.rate == 48_000


def test_silence_is_refused_where_it_is_listened_to(tmp_path):
    from condfoley.geometry import Geometry
    from condfoley.inputs import read_reference

    with pytest.raises(InputError, match="silent"):
        read_reference(written(tmp_path, np.zeros(48_000), 48_000), None, Geometry())
