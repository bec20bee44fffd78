"""What was drawn anew, at a project's rate and made as its soundtrack is: by the vocoder, or of the reference's samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from condfoley.audio.onsets import match_pairs
from condfoley.audio.rates import converted
from condfoley.audio.track import Track
from condfoley.inputs import Clip
from condfoley.project.model import Cue, Project
from condfoley.redraw import Redrawn
from condfoley.resynthesis.recorded import events_at, render_recorded
from condfoley.settings import Settings

if TYPE_CHECKING:
    from condfoley.foley import Foley


def at_project(
    drawn: Redrawn, project: Project, cues: Sequence[Cue], foley: Foley, reference: Clip, settings: Settings, each: bool
) -> Redrawn:
    """The same sounds as the project has them; of the candidates only if `each` of them is wanted.

    cues: that were drawn. Raises InputError when the reference cannot be read.
    """
    rate = foley.geometry.sample_rate
    times = np.array([cue.time for cue in cues]) - drawn.start / rate
    library = None
    if settings.render == "recorded":
        library = foley.library(reference, dataclasses.replace(settings, rate=project.rate))

    def made(track: Track) -> Track:
        if library:
            pairs = sorted((j, i) for i, j in match_pairs(times, track.onsets))
            slides = [cues[i].kind == "slide" for _, i in pairs]
            track, _ = render_recorded(track, events_at(track, track.onsets[[j for j, _ in pairs]], slides), library)
        return converted(track, project.rate, track.channels)

    candidates = [dataclasses.replace(c, track=made(c.track)) for c in drawn.candidates] if each else drawn.candidates
    start = round(drawn.start * project.rate / rate)
    return dataclasses.replace(drawn, start=start, track=made(drawn.track), candidates=candidates)
