"""Sound and picture files, in and out, through PyAV (no system ffmpeg).

One clock for a clip: time zero is its first picture frame (the first sample of a file without picture).

streams.py  what is known of an opened file; its decoded frames with their times
probe.py    what a file holds, and the refusal of files that cannot be used
picture.py  frames at a fixed rate, chosen by their time stamps
sound.py    mono sound on the picture's clock, at any sample rate
write.py    WAV and freshly encoded clips
muxing.py   the picture copied as it is beside a new sound
"""

from condfoley.media.muxing import mux, mux_suffix
from condfoley.media.picture import frame_count, middle_of_bicubic, read_frames, resampled_frames, shown_at
from condfoley.media.probe import probe, require_audio, require_video
from condfoley.media.sound import read_audio, resample
from condfoley.media.streams import MediaInfo
from condfoley.media.write import write_clip, write_wav

__all__ = [
    "MediaInfo",
    "frame_count",
    "middle_of_bicubic",
    "mux",
    "mux_suffix",
    "probe",
    "read_audio",
    "read_frames",
    "require_audio",
    "require_video",
    "resample",
    "resampled_frames",
    "shown_at",
    "write_clip",
    "write_wav",
]
