"""`condfoley import condfoleygen CHECKPOINT --out DIR`: published checkpoints as weights of ours."""

from __future__ import annotations

from condfoley.cli.arguments import parse_options
from condfoley.cli.options import ImportOptions
from condfoley.errors import InputError

SYSTEM = "condfoleygen"


def run(words: list[str]) -> int:
    """Run with command-line words; returns 0. Raises InputError for anything that cannot be used."""
    prog = f"condfoley import {SYSTEM}"
    options = parse_options(prog, ImportOptions, named(words, "import", "checkpoint"))
    from condfoley.published.importer import import_checkpoint

    told = import_checkpoint(**vars(options))
    print("\n".join([*told, options.out]))
    return 0


def named(words: list[str], command: str, option: str) -> list[str]:
    """`condfoleygen FILE --more` as `--option FILE --more`. Raises InputError when another system is named."""
    if words[:1] in ([SYSTEM], ["--help"], ["-h"]):
        rest = words[1:] if words[0] == SYSTEM else words
        return ["--" + option, *rest] if rest and not rest[0].startswith("-") else rest
    what = f"{words[0]} is not a system that {command} knows" if words else f"{command} needs a system"
    raise InputError(f"{what}; write `condfoley {command} {SYSTEM} {option.upper()} --out OUT`")
