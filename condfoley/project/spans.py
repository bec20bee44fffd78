"""Spans of a project that get another sound: which cues are in them, where they begin and end, and what is refused.

Pure functions; `replacing` puts the new sounds in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from condfoley.errors import InputError
from condfoley.project.create import LEAST_LEAD
from condfoley.project.model import AMBIENCE, Cue, Layer, Project
from condfoley.project.render import FADE_OUT, Placed, place_layer

SHORTEST = 0.05  # s, of a span


@dataclass(frozen=True)
class Span:
    """Samples [begin, end) of the target, in which a layer's `cues` get another sound; () where none is: all that sounds.

    reference_at: s, the moment of the reference that all of them are to sound like; None: the layer's.
    """

    layer: str
    begin: int
    end: int
    cues: tuple[Cue, ...]
    reference_at: float | None = None


@dataclass(frozen=True)
class RedoRequest:
    """What is to be drawn anew: a span, s, of one layer or of all; a cue; or so many alternatives of a cue."""

    span: tuple[float, float] | None = None
    layer: str | None = None
    cue: int | None = None
    variations: int | None = None

    def require_possible(self, project: Project) -> None:
        """Raises InputError for what a project cannot have drawn anew. Needs no model."""
        if self.cue is not None:
            span_of_cue(project, project.cue(self.cue))
        elif self.span is not None:
            spans_of(project, self.span, self.layer)


def window_of(project: Project, cue: Cue) -> float | None:
    """The moment, s, from which on the model is to listen for a cue; of the reference's own samples one is taken instead."""
    return None if project.is_recorded else cue.reference_at


def require_span(project: Project, span: tuple[float, float]) -> None:
    """Raises InputError for a span, s, that is empty, not within the target, or across a scene cut."""
    begin, end = span
    if not 0 <= begin < end <= project.duration + 1e-6:
        raise InputError(
            f"the span {begin:g}:{end:g} is not one within the target ({project.duration:.2f} s); "
            "give its beginning and its end in seconds, such as 3.2:5"
        )
    if end - begin < SHORTEST - 1e-9:
        raise InputError(f"the span {begin:g}:{end:g} is shorter than {SHORTEST:g} s; give a longer one")
    if cuts := [cut for cut in project.scene_cuts if begin < cut < end]:
        raise InputError(
            f"a scene cut at {cuts[0]:.3f} s is within the span {begin:g}:{end:g}; redo the parts one by one"
        )


def scene_of(project: Project, time: float) -> tuple[float, float]:
    """Begin and end of the scene at a time, all in s."""
    marks = [0.0, *project.scene_cuts, project.duration]
    return max(mark for mark in marks[:-1] if mark <= time or mark == 0.0), min(
        mark for mark in marks[1:] if mark > time
    )


def spans_of(project: Project, span: tuple[float, float], only: str | None = None) -> tuple[list[Span], list[str]]:
    """What is drawn anew in a span, s: its cues that are not locked, by layer and moment of the reference.

    only: a layer. Where no layer has cues there, all that sounds there. Also returns what a user should know.
    Raises InputError for a span that is none (`require_span`), and where nothing can be drawn.
    """
    require_span(project, span)
    if only == AMBIENCE:
        raise InputError("the bed is not drawn; change it with `condfoley edit --ambience`")
    drawable = [layer for layer in project.layers if layer.reference and layer.name != AMBIENCE]
    layers = [project.layer(only)] if only else drawable
    inside = [cue for cue in project.cues if span[0] <= cue.time < span[1] and cue.layer in {x.name for x in layers}]
    free = [cue for cue in inside if not cue.locked]
    if inside and not free:
        raise InputError(
            f"all cues from {span[0]:g} to {span[1]:g} s are locked; unlock one in cues.csv, or redo another span"
        )
    if not inside:
        return _background(project, span, layers)
    out, notes = [], []
    for layer in layers:
        own = [cue for cue in free if cue.layer == layer.name]
        placed = {p.cue: _join(project, p) for p in place_layer(project, layer) if not p.skip}
        for moment in dict.fromkeys(window_of(project, cue) for cue in own):
            cues = tuple(cue for cue in own if window_of(project, cue) == moment)
            wanted, end = round(span[0] * project.rate), min(round(span[1] * project.rate), project.samples)
            begin = min(wanted, _first_sample(project, cues[0], placed.get(cues[0].id)))
            if begin < wanted:
                notes.append(
                    f"cue {cues[0].id} is heard from {begin / project.rate:.3f} s on, so the span begins there"
                )
            out.append(Span(layer.name, begin, end, cues, moment))
    if locked := [str(cue.id) for cue in inside if cue.locked]:
        notes.append(f"locked and left as it was: cue {', '.join(locked)}")
    return out, notes


