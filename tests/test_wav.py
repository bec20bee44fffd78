"""WAV files: samples, channels, and the time reference of Broadcast Wave."""

import struct

import numpy as np
import pytest
import soundfile
from wavinfo import WavInfoReader

from condfoley import media
from condfoley.media import wav as wav_module
from condfoley.media.timecode import NTSC, Timecode

RATE = 22050


def chunks(path):
    """Names of a RIFF file's chunks, in order."""
    data, names, at = path.read_bytes(), [], 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        names.append(name.decode())
        at += 8 + size + size % 2
    return names


def test_24_bits_and_clipped(tmp_path):
    wav = np.array([0.0, 0.5, -0.25, 1.5, -1.5], np.float32)
    path = media.write_wav(tmp_path / "a.wav", wav, RATE)
    info = soundfile.info(path)
    assert (info.subtype, info.samplerate, info.channels, info.frames) == ("PCM_24", RATE, 1, 5)
    assert soundfile.read(path)[0] == pytest.approx([0.0, 0.5, -0.25, 1.0, -1.0], abs=2.0**-22)
    assert chunks(path) == ["fmt ", "data"]


@pytest.mark.parametrize("time_reference", [None, 0, 1_728_000_000])
def test_32_bit_float_is_kept_to_the_last_bit(tmp_path, time_reference):
    wav = np.random.default_rng(0).normal(0, 1, (2, 70_000)).astype(np.float32)
    path = media.write_wav(tmp_path / "a.wav", wav, 48_000, subtype="FLOAT", time_reference=time_reference)
    assert soundfile.info(path).subtype == "FLOAT"
    assert np.array_equal(soundfile.read(path, dtype="float32")[0].T, wav)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_time_reference_is_read_back_and_changes_no_sample(tmp_path, channels):
    wav = np.random.default_rng(0).normal(0, 0.5, (channels, 200_000)).astype(np.float32)
    plain = media.write_wav(tmp_path / "plain.wav", wav, 48_000)
    timed = media.write_wav(tmp_path / "sound\u00e9.wav", wav, 48_000, time_reference=1_729_728_000)
    read = WavInfoReader(timed)
    assert (read.bext.time_reference, read.bext.originator) == (1_729_728_000, "condfoley")
    assert read.bext.description == "sound?"
    assert (read.fmt.channel_count, read.fmt.sample_rate, read.fmt.bits_per_sample) == (channels, 48_000, 24)
    names = chunks(timed)
    assert names.index("bext") < names.index("data") and names.index("fmt ") < names.index("data")
    one, other = (soundfile.read(path, dtype="int32")[0] for path in (plain, timed))
    assert one.shape == ((200_000,) if channels == 1 else (200_000, 2)) and np.array_equal(one, other)


@pytest.mark.parametrize(
    ("text", "rate", "samples"),
    [("10:00:00:00", 24 * NTSC, 1_729_728_000), ("01:00:00;00", 30 * NTSC, 172_799_827), ("00:00:00:00", NTSC * 60, 0)],
)
def test_a_start_timecode_in_samples(text, rate, samples):
    assert Timecode.parse(text, rate).samples(48_000) == samples


def test_what_is_too_long_for_wav_becomes_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(wav_module, "_LONGEST", 100)
    path = media.write_wav(tmp_path / "a.wav", np.zeros(200), RATE)
    assert path.read_bytes()[:4] == b"RF64" and soundfile.info(path).frames == 200


def test_shapes_and_numbers_that_are_no_sound(tmp_path):
    for wrong in (np.zeros((3, 10)), np.zeros((1, 2, 3)), np.array([0.0, np.nan])):
        with pytest.raises(ValueError, match="1 or 2 channels"):
            media.write_wav(tmp_path / "a.wav", wrong, RATE)
    assert not list(tmp_path.iterdir())
