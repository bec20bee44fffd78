"""File name suffixes of the media that condfoley reads from folders, in lower case, with the dot."""

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
SOUND_SUFFIXES = frozenset({".wav", ".flac", ".ogg"})