def span_of_cue(project: Project, cue: Cue) -> Span:
    """A cue's own span: from where its sound begins to where the next one does. Raises InputError for a locked cue."""
    if cue.locked:
        raise InputError(f"cue {cue.id} is locked; unlock it in cues.csv, or redo another one")
    parts = [p for p in place_layer(project, project.layer(cue.layer)) if p.cue == cue.id]
    time = round(cue.time * project.rate)
    following = [c.time for c in project.cues_of(cue.layer) if c.time > cue.time]
    until = round(min([scene_of(project, cue.time)[1], *(t - LEAST_LEAD for t in following)]) * project.rate)
    begin = _first_sample(project, cue, _join(project, parts[0]) if parts else None)
    end = max(parts[-1].stop if parts else until, time + round(SHORTEST * project.rate))
    return Span(cue.layer, begin, min(end, project.samples), (cue,), window_of(project, cue))


def _first_sample(project: Project, cue: Cue, begin: int | None) -> int:
    """The latest beginning of a span in which all of a cue's sound lies, which so far is heard from `begin` on."""
    latest = round((cue.time - LEAST_LEAD - FADE_OUT) * project.rate)
    return max(0, latest if begin is None else min(latest, begin))


def _join(project: Project, part: Placed) -> int:
    """The first sample at which what is heard before an excerpt depends on where that begins."""
    return max(0, part.begin - (part.follows or round(FADE_OUT * project.rate)))


def _background(project: Project, span: tuple[float, float], layers: Sequence[Layer]) -> tuple[list[Span], list[str]]:
    begin, end = (round(time * project.rate) for time in span)
    out = []
    for layer in layers:
        run = sounding(project, place_layer(project, layer), begin)
        if not run or run[-1].stop - begin < round(SHORTEST * project.rate):
            continue
        if run[0].cue is not None and project.cue(run[0].cue).locked:
            raise InputError(f"cue {run[0].cue}, which sounds from {span[0]:g} s on, is locked; redo another span")
        out.append(Span(layer.name, begin, min(end, run[-1].stop), ()))
    if not out:
        near = min(project.cues, key=lambda cue: abs(cue.time - span[1]), default=None)
        hint = f"; the nearest is cue {near.id} at {near.time:.3f} s" if near else ", add one with `condfoley edit`"
        raise InputError(
            f"no cue is from {span[0]:g} to {span[1]:g} s, and {SHORTEST:g} s of sound are not there either; "
            f"give a span with a cue{hint}"
        )
    return out, [f"no cue is from {span[0]:g} to {span[1]:g} s: what sounds there is drawn anew"]


def sounding(project: Project, placed: list[Placed], begin: int) -> list[Placed]:
    """The parts of what sounds at a sample, from there on until another cue or scene begins."""
    now = next((part for part in placed if part.begin <= begin < part.stop), None)
    if now is None:
        return []
    end = scene_of(project, begin / project.rate)[1] * project.rate
    until = next((part.begin for part in placed if part.begin > begin and part.cue != now.cue), end)
    return [part for part in placed if part.cue == now.cue and part.stop > begin and part.begin < min(until, end - 1)]
