"""What a first use costs: `python -m benchmarks.start [--long]`.

Size of the environment; time of the demo's whole process beside `python -c "import torch"`, alternating; time until its
first line of progress; peak memory; compute for each second of a long target. With whatever engine is the default.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks import speed
from condfoley import examples
from condfoley.errors import InputError
from condfoley.results.tables import Table, number

ROOT = Path(__file__).resolve().parent.parent
CANDIDATES = 8
TARGET_SECONDS, LONG_SECONDS = 60.0, 600.0


@dataclass(frozen=True)
class Process:
    """A process that has ended: seconds it took and until its first line on stderr, its peak memory in bytes, and the
    seconds that processors worked for it."""

    seconds: float
    first_line: float
    peak: int
    cpu: float = 0.0


def run_process(command: Sequence[str]) -> Process:
    """Runs a command in the repository. Raises InputError, with its last line, when it fails."""
    begin = perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        last = process.stderr.readline()
        first_line = perf_counter() - begin
        for last in process.stderr:  # noqa: B007
            pass
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - begin
    if process.returncode:
        raise InputError(f"{' '.join(command[:4])} ... failed: {last.strip()}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Process(seconds, first_line, peak, usage.ru_utime + usage.ru_stime)


def demo_command(out: Path, target: Path = examples.TARGET) -> list[str]:
    """The demo's command line with the model's own sound; it always writes to `out`."""
    clips = ["--reference", str(examples.REFERENCE), "--target", str(target)]
    return [sys.executable, "-m", "condfoley", "generate", *clips, "--out", str(out), "--force", "--render", "vocoder"]


def measure_demo(repeats: int, torch_python: str, out: Path) -> tuple[list[Process], list[Process]]:
    """(the demo's processes, those that import torch), run alternately, so that both see the same load."""
    demos, imports = [], []
    for _ in range(repeats):
        imports.append(run_process([torch_python, "-c", "import torch"]))
        demos.append(run_process(demo_command(out)))
    return demos, imports


def time_generation(target: str) -> dict[str, float]:
    """Seconds of loading and of generating CANDIDATES candidates, in this process, and the target's duration, s."""
    from condfoley.foley import Foley

    begin = perf_counter()
    foley = Foley.load()
    loaded = perf_counter()
    result = foley.generate(examples.REFERENCE, target, candidates=CANDIDATES, render="vocoder")
    return {"load": loaded - begin, "generate": perf_counter() - loaded, "duration": float(result.duration)}


def compute_per_second(repeats: int, target: Path) -> float:
    """Median seconds of computing for a second of target, after loading, each in a process of its own."""
    found = []
    for _ in range(repeats):
        command = [sys.executable, "-m", "benchmarks.start", "--job", str(target)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise InputError("the measured process failed; its last message says why")
        times = json.loads(done.stdout.splitlines()[-1])
        found.append(times["generate"] / times["duration"])
    return median(found)


def size_on_disk(folder: Path) -> int:
    """Bytes that a folder's files take on the disk; a file with several names counts once."""
    sizes = {}
    for path in folder.rglob("*"):
        if not path.is_symlink() and path.is_file():
            entry = path.stat()
            sizes[entry.st_dev, entry.st_ino] = entry.st_blocks * 512
    return sum(sizes.values())


def measure(options: argparse.Namespace) -> Table:
    """All rows of the table. Raises InputError when a measured process fails."""
    with tempfile.TemporaryDirectory() as home:
        demos, imports = measure_demo(options.repeats, options.torch_python, Path(home) / "demo")
        target = speed.stretched(TARGET_SECONDS, Path(home) / "target.mp4")
        per_second = compute_per_second(options.repeats, target)
        long_peak = None
        if options.long:
            long_target = speed.stretched(LONG_SECONDS, Path(home) / "long.mp4")
            long_peak = run_process(demo_command(Path(home) / "long", long_target)).peak
    whole, baseline = median(run.seconds for run in demos), median(run.seconds for run in imports)
    megabytes = {
        "environment": size_on_disk(Path(sys.prefix)) / 1e6,
        "peak": median(run.peak for run in demos) / 1e6,
    }
    rows = [
        ("size of the environment [MB]", number(megabytes["environment"], 0), "600"),
        ("whole process, demo pair [times `import torch`]", number(whole / baseline), "1.30"),
        ("whole process, demo pair [s]", number(whole, 1), "5.0"),
        ("of it, until the first line of progress [s]", number(median(run.first_line for run in demos)), "0.50"),
        ("peak memory, demo pair [MB]", number(megabytes["peak"], 0), "500"),
        (f"compute per second of a {TARGET_SECONDS:.0f} s target, after loading [s]", number(per_second), "0.12"),
    ]
    if long_peak is not None:
        rows.append((f"peak memory, {LONG_SECONDS:.0f} s target [MB]", number(long_peak / 1e6, 0), "800"))
    notes = (
        speed.machine(),
        f"medians of {options.repeats}, {CANDIDATES} candidates; `import torch` took {number(baseline, 1)} s",
    )
    return Table("Cost of a first use", ("", "measured", "at most"), tuple(rows), notes)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.start", description="What a first use costs.")
    p.add_argument("--job", help=argparse.SUPPRESS)  # one measured process; see `compute_per_second`
    p.add_argument("--repeats", type=int, default=5, help="runs of each process (default: 5)")
    p.add_argument("--long", action="store_true", help=f"also a target of {LONG_SECONDS:.0f} s: minutes")
    p.add_argument(
        "--torch-python",
        default=sys.executable,
        help="Python that has torch, for the comparison, where the measured environment has none",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code: 0, or 2 when a process fails."""
    options = parser().parse_args(argv)
    if options.job:
        print(json.dumps(time_generation(options.job)))
        return 0
    try:
        if options.repeats < 1:
            raise InputError("--repeats must be 1 or more")
        print(measure(options).text())
    except (InputError, OSError) as error:
        print(f"start: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
