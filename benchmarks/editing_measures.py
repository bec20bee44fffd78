"""Edits of generated soundtracks, measured: what changes elsewhere, where cues are heard, how joins sound.

A helper of `python -m benchmarks.editing`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from condfoley.audio.onsets import detect_onsets, match_pairs
from condfoley.cues.rows import MAIN
from condfoley.evaluation.clips import Pair
from condfoley.foley import Foley
from condfoley.media import MediaInfo
from condfoley.media.timecode import RATES
from condfoley.project.create import project_of
from condfoley.project.edits import edit_cues
from condfoley.project.find_inputs import input_of
from condfoley.project.joins import JoinStatistics, join_statistics, joins_of
from condfoley.project.model import Layer, Project
from condfoley.project.outputs import rendered, stems_of
from condfoley.project.redo import Drawing, redo_span
from condfoley.project.render import FADE_OUT, SPLIT, place_layer
from condfoley.project.spans import scene_of, spans_of
from condfoley.project.store import write_project
from condfoley.project.words import cue_list_of_words

REACH, APART = 0.3, 0.12  # s by which cues are moved at most, and that lie between two cues at least
BEFORE, AFTER = 0.25, 1.0  # s around a cue, of a span that is drawn anew
HOURS = 2


@dataclass(frozen=True)
class Found:
    """Of one soundtrack. errors: (M,) s, from each moved cue to the onset that is heard; nan where there is none.

    edit_outside, redo_outside: samples that changed beyond the neighbours of moved cues, and outside a redone span.
    stems: greatest difference between the sum of the stems and the soundtrack.
    """

    errors: np.ndarray
    edit_outside: int
    redo_outside: int
    stems: float
    joins: JoinStatistics


def measured(folder: Path, pair: Pair, foley: Foley, candidates: int, seed: int) -> Found:
    """Generates a pair's soundtrack and edits it, in a folder of its own. Raises InputError."""
    soundtrack = foley.generate(
        pair.reference.path, pair.target.path, candidates=candidates, seed=seed, render="vocoder"
    )
    inputs = {"target": input_of(pair.target.path), "reference": input_of(pair.reference.path)}
    project = write_project(folder, project_of(folder, soundtrack, inputs))
    errors, edit_outside = moved_cues(folder, project, np.random.default_rng(seed))
    redo_outside, joins = redone_span(folder, project, foley, seed)
    return Found(errors, edit_outside, redo_outside, stem_error(folder, project), joins)


def moved_cues(folder: Path, project: Project, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """(errors, s, of every other cue after it was moved at random between its neighbours, samples changed elsewhere)."""
    cues = [cue for cue in project.cues if cue.excerpt]
    words, moved = [], {}
    for before, cue, after in zip([None, *cues], cues, [*cues[1:], None]):
        if len(moved) * 2 > cues.index(cue):
            continue
        low = max(cue.time - REACH, before.time + APART if before else APART)
        high = min(cue.time + REACH, (after.time if after else project.duration) - APART)
        if low < high:
            moved[cue.id] = round(float(rng.uniform(low, high)), 6)
            words.append(f"{cue.id}:kind=impact,time={moved[cue.id]}")
    edited, _ = edit_cues(project, cue_list_of_words(project, [], words, []))
    was, now = rendered(folder, project).sum(), rendered(folder, edited).sum()
    outside = np.ones(project.samples, bool)
    begins = [{p.cue: p.begin for p in place_layer(p_, p_.layers[0])} for p_ in (project, edited)]
    for key in moved:
        following = [c.id for c in cues if c.time > project.cue(key).time]
        stop = begins[0][following[0]] + round(SPLIT * project.rate) if following else project.samples
        outside[max(0, min(begin[key] for begin in begins) - round(FADE_OUT * project.rate)) : stop] = False
    heard = detect_onsets(now.mean(0), project.rate)[0]
    times = np.array(list(moved.values()))
    found = dict(match_pairs(times, heard))
    errors = [heard[found[i]] - time if i in found else np.nan for i, time in enumerate(times)]
    return np.array(errors), int((was != now).any(0)[outside].sum())


def redone_span(folder: Path, project: Project, foley: Foley, seed: int) -> tuple[int, JoinStatistics]:
    """Samples changed outside a span around the middle cue that is drawn anew, and the statistics of its joins."""
    middle = project.cues[len(project.cues) // 2].time
    begin, end = scene_of(project, middle)
    span = max(begin, middle - BEFORE), min(end, middle + AFTER)
    outside = np.ones(project.samples, bool)
    for part in spans_of(project, span)[0]:
        outside[part.begin : part.end] = False
    after, _ = redo_span(project, span, Drawing(folder, foley, seed=seed + 1000))
    was, now = rendered(folder, project).sum(), rendered(folder, after).sum()
    onsets = detect_onsets(now.mean(0), project.rate)[0]
    joins = join_statistics(now.mean(0), project.rate, joins_of(after), onsets)
    return int((was != now).any(0)[outside].sum()), joins


def stem_error(folder: Path, project: Project) -> float:
    """Greatest difference of the sums of stems, by layer and by cue, to the soundtrack, with gains and pans."""
    cues = [
        dataclasses.replace(cue, gain=(-3.0, 4.0)[k % 2], pan=(0.0, 0.5, -1.0)[k % 3])
        for k, cue in enumerate(project.cues)
    ]
    project = project.with_cues(cues)
    sound = rendered(folder, project)
    sums = [sum(stem.astype(np.float64) for _, stem in stems_of(project, sound, each)) for each in (False, True)]
    return float(max(np.abs(whole - sound.sum()).max() for whole in sums))


def drift(rate: Fraction, start: str, sample_rate: int = 48_000) -> float:
    """s by which sound and picture are apart after HOURS in the OpenTimelineIO file of a project, against its beginning."""
    import opentimelineio as otio

    from condfoley.timeline.lanes import timeline_of
    from condfoley.timeline.model import Media
    from condfoley.timeline.otio import to_text
    from condfoley.timeline.urls import file_url

    duration = float(round(3600 * HOURS * rate) / rate)
    project = Project(duration, sample_rate, {}, (Layer(MAIN),), (), {})
    info = MediaInfo(Path("/picture.mov"), duration, True, False, float(rate), 1920, 1080, 0, 0, 0, start)
    timeline = timeline_of("long", project, info, {MAIN: Media(Path("/main.wav"), 1, project.samples)})
    read = otio.adapters.read_from_string(to_text(timeline, file_url), "otio_json")
    ends = []
    for track, per_second in ((read.tracks[0], rate), (read.tracks[1], Fraction(sample_rate))):
        part = track[0].source_range
        ends.append((Fraction(part.start_time.value) / per_second, Fraction(part.duration.value) / per_second))
    (picture, shown), (sound, heard) = ends
    return float(abs((picture + shown) - (sound + heard)))


def drifts() -> dict[str, float]:
    """Drift, s, at each rate that editors have, the greatest of three start timecodes."""
    out = {}
    for rate in RATES:
        drop = Fraction(rate).denominator == 1001 and rate.numerator % 30_000 == 0
        starts = ("00:00:00:00", "10:00:00:00", *(("01:00:00;00",) if drop and rate < 100 else ()))
        out[f"{float(rate):.5g}"] = max(drift(rate, start) for start in starts)
    return out
