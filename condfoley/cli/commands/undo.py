"""`condfoley undo PROJECT`: goes back, and forward, among a project's revisions."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import from_parsed, option_parser
from condfoley.cli.options import UndoOptions
from condfoley.cli.progress import Progress, print_path
from condfoley.errors import InputError


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley undo", UndoOptions)
    parser.add_argument("project", help="Folder that `condfoley generate` wrote.")
    parsed = parser.parse_args(argv)
    options, folder = from_parsed(parsed, UndoOptions), Path(parsed.project)
    from condfoley.project.outputs import write_revision
    from condfoley.project.store import current_revision, editing, revisions

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
    Progress(options.quiet).note(f"revision {wanted} of {kept[-1]}")
    print_path(str(folder))
    return 0


def described(folder: Path) -> list[str]:
    """A line for each revision: its number, what it has, and which is the current one. Raises InputError without any."""
    from condfoley.project.store import current_revision, read_revision, revisions

    kept = revisions(folder)
    if not kept:
        raise InputError(f"{folder} holds no project; give the --out folder of `condfoley generate`")
    now, lines = current_revision(folder), []
    for number in kept:
        project = read_revision(folder, number)
        layers = ", ".join(f"{layer.name} {len(project.cues_of(layer.name))}" for layer in project.layers)
        lines.append(f"{number}\tcues: {layers}{' (current)' if number == now else ''}")
    return lines
