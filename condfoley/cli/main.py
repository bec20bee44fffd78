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

from condfoley.errors import EXIT_INTERNAL_ERROR, EXIT_INTERRUPTED, EXIT_USER_ERROR, InputError, UnwritableError


def main(words: list[str] | None = None) -> int:
    """Run `condfoley WORDS...`; returns the exit code: 0, 2 (the user's input), 1 (our fault), 130 (Ctrl-C).

    words: the command line without the program's name; None takes the process's own.
    """
    words = sys.argv[1:] if words is None else list(words)
    try:
        with _interruptible():
            code = _run(words)
            print(end="", flush=True)  # a reader that went away is noticed here, not when Python ends
            return code
    except (InputError, UnwritableError) as error:
        return _complain(str(error), EXIT_USER_ERROR, words)
    except KeyboardInterrupt:
        return _complain("interrupted", EXIT_INTERRUPTED, words)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        _discard_output()
        return EXIT_INTERNAL_ERROR
    except Exception as error:  # noqa: BLE001  (the last door: whatever it was, one line)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "" if "--debug" in words else "; --debug shows where"
        return _complain(f"internal error, {what}{hint}", EXIT_INTERNAL_ERROR, words)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0 if words else EXIT_USER_ERROR
    if words[0] == "--version":
        from condfoley import __version__

        print(f"condfoley {__version__}")
        return 0
    if words[0] not in COMMANDS:
        from condfoley.cli.arguments import suggest

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


def _discard_output() -> None:
    """Let what is still in stdout's buffer go nowhere, or Python would complain of it when it ends."""
    with suppress(OSError):  # the caller's own stdout may be no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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


def _module(name: str) -> Callable[[list[str]], int]:
    """A command that lives in `condfoley/cli/commands/NAME.py`, imported when it is called."""

    def run(words: list[str]) -> int:
        command: Callable[[list[str]], int] = importlib.import_module(f"condfoley.cli.commands.{name}").run
        return command(words)

    return run


MODULES = {"import": "import_checkpoint", "export": "export_checkpoint"}  # Python keeps the word `import` to itself
COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    name: (text, _module(MODULES.get(name, name)))
    for name, text in {
        "generate": "write the soundtrack of a target video from a reference clip",
        "batch": "the same for many pairs, with the model loaded once",
        "timeline": "open a result in the editor: OpenTimelineIO and Final Cut XML",
        "simulate": "write simulated videos with sound and ground truth to train and test on",
        "prepare": "turn a data set or a folder of recordings into shards to train on",
        "train": "train one part of the system on a folder of clips",
        "finetune": "teach the shipped model your own recordings",
        "evaluate": "measure systems on a test set and write a report",
        "study": "export, serve and analyse a listening study",
        "import": "turn checkpoints of the published system into weights for condfoley",
        "export": "write weights as a checkpoint of the published system, or their ONNX graphs",
    }.items()
}
