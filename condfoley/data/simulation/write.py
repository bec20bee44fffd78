"""Writes simulated videos: NAME.mp4 with picture and sound, NAME.json with the ground truth."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.data.simulation.bank import SoundBank, Split
from condfoley.errors import InputError
from condfoley.files import make_folder, scratch_folder
from condfoley.parallel import Engine, run

GENERATOR = 1  # increase it when the same seed gives another clip
OLDER: dict[str, Any] = {"rhythmic": 0.0}  # settings added later, with the values of clips that lack them
PARTS = ".parts"  # subfolder of the output in which files are written before they are complete


@dataclass(frozen=True)
class SimulateOptions:
    """Simulate videos with sound and ground truth, one file each; run again to resume a stopped simulation."""

    out: Path
    """Folder for the clips; created if missing."""
    clips: int = 2000
    """Number of clips."""
    workers: int = 2
    """Number of processes; a Ray cluster uses all its CPUs."""
    engine: Engine = "local"
    """local: processes on this machine; ray: a Ray cluster with access to the same folder."""
    seed: int = 0
    """Seed of the first clip; each further clip has the next seed, so that sets with disjoint ranges share no clip."""
    duration: float = 6.0
    """Duration of each clip in seconds."""
    size: int = 96
    """Width and height of the picture in pixels."""
    fps: float = 15.0
    """Frames per second."""
    unheard: float = 0.0
    """Share of the videos with motion that makes no sound: soft landings, swings that miss, gestures."""
    rhythmic: float = 0.0
    """Share of the videos whose hits are as regular as in most recordings; the others are less regular."""
    sounds: Split = "train"
    """Recordings to use: train, heldout or all."""

    def __post_init__(self) -> None:
        if self.clips < 1 or self.workers < 1:
            raise InputError("--clips and --workers must be 1 or more")
        if not 0.5 <= self.duration <= 600:
            raise InputError("--duration must be between 0.5 and 600 seconds")
        if not 16 <= self.size <= 1024 or self.size % 2:
            raise InputError("--size must be an even number between 16 and 1024")
        if not 1 <= self.fps <= 120 or self.seed < 0:
            raise InputError("--fps must be between 1 and 120, and --seed 0 or more")
        if not 0 <= self.unheard <= 1:
            raise InputError("--unheard must be between 0 and 1")
        if not 0 <= self.rhythmic <= 1:
            raise InputError("--rhythmic must be between 0 and 1")

    def path(self, index: int, suffix: str) -> Path:
        """Path of a file of clip number `index`."""
        return Path(self.out) / f"{index:06d}{suffix}"

    def settings(self, index: int) -> dict[str, Any]:
        """The settings that decide the content of clip number `index`."""
        return {
            "generator": GENERATOR, "seed": self.seed + index, "duration": self.duration, "fps": self.fps,
            "size": self.size, "unheard": self.unheard, "rhythmic": self.rhythmic, "sounds": self.sounds,
        }  # fmt: skip


def write_clips(options: SimulateOptions, quiet: bool = False) -> list[tuple[int, str]]:
    """Simulates the clips that are missing; returns (number, reason) of those that failed.

    quiet: no progress bar on stderr. Raises InputError when the folder cannot be used or has clips of other settings,
    or when the simulator is not installed.
    """
    from tqdm import tqdm

    missing = _missing(options)
    if not missing:
        return []
    _require_simulator()
    failures = []
    progress = tqdm(total=options.clips, initial=options.clips - len(missing), unit="clip", disable=quiet)
    try:
        work = run(partial(_work, options=options), missing, options.engine, options.workers)
        with progress, closing(work):  # closing it ends all workers
            for done in work:
                progress.update()
                if done.error:
                    failures.append((done.item, done.error))
                    progress.write(f"clip {done.item:06d} failed: {done.error}")
    finally:
        shutil.rmtree(Path(options.out) / PARTS, ignore_errors=True)
    return sorted(failures)


def write_clip(options: SimulateOptions, index: int, bank: SoundBank) -> None:
    """Simulates clip number `index`; the JSON file is moved last, so that its video always exists."""
    from condfoley.data.simulation.clip import simulate
    from condfoley.data.simulation.sound import Instrument
    from condfoley.media import write

    seed = options.seed + index
    clip = simulate(seed, options.duration, options.fps, options.size, options.unheard, options.rhythmic)
    rng = np.random.default_rng([seed, 0x50D])
    instrument = Instrument.draw(rng, bank)
    wav = instrument.render(clip.events, options.duration, rng)
    quality = int(rng.integers(18, 37))
    video, truth = options.path(index, ".mp4"), options.path(index, ".json")
    content = options.settings(index) | {
        "material": instrument.material, "events": [event.to_dict() for event in clip.events],
        "instrument": instrument.describe(), "scene": clip.description, "quality": quality,
    }  # fmt: skip
    with scratch_folder(Path(options.out) / PARTS) as work:
        write.write_clip(work / video.name, clip.frames, options.fps, wav, bank.sample_rate, crf=quality)
        (work / truth.name).write_text(json.dumps(content, indent=1) + "\n")
        for complete in (video, truth):
            os.replace(work / complete.name, complete)


def _missing(options: SimulateOptions) -> list[int]:
    """Numbers of the clips that are still missing. Raises InputError for clips made with other settings."""
    make_folder(Path(options.out))
    shutil.rmtree(Path(options.out) / PARTS, ignore_errors=True)  # of a run that was killed
    missing = []
    for index in range(options.clips):
        truth = options.path(index, ".json")
        if not truth.exists() or not options.path(index, ".mp4").exists():
            missing.append(index)
            continue
        try:
            found = json.loads(truth.read_text())
        except (OSError, ValueError):
            missing.append(index)
            continue
        wanted = options.settings(index)
        other = [name for name in wanted if found.get(name, OLDER.get(name)) != wanted[name]]
        if other:
            raise InputError(
                f"{truth} was made with another {' and '.join(other)}; choose an empty --out, or the same settings"
            )
    return missing


def _require_simulator() -> None:
    """Raises InputError when MuJoCo is not installed, once instead of for every clip."""
    if find_spec("mujoco") is None:
        raise InputError("simulation needs MuJoCo; run `pip install 'condfoley[simulate]'`")


@lru_cache(maxsize=1)
def _bank(sounds: Split) -> SoundBank:
    """The recordings, read once in each process."""
    return SoundBank.load(sounds)


def _work(index: int, options: SimulateOptions) -> None:
    write_clip(options, index, _bank(options.sounds))
