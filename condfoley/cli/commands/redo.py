"""`condfoley redo PROJECT`: draws a span or a cue of a project anew, or makes alternatives of a cue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from condfoley.cli.arguments import parse_with_folder
from condfoley.cli.commands.generate import load_model
from condfoley.cli.options import SoundOptions
from condfoley.cli.progress import Progress, print_path, then_writing
from condfoley.cli.project_options import RedoOptions

if TYPE_CHECKING:
    from condfoley.project.model import Project


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
    from condfoley.project.outputs import commit_edited
    from condfoley.project.previews import write_previews
    from condfoley.project.store import editing, read_project, write_project

    with editing(folder):
        project = read_project(folder)
        _check(project, options)
        with only_if_finished(folder):
            changed, notes = _draw(folder, project, options, progress)
            for note in notes:
                progress.note(note)
            if options.variations is None or options.cue is None:
                commit_edited(folder, changed, target=options.target)
                note_timelines(folder, progress)
                return [folder]
            written = write_previews(folder, changed, options.cue)
            write_project(folder, changed)
            return written


def _check(project: Project, options: RedoOptions) -> None:
    """Raises InputError for what cannot be drawn anew, before a model is loaded."""
    from condfoley.project.spans import span_of_cue, spans_of

    if options.cue is not None:
        span_of_cue(project, project.cue(options.cue))
    else:
        spans_of(project, options.seconds, options.layer)


def _draw(folder: Path, project: Project, options: RedoOptions, progress: Progress) -> tuple[Project, list[str]]:
    foley = load_model(cast(SoundOptions, options), progress)
    from condfoley.project.redo import Drawing, redo_cue, redo_span, vary_cue

    inputs = (options.reference, options.target)
    drawing = Drawing(folder, foley, options.seed, options.candidates, *inputs, then_writing(progress))
    if options.cue is None:
        return redo_span(project, options.seconds, drawing, options.layer)
    if options.variations is None:
        return redo_cue(project, options.cue, drawing), []
    return vary_cue(project, options.cue, options.variations, drawing), []


@contextmanager
def only_if_finished(folder: Path) -> Iterator[None]:
    """Removes the sounds that were written meanwhile, where an error or an interruption leaves the project without them."""
    from condfoley.project.store import SOUNDS, read_project

    before = set((folder / SOUNDS).glob("*"))
    try:
        yield
    except BaseException:
        used = {folder / sound.file for sound in read_project(folder).sounds.values()}
        for path in set((folder / SOUNDS).glob("*")) - before - used:
            path.unlink(missing_ok=True)
        raise


def note_timelines(folder: Path, progress: Progress) -> None:
    """A remark where exported timelines do not show what an edit has changed."""
    from condfoley.project.outputs import timelines_in

    if found := timelines_in(folder):
        progress.note(f"{found[0]} shows the former cues; write it again with `condfoley timeline {folder} --force`")
