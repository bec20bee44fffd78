"""How other programs end on the same damaged clips: `python -m benchmarks.faults_others [PROGRAM ...] [--cases 200]`.

basic-pitch and demucs, where they can be imported (docs/reliability.md says how), each by its own command line, in processes
with the limits of `python -m benchmarks.faults`. demucs gets a model of toy size with random weights: what is looked at is
the reading. Both use FFmpeg, or libraries, for containers that they do not read themselves.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.faults import read_rows, table, written
from benchmarks.faults_clips import write_all
from benchmarks.faults_media import damaged_clip
from benchmarks.faults_run import OTHER, OUT, run_case
from condfoley.errors import EXIT_USER_ERROR, InputError

CASES = 200


def call(main: Callable[[], object], argv: Sequence[str]) -> int:
    """Calls another program's `main`, which reads `sys.argv`; returns the exit code of `faults_run` for how it ended.

    A traceback that it prints itself counts as one, whatever its exit code. A refusal of any form counts as one in our form.
    OTHER: it ended well and wrote nothing.
    """
    printed = io.StringIO()
    code: object = 0
    with redirect_stdout(printed), mock.patch.object(sys, "argv", list(argv)):
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    if "Traceback (most recent call last)" in printed.getvalue():
        print(printed.getvalue().strip(), file=sys.stderr)
        return 1
    if code:
        print("condfoley: refused", file=sys.stderr)
        return EXIT_USER_ERROR
    if not any(path.is_file() for path in Path(OUT).rglob("*")):
        print((printed.getvalue().strip() or "nothing said").splitlines()[-1], file=sys.stderr)
        return OTHER
    return 0


def basic_pitch() -> Callable[[str], int]:
    """basic-pitch with the model of its wheel, run by onnxruntime."""
    program = importlib.import_module("basic_pitch.predict")
    importlib.import_module("basic_pitch.inference")

    def read(path: str) -> int:
        Path(OUT).mkdir()
        return call(program.main, ["basic-pitch", OUT, path, "--model-serialization", "onnx"])

    return read


def demucs() -> Callable[[str], int]:
    """demucs with a model of toy size, as a local repository that is written here."""
    states, program = importlib.import_module("demucs.states"), importlib.import_module("demucs.separate")
    network = importlib.import_module("demucs.demucs").Demucs
    model = network(sources=["a", "b"], channels=4, depth=2)
    args, kwargs = model._init_args_kwargs
    content = {
        "klass": network,
        "args": args,
        "kwargs": kwargs,
        "state": states.get_state(model, None),
        "training_args": {},
    }
    home = Path(tempfile.mkdtemp(prefix="fault-demucs-"))
    states.save_with_checksum(content, home / "toy.th")

    def read(path: str) -> int:
        words = ["demucs", "--repo", str(home), "-n", "toy", "-d", "cpu", "-o", OUT, path]
        return call(program.main, words)

    return read


PROGRAMS = {"basic-pitch": basic_pitch, "demucs": demucs}


def run(name: str, cases: int, seed: int, out: Path) -> Path:
    """Runs the cases of a program that were not run yet; returns the file with a line of JSON for each.

    Raises InputError where the program cannot be imported.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.jsonl"
    known = {(row["seed"], row["case"]) for row in read_rows(path)}
    try:
        read = PROGRAMS[name]()
    except ImportError as error:
        raise InputError(f"{name} cannot be imported ({error}); docs/reliability.md says how it is installed") from None
    bases = write_all(out / "clips")
    for number in range(cases):
        if (seed, number) in known:
            continue
        with tempfile.TemporaryDirectory(prefix="fault-clip-") as folder:
            kind, clip = damaged_clip(bases, Path(folder), number, np.random.default_rng([seed, number]))
            outcome = run_case(lambda _, clip=clip: read(str(clip)))
            written(path, seed, number, [(f"{kind}: {clip.name}", name, outcome)])
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns 0, 2 where a program cannot be imported."""
    parser = argparse.ArgumentParser("python -m benchmarks.faults_others", description=__doc__)
    parser.add_argument("program", nargs="*", help=f"of {', '.join(PROGRAMS)} (default: all)")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/faults/others"))
    options = parser.parse_args(argv)
    if unknown := set(options.program) - set(PROGRAMS):
        parser.error(f"there is no program {unknown.pop()}; give of {', '.join(PROGRAMS)}")
    rows = {}
    for name in options.program or PROGRAMS:
        try:
            path = run(name, options.cases, options.seed, options.out)
        except InputError as error:
            print(error, file=sys.stderr)
            return EXIT_USER_ERROR
        rows[f"{name} {importlib.metadata.version(name)}"] = read_rows(path)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
