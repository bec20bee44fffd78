"""What was drawn anew, at a project's rate and made as its soundtrack is: by the vocoder, or of the reference's samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from condfoley.audio.onsets import match_pairs
from condfoley.audio.rates import converted
from condfoley.audio.track import Track
from condfoley.inputs import Clip
from condfoley.project.model import Cue, Project
from condfoley.redraw import Redrawn
from condfoley.resynthesis.recorded import events_at, render_events
from condfoley.resynthesis.soundtrack import made_of, place_of, wanted_powers
from condfoley.settings import Settings
from condfoley.soundtrack import Places

if TYPE_CHECKING:
    from condfoley.foley import Foley


def at_project(
    drawn: Redrawn,
    project: Project,
    cues: Sequence[Cue],
    foley: Foley,
    references: Mapping[str, Clip],
    settings: Settings,
    each: bool,
) -> Redrawn:
    """The same sounds as the project has them; of the candidates only if `each` of them is wanted.

    cues: that were drawn. Raises InputError when a reference cannot be read.
    """
    rate = foley.geometry.sample_rate
    times = np.array([cue.time for cue in cues]) - drawn.start / rate
    library, keys = None, list(references)
    if settings.render == "recorded":
        powers = wanted_powers(drawn.track, drawn.track.onsets)
        moments = [(keys.index(own.reference or keys[0]), own.at) for cue in cues if (own := cue.pinned)]
        wanted = dataclasses.replace(settings, rate=project.rate)
        library = foley.library(list(references.values()), wanted, powers, moments)

    def made(track: Track) -> tuple[Track, Places]:
        if library is None:
            return converted(track, project.rate, track.channels), ()
        pairs = sorted((j, i) for i, j in match_pairs(times, track.onsets))
        events = events_at(track, track.onsets[[j for j, _ in pairs]], [cues[i].kind == "slide" for _, i in pairs])
        own = {n: cues[i].pinned for n, (_, i) in enumerate(pairs)}
        places = {n: place_of(library, keys.index(p.reference or keys[0]), p.at) for n, p in own.items() if p}
        out = render_events(track, events, library, {n: place for n, place in places.items() if place is not None})
        return converted(out.track, project.rate, out.track.channels), made_of(events, out, library)

    track, places = made(drawn.track)
    others = [made(candidate.track) for candidate in drawn.candidates] if each else []
    return dataclasses.replace(
        drawn,
        start=round(drawn.start * project.rate / rate),
        track=track,
        candidates=[dataclasses.replace(c, track=o) for c, (o, _) in zip(drawn.candidates, others)] or drawn.candidates,
        made_of=(places, *(of_it for _, of_it in others)),
    )
