"""`condfoley redo PROJECT`: draws a span or a cue of a project anew, or makes alternatives of a cue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from condfoley.cli.arguments import parse_with_folder
from condfoley.cli.commands.generate import load_model
from condfoley.cli.options import SoundOptions
from condfoley.cli.progress import Progress, print_path, then_writing
from condfoley.cli.project_options import RedoOptions

if TYPE_CHECKING:
    from condfoley.project.model import Project
    from condfoley.project.spans import RedoRequest


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    folder, options = parse_with_folder("condfoley redo", RedoOptions, argv)
    progress = Progress(options.quiet)
    try:
        print_path("\n".join(map(str, redo(folder, options, progress))))
    finally:
        progress.close()
    return 0


def redo(folder: Path, options: RedoOptions, progress: Progress) -> list[Path]:
    """Draws anew what the options name and writes the project's next revision; returns where the result is.

    Raises InputError when something cannot be used; then nothing has changed.
    """
    from condfoley.project.leftovers import only_if_finished
    from condfoley.project.outputs import commit_edited
    from condfoley.project.previews import write_previews
    from condfoley.project.spans import RedoRequest
    from condfoley.project.store import editing, read_project, write_project

    with editing(folder):
        project = read_project(folder)
        span = options.seconds if options.cue is None else None
        wanted = RedoRequest(span, options.layer, options.cue, options.variations)
        wanted.require_possible(project)
        with only_if_finished(folder):
            changed, notes = _draw(folder, project, wanted, options, progress)
            for note in notes:
                progress.note(note)
            if options.variations is None or options.cue is None:
                commit_edited(folder, changed, target=options.target)
                note_timelines(folder, progress)
                return [folder]
            written = write_previews(folder, changed, options.cue)
            write_project(folder, changed)
            return written


def _draw(
    folder: Path, project: Project, wanted: RedoRequest, options: RedoOptions, progress: Progress
) -> tuple[Project, list[str]]:
    foley = load_model(cast(SoundOptions, options), progress)
    from condfoley.project import redo

    inputs = (options.reference, options.target)
    how: dict[str, Any] = {"generator": options.generator, "strength": options.strength}
    drawing = redo.Drawing(
        folder, foley, options.seed, options.candidates, *inputs, progress=then_writing(progress), **how
    )
    return redo.redo(project, wanted, drawing)


def note_timelines(folder: Path, progress: Progress) -> None:
    """A remark where exported timelines do not show what an edit has changed."""
    from condfoley.project.outputs import timelines_in

    if found := timelines_in(folder):
        progress.note(f"{found[0]} shows the former cues; write it again with `condfoley timeline {folder} --force`")
