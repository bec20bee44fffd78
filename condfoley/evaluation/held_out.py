"""The simulated videos that nothing was trained on: made once from a fixed seed and kept in the user's cache.

Their recordings are the held-out ones, and their seeds lie far from any that a training run would use. The
folder's name carries a hash of the generator, so that a changed generator never meets old clips.
"""

from __future__ import annotations

import os
from pathlib import Path

import condfoley.data.simulation as simulation
from condfoley.data.simulation.write import SimulateOptions, write_clips
from condfoley.errors import InputError
from condfoley.weights import tree_hash

SEED = 900_000_000
SPARE = 0.1  # share of further clips, for those in which nothing is hit
FEWEST = 4


def generator_hash() -> str:
    """Hash of everything in the simulation package that decides what a clip holds."""
    root = Path(simulation.__file__).parent
    return tree_hash(root, (path for path in root.rglob("*") if path.suffix in (".py", ".csv", ".flac")))


def cache_folder(clips: int, seed: int = SEED) -> Path:
    """Where `clips` held-out videos of the present generator are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "condfoley" / f"held-out-{clips}-{generator_hash()}{'' if seed == SEED else f'-{seed}'}"


def folder(pairs: int, seed: int = SEED) -> Path:
    """The folder with enough videos for `pairs` targets, made now if it is not there yet.

    seed: of the first clip; a training set must not reach it (`condfoley simulate` counts up from 0).

    Raises InputError when clips cannot be drawn on this machine or the cache cannot be written.
    """
    clips = max(FEWEST, pairs + round(SPARE * pairs))
    out = cache_folder(clips, seed)
    workers = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    failed = write_clips(SimulateOptions(out, clips=clips, workers=workers, seed=seed, sounds="heldout"))
    if failed:
        raise InputError(f"{len(failed)} of {clips} held-out clips failed ({failed[0][1]}); run again to retry them")
    return out
