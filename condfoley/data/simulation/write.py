"""Writes simulated videos: NAME.mp4 with picture and sound, NAME.json with the ground truth."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from condfoley.data.events import Event
from condfoley.data.simulation.bank import SoundBank, Split
from condfoley.data.simulation.shutter import Capture
from condfoley.errors import InputError, require_extra
from condfoley.files import scratch_folder
from condfoley.files.partial import only_writer
from condfoley.parallel import Engine, run

if TYPE_CHECKING:
    from condfoley.data.simulation.clip import SimulatedClip
    from condfoley.data.simulation.like import HeardSound

OneWorld = Literal["hands", "balls", "feet", "fingers", "unstruck"]
World = Literal[OneWorld, "mixed"]

GENERATOR = 1  # increase it when the same seed gives another clip
# settings added later, with the values of clips that lack them
OLDER: dict[str, Any] = {"rhythmic": 0.0, "capture": "centred", "like": None, "silent": False, "world": "hands"}
MIXED: tuple[OneWorld, ...] = get_args(OneWorld)
PARTS = ".parts"  # subfolder of the output in which files are written before they are complete


@dataclass(frozen=True)
class SimulateOptions:
    """Simulate videos with sound and ground truth, one file each; run again to resume a stopped simulation."""

    out: Path
    """Folder for the clips; created if missing."""
    clips: int | None = None
    """Number of clips (default: 2000; with --like 1)."""
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
    silent: bool = False
    """Videos in which nothing is struck: every swing misses, hands gesture, and only the room is heard."""
    rhythmic: float = 0.0
    """Share of the videos whose hits are as regular as in most recordings; the others are less regular."""
    capture: Capture = "centred"
    """centred: exposures are centred on the frames' times; camera: as cameras do it, they begin there, and the rows are
    exposed one after another."""
    sounds: Split = "train"
    """Recordings to use: train, heldout or all."""
    world: World = "hands"
    """What the videos show: hands that strike and scratch things; balls that bounce; feet that walk and jump; fingers that type
    and drum; unstruck, people who talk and gesture, animals and cameras that are carried, in which nothing is heard; mixed, for
    each video one of these."""
    like: Path | None = None
    """Sound, or video with sound, that each clip is simulated for: it strikes when the sound does, lasts as long, and has
    that sound as its own."""

    def __post_init__(self) -> None:
        if self.clips is None:
            object.__setattr__(self, "clips", 2000 if self.like is None else 1)
        if self.count < 1 or self.workers < 1:
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
        if self.like is not None:
            self._require_default(
                ("duration", "unheard", "silent", "rhythmic", "sounds", "world"),
                "--like says when and how long hands strike something",
            )
        if self.world not in ("hands", "mixed"):
            self._require_default(
                ("unheard", "silent", "rhythmic"), f"only videos of hands have it, not --world {self.world}"
            )

    def _require_default(self, names: Sequence[str], reason: str) -> None:
        """Raises InputError for an option that another one rules out."""
        for name in names:
            if getattr(self, name) != getattr(SimulateOptions, name):
                raise InputError(f"{reason}; leave out --{name}")

    @property
    def count(self) -> int:
        """Number of clips."""
        assert self.clips is not None
        return self.clips

    @property
    def heard(self) -> HeardSound | None:
        """The sound of --like; None without it. Raises InputError for one that cannot be used."""
        if self.like is None:
            return None
        from condfoley.data.simulation.like import hear

        return hear(Path(self.like))

    def path(self, index: int, suffix: str) -> Path:
        """Path of a file of clip number `index`."""
        return Path(self.out) / f"{index:06d}{suffix}"

    def settings(self, index: int) -> dict[str, Any]:
        """The settings that decide the content of clip number `index`."""
        heard = self.heard
        return {
            "generator": GENERATOR, "seed": self.seed + index, "duration": heard.duration if heard else self.duration,
            "fps": self.fps, "size": self.size, "unheard": self.unheard, "rhythmic": self.rhythmic, "sounds": self.sounds,
            "capture": self.capture, "like": heard.sha256 if heard else None, "silent": self.silent, "world": self.world,
        }  # fmt: skip


def write_clips(options: SimulateOptions, quiet: bool = False) -> list[tuple[int, str]]:
    """Simulates the clips that are missing; returns (number, reason) of those that failed.

    quiet: no progress bar on stderr. Raises InputError when the folder cannot be used, has clips of other settings, or
    another process writes to it, or when the simulator is not installed.
    """
    if not Path(options.out).exists():  # before the folder is made
        _require_simulator()
        _ = options.heard
    with only_writer(Path(options.out)):
        return _write_missing(options, quiet)


def _write_missing(options: SimulateOptions, quiet: bool) -> list[tuple[int, str]]:
    from tqdm import tqdm

    missing = _missing(options)
    if not missing:
        return []
    _require_simulator()
    failures = []
    progress = tqdm(total=options.count, initial=options.count - len(missing), unit="clip", disable=quiet)
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
    from condfoley.media import write

    seed, heard = options.seed + index, options.heard
    clip = _filmed(options, seed, heard)
    rng = np.random.default_rng([seed, 0x50D])
    wav, rate, told = (
        _own_sound(clip.events, options.duration, bank, rng) if heard is None else (heard.samples, heard.rate, {})
    )
    quality = int(rng.integers(18, 37))
    video, truth = options.path(index, ".mp4"), options.path(index, ".json")
    content = options.settings(index) | told
    content |= {"events": [event.to_dict() for event in clip.events], "scene": clip.description, "quality": quality}
    with scratch_folder(Path(options.out) / PARTS) as work:
        write.write_clip(work / video.name, clip.frames, options.fps, wav, rate, crf=quality)
        (work / truth.name).write_text(json.dumps(content, indent=1) + "\n")
        for complete in (video, truth):
            os.replace(work / complete.name, complete)


def _filmed(options: SimulateOptions, seed: int, heard: HeardSound | None) -> SimulatedClip:
    """The picture of a clip, and what happens in it."""
    from condfoley.data.simulation.clip import simulate
    from condfoley.data.simulation.worlds.film import simulate_world

    o, world = options, options.world
    if heard is not None:
        clip = simulate(seed, heard.duration, o.fps, o.size, capture=o.capture, like=heard.events)
        require_contacts(heard.events, clip.events)
        return clip
    if world == "mixed":
        world = MIXED[int(np.random.default_rng([seed, 0x3A7]).integers(len(MIXED)))]
    if world == "hands":
        return simulate(seed, o.duration, o.fps, o.size, o.unheard, o.rhythmic, o.capture, silent=o.silent)
    return simulate_world(world, seed, o.duration, o.fps, o.size, o.capture)


def _own_sound(
    events: Sequence[Event], duration: float, bank: SoundBank, rng: np.random.Generator
) -> tuple[np.ndarray, int, dict[str, Any]]:
    """A random instrument's sound of a clip, (N,), its rate in Hz, and what the clip's file tells of the instrument."""
    from condfoley.data.simulation.sound import Instrument

    instrument = Instrument.draw(rng, bank)
    wav = instrument.render(events, duration, rng)
    return wav, bank.sample_rate, {"material": instrument.material, "instrument": instrument.describe()}


def require_contacts(wanted: Sequence[Event], made: Sequence[Event]) -> None:
    """Raises InputError unless the events of a clip are at the times of those that it was made for, and of their kinds."""
    if [(event.time, event.kind) for event in wanted] != [(event.time, event.kind) for event in made]:
        raise InputError("a swing missed what it was to strike; give another --seed")


def _missing(options: SimulateOptions) -> list[int]:
    """Numbers of the clips that are still missing. Raises InputError for clips made with other settings."""
    shutil.rmtree(Path(options.out) / PARTS, ignore_errors=True)  # of a run that was killed
    missing = []
    for index in range(options.count):
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
    require_extra("simulate", "simulation")


@lru_cache(maxsize=1)
def _bank(sounds: Split) -> SoundBank:
    """The recordings, read once in each process."""
    return SoundBank.load(sounds)


def _work(index: int, options: SimulateOptions) -> None:
    write_clip(options, index, _bank(options.sounds))
