"""`condfoley edit PROJECT`: other cues and layers, rendered from what the project has."""

from __future__ import annotations

from pathlib import Path

from condfoley.cli.arguments import from_parsed, option_parser
from condfoley.cli.options import EditOptions
from condfoley.cli.progress import Progress, print_path
from condfoley.errors import InputError

CUE_EDITS = ("add", "set", "remove")


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    parser = option_parser("condfoley edit", EditOptions)
    parser.add_argument("project", help="Folder that `condfoley generate` wrote.")
    parsed = parser.parse_args(argv)
    options, folder = from_parsed(parsed, EditOptions), Path(parsed.project)
    if options.cues is not None and (others := [name for name in CUE_EDITS if getattr(options, name)]):
        raise InputError(f"--cues has the whole list of cues; leave out one of the two, it or --{others[0]}")
    from condfoley.project.store import editing

    with editing(folder):
        edit(folder, options, Progress(options.quiet))
    print_path(str(folder))
    return 0


def edit(folder: Path, options: EditOptions, progress: Progress) -> None:
    """Changes a project that is locked (`store.editing`). Raises InputError; nothing is changed then."""
    from condfoley.project import words
    from condfoley.project.cue_files import read_cues
    from condfoley.project.edits import change_layers, choose_alternative, edit_cues
    from condfoley.project.outputs import commit_edited
    from condfoley.project.store import read_project

    before = project = read_project(folder)
    notes: list[str] = []
    if options.cues is not None:
        project, notes = edit_cues(project, read_cues(Path(options.cues)))
    elif any(getattr(options, name) for name in CUE_EDITS):
        listed = words.cue_list_of_words(project, options.add, options.set, options.remove)
        project, notes = edit_cues(project, listed)
    for cue, number in words.choices(project, options.choose):
        project = choose_alternative(project, cue, number)
    project = change_layers(project, words.gains(options.gain), options.mute, options.unmute)
    for note in notes:
        progress.note(note)
    after = commit_edited(folder, project, options.codec, options.target)
    if after.revision == before.revision:
        progress.note("nothing is changed by that; all was written again")
    note_timelines(folder, progress)


def note_timelines(folder: Path, progress: Progress) -> None:
    """A remark where exported timelines do not show what an edit has changed."""
    from condfoley.project.outputs import timelines_in

    if found := timelines_in(folder):
        progress.note(f"{found[0]} shows the former cues; write it again with `condfoley timeline {folder} --force`")
