"""Simulated videos that no model was trained on, generated from a fixed seed and kept in the user's cache.

They use the held-out recordings, and seeds far above those of any training set. The name of their folder contains a
hash of the generator's code and recordings, so that another version of the generator does not use old clips.
"""

from __future__ import annotations

import os
from pathlib import Path

import condfoley.data.simulation as simulation
from condfoley.data.simulation.write import SimulateOptions, write_clips
from condfoley.errors import InputError
from condfoley.weights import tree_hash

SEED = 900_000_000
EXTRA_CLIPS = 0.1  # fraction of further clips, since some have no events
MIN_CLIPS = 4


def generator_hash() -> str:
    """Hash of all files of the simulation package that determine a clip."""
    root = Path(simulation.__file__).parent
    return tree_hash(root, (path for path in root.rglob("*") if path.suffix in (".py", ".csv", ".flac")))


def cache_folder(clips: int, seed: int = SEED) -> Path:
    """Cache folder of `clips` held-out videos of this version of the generator."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "condfoley" / f"held-out-{clips}-{generator_hash()}{'' if seed == SEED else f'-{seed}'}"


def ensure_folder(pairs: int, seed: int = SEED) -> Path:
    """The folder with enough videos for `pairs` targets; missing videos are generated.

    seed: of the first clip, above those of training sets (`condfoley simulate` counts up from 0).

    Raises InputError when clips cannot be drawn on this machine or the cache cannot be written.
    """
    clips = max(MIN_CLIPS, pairs + round(EXTRA_CLIPS * pairs))
    out = cache_folder(clips, seed)
    workers = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    failed = write_clips(SimulateOptions(out, clips=clips, workers=workers, seed=seed, sounds="heldout"))
    if failed:
        raise InputError(f"{len(failed)} of {clips} held-out clips failed ({failed[0][1]}); run again to retry them")
    return out
