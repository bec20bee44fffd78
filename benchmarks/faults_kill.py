"""Commands that are killed at a random moment and given again, as their user would, and commands given twice at once.

What is compared, with a run that nobody disturbed: names of all files, none of which may be temporary, and the SHA-256 of
those that two undisturbed runs write alike. A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.faults_damage import Rng
from benchmarks.faults_moments import Moment, Whole, code_of, difference, hashes, killed, measured, started
from benchmarks.faults_run import OTHER, Outcome, ends, made_once, run_case
from benchmarks.faults_servers import SERVERS, server_case
from condfoley.cli import main as cli
from condfoley.errors import EXIT_USER_ERROR

TOLD = 3  # a case in so many gives a command twice at once, where it writes to a folder
PROJECT, TINY, OUT = "DIR", "tiny", "out"
MODEL = ["--weights", TINY, "--engine", "onnx", "--quiet"]
GENERATE = ["generate", "--reference", "reference.mp4", "--target", "target.mp4", "--candidates", "2", *MODEL]


@dataclass(frozen=True)
class Task:
    """A command that is killed. words: of it. again: those of the user afterwards, in the folder where it was killed.

    first: given before, undisturbed. twice: whether it may be given twice at once. torch: whether it needs PyTorch, whose
    libraries alone have more memory than other cases may have.
    """

    words: list[str]
    again: Callable[[list[str]], list[str]] = lambda words: words
    first: tuple[str, ...] = ()
    twice: bool = True
    torch: bool = False


def _forced(words: list[str]) -> list[str]:
    return [*words, "--force"]


def _if_not_done(words: list[str]) -> list[str]:
    """An edit whose revision is there already is not made again; `edit` alone writes all files of it."""
    from condfoley.project.store import read_project

    return words if read_project(Path(PROJECT)).revision == 1 else ["edit", PROJECT, "--quiet"]


SIMULATE = ["simulate", "--clips", "2", "--duration", "0.5", "--size", "32", "--fps", "5", "--workers", "1"]
TASKS = {
    "generate": Task([*GENERATE, "--out", OUT], _forced),
    "generate --force": Task([*GENERATE, "--out", PROJECT, "--force"]),
    "batch": Task(["batch", "--pairs", "pairs.csv", "--out", OUT, "--candidates", "1", *MODEL]),
    "edit": Task(["edit", PROJECT, "--set", "1:gain=-3", "--codec", "pcm", "--quiet"], _if_not_done),
    "redo": Task(["redo", PROJECT, "--cue", "1", "--seed", "9", "--candidates", "2", *MODEL], _if_not_done),
    "prepare": Task(
        ["prepare", "folder", "clips", OUT, "--workers", "1", "--shard-videos", "1", "--segment", "2"], torch=True
    ),
    "simulate": Task([*SIMULATE, "--out", OUT]),
    "train": Task(["train-tiny"], torch=True),
}
"""Commands by what they are called in the report."""


def train(argv: list[str]) -> int:
    """Three steps of the tokenizer at toy sizes, with a checkpoint of each."""
    from condfoley.training.run import main
    from tests.training import toy

    rhythm = {"steps": 3, "checkpoint_every": 1, "evaluate_every": 100, "keep": 2}
    main(toy.config("tokenizer", Path("clips"), Path(), out="run", weights="trained", **rhythm))
    return 0


def make(home: Path) -> None:
    """Writes what the commands read: weights of toy sizes with graphs, clips of two seconds, a result, a table of pairs."""
    from condfoley.cli import main as cli
    from tests.made_up import pulses, write_video
    from tests.tiny import write_tiny_weights
    from tests.training import toy

    write_tiny_weights(home / TINY)
    write_video(home / "reference.mp4", 2.0, pulses([0.5, 1.2], 2.0))
    write_video(home / "target.mp4", 2.0)
    write_video(home / "second.mp4", 1.0)
    (home / "clips").mkdir()
    toy.write_clips(home / "clips", 2)
    rows = ["reference,target,name", "reference.mp4,target.mp4,one", "reference.mp4,second.mp4,two"]
    (home / "pairs.csv").write_text("\n".join(rows) + "\n")
    (home / "hits.txt").write_text("0.4\n1.2\n")
    os.chdir(home)
    for words in (["export", "onnx", TINY], [*GENERATE, "--out", PROJECT, "--hits", "hits.txt"]):
        if code := cli.main(words):
            raise RuntimeError(f"{words} ended with {code}")


def copied(base: Path, home: Path) -> Path:
    """A copy of what the commands read, as the working folder, with a temporary folder of its own."""
    place = home / "work"
    shutil.copytree(base, place, dirs_exist_ok=True)
    (place / "tmp").mkdir()
    os.environ["TMPDIR"] = str(place / "tmp")
    tempfile.tempdir = None  # which would still be the one of the process from which this one was forked
    os.chdir(place)
    return place


def undisturbed(name: str, base: Path, store: Path) -> tuple[Whole, list[dict[str, str]]]:
    """How long a command takes, and what it leaves: given once; and the user's next command after it; and itself after it.

    Measured once and kept in `store`.

    What two runs write in different ways counts by its name alone: dates, and what an encoder of pictures makes of them.
    """
    path = store / f"{name}.json"
    if not path.exists():
        runs = []
        for number in range(2):
            kept = store / f"{name}-{number}.json"
            outcome = run_case(partial(_measure, TASKS[name], base, kept), memory=None)
            if outcome.verdict != "done":
                raise RuntimeError(f"{name} fails undisturbed: {outcome.said}")
            runs.append(json.loads(kept.read_text()))
            kept.unlink()
        for place in range(len(runs[0]["left"])):
            one, other = (run["left"][place] for run in runs)
            runs[0]["left"][place] = {file: known if known == other.get(file) else "" for file, known in one.items()}
        path.write_text(json.dumps(runs[0], indent=1))
    content = json.loads(path.read_text())
    return Whole(content["seconds"], content["changes"]), content["left"]


def _measure(task: Task, base: Path, kept: Path, home: Path) -> int:
    place = copied(base, home)
    whole = measured(lambda: cli.main(task.words), place)
    left = [hashes(place)]
    code_of(started(lambda: cli.main(task.again(task.words)), place / "stdout"))
    left.append(hashes(place))
    if task.twice:
        shutil.rmtree(place)
        place = copied(base, home)
        for _ in range(2):
            code_of(started(lambda: cli.main(task.words), place / "stdout"))
        left.append(hashes(place))
    kept.write_text(json.dumps(asdict(whole) | {"left": left}))
    return 0


def compared(place: Path, wanted: list[dict[str, str]]) -> int:
    """OTHER, and says why, where a folder holds none of the wanted results."""
    found = [difference(hashes(place, _varying(one)), one) for one in wanted]
    if all(found):
        print(found[0], file=sys.stderr)
    return OTHER if all(found) else 0


def _varying(wanted: dict[str, str]) -> frozenset[str]:
    return frozenset(name for name, known in wanted.items() if not known)


def kill_case(task: Task, base: Path, moment: Moment, wanted: list[dict[str, str]], home: Path) -> int:
    """Kills a command, gives it again, and compares what is there then."""
    place = copied(base, home)
    if not killed(started(lambda: cli.main(task.words), place / "first", moment), moment):
        return compared(place, wanted[:1])
    code = cli.main(task.again(task.words))
    return code and OTHER or compared(place, wanted)


def twice_case(task: Task, base: Path, moment: Moment, wanted: list[dict[str, str]], home: Path) -> int:
    """Gives a command twice, the second one at a moment of the first, and compares what is there when both have ended.

    One of the two may be refused, if it is told why in one line; or they come one after the other.
    """
    place = copied(base, home)
    first = started(lambda: cli.main(task.words), place / "first")
    ends(first, moment.seconds or 0.0)
    second = started(lambda: cli.main(task.words), place / "stderr")
    codes = [code_of(first), code_of(second)]
    said = [(place / name).read_text() for name in ("first", "stderr")]
    for code, text in zip(codes, said, strict=True):
        refused = code == EXIT_USER_ERROR and any(line.startswith("condfoley: ") for line in text.splitlines()[-1:])
        if code and not refused:
            print(f"codes {codes}: {text.splitlines()[-1:]}", file=sys.stderr)
            return OTHER
    if all(codes):
        print(f"both were refused: {said}", file=sys.stderr)
        return OTHER
    return compared(place, wanted)


def warm(torch: bool) -> None:
    """Imports what the commands import, so that a fork does not have to."""
    import condfoley.cli.run_job  # noqa: F401
    import condfoley.foley  # noqa: F401
    import condfoley.project.outputs  # noqa: F401
    import condfoley.project.redo  # noqa: F401
    import condfoley.results.overview  # noqa: F401
    import condfoley.runtime.onnx  # noqa: F401

    cli.COMMANDS["train-tiny"] = ("", train)
    if torch:
        import condfoley.data.prepare  # noqa: F401
        import condfoley.training.run  # noqa: F401
        import condfoley.training.stages.tokenizer  # noqa: F401


def run(number: int, rng: Rng, store: Path) -> list[tuple[str, str, Outcome]]:
    """One case; see `faults_media.run`."""
    base, names = made_once(store, "faults_kill"), [*TASKS, *SERVERS]
    name = names[number % len(names)]
    if name in SERVERS:
        return server_case(name, base, store, rng)
    task = TASKS[name]
    warm(task.torch)
    whole, wanted = undisturbed(name, base, store)
    if task.twice and number // len(names) % TOLD == TOLD - 1:
        moment = Moment(seconds=float(rng.uniform(0, whole.seconds)))
        how, case, results = f"twice, {moment}", twice_case, [wanted[0], wanted[-1]]
    else:
        moment = whole.moment(rng)
        how, case, results = f"killed {moment}", kill_case, wanted[:2]
    outcome = run_case(partial(case, task, base, moment, results), memory=None)
    return [(name, how, outcome)]
