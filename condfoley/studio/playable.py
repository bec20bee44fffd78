"""Whether browsers play a file as it is: what all of them decode, in the containers that they read."""

from __future__ import annotations

from typing import Any

from condfoley.media.streams import MediaFile, open_input

CODECS = {"mov": ("h264", "av1", "vp9"), "matroska": ("vp8", "vp9", "av1")}
"""Of pictures, by container."""
PIXELS = ("yuv420p", "yuvj420p")
SOUNDS = {
    "wav": ("audio/wav", ("pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_f32le")),
    "mp3": ("audio/mpeg", ("mp3", "mp3float")),
    "flac": ("audio/flac", ("flac",)),
    "ogg": ("audio/ogg", ("vorbis", "opus")),
    "mov": ("audio/mp4", ("aac", "mp3", "mp3float")),
    "matroska": ("audio/webm", ("vorbis", "opus")),
}
LATE = 0.01
"""s, by which the first picture may be behind the container's zero, where browsers begin to count."""


def how_played(clip: MediaFile) -> tuple[bool, str, str]:
    """Whether browsers play it, its media type, and in words why they do not."""
    with open_input(clip.info.path) as container:
        if not clip.info.has_video:
            return _sound(container, clip)
        stream: Any = container.streams[clip.video].codec_context
        family = clip.container.split(",")[0]
        pixels, codec = stream.pix_fmt, clip.codec
    media_type = "video/webm" if family == "matroska" else "video/mp4"
    if codec not in {name for names in CODECS.values() for name in names}:
        return False, media_type, f"browsers do not play {codec}"
    if codec not in CODECS.get(family, ()):
        return False, media_type, f"browsers do not play {codec} in this kind of file"
    if pixels not in PIXELS:
        return False, media_type, f"browsers do not play {codec} with {pixels}"
    if abs(clip.zero) > LATE:
        return False, media_type, "its picture begins later than the file"
    return True, media_type, ""


def _sound(container: Any, clip: MediaFile) -> tuple[bool, str, str]:
    codec = container.streams[clip.audio].codec_context.codec.canonical_name
    family = clip.container.split(",")[0]
    media_type, codecs = SOUNDS.get(family, ("application/octet-stream", ()))
    if codec in codecs and abs(clip.zero) <= LATE:
        return True, media_type, ""
    return False, media_type, f"browsers do not play {codec} in this kind of file"
