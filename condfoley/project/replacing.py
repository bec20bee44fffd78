"""New sounds in place of a span's: how they join what stays.

Pure functions. Outside the span no sample changes: before it nothing does, and where the last new excerpt would be heard
beyond the span's end, the former sound takes over within the span, after a crossfade, as the cue's tail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from condfoley.project.model import Cue, Excerpt, Opening, Project, Tail
from condfoley.project.render import FADE_OUT, SPLIT, Placed, place_layer
from condfoley.project.spans import Span, sounding

CROSSFADE = 0.02  # s, where the former sound goes on


def with_excerpts(project: Project, span: Span, excerpts: Sequence[Excerpt]) -> Project:
    """The project with an excerpt for each cue of a span; outside of it no sample changes."""
    layer, rate = project.layer(span.layer), project.rate
    former = place_layer(project, layer)
    new = {}
    for cue, excerpt in zip(span.cues, excerpts, strict=True):
        time = round(cue.time * rate)
        begin = max(time - excerpt.lead, min(span.begin + round(FADE_OUT * rate), time) if span.begin else 0)
        part = dataclasses.replace(excerpt, begin=min(excerpt.onset - (time - begin), excerpt.end))
        new[cue.id] = project.telling(dataclasses.replace(cue, excerpt=part, tails=()))
    changed = project.with_cues([new.get(cue.id, cue) for cue in project.cues])
    placed = [part for part in place_layer(changed, layer) if part.cue in new]
    tailed = {part.cue: _tails(project, former, span, part, new) for part in placed if part.cue is not None}
    out = [dataclasses.replace(c, tails=tailed.get(c.id, ())) if c.id in new else c for c in changed.cues]
    return project.with_cues(out)


def background_join(project: Project, span: Span) -> tuple[int, float]:
    """Samples of the crossfades of a span without cues, and the gain, dB, of the cue that sounds there."""
    run = sounding(project, place_layer(project, project.layer(span.layer)), span.begin)
    gain = 0.0 if run[0].cue is None else project.cue(run[0].cue).gain
    return _fade(project, span.end - span.begin), gain


def with_background(project: Project, span: Span, sound: str, start: int, length: int) -> Project:
    """The project with part of a sound in place of what sounds in a span without cues.

    sound: its key. start, length: of the sound, in samples of the target.
    """
    layer = project.layer(span.layer)
    former = place_layer(project, layer)
    run, fade = sounding(project, former, span.begin), _fade(project, span.end - span.begin)
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
