"""The timeline of a project: which sound is where on which track."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from condfoley.media import MediaInfo, Timecode, editing_rate
from condfoley.project.model import Cue, Layer, Project
from condfoley.project.render import place_layer
from condfoley.timeline.model import Clip, Lane, Mark, Media, Picture, Timeline

MIX = "soundtrack"
SHORT = 0.05  # s, of what is before a cue without being an item of its own


def timeline_of(name: str, project: Project, info: MediaInfo, files: Mapping[str, Media]) -> Timeline:
    """A project's timeline. info: of the file with its picture. files: the WAV file of each layer and each sound key,
    and that of MIX where the timeline is to have it.

    Layers play; the mixture of several, and the candidates, are muted.
    """
    lanes = [_layer_lane(project, layer, files[layer.name]) for layer in project.layers]
    if MIX in files:
        whole = Clip(MIX, files[MIX], 0, project.samples, 0)
        lanes.append(Lane(MIX, "soundtrack", (whole,), False, (whole,)))
    for layer in project.layers:
        lanes += [_candidate_lane(project, layer, key, files[key]) for key in layer.candidates if key in files]
    return Timeline(name, picture_of(info, project), project.rate, project.samples, tuple(lanes), marks_of(project))


def picture_of(info: MediaInfo, project: Project) -> Picture:
    """The picture, counted in frames of an editor's timeline."""
    rate = editing_rate(info.fps)
    start = info.start.at(rate) if info.start else Timecode(0, rate)
    return Picture(info.path.resolve(), max(1, round(project.duration * rate)), info.width, info.height, start)


def marks_of(project: Project) -> tuple[Mark, ...]:
    """A mark for each cue that is heard, or could be."""
    return tuple(
        Mark(
            _title(project, cue), _note(cue), round(cue.time * project.rate), round((cue.duration or 0) * project.rate)
        )
        for cue in project.cues
    )


def _title(project: Project, cue: Cue) -> str:
    return f"cue {cue.id}" if len(project.layers) < 2 else f"{cue.layer} cue {cue.id}"


def _note(cue: Cue) -> str:
    """What is known of a cue."""
    strength = "" if cue.strength is None else f", strength {cue.strength:.2f}"
    return f"{cue.kind}{strength}{', muted' if cue.muted else ''}"


def _layer_lane(project: Project, layer: Layer, media: Media) -> Lane:
    """A layer's whole sound, and the same with a clip for each cue, so that each can be slipped."""
    whole = Clip(layer.name, media, 0, project.samples, 0)
    cues = {cue.id: cue for cue in project.cues}
    items, first = [], 0
    for placed in place_layer(project, layer):
        cue = cues.get(placed.cue) if placed.cue is not None else None
        begin = max(placed.begin - first, 0)
        length, first = placed.stop - begin, 0
        if cue is None and length < SHORT * project.rate:
            first = length  # part of the item that follows
        elif length and not (cue and cue.muted):
            name = _title(project, cue) if cue else f"{layer.name} before"
            items.append(Clip(name, media, begin, length, begin))
    return Lane(layer.name, "layer", (whole,), not layer.muted, tuple(items))


def _candidate_lane(project: Project, layer: Layer, key: str, media: Media) -> Lane:
    """A candidate, cut where the layer changes takes; what was taken is named so, and where it was taken from."""
    number = f"{layer.candidates.index(key) + 1:02d}"
    name = number if len(project.layers) < 2 else f"{layer.name} {number}"
    begins = [round(take.start * project.rate) for take in layer.takes] or [0]
    clips: list[Clip] = []
    for index, (begin, end) in enumerate(zip(begins, [*begins[1:], project.samples], strict=True)):
        take = layer.takes[index] if layer.takes else None
        taken = take is not None and take.sound == key
        moved = round(take.moved * project.rate) if take and taken else 0
        clip = Clip(f"{name} taken" if taken else name, media, begin, end - begin, begin - moved)
        last = clips[-1] if clips else None
        if last and (last.name, last.end, last.offset - last.begin) == (
            clip.name,
            clip.begin,
            clip.offset - clip.begin,
        ):
            clips[-1] = dataclasses.replace(last, length=last.length + clip.length)
        else:
            clips.append(clip)
    kept = tuple(clip for clip in (clip.within(project.samples) for clip in clips) if clip)
    return Lane(name, "candidate", kept, False, kept)
