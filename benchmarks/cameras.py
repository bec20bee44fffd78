"""How early or late are impacts seen, by the camera's frame rate? `python -m benchmarks.cameras` prints a table.

Simulated scenes are drawn 240 times a second and exposed as cameras do it (`data.simulation.shutter`): the same events for each
frame rate. Clips are kept in `--films`, since drawing takes most of the time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from condfoley.audio.onsets import match, match_pairs
from condfoley.data.simulation.clip import simulate
from condfoley.data.simulation.shutter import Shutter
from condfoley.errors import InputError
from condfoley.files import make_folder
from condfoley.foley import Foley
from condfoley.inputs import Footage, read_target
from condfoley.results.tables import Table
from condfoley.runtime.exposure import EXPOSURE_DELAY

FAST = 240.0  # frames a second that are drawn
SECONDS, SIZE, RHYTHMIC = 6.0, 64, 0.3
SEED = 62_000_000  # above those of training sets
RATES = (15.0, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60.0)
WINDOWS = (0.1, 0.05)
HOW = ("as in the frames", "of the pictures", "and of their exposure", "moved to the end of motion", "half way there")
REACH, MOVING, NOISE = 0.06, 200, 6.0  # s; pixels of SIZE x SIZE; grey levels


def film(seed: int, home: Path) -> tuple[np.ndarray, np.ndarray]:
    """A scene without shadows, drawn FAST times a second: (T, S, S, 3) uint8, and the times of its events, (K,) s."""
    path = home / f"{seed}.npz"
    if not path.is_file():
        clip = simulate(seed, SECONDS, FAST, SIZE, rhythmic=RHYTHMIC, capture="camera", shadows=False)
        np.savez(path, frames=clip.frames, times=np.array([event.time for event in clip.events]))
    kept = np.load(path)
    return kept["frames"], kept["times"]


def exposed(frames: np.ndarray, fps: float, shutter: Shutter | None) -> Footage:
    """What a camera of `fps` Hz makes of frames at FAST Hz; None: what is there at the frames' times, as if at once."""
    count = int(np.floor(SECONDS * fps))
    times = np.arange(count) / fps
    out = np.empty((count, *frames.shape[1:]), np.uint8)
    for k, time in enumerate(times):
        first = int(np.floor(time * FAST))
        length = 0.0 if shutter is None else shutter.exposure + shutter.readout
        index = np.arange(first, int(np.ceil((time + length) * FAST)) + 1)
        shown = frames[index.clip(0, len(frames) - 1)]
        if shutter is None:
            out[k] = shown[0]
        else:
            weights = shutter.weights(index / FAST - time, 1 / FAST, frames.shape[1])
            out[k] = np.einsum("nhwc,nh->hwc", shown.astype(np.float32), weights).round()
    return Footage(out, times, length=SECONDS)


def seen(foley: Foley, clip: Footage) -> list[np.ndarray]:
    """Impacts that are seen in a clip, s, as HOW has it: as the frames show them, and corrected step by step."""
    duration, frames = read_target(clip, foley.geometry)
    pipeline = foley.pipeline(duration)
    events = pipeline.encode_picture(frames, clip).events
    late = clip.late(foley.geometry)
    assert late is not None
    found = [pipeline.find_cues(events, None, x).times for x in (None, late - EXPOSURE_DELAY, late)]
    moved = refined(clip, found[-1])
    return [*found, moved, (moved + found[-1]) / 2]


def refined(clip: Footage, times: np.ndarray) -> np.ndarray:
    """Times (K,) s, each moved to where motion in the camera's own frames ends most suddenly, within REACH of it.

    Motion between two frames: the mean of the MOVING pixels that change most, above NOISE. It ends between the first and the
    second frame of which the motion that follows is less than the one before.
    """
    assert clip.pictures is not None and clip.times is not None
    change = np.abs(np.diff(clip.pictures.astype(np.float32).mean(-1), axis=0)).reshape(len(clip.pictures) - 1, -1)
    motion = np.sort(np.maximum(change - NOISE, 0), 1)[:, -MOVING:].mean(1)
    drop, at = motion[:-1] - motion[1:], clip.times[1:-1] + EXPOSURE_DELAY
    out = times.copy()
    for k, time in enumerate(times):
        near = np.flatnonzero(np.abs(at - time) <= REACH)
        if len(near):
            out[k] = at[near[np.argmax(drop[near])]]
    return np.sort(out)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8, help="scenes")
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    parser.add_argument("--films", type=Path, default=Path("out/films"), help="folder that keeps what was drawn")
    parser.add_argument("--weights", type=Path, default=None, help="folder of the weights")
    options = parser.parse_args(argv)
    try:
        make_folder(options.films)
        found = measure(Foley.load(options.weights), options.first, options.clips, options.films)
    except InputError as error:
        print(f"benchmarks.cameras: {error}", file=sys.stderr)
        return 2
    rows = []
    for name, clips in found.items():
        for how, each in zip(HOW, zip(*clips, strict=True), strict=True):
            rows.append((name, how, *_numbers(each)))
    title = f"Impacts seen in {options.clips} scenes, by the camera's frame rate"
    print(
        Table(
            title, ("frames a second", "times", "events", "later, ms", "spread, ms", "F1 100 ms", "50 ms"), tuple(rows)
        ).text()
    )
    return 0


def measure(foley: Foley, first: int, clips: int, home: Path) -> dict[str, list[list[tuple[np.ndarray, np.ndarray]]]]:
    """By the camera's frame rate, for each scene, as HOW has it: its events and what was seen, s."""
    found: dict[str, list[list[tuple[np.ndarray, np.ndarray]]]] = {}
    for seed in range(SEED + first, SEED + first + clips):
        frames, times = film(seed, home)
        for fps in (0.0, *RATES):
            shutter = Shutter.draw(np.random.default_rng([seed, 0x5077]), fps) if fps else None
            name = f"{fps:g}" if fps else "15, all at once"
            found.setdefault(name, []).append(
                [(times, times_seen) for times_seen in seen(foley, exposed(frames, fps or 15.0, shutter))]
            )
    return found


def _numbers(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[str, ...]:
    errors = [found[j] - true[i] for true, found in pairs for i, j in match_pairs(true, found)]
    f1 = [np.mean([match(true, found, window).f1 for true, found in pairs]) for window in WINDOWS]
    events = sum(len(true) for true, _ in pairs)
    times = f"{1000 * np.median(errors):+.1f}", f"{1000 * np.std(errors):.0f}"
    return str(events), *times, *(f"{value:.3f}" for value in f1)


if __name__ == "__main__":
    sys.exit(main())
