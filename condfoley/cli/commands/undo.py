"""`condfoley undo PROJECT`: goes back, and forward, among a project's revisions."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import parse_with_folder
from condfoley.cli.commands.redo import note_timelines
from condfoley.cli.progress import Progress, print_path
from condfoley.cli.project_options import UndoOptions
from condfoley.errors import InputError


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    folder, options = parse_with_folder("condfoley undo", UndoOptions, argv)
    from condfoley.project.outputs import write_revision
    from condfoley.project.store import current_revision, editing, revisions

    ways = [name for name in ("list", "forward", "to") if getattr(options, name) not in (False, None)]
    if len(ways) > 1:
        raise InputError(f"--{ways[0]} and --{ways[1]} do not go together; leave one of the two out")
    if options.list:
        print_path("\n".join(described(folder)))
        return 0
    with editing(folder):
        now, kept = current_revision(folder), revisions(folder)
        wanted = options.to
        if wanted is None:
            beyond = [n for n in kept if (n > now if options.forward else n < now)]
            if not beyond:
                way = "later" if options.forward else "earlier"
                raise InputError(f"{folder} has no {way} revision; --list shows those that it has")
            wanted = min(beyond) if options.forward else max(beyond)
        write_revision(folder, wanted)
    progress = Progress(options.quiet)
    progress.note(f"revision {wanted} of {kept[-1]}")
    note_timelines(folder, progress)
    print_path(str(folder))
    return 0


def described(folder: Path) -> list[str]:
    """A line for each revision: its number, what it changed, and which is the current one. Raises InputError without any."""
    from condfoley.project.changes import history
    from condfoley.project.store import current_revision

    kept = history(folder)
    if not kept:
        raise InputError(f"{folder} holds no project; give the --out folder of `condfoley generate`")
    now = current_revision(folder)
    return [f"{number}\t{words}{' (current)' if number == now else ''}" for number, words in kept]
