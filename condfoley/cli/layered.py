"""`--layer` of `condfoley generate`: what is asked for, checked, generated and written as one project."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from condfoley.cli.options import GenerateOptions
from condfoley.cli.progress import ReportsProgress, then_writing
from condfoley.cues.rows import MAIN
from condfoley.project.layer_specs import LayerSpec, assign, parse_layers
from condfoley.settings import Settings

if TYPE_CHECKING:
    from condfoley.cues.rows import CueRow
    from condfoley.foley import Foley, Soundtrack
    from condfoley.hits import Hits
    from condfoley.project.model import Project


@dataclass(frozen=True)
class Layered:
    """Soundtracks of one target, by the names of layers, with their cues and the paths of their references."""

    made: Mapping[str, Soundtrack]
    rows: Mapping[str, Sequence[CueRow]]
    references: Mapping[str, Sequence[Path]]

    @property
    def first(self) -> str:
        """Name of the layer that stands for all where only one can."""
        return next(iter(self.made))

    @property
    def remarks(self) -> list[str]:
        """What a user should know of each layer, with its name where there are several."""
        from condfoley.project.layers import layer_remarks

        alone = len(self.made) == 1
        return [
            remark
            for name, made in self.made.items()
            for remark in (made.remarks if alone else layer_remarks(name, made))
        ]

    def project(self, folder: Path, target: Path, keep: str) -> Project:
        """The project, whose sounds are written to the folder. Raises InputError."""
        from condfoley.project.layers import layered_project

        return layered_project(folder, self.made, self.rows, self.references, target, keep)


def check_layers(options: GenerateOptions, duration: float) -> tuple[list[LayerSpec], list[CueRow] | None]:
    """The layers that are asked for, and the cues of --hits; None without it.

    duration: of the target, s. Raises InputError for what cannot be used. Needs no model.
    """
    from condfoley.cues.rows import require_usable
    from condfoley.media import probe, require_audio

    specs = parse_layers(options.layer)
    for spec in specs:
        require_audio(probe(spec.reference))
    if options.hits is None:
        return specs, None
    rows = unmuted_rows(options.hits)
    cues = [replace(row, layer=name) for name, own in assign(rows, specs).items() for row in own]
    require_usable(sorted(cues, key=lambda row: row.time), duration, [MAIN, *(spec.name for spec in specs)])
    return specs, rows


def unmuted_rows(hits: str) -> list[CueRow]:
    """What a --hits file says of each of its cues that is heard, such as that it is a slide. Raises InputError."""
    from condfoley.cues.files import read_cues

    return [row for row in read_cues(Path(hits), "hits").rows if not row.muted]


def rows_of(hits: Hits) -> list[CueRow]:
    """Hits as cues of no layer in particular."""
    from condfoley.cues.rows import CueRow

    return [
        CueRow(time, strength=None if math.isnan(hard) else hard, where=f"the hit at {time:g} s")
        for time, hard in zip(hits.times.tolist(), hits.strengths.tolist(), strict=True)
    ]


def generate_layered(
    options: GenerateOptions,
    specs: Sequence[LayerSpec],
    rows: Sequence[CueRow] | None,
    progress: ReportsProgress,
    foley: Foley,
) -> Layered:
    """A soundtrack for each layer that has cues. rows: None: as the picture shows. Raises InputError."""
    from condfoley.inputs import ClipFile
    from condfoley.layers import generate_layers, watch
    from condfoley.references.window import ReferenceFile

    settings = Settings.of(vars(options))
    target = ClipFile(options.target)
    with foley.loaded.remembering_pictures():
        if rows is None:
            progress("watching the target", 0.0)
            rows = watch(foley, target, settings)
        cues = assign(rows, specs)
        references = {MAIN: options.references} | {spec.name: (Path(spec.reference),) for spec in specs}
        clips = {name: [ReferenceFile(path) for path in paths] for name, paths in references.items()}
        made = generate_layers(foley, target, clips, cues, settings, then_writing(progress))
    if not cues[MAIN]:
        progress.note(
            f"no cue is left for {', '.join(map(str, options.references))}: all are of other layers, so it is not heard"
        )
    return Layered(made, cues, references)
