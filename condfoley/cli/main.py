"""The `condfoley` command. Light to import: everything heavy is imported by the command that needs it."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from condfoley.errors import (
    EXIT_INTERNAL_ERROR,
    EXIT_INTERRUPTED,
    EXIT_USER_ERROR,
    InputError,
    UnwritableError,
    tell,
    wrong_path,
)


def main(argv: list[str] | None = None) -> int:
    """Run `condfoley ARGV...`; returns the exit code: 0, 2 (unusable input), 1 (internal error), 130 (Ctrl-C), 3
    (`finetune`: nothing was better than the start).

    argv: arguments without the program's name; None takes the process's own.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        with _interruptible():
            code = _run(argv)
            print(end="", flush=True)  # a closed pipe raises here, not when Python exits
            return code
    except (InputError, UnwritableError) as error:
        return _complain(str(error), EXIT_USER_ERROR, argv)
    except KeyboardInterrupt:
        return _complain("interrupted", EXIT_INTERRUPTED, argv)
    except BrokenPipeError:  # the reader of our output closed the pipe, as `| head` does
        _discard_output()
        return EXIT_INTERNAL_ERROR
    except Exception as error:  # noqa: BLE001  (last resort: any error is reported in one line)
        if refused := wrong_path(error):
            return _complain(str(refused), EXIT_USER_ERROR, argv)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "" if "--debug" in argv else "; --debug shows where"
        return _complain(f"internal error, {what}{hint}", EXIT_INTERNAL_ERROR, argv)


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0 if argv else EXIT_USER_ERROR
    if argv[0] == "--version":
        from condfoley import __version__

        print(f"condfoley {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        from condfoley.cli.arguments import suggest

        kind = "option" if argv[0].startswith("-") else "command"
        hint = suggest(argv[0], COMMANDS) or "see `condfoley --help`"
        raise InputError(f"unknown {kind} {argv[0]}; {hint}")
    return COMMANDS[argv[0]][1](argv[1:])


def _overview() -> str:
    lines = ["usage: condfoley COMMAND [options]", ""]
    lines += [
        "Conditional Foley: writes the soundtrack of a silent target video from a reference clip.",
        "",
        "commands:",
    ]
    lines += [f"  {name:<10} {text}" for name, (text, _) in COMMANDS.items()]
    lines += ["", "`condfoley COMMAND --help` lists a command's options; `--debug` shows tracebacks."]
    return "\n".join(lines)


def _complain(message: str, code: int, argv: list[str]) -> int:
    if "--debug" in argv:
        traceback.print_exc()
    tell(message)
    return code


def _discard_output() -> None:
    """Discard what is still in stdout's buffer, which Python would otherwise fail to write at exit."""
    with suppress(OSError):  # the caller may have replaced stdout by an object without file descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, so that it cleans up like Ctrl-C."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # signal handlers can only be set there
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _module(name: str) -> Callable[[list[str]], int]:
    """The command in `condfoley/cli/commands/NAME.py`, imported when it is called."""

    def run(argv: list[str]) -> int:
        command: Callable[[list[str]], int] = importlib.import_module(f"condfoley.cli.commands.{name}").run
        return command(argv)

    return run


MODULES = {"import": "import_checkpoint", "export": "export_checkpoint"}  # `import` is a Python keyword
COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    name: (text, _module(MODULES.get(name, name)))
    for name, text in {
        "demo": "generate a soundtrack for the example pair in the package",
        "generate": "write the soundtrack of a target video from a reference clip",
        "redo": "draw a span or a cue of a result anew, or make alternatives of a cue",
        "batch": "the same for many pairs, with the model loaded once",
        "find": "rank the sounds of a folder by how well they fit a target",
        "serve": "keep the model loaded and generate soundtracks over HTTP, on this machine",
        "studio": "open a page on which soundtracks are made and edited",
        "edit": "change cues and layers of a result and render it again",
        "undo": "bring the former revision of a result back",
        "stems": "write a WAV for each layer or cue of a result; their sum is the soundtrack",
        "timeline": "export a result for video editors: OpenTimelineIO and Final Cut XML",
        "label": "mark by hand when a clip's picture shows a contact, and compare",
        "simulate": "write simulated videos with sound and ground truth to train and test on",
        "prepare": "convert a data set or a folder of recordings into training shards",
        "train": "train one part of the system on a folder of clips",
        "finetune": "fine-tune the shipped model on your own recordings",
        "evaluate": "measure systems on a test set and write a report",
        "study": "export, serve and analyse a listening study",
        "import": "convert checkpoints of published systems into weights for condfoley",
        "export": "write weights as a checkpoint for the published system, or their ONNX graphs",
    }.items()
}
