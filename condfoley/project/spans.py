"""Spans of a project that get another sound: which cues are in them, and how the new sound joins what stays.

Pure functions. Outside its span no sample changes: before it nothing does, and where the last new excerpt would be heard
beyond the span's end, the former sound takes over within the span, after a crossfade, as the cue's tail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from condfoley.errors import InputError
from condfoley.project.create import LEAST_LEAD
from condfoley.project.model import Cue, Excerpt, Layer, Opening, Project, Tail
from condfoley.project.render import FADE_OUT, SPLIT, Placed, place_layer

CROSSFADE = 0.02  # s, where the former sound goes on
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
    layers = [project.layer(only)] if only else [layer for layer in project.layers if layer.reference]
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
        for moment in dict.fromkeys(cue.reference_at for cue in own):
            cues = tuple(cue for cue in own if cue.reference_at == moment)
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
    return Span(cue.layer, begin, min(end, project.samples), (cue,), cue.reference_at)


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
        run = _sounding(project, place_layer(project, layer), begin)
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


def with_excerpts(project: Project, span: Span, excerpts: Sequence[Excerpt]) -> Project:
    """The project with an excerpt for each cue of a span; outside of it no sample changes."""
    layer, rate = project.layer(span.layer), project.rate
    former = place_layer(project, layer)
    new = {}
    for cue, excerpt in zip(span.cues, excerpts, strict=True):
        time = round(cue.time * rate)
        begin = max(time - excerpt.lead, min(span.begin + round(FADE_OUT * rate), time) if span.begin else 0)
        part = dataclasses.replace(excerpt, begin=min(excerpt.onset - (time - begin), excerpt.end))
        new[cue.id] = dataclasses.replace(cue, excerpt=part, tails=())
    changed = project.with_cues([new.get(cue.id, cue) for cue in project.cues])
    placed = [part for part in place_layer(changed, layer) if part.cue in new]
    tailed = {part.cue: _tails(project, former, span, part, new) for part in placed if part.cue is not None}
    out = [dataclasses.replace(c, tails=tailed.get(c.id, ())) if c.id in new else c for c in changed.cues]
    return project.with_cues(out)


def _sounding(project: Project, placed: list[Placed], begin: int) -> list[Placed]:
    """The parts of what sounds at a sample, from there on until another cue or scene begins."""
    now = next((part for part in placed if part.begin <= begin < part.stop), None)
    if now is None:
        return []
    end = scene_of(project, begin / project.rate)[1] * project.rate
    until = next((part.begin for part in placed if part.begin > begin and part.cue != now.cue), end)
    return [part for part in placed if part.cue == now.cue and part.stop > begin and part.begin < min(until, end - 1)]


def background_join(project: Project, span: Span) -> tuple[int, float]:
    """Samples of the crossfades of a span without cues, and the gain, dB, of the cue that sounds there."""
    run = _sounding(project, place_layer(project, project.layer(span.layer)), span.begin)
    gain = 0.0 if run[0].cue is None else project.cue(run[0].cue).gain
    return _fade(project, span.end - span.begin), gain


def with_background(project: Project, span: Span, sound: str, start: int, length: int) -> Project:
    """The project with part of a sound in place of what sounds in a span without cues.

    sound: its key. start, length: of the sound, in samples of the target.
    """
    layer = project.layer(span.layer)
    former = place_layer(project, layer)
    run, fade = _sounding(project, former, span.begin), _fade(project, span.end - span.begin)
    begin = next((p.begin for p in run if p.begin - p.follows < span.begin < p.begin), span.begin) + fade
    end = _take_over(former, min(span.end, run[-1].stop))
    again = [part for part in run if part.begin <= end < part.stop][:1]
    cue = None if run[0].cue is None else project.cue(run[0].cue)
    time = round(cue.time * project.rate) if cue else 0
    drawn = Excerpt(sound, 0, length, time - start)
    new = [Tail(begin - time, drawn, fade), *(_tail(part, end, time, fade) for part in again)]
    if cue:
        kept = [tail for tail in cue.tails if not begin - fade < time + tail.begin <= end]
        tails = tuple(sorted([*kept, *new], key=lambda tail: tail.begin))
        return project.with_cues([dataclasses.replace(c, tails=tails) if c.id == cue.id else c for c in project.cues])
    stay = [opening for opening in layer.openings if not begin - fade < opening.start <= end]
    openings = sorted([*stay, *map(_opening, new)], key=lambda opening: opening.start)
    return project.with_layer(dataclasses.replace(layer, openings=tuple(openings)))


def _opening(tail: Tail) -> Opening:
    """A tail of a cue at 0 s as an opening."""
    place = tail.excerpt.onset + tail.begin
    return Opening(tail.begin, dataclasses.replace(tail.excerpt, begin=place, onset=place), tail.fade)


def _tails(project: Project, former: list[Placed], span: Span, new: Placed, cues: dict[int, Cue]) -> tuple[Tail, ...]:
    """What is heard behind a new excerpt, which would be heard until `new.stop`: the former sound, from the span's end."""
    assert new.cue is not None
    time = round(cues[new.cue].time * project.rate)
    if new.stop <= span.end and not any(part.begin == new.stop and part.cue not in cues for part in former):
        return ()
    end = _take_over(former, min(span.end, new.stop))
    heard = [part for part in former if part.begin < new.stop and part.stop > end]
    if end <= new.begin or not heard:
        return ()
    fade = _fade(project, end - new.begin)
    first, *later = heard
    return (
        _tail(first, max(end, first.begin), time, fade),
        *(_tail(part, part.begin, time, part.follows) for part in later),
    )


def _take_over(former: list[Placed], end: int) -> int:
    """The sample from which on the former sound is heard again, `end` or one before it, where no crossfade is cut."""
    for part in reversed(former):
        if part.begin - part.follows < end <= part.begin:
            end = part.begin - part.follows
    return end


def _tail(part: Placed, begin: int, time: int, fade: int) -> Tail:
    """A placed excerpt from the sample `begin` of the target on, as the tail of a cue at `time`."""
    place = part.excerpt.begin + part.skip + begin - part.begin  # in its sound
    return Tail(begin - time, dataclasses.replace(part.excerpt, onset=place - (begin - time)), fade)


def _fade(project: Project, length: int) -> int:
    return max(round(SPLIT * project.rate), min(round(CROSSFADE * project.rate), length // 3))
