"""How reliably fine-tuning's checks of clips find what is out of sync, and what has the sound of another clip.

A helper of `python -m benchmarks.finetuning`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from condfoley import media
from condfoley.audio.mel import spectrogram
from condfoley.data.sources.folder import find
from condfoley.geometry import Geometry
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.results.tables import Table
from condfoley.runtime.engine import Engine
from condfoley.runtime.loaded import Loaded
from condfoley.training.finetuning.examine import DUPLICATE, MAX_OFFSET, SURE
from condfoley.training.finetuning.fingerprint import Landmarks, landmarks, overlaps

SHIFTS = (0.0, 0.5, -0.5)  # s
FIRST = 60  # clips of a folder that are used at most


def shifted(wav: np.ndarray, samples: int) -> np.ndarray:
    """A sound (N,) that begins `samples` later, or earlier where negative, of the same length."""
    out = np.zeros_like(wav)
    if samples >= 0:
        out[samples:] = wav[: len(wav) - samples]
    else:
        out[:samples] = wav[-samples:]
    return out


def told_out_of_sync(engine: Engine, frames: np.ndarray, wav: np.ndarray, geometry: Geometry) -> list[bool]:
    """Whether a clip is taken for out of sync with its sound at each of SHIFTS. frames: (T, S, S, 3). wav: (N,)."""
    tokens = engine.encode_frames(frames)
    specs = [spectrogram(shifted(wav, round(s * geometry.sample_rate)), geometry) for s in SHIFTS]
    offsets, confidences = engine.assess_sync(tokens, np.stack(specs), 2 * geometry.window_frames)
    return [abs(o) > MAX_OFFSET and c >= SURE for o, c in zip(offsets, confidences)]


def excerpt_found(wav: np.ndarray, geometry: Geometry, rng: np.random.Generator) -> bool:
    """Whether the first three quarters of a sound and its last three, at another level and in noise, are joined."""
    begin = len(wav) // 4 + int(rng.integers(geometry.hop * 8))
    last = 0.4 * wav[begin:] + rng.normal(0, 2e-4, len(wav) - begin).astype(np.float32)
    return bool(overlaps({"a": landmarks(wav[: 3 * len(wav) // 4], geometry), "b": landmarks(last, geometry)}))


def copy_found(wav: np.ndarray, own: Landmarks, geometry: Geometry, rng: np.random.Generator) -> bool:
    """Whether a softer copy of a sound, in noise, is taken for a copy."""
    copy = landmarks(0.5 * wav + rng.normal(0, 1e-4, len(wav)).astype(np.float32), geometry)
    return any(pair.share >= DUPLICATE for pair in overlaps({"a": own, "b": copy}))


def checks_table(folders: Sequence[str]) -> Table:
    """The table of all folders' clips that are two windows long. Raises InputError for files that cannot be read."""
    loaded, rng = Loaded.load(), np.random.default_rng(0)
    g, pair = loaded.geometry, 2 * loaded.geometry.window_frames
    sync: list[list[bool]] = []
    sounds, excerpts, copies = {}, [], []
    for path in [file for folder in folders for file in find(Path(folder), VIDEO_SUFFIXES)[:FIRST]]:
        if not media.probe(path).has_audio:
            continue
        frames = media.read_frames(path, g.fps, g.frame_size)
        wav = media.read_audio(path, g.sample_rate)
        if len(frames) < pair:
            continue
        sync.append(told_out_of_sync(loaded.engine, frames, wav[: round(len(frames) / g.fps * g.sample_rate)], g))
        sounds[str(path)] = landmarks(wav, g)
        excerpts.append(excerpt_found(wav, g, rng))
        copies.append(copy_found(wav, sounds[str(path)], g, rng))
    count, moved = len(sync), [told for row in sync for told in row[1:]]
    others = count * (count - 1) // 2
    rows = (
        ("out of sync: in sync", str(sum(row[0] for row in sync)), str(count)),
        ("out of sync: half a second early or late", str(sum(moved)), str(len(moved))),
        ("common sound: pairs of different clips", str(len(overlaps(sounds))), str(others)),
        ("common sound: excerpts that share half of a clip", str(sum(excerpts)), str(count)),
        ("copies: softer, in noise", str(sum(copies)), str(count)),
    )
    return Table("Checks of clips", ("taken for", "found", "of"), rows)
