"""Exceptions, exit codes, and the check for optional dependencies."""

import errno
import sys
import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec

EXIT_USER_ERROR = 2  # bad input, or a file that cannot be written
EXIT_INTERNAL_ERROR = 1
EXIT_NOTHING_BETTER = 3  # of `finetune`: no state was better than the start, and no weights were written
EXIT_INTERRUPTED = 130

# Modules without which the commands of an optional dependency group (see pyproject.toml) cannot run.
TORCH = ("torch", "torchvision", "transformers", "taming", "einops")
EXTRAS = {
    "torch": TORCH,
    "train": (*TORCH, "accelerate", "webdataset", "jinja2"),
    "evaluate": (*TORCH, "sklearn", "jinja2", "skimage", "librosa"),
    "diffusion": (*TORCH, "diffusers"),
    "simulate": ("mujoco",),
    "cluster": ("ray",),
    "study": ("fastapi", "uvicorn", "jinja2"),
    "studio": ("fastapi", "uvicorn", "python_multipart", "opentimelineio"),
}


class InputError(ValueError):
    """The user's input cannot be used.

    The message is one line that says what is wrong and what to do. The command line prints it without a traceback and
    exits with EXIT_USER_ERROR.
    """


class UnwritableError(OSError):
    """One of condfoley's own files cannot be written: the disk is full, or permissions are missing.

    Reported like an InputError, but not a subclass of it: where an InputError means that one clip is skipped, a full
    disk must stop the run.
    """


WRONG_PATHS = {
    errno.ENAMETOOLONG: "this name is too long for a file; check the path",
    errno.ELOOP: "its links lead round in a circle; give the file itself",
    errno.EACCES: "there is no permission to open it; change its permissions or give another path",
}
"""What to say of a path that the system refuses before anything is looked for there."""


def wrong_path(error: BaseException) -> InputError | None:
    """The InputError for a path that the system refuses, which may be any path that a user gives; None for other errors."""
    if isinstance(error, OSError) and error.errno in WRONG_PATHS and error.filename is not None:
        return InputError(f"{error.filename}: {WRONG_PATHS[error.errno]}")
    return None


def why(error: Exception) -> str:
    """An error in a few words for a message that names the file itself: "no such file or directory"."""
    return (error.strerror or type(error).__name__).lower() if isinstance(error, OSError) else str(error)


def one_line(message: str) -> str:
    """A message as it is printed: white space as single spaces, and control characters escaped.

    Names of files may hold both, and a terminal would obey control characters. Lone surrogates, the bytes of names that
    are not UTF-8, stay.
    """
    text = " ".join(message.split())
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Cs" else ascii(c)[1:-1] for c in text)


def tell(message: str) -> None:
    """Prints a message as one line on stderr, with the program's name before it."""
    print(f"condfoley: {one_line(message)}", file=sys.stderr)


def flag(name: str) -> str:
    """A setting's name as an option of the command line: `top_p` -> --top-p."""
    return f"--{name.replace('_', '-')}"


def require_share(name: str, value: float) -> None:
    """Raises InputError unless an option's value is from 0 to 1."""
    if not 0 <= value <= 1:
        raise InputError(f"{flag(name)} is {value:g}; give a number from 0 to 1")


def require_at_least(option: str, value: float, lowest: float) -> None:
    """Raises InputError, naming the option, for a value below `lowest`, infinity or nan."""
    if not lowest <= value < float("inf"):
        raise InputError(f"{flag(option)} is {value:g}; give {lowest:g} or more")


def require_extra(extra: str, purpose: str, modules: Sequence[str] = (), alternative: str = "") -> None:
    """Raises InputError, with the command that installs it, when a module of an optional dependency group is missing.

    extra: the group's name in pyproject.toml. purpose: what needs it; the message begins with it: "training".
    modules: those that are needed (default: EXTRAS). alternative: what else can be done. Imports none of them.
    """
    missing = [name for name in modules or EXTRAS[extra] if not _is_installed(name)]
    if missing:
        remedy = f"run `pip install 'condfoley[{extra}]'`" + (f", or {alternative}" if alternative else "")
        raise InputError(f"{purpose} needs {missing[0]}; {remedy}")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # blocked in sys.modules
        return False
