"""Exceptions for unusable input and unwritable files, and the exit codes of the command line."""

EXIT_USER_ERROR, EXIT_INTERNAL_ERROR, EXIT_INTERRUPTED = 2, 1, 130


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line in the user's terms: what is wrong, and what to do.
    The command line prints it without a traceback and exits with EXIT_USER_ERROR.
    """


class Unwritable(OSError):
    """An output file cannot be written: the disk is full, or permissions are missing.

    Printed like an InputError, since the user can correct it. It is a class of its own, because code that skips clips
    with an InputError must not skip one when the disk is full.
    """


def flag(name: str) -> str:
    """A setting's name as a command-line option: `top_p` is --top-p."""
    return f"--{name.replace('_', '-')}"


def at_least(option: str, value: float, lowest: float) -> None:
    """Raises InputError that names the option for a number below `lowest`, for infinity and for nan."""
    if not lowest <= value < float("inf"):
        raise InputError(f"{flag(option)} is {value:g}; give {lowest:g} or more")
