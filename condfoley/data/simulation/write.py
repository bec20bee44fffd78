"""Simulated videos as files: NAME.mp4 with picture and sound, NAME.json with the truth."""

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

GENERATOR = 1  # raise it when the same seed gives another clip
OLDER: dict[str, Any] = {"rhythmic": 0.0}  # settings that came later, as clips are that do not name them
PARTS = ".parts"  # inside the output folder, where files are written before they are complete


@dataclass(frozen=True)
class Recipe:
    """Simulated videos with sound and ground truth, one file each; run again to go on where it stopped."""

    out: Path
    """Folder for the clips; made if missing."""
    clips: int = 2000
    """Number of clips."""
    workers: int = 2
    """Processes; a Ray cluster uses all it has."""
    engine: Engine = "local"
    """local: processes of this machine; ray: a Ray cluster that sees the same folder."""
    seed: int = 0
    """Seed of the first clip, the others follow one by one; sets whose ranges don't overlap share no clip."""
    duration: float = 6.0
    """Seconds of each clip."""
    size: int = 96
    """Pixels, both sides of the picture."""
    fps: float = 15.0
    """Pictures a second."""
    unheard: float = 0.0
    """Share of the videos in which more moves than is heard: soft landings, strokes in the air, gestures beside them."""
    rhythmic: float = 0.0
    """Share of the videos in which things are struck as steadily as in most recordings; otherwise looser."""
    sounds: Split = "train"
    """Recordings to draw from: train, heldout or all."""

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
        """Where a file of clip number `index` belongs."""
        return Path(self.out) / f"{index:06d}{suffix}"

    def settings(self, index: int) -> dict[str, Any]:
        """What decides the content of clip number `index`."""
        return {
            "generator": GENERATOR, "seed": self.seed + index, "duration": self.duration, "fps": self.fps,
            "size": self.size, "unheard": self.unheard, "rhythmic": self.rhythmic, "sounds": self.sounds,
        }  # fmt: skip


def write_clips(recipe: Recipe, quiet: bool = False) -> list[tuple[int, str]]:
    """Make the clips of a recipe that are missing; returns (number, reason) of those that failed.

    quiet: no progress bar on stderr.   Raises InputError when the folder can't be used or holds clips
    of another recipe, or when nothing can be drawn on this machine.
    """
    from tqdm import tqdm

    missing = _missing(recipe)
    if not missing:
        return []
    _require_simulator()
    failures = []
    progress = tqdm(total=recipe.clips, initial=recipe.clips - len(missing), unit="clip", disable=quiet)
    try:
        work = run(partial(_work, recipe=recipe), missing, recipe.engine, recipe.workers)
        with progress, closing(work):  # no worker is left when it is closed
            for done in work:
                progress.update()
                if done.error:
                    failures.append((done.item, done.error))
                    progress.write(f"clip {done.item:06d} failed: {done.error}")
    finally:
        shutil.rmtree(Path(recipe.out) / PARTS, ignore_errors=True)
    return sorted(failures)


def write_clip(recipe: Recipe, index: int, bank: SoundBank) -> None:
    """Make clip number `index`: first the video, last the truth, so a truth always has its video."""
    from condfoley.data.simulation.clip import simulate
    from condfoley.data.simulation.sound import Instrument
    from condfoley.media import write

    seed = recipe.seed + index
    clip = simulate(seed, recipe.duration, recipe.fps, recipe.size, recipe.unheard, recipe.rhythmic)
    rng = np.random.default_rng([seed, 0x50D])
    instrument = Instrument.draw(rng, bank)
    wav = instrument.render(clip.events, recipe.duration, rng)
    quality = int(rng.integers(18, 37))
    video, truth = recipe.path(index, ".mp4"), recipe.path(index, ".json")
    content = recipe.settings(index) | {
        "material": instrument.material, "events": [event.to_dict() for event in clip.events],
        "instrument": instrument.describe(), "scene": clip.description, "quality": quality,
    }  # fmt: skip
    with scratch_folder(Path(recipe.out) / PARTS) as work:
        write.write_clip(work / video.name, clip.frames, recipe.fps, wav, bank.sample_rate, crf=quality)
        (work / truth.name).write_text(json.dumps(content, indent=1) + "\n")
        for complete in (video, truth):
            os.replace(work / complete.name, complete)


def _missing(recipe: Recipe) -> list[int]:
    """Numbers of the clips still to be made."""
    make_folder(Path(recipe.out))
    shutil.rmtree(Path(recipe.out) / PARTS, ignore_errors=True)  # of a run that was killed
    missing = []
    for index in range(recipe.clips):
        truth = recipe.path(index, ".json")
        if not truth.exists() or not recipe.path(index, ".mp4").exists():
            missing.append(index)
            continue
        try:
            found = json.loads(truth.read_text())
        except (OSError, ValueError):
            missing.append(index)
            continue
        wanted = recipe.settings(index)
        other = [name for name in wanted if found.get(name, OLDER.get(name)) != wanted[name]]
        if other:
            raise InputError(
                f"{truth} was made with another {' and '.join(other)}; choose an empty --out, or the same settings"
            )
    return missing


def _require_simulator() -> None:
    """Raises InputError once, up front, for what every clip would fail of."""
    if find_spec("mujoco") is None:
        raise InputError("simulation needs MuJoCo; run `pip install 'condfoley[simulate]'`")


@lru_cache(maxsize=1)
def _bank(sounds: Split) -> SoundBank:
    """Read once in each process."""
    return SoundBank.load(sounds)


def _work(index: int, recipe: Recipe) -> None:
    write_clip(recipe, index, _bank(recipe.sounds))
