"""Several soundtracks of one target, each with its own reference and cues: the layers of a project."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from condfoley.audio.splice import until_next
from condfoley.cues.rows import CueRow, Kind
from condfoley.errors import InputError
from condfoley.hits import hits_of_rows
from condfoley.inputs import Clip, read_target
from condfoley.media.scenes import scene_cuts
from condfoley.project.create import confidence
from condfoley.resynthesis.kinds import slide_seconds
from condfoley.runtime.threads import single_threaded_blas
from condfoley.scenes import Scene
from condfoley.settings import Settings
from condfoley.soundtrack import Soundtrack

if TYPE_CHECKING:
    from condfoley.foley import Foley
    from condfoley.hits import Hits
    from condfoley.pipeline import Progress
    from condfoley.runtime.scorer import VisualEvents


def watch(foley: Foley, target: Clip, settings: Settings) -> list[CueRow]:
    """The cues that a target's picture shows, ascending, with strengths; those at which something slides are slides.

    Raises InputError when the target cannot be used.
    """
    rate, rows = foley.loaded.scorer.geometry.fps, []
    for start, events, cues in watch_scenes(foley, target, settings):
        for time, strength in zip(cues.times.tolist(), cues.strengths.tolist(), strict=True):
            slide = slide_seconds(events.sliding, rate, time)
            kind: Kind = "slide" if slide else "impact"
            seen = confidence(events.onset, time, rate)
            rows.append(CueRow(start + time, None, strength, kind, slide, seen, where="the picture"))
    return rows


def watch_scenes(foley: Foley, target: Clip, settings: Settings) -> Iterator[tuple[float, VisualEvents, Hits]]:
    """For each scene of a target: its start, s, what its frames show, and the impacts, in seconds of the scene.

    Raises InputError when the target cannot be used.
    """
    duration, frames = read_target(target, foley.geometry)
    fps = foley.geometry.fps
    cuts = scene_cuts(frames, fps) if settings.scene_cuts else []
    for first, last in until_next([0, *cuts], len(frames)):
        start = first / fps
        scene = Scene(target, start, (last / fps if last < len(frames) else duration) - start, target.name)
        pipeline = foley.pipeline(scene.duration)
        shown = scene if cuts else target
        with single_threaded_blas():
            events = pipeline.encode_picture(frames[int(first) : int(last)], shown).events
        yield start, events, pipeline.find_cues(events, None, shown.late(foley.loaded.scorer.geometry))


def generate_layers(
    foley: Foley,
    target: Clip,
    references: Mapping[str, Clip | Sequence[Clip]],
    cues: Mapping[str, Sequence[CueRow]],
    settings: Settings,
    progress: Progress = lambda stage, share: None,
) -> dict[str, Soundtrack]:
    """A soundtrack for each layer that has cues, in the order of `cues`.

    references, cues: by the names of layers. settings: `reference_start` is of the first of `references`; the others are
    used from where their events are clearest. Raises InputError when something cannot be used.
    """
    if settings.mode == "published":
        raise InputError("--mode published follows no cues, so it has no layers; leave out one of the two")
    settings.require_hits_count()
    wanted = [name for name in cues if cues[name]]
    main, out = next(iter(references)), {}
    with foley.loaded.remembering_pictures():
        for i, name in enumerate(wanted):

            def report(stage: str, share: float, done: int = i, name: str = name) -> None:
                if share < 1:  # that one of them is done tells nothing
                    progress(f"{stage} ({name})", (done + share) / len(wanted))

            own = settings if name == main else dataclasses.replace(settings, reference_start=None)
            hits = hits_of_rows(cues[name])
            out[name] = foley.render(references[name], target, own, hits=hits, progress=report)
    progress("done", 1.0)
    return out
