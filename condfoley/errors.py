"""Exceptions and exit codes."""

EXIT_USER_ERROR = 2  # bad input, or a file that cannot be written
EXIT_INTERNAL_ERROR = 1
EXIT_INTERRUPTED = 130


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
