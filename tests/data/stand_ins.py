"""Small made-up data sets in the true layouts (file names, columns, videos with impacts), and commands to be stopped."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from condfoley.data.published import greatest_hits_splits
from condfoley.geometry import Geometry
from condfoley.media import write_clip, write_wav

GEOMETRY = Geometry()
REPOSITORY = Path(__file__).parents[2]
HITS = (0.8, 2.6, 4.4)


def struck_sound(times: tuple[float, ...], seconds: float, rate: int = GEOMETRY.sample_rate) -> np.ndarray:
    """Bursts of noise at the times: (N,) float32."""
    wav = np.zeros(round(seconds * rate), np.float32)
    burst = np.random.default_rng(0).normal(0, 0.3, rate // 5) * np.exp(-np.arange(rate // 5) / (0.02 * rate))
    for time in times:
        first = round(time * rate)
        wav[first : first + len(burst)] += burst[: len(wav) - first].astype(np.float32)
    return wav


def struck_picture(times: tuple[float, ...], seconds: float, fps: float) -> np.ndarray:
    """A square that comes down at the times and goes up again: (T, 48, 64, 3) uint8."""
    frames = np.full((round(seconds * fps), 48, 64, 3), 90, np.uint8)
    for index, frame in enumerate(frames):
        low = any(abs(index / fps - time) < 0.1 for time in times)
        frame[24:40, 24:40] = 230 if low else 90
        frame[4:20, 24:40] = 90 if low else 230
    return frames


def struck(path: Path, times=HITS, seconds=6.0, fps=15.0, sound=True, moving=True) -> Path:
    """A video in which the times are heard and, if `moving`, seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = struck_sound(times, seconds) if sound else None
    return write_clip(path, struck_picture(times if moving else (), seconds, fps), fps, wav, GEOMETRY.sample_rate)


def greatest_hits(folder: Path, train: int = 3, test: int = 1, seconds: float = 6.0) -> tuple[list[str], list[str]]:
    """`vis-data` with some of the true videos' names; returns those for training (validation too) and testing.

    Video at 30 fps, its sound in a WAV of 96 kHz as well, but for the last training video.
    """
    lists = greatest_hits_splits()
    names = sorted(lists.validation)[:train], sorted(lists.test)[:test]
    rows = ["0.800000 metal hit static", "2.600000 None None None", "4.400000 wood scratch deform"]
    for name in sum(names, []):
        struck(folder / f"{name}_denoised.mp4", seconds=seconds, fps=30.0)
        (folder / f"{name}_times.txt").write_text("\n".join(rows) + "\n")
        if name != names[0][-1]:
            write_wav(folder / f"{name}_denoised.wav", struck_sound(HITS, seconds, 96000), 96000)
    return names


def countix_av(folder: Path) -> None:
    """The three lists with Countix's own header, whole videos and stretches of Kinetics."""
    folder.mkdir(parents=True, exist_ok=True)
    header = ["video_id", "class", "kinetics_start", "kinetics_end", "repetition_start", "repetition_end", "count"]
    lists = {
        "train": [
            ["-aB3_xYz012", "playing drums", 0, 10, 0.5, 5.5, 3],
            ["bbbbbbbbbbb", "clapping", 20, 26, 20.5, 25.5, 3],
            ["ccccccccccc", "clapping", 0, 6, 1.0, 5.0, 2],  # in the test list too
            ["ddddddddddd", "clapping", 0, 6, 1.0, 5.0, 2],  # no file
        ],
        "val": [["eeeeeeeeeee", "hammering", 0, 6, 0.0, 6.0, 3]],
        "test": [["ccccccccccc", "clapping", 0, 6, 0.2, 5.8, 3]],
    }
    for name, rows in lists.items():
        with open(folder / f"countix_{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    struck(folder / "videos" / "-aB3_xYz012.mp4")
    struck(folder / "videos" / "clapping" / "bbbbbbbbbbb_000020_000026.mp4")
    struck(folder / "videos" / "ccccccccccc.mp4")
    struck(folder / "videos" / "eeeeeeeeeee.mkv")


def interruptible(words: list[str]) -> subprocess.Popen:
    """Starts a condfoley command in its own process group, in which Ctrl-C works however the tests were started."""
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # a program inherits that Ctrl-C is ignored
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "condfoley", *words],
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, ignored)
