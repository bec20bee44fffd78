"""Speed: `python -m benchmarks.speed`.

published: the published sizes with random weights beside a re-creation of the published procedure
(benchmarks/published_speed.py). shipped: time and memory of one soundtrack, each in a fresh process, and the time to a
first candidate. length: the same for targets of several lengths.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.errors import InputError
from condfoley.results.tables import Table, number
from condfoley.settings import RENDERERS

EXAMPLES = Path(__file__).resolve().parent.parent / "condfoley" / "examples"
REFERENCE, TARGET = "hitting_metal*.mp4", "hitting_bag*.mp4"
PARTS = ("published", "shipped", "length")
RUNS = 3
LONG = 30.0  # s; longer targets are run once


def example(pattern: str) -> Path:
    """The example clip whose name fits. Raises InputError when there is none."""
    found = sorted(EXAMPLES.glob(pattern))
    if not found:
        raise InputError(f"no {pattern} in condfoley/examples/; run from a full checkout")
    return found[0]


def measure(candidates: int, seed: int, weights: str | None, render: str, target: Path | None = None) -> dict[str, Any]:
    """{"rows": seconds of each run, "summary": {...}}, measured in a process that does nothing else.

    render: see `Settings`. target: in place of the example's.
    """
    job = {
        "reference": str(example(REFERENCE)),
        "target": str(target or example(TARGET)),
        "candidates": candidates,
        "seed": seed,
        "render": render,
        "weights": str(Path(weights).resolve()) if weights else None,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--job", json.dumps(job)],
        cwd=EXAMPLES.parent.parent, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise InputError("the measured process failed; its last message says why")
    return summarise(json.loads(done.stdout.splitlines()[-1]))


def summarise(run: dict[str, Any]) -> dict[str, Any]:
    """What is reported of a run of `work`."""
    median = float(np.median(run["seconds"]))
    return {
        "rows": run["seconds"],
        "summary": {
            "seconds_per_second": median / run["duration"],
            "median_seconds": median,
            "processor_seconds": min(run["processor"]),
            "target_seconds": run["duration"],
            "peak_memory_gb": run["peak_bytes"] / 1e9,
            "load_seconds": run["load_seconds"],
            "candidates": run["candidates"],
            "threads": run["threads"],
            "machine": run["machine"],
        },
    }


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Load once, generate once to warm up, then RUNS times (a long target: once) with the clock running."""
    import resource
    from time import perf_counter, process_time

    import torch

    from condfoley.foley import Foley
    from condfoley.media import probe

    begin = perf_counter()
    foley = Foley.load(job["weights"])
    load_seconds = perf_counter() - begin
    asked = {name: job[name] for name in ("candidates", "seed", "render")}
    foley.generate(job["reference"], example(TARGET), **asked)
    seconds, processor = [], []
    for _ in range(RUNS if probe(Path(job["target"])).duration <= LONG else 1):
        begin, used = perf_counter(), process_time()
        result = foley.generate(job["reference"], job["target"], **asked)
        seconds.append(perf_counter() - begin)
        processor.append(process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "processor": processor,
        "duration": float(result.duration),
        "load_seconds": load_seconds,
        "peak_bytes": peak if sys.platform == "darwin" else peak * 1024,  # kilobytes everywhere but on macOS
        "candidates": job["candidates"],
        "threads": torch.get_num_threads(),
        "machine": machine(),
    }


def machine() -> str:
    """The processor, its cores as this process may use them, and the versions that matter."""
    from importlib.metadata import PackageNotFoundError, version

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0] if models else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    described = [name, f"{cores} cores", f"Python {platform.python_version()}"]
    for package in ("torch", "onnxruntime"):
        with suppress(PackageNotFoundError):
            described.append(f"{package} {version(package)}")
    return ", ".join(described)


