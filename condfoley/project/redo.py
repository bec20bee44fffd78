"""Cues and spans of a project drawn anew, and alternatives of a cue: what needs the model and writes sounds.

The sounds are written to the project's folder, but the project itself is only returned (`outputs.commit_edited`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from condfoley.audio.onsets import match_pairs
from condfoley.audio.splice import faded
from condfoley.audio.track import Track
from condfoley.comping.ranking import rank_candidates
from condfoley.errors import InputError
from condfoley.hits import Hits
from condfoley.inputs import ClipFile
from condfoley.matching.dynamics import fill_levels
from condfoley.project.create import segmented, store, unused
from condfoley.project.find_inputs import find_input
from condfoley.project.model import Cue, Excerpt, Project, Sound
from condfoley.project.render import render
from condfoley.project.spans import Span, scene_of, span_of_cue, spans_of, with_background, with_excerpts
from condfoley.project.store import SOUNDS, read_sound
from condfoley.redraw import Redraw, Redrawn
from condfoley.settings import Settings
from condfoley.soundtrack import EDGE

if TYPE_CHECKING:
    from condfoley.foley import Foley
    from condfoley.pipeline import Progress

BEFORE = 4.0  # s before a span in which cues matter for what is heard at its beginning
SNAP = 0.002  # s, by which an onset may be off its cue and count as at it, so that excerpts follow one another unmoved
MIDDLE = 0.5  # strength of a cue of which nobody knows how hard it is


@dataclass(frozen=True)
class Drawing:
    """How new sounds are made.

    folder: the project's. seed: of the first candidate; None: the next one that was not used yet. candidates: how many;
    None: as many as the project has. reference, target: where the inputs are, if they were moved.
    """

    folder: Path
    foley: Foley
    seed: int | None = None
    candidates: int | None = None
    reference: str | None = None
    target: str | None = None
    progress: Progress = lambda stage, share: None


def redo_span(
    project: Project, span: tuple[float, float], drawing: Drawing, layer: str | None = None
) -> tuple[Project, list[str]]:
    """The project with a span, s, drawn anew, and what a user should know. See `spans.spans_of`, and for its errors."""
    wanted, notes = spans_of(project, span, layer)
    for part in wanted:
        project = _redo(project, part, drawing)
    return project, notes


def redo_cue(project: Project, key: int, drawing: Drawing) -> Project:
    """The project with another sound of one cue. Raises InputError when there is no such cue, or it is locked."""
    return _redo(project, span_of_cue(project, project.cue(key)), drawing)


def vary_cue(project: Project, key: int, count: int, drawing: Drawing) -> Project:
    """The project with `count` alternatives of one cue, in place of those that it had; what is heard stays.

    Raises InputError when there is no such cue, or it is locked.
    """
    span = span_of_cue(project, project.cue(key))
    drawing = dataclasses.replace(drawing, candidates=max(count, drawing.candidates or 0))
    project, drawn = draw(project, span, drawing, each=True)
    tolerance = float(project.settings.get("tolerance", 0.0))
    found = []
    for index in rank_candidates(drawn.candidates, tolerance)[:count]:
        candidate = drawn.candidates[index]
        project, sound, track = _stored(drawing.folder, project, span, drawn.start, candidate.track, candidate.seed)
        found += excerpts_at(track, sound, span.cues, project.rate)
    changed = dataclasses.replace(project.cue(key), alternatives=tuple(found))
    return project.with_cues([changed if cue.id == key else cue for cue in project.cues])


def choose(project: Project, key: int, number: int) -> Project:
    """The project with alternative `number`, from 1, of a cue in place of what is heard, which becomes that alternative.

    Raises InputError when there is no such alternative, or the cue is locked.
    """
    cue = project.cue(key)
    if not 1 <= number <= len(cue.alternatives):
        have = (
            f"{len(cue.alternatives)}; give a number from 1 on"
            if cue.alternatives
            else "none; make some with --variations"
        )
        raise InputError(f"cue {key} has no alternative {number}: it has {have}")
    changed = with_excerpts(project, span_of_cue(project, cue), [cue.alternatives[number - 1]])
    others = list(cue.alternatives)
    others[number - 1 : number] = [cue.excerpt] if cue.excerpt else []
    return changed.with_cues(
        [dataclasses.replace(c, alternatives=tuple(others)) if c.id == key else c for c in changed.cues]
    )


def draw(project: Project, span: Span, drawing: Drawing, each: bool = False) -> tuple[Project, Redrawn]:
    """New sounds for a span, and the project with the seeds counted. Raises InputError when an input cannot be used."""
    layer, foley, rate = project.layer(span.layer), drawing.foley, project.rate
    if layer.reference is None:
        raise InputError(f"layer {layer.name} has no reference to draw from; give another --layer")
    require_weights(project, foley)
    names = {field.name for field in dataclasses.fields(Settings)}
    settings = Settings(**{name: value for name, value in project.settings.items() if name in names})
    seed = layer.seed if drawing.seed is None else drawing.seed
    count = drawing.candidates or settings.candidates
    start = layer.reference_start if span.reference_at is None else span.reference_at
    wanted = Redraw(
        (span.begin / rate, min(span.end / rate, project.duration)),
        Hits(np.array([cue.time for cue in span.cues]), np.array([_strength(cue) for cue in span.cues])),
        levels_of(project, span),
        heard_before(drawing.folder, project, span) if span.reference_at is None else None,
        scene_of(project, (span.begin + span.end) / 2 / rate),
        each,
    )
    drawn = foley.redraw(
        ClipFile(find_input(drawing.folder, project, layer.reference, drawing.reference)),
        ClipFile(find_input(drawing.folder, project, "target", drawing.target)),
        wanted,
        dataclasses.replace(settings, candidates=count, seed=seed, reference_start=start),
        progress=drawing.progress,
    )
    return project.with_layer(dataclasses.replace(layer, seed=max(layer.seed, seed + count))), drawn


def _redo(project: Project, span: Span, drawing: Drawing) -> Project:
    project, drawn = draw(project, span, drawing)
    seed = drawn.candidates[0].seed
    project, sound, track = _stored(drawing.folder, project, span, drawn.start, drawn.track, seed)
    if not span.cues:
        return with_background(project, span, sound.key, sound.start, sound.length)
    return with_excerpts(project, span, excerpts_at(track, sound, span.cues, project.rate))


def _stored(
    folder: Path, project: Project, span: Span, start: int, track: Track, seed: int
) -> tuple[Project, Sound, Track]:
    """Writes a track, up to the target's end, as a sound of the project."""
    key = unused(project, f"{span.layer}-redo")
    edge = round(EDGE * track.rate)
    ends = start + len(track) >= project.samples
    samples = faded(track.samples[:, : project.samples - start], 0, edge if ends else 0)
    sound = Sound(key, f"{SOUNDS}/{key}.flac", "redrawn", span.layer, start, 0, seed)
    kept = Track(samples, track.rate).with_onsets_of(track)
    sound = store(folder, kept, sound)
    return project.with_sounds(sound), sound, kept


