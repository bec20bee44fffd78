"""Memory of a soundtrack of the reference's own samples: `python -m benchmarks.recorded_memory [--lengths 60,600]`.

A made-up soundtrack of an impact every 0.8 s, at the model's rate, becomes samples of the example reference, in stereo at 48 kHz.
Each length is measured in a process of its own: the highest memory from there on, beyond what was taken before.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from condfoley.results.tables import Table, number

RATE, CHANNELS = 48_000, 2  # of the soundtrack
EVERY = 0.8  # s from one impact to the next
TAIL = 0.08  # s in which an impact decays to 1/e


def work(seconds: float) -> float:
    """MB that a soundtrack of this length takes while it is made, with itself."""
    from condfoley import examples
    from condfoley.audio.track import Track
    from condfoley.geometry import Geometry
    from condfoley.references.window import ReferenceFile
    from condfoley.resynthesis.recorded import events_at, render_events
    from condfoley.resynthesis.soundtrack import read_library
    from condfoley.settings import Settings
    from condfoley.soundtrack import finished

    rate = Geometry().sample_rate
    library = read_library([ReferenceFile(examples.REFERENCE)], Settings(rate=RATE, channels=CHANNELS))
    onsets = np.arange(0.4, seconds - 0.2, EVERY)
    wav = np.random.default_rng(0).normal(0, 1e-4, round(seconds * rate)).astype(np.float32)
    burst = np.random.default_rng(1).normal(0, 0.2, round(0.5 * rate)) * np.exp(
        -np.arange(round(0.5 * rate)) / TAIL / rate
    )
    for onset in onsets:
        there = wav[round(onset * rate) :][: len(burst)]
        there += burst[: len(there)].astype(np.float32)
    track = Track(wav, rate, (onsets, np.full(len(onsets), 20.0)))
    events = events_at(track, track.onsets, [False] * len(onsets))
    before = resident()
    made = finished(render_events(track, events, library).track)
    assert len(made) == round(seconds * RATE)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / 1e6


def resident() -> int:
    """Bytes of memory that this process has now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def measure(seconds: float) -> float:
    """`work` in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.recorded_memory", "--work", str(seconds)]
    return float(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])


def main(words: Sequence[str] | None = None) -> int:
    """Prints the table; 0."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.recorded_memory", description="Memory (Linux).")
    p.add_argument("--lengths", default="60,600", help="s, separated by commas")
    p.add_argument("--work", type=float, help=argparse.SUPPRESS)
    given = p.parse_args(words)
    if given.work:
        print(work(given.work))
        return 0
    rows = [
        (number(s, 0), number(measure(s), 0), number(s * RATE * CHANNELS * 4 / 1e6, 0))
        for s in map(float, given.lengths.split(","))
    ]
    header = ("length, s", "memory beyond what was there, MB", "the soundtrack's samples, MB")
    print(Table(f"{CHANNELS} channels, {RATE} Hz", header, tuple(rows)).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
