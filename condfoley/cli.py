"""The `condfoley` command. Light to import: everything heavy is imported by the command that needs it."""

from __future__ import annotations

import json
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.errors import InputError

if TYPE_CHECKING:
    from condfoley.foley import Soundtrack
    from condfoley.media import MediaInfo
    from condfoley.options import GenerateOptions
    from condfoley.progress import Progress

USER_FAULT, OUR_FAULT, INTERRUPTED = 2, 1, 130


def main(words: list[str] | None = None) -> int:
    """Run `condfoley WORDS...`; returns the exit code: 0, 2 (the user's input), 1 (our fault), 130 (Ctrl-C).

    words: the command line without the program's name; None takes the process's own.
    """
    words = sys.argv[1:] if words is None else list(words)
    try:
        with _interruptible():
            return _run(words)
    except InputError as error:
        return _complain(str(error), USER_FAULT, words)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED, words)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        return OUR_FAULT
    except Exception as error:  # noqa: BLE001  (the last door: whatever it was, one line)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "" if "--debug" in words else "; --debug shows where"
        return _complain(f"internal error, {what}{hint}", OUR_FAULT, words)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0 if words else USER_FAULT
    if words[0] == "--version":
        from condfoley import __version__

        print(f"condfoley {__version__}")
        return 0
    if words[0] not in COMMANDS:
        from condfoley.arguments import suggest

        kind = "option" if words[0].startswith("-") else "command"
        hint = suggest(words[0], COMMANDS) or "see `condfoley --help`"
        raise InputError(f"unknown {kind} {words[0]}; {hint}")
    return COMMANDS[words[0]][1](words[1:])


def _overview() -> str:
    lines = ["usage: condfoley COMMAND [options]", ""]
    lines += [
        "Conditional Foley: a reference clip and a silent target in, a finished soundtrack out.",
        "",
        "commands:",
    ]
    lines += [f"  {name:<10} {text}" for name, (text, _) in COMMANDS.items()]
    lines += ["", "`condfoley COMMAND --help` lists a command's options; `--debug` shows tracebacks."]
    return "\n".join(lines)


def _complain(message: str, code: int, words: list[str]) -> int:
    if "--debug" in words:
        traceback.print_exc()
    print("condfoley: " + " ".join(message.split()), file=sys.stderr)
    return code


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a polite kill (SIGTERM) clean up like Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there may handlers be set
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def generate(words: list[str]) -> int:
    """`condfoley generate`: checks first, then the model, then all results at once."""
    from condfoley.arguments import parse_options
    from condfoley.options import GenerateOptions
    from condfoley.outputs import ResultFolder
    from condfoley.progress import Progress
    from condfoley.weights import SHIPPED, read_card

    started = datetime.now(timezone.utc)
    options = parse_options("condfoley generate", GenerateOptions, words)
    shapes = check_inputs(options)
    inputs = Path(options.reference), Path(options.target)
    with ResultFolder(Path(options.out), force=options.force, inputs=inputs) as folder:
        read_card(Path(options.weights) if options.weights else SHIPPED)
        check_device(options.device)
        progress = Progress(options.quiet)
        try:
            soundtrack = _soundtrack(options, progress)
            progress("writing the results", 1.0)
            summary = _write(folder.work, options, soundtrack, shapes, (["condfoley", "generate", *words], started))
            folder.commit()
        finally:
            progress.close()
    paths = {name: str(folder.out / file) for name, file in summary.pop("files").items()}
    print(json.dumps({**paths, **summary}) if options.json else "\n".join(paths.values()))
    return 0


def check_inputs(options: GenerateOptions) -> tuple[MediaInfo, MediaInfo]:
    """What the two files hold; raises InputError for one that cannot be used. Needs no model."""
    from condfoley.media import probe, require_audio, require_video

    reference, target = probe(options.reference), probe(options.target)
    require_audio(reference)  # its picture may be missing: sound alone is a reference too
    require_video(target)
    if options.reference_start is not None and options.reference_start >= reference.duration:
        raise InputError(
            f"--reference-start {options.reference_start:g} is past the end of {options.reference} "
            f"({reference.duration:.2f} s); give an earlier time"
        )
    return reference, target


def check_device(name: str) -> None:
    """Raises InputError for a device that torch does not know or that this machine does not have."""
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name}; give --device cpu, cuda, cuda:1 or mps") from None
    if device.type == "cpu":
        return
    backend = {"cuda": torch.cuda, "mps": torch.backends.mps}.get(device.type)
    present = backend is not None and backend.is_available()
    if not present or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"this machine has no device {name} that torch can use; give --device cpu")


def _soundtrack(options: GenerateOptions, progress: Progress) -> Soundtrack:
    """Load the model and run it."""
    progress("loading the model", 0.0)
    from condfoley.foley import Foley

    foley = Foley.load(options.weights, device=options.device)
    return foley.generate(
        options.reference,
        options.target,
        candidates=options.candidates,
        seed=options.seed,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        guidance=options.guidance,
        rerank=options.rerank,
        tolerance=options.tolerance,
        reference_start=options.reference_start,
        progress=progress,
    )


def _write(
    work: Path,
    options: GenerateOptions,
    soundtrack: Soundtrack,
    clips: tuple[MediaInfo, MediaInfo],
    run: tuple[list[str], datetime],
) -> dict[str, Any]:
    """Write all results into `work`; returns what --json prints, with the files' names relative to it."""
    from condfoley import outputs, overview, provenance

    reference, target = clips
    video = outputs.write_sound(work, soundtrack, target.path, options.codec)
    title = f"{target.path.name} with the sound of {reference.path.name}"
    aspects = (reference.width / max(1, reference.height), target.width / target.height)
    overview.draw(soundtrack, work / outputs.OVERVIEW, title, aspects)
    record = provenance.record(options, soundtrack, *run)
    provenance.write(work / outputs.PROVENANCE, record)
    files = {
        "soundtrack": outputs.SOUNDTRACK,
        "video": video.name,
        "scores": f"{outputs.CANDIDATES}/{outputs.SCORES}",
        "overview": outputs.OVERVIEW,
        "provenance": outputs.PROVENANCE,
    }
    return {"files": files} | {key: record[key] for key in ("candidates", "chosen", "elapsed")}


def train(words: list[str]) -> int:
    """`condfoley train --config FILE key=value ...`: one stage of training."""
    from condfoley.arguments import parse_config
    from condfoley.training.config import TrainConfig

    config = parse_config("condfoley train", TrainConfig, words)
    from condfoley.training.run import main as run

    run(config)
    return 0


def simulate(words: list[str]) -> int:
    """`condfoley simulate`: videos in which somebody hits and scratches things, with the exact truth."""
    from importlib.util import find_spec

    from condfoley.arguments import parse_options
    from condfoley.data.simulation.write import Recipe, write_clips

    recipe = parse_options("condfoley simulate", Recipe, words)
    if find_spec("mujoco") is None:
        raise InputError("simulation needs MuJoCo; install it with `pip install mujoco`")
    failures = write_clips(recipe)
    if failures:
        number, reason = failures[0]
        print(
            f"condfoley: {len(failures)} clips failed (number {number}: {reason}); run again to retry",
            file=sys.stderr,
        )
        return OUR_FAULT
    print(recipe.out)
    return 0


COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    "generate": ("write the soundtrack of a target video from a reference clip", generate),
    "simulate": ("write simulated videos with sound and ground truth to train and test on", simulate),
    "train": ("train one part of the system on a folder of clips", train),
}
