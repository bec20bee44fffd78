"""Do time and memory grow as they should? `python -m benchmarks.scale [--lengths 600,7200] [--references 60,7200]
[--batches 100,10000]` (Linux, macOS).

lengths: targets of so many seconds, each through `condfoley generate` with the shipped weights. references: the example
target with a reference of so many seconds, stereo at 48 kHz, which repeats the example's sound at other levels.
batches: so many targets of half a second, through `condfoley batch` with weights of toy size and a reference of a second, as
only the batch itself is of interest; then the same command again, which finds everything done.
Each is a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from benchmarks import speed
from benchmarks.start import ROOT, Process, run_process
from condfoley import examples
from condfoley.errors import InputError
from condfoley.results.tables import Table, number

TINY_SECONDS = 0.5  # duration of a batch's targets
MB = 1e6
RATE, LONG_RATE = 22050, 48000  # Hz, of the batch's reference, and of long ones
MAKE_TOY = "import pathlib, sys, tests.tiny; tests.tiny.write_tiny_weights(pathlib.Path(sys.argv[1]))"


def command(name: str, out: Path, reference: Path, candidates: int, *words: str) -> list[str]:
    """`condfoley generate` or `batch`."""
    given = ["--reference", str(reference), "--candidates", str(candidates), "--quiet", "--out", str(out)]
    return [sys.executable, "-m", "condfoley", name, *given, *words]


def by_length(lengths: Sequence[float], candidates: int, home: Path) -> Table:
    """Cost of targets of several lengths, s."""
    rows = []
    for seconds in lengths:
        target = speed.stretched(seconds, home / "target.mp4")
        out = home / f"out-{seconds:g}"
        run = run_process(command("generate", out, examples.REFERENCE, candidates, "--target", str(target)))
        soundtrack = (out / "soundtrack.wav").stat().st_size
        values = run.seconds, run.cpu / seconds, run.peak / MB, soundtrack / MB
        rows.append((number(seconds, 0), *(number(v, d) for v, d in zip(values, (0, 3, 0, 0), strict=True))))
    header = ("target [s]", "whole job [s]", "compute per second [s]", "peak memory [MB]", "soundtrack.wav [MB]")
    return Table(f"Long targets, {candidates} candidates", header, tuple(rows), (speed.machine(),))


def repeated_reference(seconds: float, path: Path) -> Path:
    """The example reference's sound again and again, each time at another level, at LONG_RATE in two channels."""
    from condfoley.media import read_audio

    once, rng = read_audio(examples.REFERENCE, LONG_RATE), np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", LONG_RATE, 2, "PCM_16") as file:
        left = round(seconds * LONG_RATE)
        while left > 0:
            piece = once[:left] * rng.uniform(0.3, 1.0)
            file.write(np.stack([piece, piece], 1))
            left -= len(piece)
    return path


def by_reference(lengths: Sequence[float], candidates: int, home: Path) -> Table:
    """Cost of the example target with references of several lengths, s."""
    rows = []
    for seconds in lengths:
        reference, out = repeated_reference(seconds, home / "reference.flac"), home / f"of-{seconds:g}"
        run = run_process(command("generate", out, reference, candidates, "--target", str(examples.TARGET)))
        rows.append((number(seconds, 0), *(number(v, 0) for v in (run.seconds, run.cpu, run.peak / MB))))
    header = ("reference [s]", "whole job [s]", "compute [s]", "peak memory [MB]")
    return Table(f"Long references, {candidates} candidates", header, tuple(rows), (speed.machine(),))


def toy_weights(folder: Path) -> Path:
    """Weights of toy size with graphs. By other processes: what this one has in memory would count for those it starts."""
    for words in (["-c", MAKE_TOY, str(folder)], ["-m", "condfoley", "export", "onnx", str(folder)]):
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder


def short_sound(path: Path) -> Path:
    """A second of sound with an impact."""
    noise = np.random.default_rng(0).normal(0, 0.3, RATE)
    soundfile.write(path, noise * np.exp(-np.arange(RATE) / RATE / 0.05), RATE)
    return path


def run_batch(count: int, weights: Path, home: Path) -> tuple[Process, Process]:
    """A batch of `count` targets, and the same command once more. Raises InputError where one lacks its result."""
    targets, out = home / f"targets-{count}", home / f"batch-{count}"
    first = speed.stretched(TINY_SECONDS, home / "tiny.mp4")
    targets.mkdir()
    for index in range(count):
        os.link(first, targets / f"{index:06}.mp4")
    words = ["--targets", str(targets), "--weights", str(weights), "--engine", "onnx", "--keep", "nothing"]
    batch = command("batch", out, short_sound(home / "reference.wav"), 1, *words, "--no-overview")
    whole, again = run_process(batch), run_process(batch)
    if (there := len(list(out.glob("*/soundtrack.wav")))) != count:
        raise InputError(f"{there} of {count} targets have a soundtrack")
    return whole, again


def by_count(counts: Sequence[int], home: Path) -> Table:
    """Cost of batches of several sizes."""
    weights = toy_weights(home / "toy")
    rows = []
    for count in counts:
        whole, again = run_batch(count, weights, home)
        cells = number(whole.seconds, 0), number(whole.cpu / count, 3), number(whole.peak / MB, 0)
        rows.append((f"{count:,}", *cells, number(again.seconds, 1), number(again.peak / MB, 0)))
    header = ("targets", "whole batch [s]", "compute per target [s]", "peak memory [MB]", "again [s]", "again [MB]")
    return Table("Large batches, weights of toy size, 1 candidate", header, tuple(rows), (speed.machine(),))


def numbers(text: str) -> list[float]:
    """Numbers that are separated by commas."""
    return [float(word) for word in text.split(",") if word]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the tables; returns the exit code: 0, or 2 when a process fails."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "--lengths", type=numbers, default=[600.0, 1800.0, 7200.0], help="of targets, s (default: 600,1800,7200)"
    )
    p.add_argument("--references", type=numbers, default=[60.0, 7200.0], help="references, s (default: 60,7200)")
    p.add_argument(
        "--batches", type=numbers, default=[100.0, 1000.0, 10000.0], help="targets (default: 100,1000,10000)"
    )
    p.add_argument("--candidates", type=int, default=8, help="for the long targets (default: 8)")
    options = p.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as home:
            if options.lengths:
                print(by_length(options.lengths, options.candidates, Path(home)).text(), flush=True)
            if options.references:
                print(by_reference(options.references, options.candidates, Path(home)).text(), flush=True)
            if options.batches:
                print(by_count([int(count) for count in options.batches], Path(home)).text())
    except (InputError, OSError) as error:
        print(f"scale: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
