"""A fixed test set of made-up clips, and systems whose place in every column is known."""

import json
from pathlib import Path

import numpy as np

from condfoley.data.events import Event
from condfoley.evaluation.clips import METRIC_GEOMETRY
from condfoley.media import write_clip

SECONDS = 2.4
TIMES = ((0.4, 1.3), (0.3, 0.8, 1.7), (0.6, 1.9), (0.2, 0.9, 1.4, 2.0))
KINDS = ("hit", "scratch", "hit", "scratch")
MATERIALS = ("wood", "metal", "glass", "metal")
PITCHES = (180, 700, 1500, 3200)


LEVELS = (1.0, 0.6, 0.9, 0.7)


def strike(times, pitch):
    """Decaying tones with their octave, not equally loud: (N,) float32."""
    t = np.arange(round(0.3 * METRIC_GEOMETRY.sample_rate)) / METRIC_GEOMETRY.sample_rate
    knock = 0.4 * np.exp(-t / 0.05) * (np.sin(2 * np.pi * pitch * t) + 0.3 * np.sin(4 * np.pi * pitch * t))
    wav = np.zeros(round(SECONDS * METRIC_GEOMETRY.sample_rate))
    for time, level in zip(times, LEVELS):
        start = round(time * METRIC_GEOMETRY.sample_rate)
        wav[start : start + len(knock)] += level * knock[: len(wav) - start]
    return wav.astype(np.float32)


def write_set(folder: Path) -> Path:
    """Four clips, in each of which something jumps when it sounds; truth beside them."""
    rng = np.random.default_rng(0)
    for i, (times, kind, material, pitch) in enumerate(zip(TIMES, KINDS, MATERIALS, PITCHES)):
        scene = rng.uniform(0, 255, (64, 96, 3))
        scene = np.repeat(np.repeat(scene[::8, ::8], 8, 0), 8, 1)  # coarse, so that the flow can follow it
        frames = np.stack([scene[:, :64]] * round(SECONDS * METRIC_GEOMETRY.fps)).astype(np.uint8)
        for k, time in enumerate(times):
            frames[round(time * METRIC_GEOMETRY.fps) :] = scene[:, 3 * (k + 1) : 3 * (k + 1) + 64]
        path = folder / f"clip{i}.mp4"
        write_clip(path, frames, METRIC_GEOMETRY.fps, strike(times, pitch), METRIC_GEOMETRY.sample_rate)
        lasting = 0.1 if kind == "scratch" else 0.0
        events = [Event(t, kind, lasting).to_dict() for t in times]
        path.with_suffix(".json").write_text(json.dumps({"events": events, "material": material}))
    return folder


def muffled(pair):
    """As good as a reconstruction: the true sound, blurred and in hiss."""
    wav = np.convolve(pair.target.wav, np.ones(3) / 3, "same")
    return (wav + np.random.default_rng(0).normal(0, 1e-4, len(wav))).astype(np.float32)


def shuffled(pair):
    """The sound of a clip that is neither target nor reference."""
    return pair.distractor.wav


def breaks(pair):
    """Cannot answer one pair; the others are the truth."""
    if pair.target.path.stem == "clip0":
        raise RuntimeError("out of paint")
    return pair.target.wav


def refuses(pair):
    """Cannot answer any pair."""
    raise RuntimeError("no brush")


def cuts(pair):
    """The first half of the truth."""
    return pair.target.wav[: len(pair.target.wav) // 2]


def late_by_half(path, wav):
    """A synchroniser that knows nothing and insists on half a second."""
    assert Path(path).is_file() and wav.ndim == 1
    return -0.5
