"""Cues and spans of a project drawn anew, and alternatives of a cue: what needs the model and writes sounds.

The sounds are written to the project's folder, but the project itself is only returned (`outputs.commit_edited`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from condfoley.audio.onsets import match_pairs
from condfoley.audio.rates import converted
from condfoley.audio.splice import faded
from condfoley.audio.track import Track
from condfoley.comping.ranking import rank_candidates
from condfoley.errors import InputError
from condfoley.hits import Hits
from condfoley.inputs import ClipFile
from condfoley.project.blend import blended, blended_background, tightened
from condfoley.project.create import LEAST_LEAD, described, segmented, store, unused, with_taken
from condfoley.project.drawn_from import layer_sound, strengths_of, wanted_levels
from condfoley.project.drawn_rate import at_project
from condfoley.project.edits import chosen_gain
from condfoley.project.find_inputs import find_input, find_references
from condfoley.project.model import Cue, Excerpt, Project, Sound
from condfoley.project.replacing import background_join, with_background, with_excerpts
from condfoley.project.spans import RedoRequest, Span, scene_of, span_of_cue, spans_of
from condfoley.project.store import SOUNDS
from condfoley.redraw import Redraw, Redrawn
from condfoley.references.window import ReferenceFile
from condfoley.settings import CODE_SAMPLING, FLOW_SAMPLING, GeneratorName, Settings
from condfoley.soundtrack import EDGE, Places

if TYPE_CHECKING:
    from condfoley.foley import Foley
    from condfoley.pipeline import Progress

SNAP = 0.002  # s, by which an onset may be off its cue and count as at it, so that excerpts follow one another unmoved

BEHIND = 2.0  # s behind a span that a generator may know; more than a window
NO_ONSETS = (np.zeros(0), np.zeros(0))  # of a sound whose onsets nobody asks for


@dataclass(frozen=True)
class Drawing:
    """How new sounds are made.

    folder: the project's. seed: of the first candidate; None: the next one that was not used yet. candidates: how many;
    None: as many as the project has. reference, target: where the inputs are, if they were moved. generator: auto: the
    project's. strength: see `Redraw`.
    """

    folder: Path
    foley: Foley
    seed: int | None = None
    candidates: int | None = None
    reference: str | None = None
    target: str | None = None
    progress: Progress = lambda stage, share: None
    generator: GeneratorName = "auto"
    strength: float | None = None


def redo(project: Project, wanted: RedoRequest, drawing: Drawing) -> tuple[Project, list[str]]:
    """The project with what is wanted drawn anew, and what a user should know. Raises InputError."""
    if wanted.cue is not None and wanted.variations is not None:
        return vary_cue(project, wanted.cue, wanted.variations, drawing), []
    if wanted.cue is not None:
        return redo_cue(project, wanted.cue, drawing), []
    assert wanted.span is not None
    return redo_span(project, wanted.span, drawing, wanted.layer)


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
    drawn_from = drawing.candidates or int(project.settings.get("candidates", count))
    drawing = dataclasses.replace(drawing, candidates=max(count, drawn_from))
    heard = layer_sound(drawing.folder, project, span, span.end)
    project, drawn = draw(project, span, drawing, each=True)
    tolerance = float(project.settings.get("tolerance", 0.0))
    found = []
    for index in rank_candidates(drawn.candidates, tolerance)[:count]:
        candidate = drawn.candidates[index]
        made, excerpts = _replaced(
            drawing.folder,
            project,
            span,
            drawn.start,
            candidate.track,
            candidate.seed,
            heard,
            True,
            places_of(drawn, 1 + index),
        )
        project = dataclasses.replace(project, sounds=made.sounds)
        found += excerpts
    changed = dataclasses.replace(project.cue(key), alternatives=tuple(found))
    return project.with_cues([changed if cue.id == key else cue for cue in project.cues])


def draw(project: Project, span: Span, drawing: Drawing, each: bool = False) -> tuple[Project, Redrawn]:
    """New sounds for a span, and the project with the seeds counted. Raises InputError when an input cannot be used."""
    layer, foley, rate = project.layer(span.layer), drawing.foley, project.rate
    if layer.reference is None:
        raise InputError(f"layer {layer.name} has no reference to draw from; give another --layer")
    require_weights(project, foley)
    settings = settings_with(project.generated_with, drawing.generator)
    seed = layer.seed if drawing.seed is None else drawing.seed
    count = drawing.candidates or settings.candidates
    start = layer.reference_start if span.reference_at is None else span.reference_at
    behind = span.end + round(BEHIND * rate)  # of which the transformer makes no use
    until = min(project.samples, behind) if foley.hears_both_sides(settings) else span.begin
    heard = layer_sound(drawing.folder, project, span, until)
    heard = converted(Track(heard, rate, NO_ONSETS), foley.geometry.sample_rate, 1).mono
    wanted = Redraw(
        (span.begin / rate, min(span.end / rate, project.duration)),
        Hits(np.array([cue.time for cue in span.cues]), strengths_of(span.cues)),
        wanted_levels(project, span),
        heard if span.reference_at is None else None,
        scene_of(project, (span.begin + span.end) / 2 / rate),
        each,
        drawing.strength,
    )
    found = find_references(drawing.folder, project, layer, drawing.reference)
    references = {key: ReferenceFile(path) for key, path in found.items()}
    drawn = foley.redraw(
        references[layer.reference],
        ClipFile(find_input(drawing.folder, project, "target", drawing.target)),
        wanted,
        dataclasses.replace(settings, candidates=count, seed=seed, reference_start=start),
        progress=drawing.progress,
    )
    drawn = at_project(drawn, project, span.cues, foley, references, settings, each)
    return project.with_layer(dataclasses.replace(layer, seed=max(layer.seed, seed + count))), drawn


def settings_with(settings: Settings, generator: GeneratorName) -> Settings:
    """A project's settings with another generator, whose own recommendations then count; auto: the same settings."""
    made: GeneratorName = "transformer" if settings.generator == "auto" else settings.generator  # of an older condfoley
    if generator in ("auto", made):
        return dataclasses.replace(settings, generator=made)
    own: dict[str, Any] = dict.fromkeys((*CODE_SAMPLING, *FLOW_SAMPLING))
    return dataclasses.replace(settings, generator=generator, **own)


