"""Exceptions, exit codes, and the check for optional dependencies."""

from importlib.util import find_spec

EXIT_USER_ERROR = 2  # bad input, or a file that cannot be written
EXIT_INTERNAL_ERROR = 1
EXIT_INTERRUPTED = 130

# Modules of each optional dependency group in pyproject.toml that its commands cannot do without.
EXTRAS = {
    "torch": ("torch", "torchvision", "transformers", "taming", "einops"),
    "train": ("torch", "torchvision", "transformers", "taming", "accelerate", "webdataset"),
    "evaluate": ("torch", "pyloudnorm", "sklearn", "jinja2", "skimage", "librosa", "mir_eval"),
    "simulate": ("mujoco", "skimage"),
    "cluster": ("ray",),
    "study": ("fastapi", "uvicorn", "pyloudnorm", "jinja2"),
    "studio": ("fastapi", "uvicorn", "python_multipart"),
    "timeline": ("opentimelineio",),
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


def flag(name: str) -> str:
    """A setting's name as an option of the command line: `top_p` -> --top-p."""
    return f"--{name.replace('_', '-')}"


def require_at_least(option: str, value: float, lowest: float) -> None:
    """Raises InputError, naming the option, for a value below `lowest`, infinity or nan."""
    if not lowest <= value < float("inf"):
        raise InputError(f"{flag(option)} is {value:g}; give {lowest:g} or more")


def require_extra(extra: str, purpose: str) -> None:
    """Raises InputError, with the command that installs it, when a package of an optional dependency group is missing.

    extra: the group's name in pyproject.toml. purpose: what needs it, to begin the message: "training".
    Nothing is imported: a package counts as missing if Python cannot find it.
    """
    missing = [package for package in EXTRAS[extra] if not _is_installed(package)]
    if missing:
        raise InputError(f"{purpose} needs {missing[0]}; run `pip install 'condfoley[{extra}]'`")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # blocked in sys.modules
        return False
