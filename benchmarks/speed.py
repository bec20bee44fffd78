"""The main job's time and memory in a fresh process: a 6 s target, several candidates, on `examples/`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation.tables import Table, number

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
REFERENCE, TARGET = "hitting_metal*.mp4", "hitting_bag*.mp4"
RUNS = 3


def example(pattern: str) -> Path:
    """The example clip whose name fits. Raises InputError when there is none."""
    found = sorted(EXAMPLES.glob(pattern))
    if not found:
        raise InputError(f"no {pattern} in examples/; run from a full checkout")
    return found[0]


def measure(candidates: int, seed: int, weights: str | None) -> dict[str, Any]:
    """{"rows": seconds of each run, "summary": {...}}, measured in a process that does nothing else."""
    job = {
        "reference": str(example(REFERENCE)),
        "target": str(example(TARGET)),
        "candidates": candidates,
        "seed": seed,
        "weights": str(Path(weights).resolve()) if weights else None,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", json.dumps(job)],
        cwd=EXAMPLES.parent, stdout=subprocess.PIPE, text=True, check=False,
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
            "target_seconds": run["duration"],
            "peak_memory_gb": run["peak_bytes"] / 1e9,
            "load_seconds": run["load_seconds"],
            "candidates": run["candidates"],
            "threads": run["threads"],
            "machine": run["machine"],
        },
    }


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Load once, generate once to warm up, then RUNS times with the clock running."""
    import resource
    from time import perf_counter

    import torch

    from condfoley.foley import Foley

    begin = perf_counter()
    foley = Foley.load(job["weights"])
    load_seconds = perf_counter() - begin
    seconds = []
    for _ in range(1 + RUNS):
        begin = perf_counter()
        result = foley.generate(job["reference"], job["target"], candidates=job["candidates"], seed=job["seed"])
        seconds.append(perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds[1:],
        "duration": float(result.duration),
        "load_seconds": load_seconds,
        "peak_bytes": peak if sys.platform == "darwin" else peak * 1024,  # kilobytes everywhere but on macOS
        "candidates": job["candidates"],
        "threads": torch.get_num_threads(),
        "machine": machine(),
    }


def machine() -> str:
    """The processor, its cores as this process may use them, and the versions that matter."""
    import torch

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0] if models else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, Python {platform.python_version()}, torch {torch.__version__}"


def table(result: dict[str, Any]) -> Table:
    """The table of the issue."""
    s = result["summary"]
    return Table(
        f"Speed: {s['target_seconds']:.1f} s target, {s['candidates']} candidates",
        ("main job, after import and one warm-up", f"median of {len(result['rows'])}"),
        (
            ("compute per second of target [s]", number(s["seconds_per_second"])),
            ("whole job [s]", number(s["median_seconds"], 1)),
            ("loading the weights [s]", number(s["load_seconds"], 1)),
            ("peak memory of the process [GB]", number(s["peak_memory_gb"])),
            ("threads", str(s["threads"])),
        ),
        (s["machine"], "aims: under 1.00 s for each second, under 2 GB"),
    )


if __name__ == "__main__":
    try:
        print(json.dumps(work(json.loads(sys.argv[1]))))
    except InputError as error:
        sys.exit(f"speed: {error}")
