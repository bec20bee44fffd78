"""A span of a target drawn anew: what is heard before it is known, only its surroundings are computed.

The new sound continues what is heard: that is encoded as it is now, after whatever edits, so it need not be what was once
generated. Letters in shapes: K cues, N candidates.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from condfoley.audio import windows
from condfoley.audio.onsets import match_pairs
from condfoley.audio.track import Track
from condfoley.comping.edits import extract_one_shot
from condfoley.comping.ranking import Candidate
from condfoley.comping.repair import enforce
from condfoley.comping.takes import Take
from condfoley.drafting.drafter import Around, Section, Source
from condfoley.encoded import Exemplar, Picture
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.matching.dynamics import bring_to_levels, fill_levels
from condfoley.runtime.frames import MARGIN_FRAMES
from condfoley.runtime.scorer import VisualEvents
from condfoley.soundtrack import Places, finished

if TYPE_CHECKING:
    from condfoley.inputs import Clip
    from condfoley.pipeline import Pipeline, Progress
    from condfoley.settings import Settings

LEAD = 0.05  # s before the span that are drawn with it: an attack begins before its onset
TAIL = 0.5  # s behind it, in which its last impact rings on
CONTEXT = 0.5  # share of a window that is known before the span, where there is so much


@dataclass(frozen=True)
class Redraw:
    """What is asked for.

    span: begin and end, s, in the target. cues: (K,) s in the target, within the span, and strengths; nan: as the picture
    shows. levels: (K,) dB of their impacts (`levels.impact_levels`); nan: as their strengths say beside the others; None:
    as loud as the reference. heard: (N,) float32, the soundtrack so far, from the target's beginning on, and over the span
    and behind it where the generator makes use of it; None: nothing is known. scene: s, begin and end of the scene around
    the span. each: the candidates, too, are brought to the cues. strength: the new sound starts from what is heard in the
    span, and changes it so far, 0 to 1; None: from noise alone.
    """

    span: tuple[float, float]
    cues: Hits
    levels: np.ndarray | None = None
    heard: np.ndarray | None = None
    scene: tuple[float, float] | None = None
    each: bool = False
    strength: float | None = None


@dataclass(frozen=True)
class Redrawn:
    """A span's new sound.

    start: the target's sample with which all tracks begin. track: put together from the candidates by `takes`.
    candidates: those that could be taken, in order of generation, as loud as the track. reference_start: s, from where on
    the reference was used. made_of: the impacts of the track and of each candidate.
    """

    start: int
    track: Track
    candidates: list[Candidate]
    takes: list[Take]
    reference_start: float
    made_of: tuple[Places, ...] = ()


def section(
    span: tuple[float, float], scene: tuple[float, float], geometry: Geometry, both_sides: bool = False
) -> Section:
    """The columns that are computed for a span: it, its lead and tail, and what is known before it.

    span, scene: begin and end, s. both_sides: in place of the tail, what is known behind the span. At least one window,
    which may reach past the scene's end where that is short; then nothing is known behind the span.
    """
    g = geometry
    seconds = g.column_samples / g.sample_rate
    lowest, highest = int(scene[0] / seconds), int(np.ceil(scene[1] / seconds - 1e-9))
    begin = max(lowest, int((span[0] - LEAD) / seconds))
    last, after = min(highest, int(np.ceil((span[1] + TAIL) / seconds))), 0
    if both_sides:
        end = min(highest, int(np.ceil(span[1] / seconds)))
        last = max(last, min(highest, end + round(CONTEXT * g.valid_columns)))
        after = last - end
    first = min(begin - round(CONTEXT * g.valid_columns), last - g.valid_columns)
    first = max(lowest, first)
    if first + g.valid_columns > last:
        return Section(first, first + g.valid_columns, begin - first)
    return Section(first, last, begin - first, after)


def redraw(
    pipeline: Pipeline,
    place: Section,
    reference: Clip,
    target: Clip,
    wanted: Redraw,
    settings: Settings,
    report: Progress,
) -> Redrawn:
    """The steps of `Pipeline.run` for a section of the target.

    pipeline: as long as the section. place: see `section`. Raises InputError when a clip cannot be used.
    """
    g, sampling, amounts = pipeline.geometry, pipeline.sampling(settings), pipeline.amounts(settings)
    start = place.first * g.column_samples
    begin = start / g.sample_rate
    report("watching the target", 0.0)
    picture, tokens, frame = see(pipeline, target, begin)
    report("listening to the reference", 0.05)
    exemplar = pipeline.encode_reference(pipeline.read_reference(reference, settings.reference_start))
    cues = pipeline.find_cues(picture.events, Hits(wanted.cues.times - begin, wanted.cues.strengths))
    around = heard_around(place, exemplar, wanted.heard, frame)
    seeds = [settings.seed + i for i in range(settings.candidates)]
    source = source_in(around, pipeline, wanted.strength)
    drafts = pipeline.drafter.draft(tokens, exemplar, seeds, sampling, report, around, source)
    candidates = pipeline.render_candidates(drafts, seeds, picture, exemplar, cues, amounts, settings.align, report)
    if not len(cues.times):
        candidates = _calmest_first(candidates, wanted.span, begin)
    track, takes = pipeline.comp(candidates, cues, settings)
    track, candidates = pipeline.match(track, candidates, exemplar, cues, picture.events, amounts)
    if len(cues.times):  # else what rings would be muted for an onset in it
        track = pipeline.place(track, cues, exemplar, settings, enforced=True)
    if wanted.each:
        shot = extract_one_shot(exemplar.recording.with_tail)
        placed = [enforce(c.track, cues.times, shot, settings.align) for c in candidates]
        candidates = [dataclasses.replace(c, track=t) for c, t in zip(candidates, placed, strict=True)]
    track, candidates = pipeline.level(track, candidates, exemplar)
    if wanted.levels is not None:
        levels = fill_levels(wanted.levels, cues.strengths)
        track = at_levels(track, cues.times, levels)
        candidates = [dataclasses.replace(c, track=at_levels(c.track, cues.times, levels)) for c in candidates]
    report("done", 1.0)
    return Redrawn(start, track, candidates, takes, exemplar.recording.start)


def see(pipeline: Pipeline, target: Clip, begin: float) -> tuple[Picture, np.ndarray, float]:
    """The picture beside a section that begins at `begin`, s.

    Returns it, frame by frame from `begin` on; the tokens of more frames than that, (T, D), and the fractional number of
    the one among them that is shown at `begin`. Raises InputError for a target without a picture.
    """
    fps, scorer = pipeline.geometry.fps, pipeline.loaded.scorer
    first = max(0, int(begin * fps) - MARGIN_FRAMES)
    end = min(target.duration, begin + pipeline.duration + MARGIN_FRAMES / fps)
    frames = target.frames(pipeline.geometry, (first / fps, end))
    if frames is None:
        raise InputError(f"{target.name} has no picture; give a video")
    tokens, frame = pipeline.encode_frames(frames), begin * fps - first
    scored, scorer_tokens = frames, tokens
    if scorer.borrowed:
        other = target.frames(scorer.geometry, (first / fps, end))
        scored = frames if other is None else other
        scorer_tokens = scorer.engine.encode_frames(scored)
    places = frame + np.arange(max(1, round(pipeline.duration * fps)))
    events = np.stack(scorer.visual_events(scored, scorer_tokens), axis=1)  # (T, 3)
    beside = VisualEvents(*windows.at_frames(events, places).T)
    nearest = places.round().astype(int).clip(0, len(frames) - 1)
    return Picture(frames[nearest], tokens, windows.at_frames(scorer_tokens, places), beside), tokens, frame


def heard_around(place: Section, exemplar: Exemplar, heard: np.ndarray | None, frame: float) -> Around:
    """A section with what is heard around it, (N,) float32 from the target's beginning on, at the exemplar's level.

    heard: None: nothing is known. frame: see `see`.
    """
    gain = np.float32(10 ** (exemplar.recording.gain_db / 20))
    return Around(place, None if heard is None else gain * heard, frame)


def source_in(around: Around, pipeline: Pipeline, strength: float | None) -> Source | None:
    """What is heard in a section, to start from; None without a strength.

    Raises InputError where nothing is known of what is heard.
    """
    if strength is None:
        return None
    if around.heard is None:
        raise InputError("--strength changes what is heard, of which nothing is known here; leave it out")
    begin, end = (column * pipeline.geometry.column_samples for column in around.section[:2])
    return Source(around.heard[begin:end], strength)


def at_levels(track: Track, cues: np.ndarray, levels: np.ndarray) -> Track:
    """The track with its impacts at the cues, (K,) s, as loud as `levels`, (K,) dB; finished, with the same onsets.

    The same track where no level is known.
    """
    pairs = [(i, j) for i, j in match_pairs(cues, track.onsets) if np.isfinite(levels[i])]
    if not pairs:
        return track
    of_cues, of_onsets = (list(x) for x in zip(*pairs))
    return finished(bring_to_levels(track, track.onsets[of_onsets], levels[of_cues]).with_onsets_of(track))


def _calmest_first(candidates: list[Candidate], span: tuple[float, float], begin: float) -> list[Candidate]:
    """Candidates with the fewest onsets in a span, s, of those that begin at `begin`: where no cue is, none is wanted."""

    def onsets(candidate: Candidate) -> int:
        times = candidate.track.onsets + begin
        return int(((times >= span[0]) & (times < span[1])).sum())

    fewest = min(onsets(c) for c in candidates)
    return [c for c in candidates if onsets(c) == fewest]