def _redo(project: Project, span: Span, drawing: Drawing) -> Project:
    former, (project, drawn) = project, draw(project, span, drawing)
    heard = layer_sound(drawing.folder, former, span, span.end)
    seed = drawn.candidates[0].seed
    if not span.cues:
        fade, gain = background_join(project, span)
        samples = blended_background(drawn.track.samples, drawn.start, span, fade, gain, heard)
        track = drawn.track.edited(samples).with_onsets_of(drawn.track)
        sound, kept = _described(drawing.folder, project, span, drawn.start, track, seed)
        sound = store(drawing.folder, kept, sound)
        return with_background(project.with_sounds(sound), span, sound.key, sound.start, sound.length)
    return _replaced(drawing.folder, project, span, drawn.start, drawn.track, seed, heard, places=places_of(drawn))[0]


def _replaced(
    folder: Path,
    project: Project,
    span: Span,
    start: int,
    track: Track,
    seed: int,
    heard: np.ndarray,
    to_choose: bool = False,
    places: Places = (),
) -> tuple[Project, list[Excerpt]]:
    """The project in which a track, which is written, sounds at a span's cues, and the excerpts of it.

    heard: see `blend.blended`. to_choose: the cues have the gain that they get when the track is chosen for them.
    places: what of the track was made how, see `create.with_taken`.
    """
    sound, track = _described(folder, project, span, start, track, seed)
    project, excerpts = project.with_sounds(sound), excerpts_at(track, sound, span.cues, project.rate)
    if to_choose:
        gains = [chosen_gain(project, cue, part) for cue, part in zip(span.cues, excerpts, strict=True)]
        cues = tuple(dataclasses.replace(cue, gain=gain) for cue, gain in zip(span.cues, gains, strict=True))
        others = [cue for cue in project.cues if cue.id not in {own.id for own in cues}]
        project, span = project.with_cues([*others, *cues]), dataclasses.replace(span, cues=cues)
    excerpts = tightened(excerpts, track.samples, span, project, heard)
    excerpts = with_taken(excerpts, places, project.layer(span.layer).sources, project.rate)
    changed = with_excerpts(project, span, excerpts)
    samples = blended(track.samples, span, changed, heard)
    store(folder, track.edited(samples).with_onsets_of(track), sound)
    return changed, excerpts


def places_of(drawn: Redrawn, number: int = 0) -> Places:
    """How the impacts of what was drawn were made. number: 0: of the track; else of a candidate, from 1."""
    return drawn.made_of[number] if number < len(drawn.made_of) else ()


def _described(folder: Path, project: Project, span: Span, start: int, track: Track, seed: int) -> tuple[Sound, Track]:
    """A track, up to the target's end, and what it is as a sound of the project that is not written yet."""
    key = unused(folder, project, SOUNDS, f"{span.layer}-redo")
    ends = start + len(track) >= project.samples
    samples = faded(track.samples[:, : project.samples - start], 0, round(EDGE * track.rate) if ends else 0)
    kept = Track(samples, track.rate, (snapped(track.onsets, start, span.cues, track.rate), track.rises))
    return described(Sound(key, f"{SOUNDS}/{key}.flac", "redrawn", span.layer, start, 0, seed), kept), kept


def snapped(onsets: np.ndarray, start: int, cues: Sequence[Cue], rate: int) -> np.ndarray:
    """Onsets of a sound, (E,) s, those within SNAP of a cue taken to be at it; start: the sound's, in samples."""
    out = onsets.copy()
    for cue in cues:
        time = (round(cue.time * rate) - start) / rate
        out[np.abs(onsets - time) <= SNAP] = time
    return out


def excerpts_at(track: Track, sound: Sound, cues: Sequence[Cue], rate: int) -> list[Excerpt]:
    """An excerpt of a sound for each cue, ascending: with the onset near it, or from its time on where none is near.

    The first one begins just before its onset: what is heard before it is another sound, and the attack hides the join.
    """
    times = [(round(cue.time * rate) - sound.start) / rate for cue in cues]
    met = dict(match_pairs(np.array(times), track.onsets))
    onsets = [float(track.onsets[met[i]]) if i in met else time for i, time in enumerate(times)]
    found = segmented(track, sound.key, onsets)[1]
    first = max([found[0].begin, found[0].onset - round(LEAST_LEAD * rate)])
    return [dataclasses.replace(found[0], begin=min(first, found[0].end)), *found[1:]]


def require_weights(project: Project, foley: Foley) -> None:
    """Raises InputError where a project was generated with other weights than the ones that are loaded.

    These may have further parts, such as another generator.
    """
    made, here = project.weights, foley.loaded.identity
    if any(here["parts"].get(part) != digest for part, digest in made.get("parts", {}).items()):
        raise InputError(
            f"the project was generated with other weights ({made.get('name')}) than {here['name']}; give theirs with --weights"
        )
