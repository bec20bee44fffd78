"""`condfoley edit PROJECT`: other cues and layers, rendered from what the project has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from condfoley.cli.arguments import parse_with_folder
from condfoley.cli.commands.generate import load_model
from condfoley.cli.commands.redo import note_timelines
from condfoley.cli.layered import rows_of
from condfoley.cli.options import MASTER, SoundOptions
from condfoley.cli.progress import Progress, print_path, then_writing
from condfoley.cli.project_options import EditOptions
from condfoley.errors import InputError

if TYPE_CHECKING:
    from condfoley.cues.rows import CueList, CueRow
    from condfoley.project.layer_specs import LayerSpec
    from condfoley.project.model import Project

CUE_EDITS = ("add", "set", "remove")


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    folder, options = parse_with_folder("condfoley edit", EditOptions, argv)
    whole = [name for name in ("cues", "perform") if getattr(options, name) is not None]
    if others := [*whole[1:], *(name for name in CUE_EDITS if whole and getattr(options, name))]:
        raise InputError(f"--{whole[0]} has the whole list of cues; leave out one of the two, it or --{others[0]}")
    from condfoley.project.store import editing

    progress = Progress(options.quiet)
    try:
        with editing(folder):
            edit(folder, options, progress)
    finally:
        progress.close()
    print_path(str(folder))
    return 0


def edit(folder: Path, options: EditOptions, progress: Progress) -> None:
    """Changes a project that is locked (`store.editing`). Raises InputError; nothing is changed then."""
    from condfoley.project import words
    from condfoley.project.beds import with_ambience
    from condfoley.project.edits import change_layers, choose_alternative, edit_cues
    from condfoley.project.layer_specs import parse_layers
    from condfoley.project.leftovers import only_if_finished
    from condfoley.project.master import with_master
    from condfoley.project.outputs import commit_edited
    from condfoley.project.store import read_project

    before = project = read_project(folder)
    specs = parse_layers(options.layer, [layer.name for layer in project.layers])
    notes: list[str] = []
    own: dict[str, list[CueRow]] = {spec.name: [] for spec in specs}
    if (cues := listed_cues(project, options)) is not None:
        for row in cues.rows:
            own.get(row.layer or "", []).append(row)
        project, notes = edit_cues(project, cues._replace(rows=tuple(row for row in cues.rows if row.layer not in own)))
    for cue, number in words.choices(project, options.choose):
        project = choose_alternative(project, cue, number)
    with only_if_finished(folder):
        if specs:
            project = with_layers(folder, project, specs, own, options, progress)
        if options.ambience is not None:
            project, more = with_ambience(folder, project, options.ambience)
            notes += more
        if options.pan is not None:
            project = with_pans(folder, project, options, progress)
        project = change_layers(project, words.gains(options.gain), options.mute, options.unmute)
        project, more = with_master(folder, project, **{name: getattr(options, name) for name in MASTER})
        for note in [*notes, *more]:
            progress.note(note)
        after = commit_edited(folder, project, options.codec, options.target)
    if after.revision == before.revision:
        progress.note("nothing is changed by that; all was written again")
    else:
        note_timelines(folder, progress)


def listed_cues(project: Project, options: EditOptions) -> CueList | None:
    """The whole list of cues that the options ask for; None: as it is. Raises InputError."""
    from condfoley.cues.files import read_cues
    from condfoley.project.words import cue_list_of_words

    if options.perform is not None:
        return performed_cues(project, options.perform)
    if options.cues is not None:
        cues = read_cues(Path(options.cues))
        if project.cues and not cues.rows:  # more likely a file that was not saved than a wish
            raise InputError(f"{options.cues} lists no cues, which removes all; give the whole list, or --mute a layer")
        return cues
    if any(getattr(options, name) for name in CUE_EDITS):
        return cue_list_of_words(project, options.add, options.set, options.remove)
    return None


def performed_cues(project: Project, path: str) -> CueList:
    """The project's cues, those of MAIN as a recording performs them. Raises InputError."""
    from condfoley.cues.rows import MAIN, CueList
    from condfoley.project.layers import row_of
    from condfoley.project.perform import read_performance

    played = read_performance(path, project.duration)
    others = [dataclasses.replace(row_of(cue), layer=cue.layer) for cue in project.cues if cue.layer != MAIN]
    rows = sorted([*rows_of(played.hits), *others], key=lambda row: row.time)
    return CueList(tuple(rows), frozenset({"time", "strength", "layer"}), played.notes)


def with_layers(
    folder: Path,
    project: Project,
    specs: Sequence[LayerSpec],
    rows: Mapping[str, Sequence[CueRow]],
    options: EditOptions,
    progress: Progress,
) -> Project:
    """The project with layers more, which are generated. rows: of each, those that the list of cues has. Raises InputError."""
    from condfoley.media import probe, require_audio
    from condfoley.project.layers import add_layer

    for spec in specs:
        require_audio(probe(spec.reference))

    foley = load_model(cast(SoundOptions, options), progress)
    for spec in specs:
        own = rows[spec.name]
        making = then_writing(progress)
        project, notes = add_layer(folder, project, spec, foley, own, target=options.target, progress=making)
        for note in notes:
            progress.note(note)
    return project


def with_pans(folder: Path, project: Project, options: EditOptions, progress: Progress) -> Project:
    """The project with all cues where the picture shows them, or in the middle. Raises InputError."""
    from condfoley.inputs import ClipFile, read_target
    from condfoley.project.outputs import picture_in_place
    from condfoley.project.panning import centred, panned

    if options.pan == "middle":
        return centred(project)
    foley = load_model(cast(SoundOptions, options), progress)
    foley.require_contacts()
    _, frames = read_target(ClipFile(picture_in_place(folder, project, options.target)[1]), foley.geometry)
    return panned(project, lambda times: foley.contacts(frames, times), options.pan_width)
