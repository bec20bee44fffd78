"""Whose fault it was: the user's input, told apart from our own faults, and the exit codes of both."""

EXIT_USER_ERROR, EXIT_INTERNAL_ERROR, EXIT_INTERRUPTED = 2, 1, 130


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line in the user's words: what is wrong, and what to do.
    The command line prints it without a traceback and exits with code 2.
    """


class UnwritableError(OSError):
    """A file of ours cannot be written: the disk is full, or the place is not ours to write in.

    The user's to mend, and told like an InputError. But it is none, for where one means that a clip cannot be used, a
    full disk must not leave the clip out.
    """


def flag(name: str) -> str:
    """A setting's name as the command line spells it: `top_p` is --top-p."""
    return f"--{name.replace('_', '-')}"


def require_at_least(option: str, value: float, lowest: float) -> None:
    """Raises InputError, naming the option, for a number below `lowest`, for infinity and for nan."""
    if not lowest <= value < float("inf"):
        raise InputError(f"{flag(option)} is {value:g}; give {lowest:g} or more")
