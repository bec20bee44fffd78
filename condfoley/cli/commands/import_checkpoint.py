"""`condfoley import condfoleygen CHECKPOINT --out DIR`: converts CondFoleyGen's checkpoints into our weights."""

from __future__ import annotations

from condfoley.cli.arguments import parse_options
from condfoley.cli.options import ImportOptions
from condfoley.errors import InputError

SYSTEM = "condfoleygen"


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    prog = f"condfoley import {SYSTEM}"
    options = parse_options(prog, ImportOptions, insert_option(argv, "import", "checkpoint"))
    from condfoley.published.importer import import_checkpoint

    messages = import_checkpoint(**vars(options))
    print("\n".join([*messages, options.out]))
    return 0


def insert_option(argv: list[str], command: str, option: str) -> list[str]:
    """`condfoleygen FILE --more` as `--option FILE --more`. Raises InputError when another system is named."""
    if argv[:1] in ([SYSTEM], ["--help"], ["-h"]):
        rest = argv[1:] if argv[0] == SYSTEM else argv
        return ["--" + option, *rest] if rest and not rest[0].startswith("-") else rest
    what = f"{argv[0]} is not a system that {command} knows" if argv else f"{command} needs a system"
    raise InputError(f"{what}; write `condfoley {command} {SYSTEM} {option.upper()} --out OUT`")
