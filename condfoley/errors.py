"""Whose fault it was: the user's input, told apart from our own faults, and the exit codes of both."""

USER_FAULT, OUR_FAULT, INTERRUPTED = 2, 1, 130


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line in the user's words: what is wrong, and what to do.
    The command line prints it without a traceback and exits with code 2.
    """