def excerpts_at(track: Track, sound: Sound, cues: Sequence[Cue], rate: int) -> list[Excerpt]:
    """An excerpt of a sound for each cue, ascending: with the onset near it, or from its time on where none is near."""
    times = np.array([cue.time for cue in cues]) - sound.start / rate
    met = dict(match_pairs(times, track.onsets))
    found = [float(track.onsets[met[i]]) if i in met else float(time) for i, time in enumerate(times)]
    onsets = [float(time) if abs(onset - time) <= SNAP else onset for time, onset in zip(times, found, strict=True)]
    return segmented(track, sound.key, onsets)[1]


def levels_of(project: Project, span: Span) -> np.ndarray | None:
    """How loud the impacts of a span's cues are to be, (K,) dB: as they were; without one, as strong as the layer's others.

    None where no impact of the layer has a level.
    """
    cues = project.cues_of(span.layer)
    levels = fill_levels(np.array([_level(project, cue) for cue in cues]), _known([_strength(cue) for cue in cues]))
    wanted = np.array([level for cue, level in zip(cues, levels, strict=True) if cue.id in {c.id for c in span.cues}])
    return None if np.isnan(levels).any() else wanted


def _known(strengths: list[float]) -> np.ndarray:
    known = [strength for strength in strengths if not np.isnan(strength)]
    middle = float(np.median(known)) if known else MIDDLE
    return np.array([middle if np.isnan(strength) else strength for strength in strengths])


def _strength(cue: Cue) -> float:
    return np.nan if cue.strength is None else cue.strength


def _level(project: Project, cue: Cue) -> float:
    """dB, of a cue's impact, without its own gain; nan where it has none."""
    if cue.excerpt is None:
        return np.nan
    sound = project.sounds[cue.excerpt.sound]
    off = np.abs(np.array(sound.onsets) - cue.excerpt.onset)
    return sound.levels[int(off.argmin())] if len(off) and off.min() <= 2 * SNAP * project.rate else np.nan


def heard_before(folder: Path, project: Project, span: Span) -> np.ndarray:
    """What is heard of a layer before a span, without the layer's gain: (N,) float32, N = its first sample."""
    layer, earliest = project.layer(span.layer), span.begin / project.rate - BEFORE
    openings = [opening for opening in layer.openings if opening.start < span.begin]
    recent = [opening for opening in openings if opening.start / project.rate >= earliest] or openings[-1:]
    alone = dataclasses.replace(layer, gain=0.0, muted=False, openings=tuple(recent))
    cues = [cue for cue in project.cues_of(layer.name) if cue.time >= earliest and cue.time * project.rate < span.end]
    part = dataclasses.replace(
        project,
        layers=(alone,),
        cues=tuple(dataclasses.replace(cue, pan=0.0) for cue in cues),
        duration=span.end / project.rate,
    )
    whole = render(part, lambda sound: read_sound(folder, sound, project.rate)).sum()
    return whole.mean(0)[: span.begin]


def require_weights(project: Project, foley: Foley) -> None:
    """Raises InputError where a project was generated with other weights than the ones that are loaded."""
    made, here = project.weights, foley.loaded.identity
    if made.get("parts") and made["parts"] != here["parts"]:
        raise InputError(
            f"the project was generated with other weights ({made.get('name')}) than {here['name']}; give theirs with --weights"
        )
