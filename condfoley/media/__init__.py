"""Sound and picture files, in and out, through PyAV (no system ffmpeg).

All times of a clip use one clock: time zero is the first picture frame (the first sample of a file without picture).

formats.py  file name suffixes of videos and sounds
streams.py  facts about an opened file; its decoded frames with their times
probe.py    reads and checks a file's streams
picture.py  frames at a fixed rate, chosen by their time stamps
sound.py    mono sound on the picture's clock, at any sample rate
timecode.py start timecodes and frame rates, in rational numbers
clock.py    a picture's start timecode, and whether its frame rate varies
wav.py      writes WAV files, with a time reference where one is known
write.py    writes newly encoded clips
muxing.py   stream copy of the picture with a new sound track
"""

from condfoley.media.clock import variable_rate_note
from condfoley.media.muxing import mux, mux_suffix
from condfoley.media.picture import (
    crop_to_square,
    frame_ages,
    frame_count,
    picture_ages,
    read_frames,
    resampled_frames,
    resize_and_crop,
    shown_at,
)
from condfoley.media.probe import probe, require_audio, require_video
from condfoley.media.sound import read_audio, read_sound, resample, sound_blocks
from condfoley.media.streams import MediaInfo
from condfoley.media.timecode import Timecode, editing_rate
from condfoley.media.wav import write_wav
from condfoley.media.write import write_clip

__all__ = [
    "MediaInfo",
    "Timecode",
    "crop_to_square",
    "editing_rate",
    "frame_ages",
    "frame_count",
    "resize_and_crop",
    "mux",
    "mux_suffix",
    "picture_ages",
    "probe",
    "read_audio",
    "read_sound",
    "read_frames",
    "require_audio",
    "require_video",
    "resample",
    "resampled_frames",
    "shown_at",
    "sound_blocks",
    "variable_rate_note",
    "write_clip",
    "write_wav",
]