def table(result: dict[str, Any]) -> Table:
    """The summary as a table."""
    s = result["summary"]
    return Table(
        f"Speed: {s['target_seconds']:.1f} s target, {s['candidates']} candidates",
        ("main job, after import and one warm-up", f"median of {len(result['rows'])}"),
        (
            ("compute per second of target [s]", number(s["seconds_per_second"])),
            ("whole job [s]", number(s["median_seconds"], 1)),
            ("processor time of it, least [s]", number(s["processor_seconds"])),
            ("loading the weights [s]", number(s["load_seconds"], 1)),
            ("peak memory of the process [GB]", number(s["peak_memory_gb"])),
            ("threads", str(s["threads"])),
        ),
        (s["machine"], "aims: under 1.00 s for each second, under 2 GB"),
    )


def stretched(seconds: float, path: Path) -> Path:
    """The example target repeated until it is `seconds` long."""
    from condfoley.geometry import Geometry
    from condfoley.media import read_frames, write_clip

    g = Geometry()
    frames = read_frames(example(TARGET), g.fps, 2 * g.frame_size)
    return write_clip(
        path, (frames[k % len(frames)] for k in range(round(seconds * g.fps))), g.fps, None, g.sample_rate
    )


def by_length(lengths: Sequence[float], candidates: int, weights: str | None, render: str) -> Table:
    """Time for each second of target, and peak memory, of targets of several lengths, s."""
    rows = []
    with tempfile.TemporaryDirectory() as home:
        for seconds in lengths:
            s = measure(candidates, 0, weights, render, stretched(seconds, Path(home) / "target.mp4"))["summary"]
            cells = (number(s["seconds_per_second"]), number(s["median_seconds"], 1), number(s["peak_memory_gb"]))
            rows.append((number(seconds, 0), *cells))
    header = ("target [s]", "compute per second [s]", "whole job [s]", "peak memory [GB]")
    return Table(f"Cost against length, {candidates} candidates", header, tuple(rows), (machine(),))


def main(words: Sequence[str] | None = None) -> int:
    """Run with command-line words; prints tables; returns the exit code."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.speed", description="Time and memory.")
    p.add_argument("--job", help=argparse.SUPPRESS)  # one measured process; see `measure`
    p.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {','.join(PARTS)}")
    p.add_argument("--counts", default="1,8,32,100", help="candidates of the published sizes")
    p.add_argument("--lengths", default="2,10,60,600", help="targets' lengths, s")
    p.add_argument("--repeats", type=int, default=3, help="most runs of the published sizes; long ones run once")
    p.add_argument("--candidates", type=int, default=8, help="of the shipped model")
    p.add_argument("--device", default="cpu", help="where the published sizes run")
    p.add_argument("--compile", action="store_true", help="decode and vocode the published sizes with torch.compile")
    p.add_argument("--render", default=RENDERERS[0], choices=RENDERERS, help="what makes the shipped model's sound")
    p.add_argument("--weights", help="other weights than the shipped ones")
    o = p.parse_args(words)
    try:
        if o.job:
            print(json.dumps(work(json.loads(o.job))))
            return 0
        for part in o.only.split(","):
            for made in _part(part, o):
                print(made.text(), flush=True)
    except InputError as error:
        print(f"speed: {error}", file=sys.stderr)
        return 2
    return 0


def _part(part: str, o: argparse.Namespace) -> list[Table]:
    if part == "published":
        from benchmarks import published_speed

        counts = [int(n) for n in o.counts.split(",")]
        return published_speed.tables(published_speed.measure(counts, o.repeats, None, o.device, o.compile))
    if part == "shipped":
        first = measure(1, 0, o.weights, o.render)["summary"]["median_seconds"]
        whole = table(measure(o.candidates, 0, o.weights, o.render))
        return [replace(whole, rows=(*whole.rows, ("time to a first candidate [s]", number(first, 1))))]
    if part == "length":
        return [by_length([float(s) for s in o.lengths.split(",")], o.candidates, o.weights, o.render)]
    raise InputError(f"there is no part {part}; choose from {', '.join(PARTS)}")


if __name__ == "__main__":
    sys.exit(main())
