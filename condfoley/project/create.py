"""A generated soundtrack as a layer of a project: its sounds, cut into one excerpt for each cue."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from condfoley.audio.levels import impact_levels
from condfoley.audio.onsets import MATCH_WINDOW, match_pairs
from condfoley.audio.rates import converted
from condfoley.audio.splice import until_next
from condfoley.audio.track import Track
from condfoley.cues.rows import MAIN
from condfoley.memory import blocks, release
from condfoley.project.find_inputs import input_of, inputs_of
from condfoley.project.model import Cue, Excerpt, Input, Layer, LayerTake, Opening, Project, Sound, Taken
from condfoley.project.store import CODES, SOUNDS, write_codes, write_sound
from condfoley.results.folder import CANDIDATES
from condfoley.results.scores import candidate_name
from condfoley.resynthesis.kinds import SHORTEST, loud_share, slide_seconds

if TYPE_CHECKING:
    from condfoley.soundtrack import Places, Soundtrack

LEAD_SECONDS, LEAST_LEAD = 0.06, 0.008  # s before an onset, between which its excerpt begins: where it is quietest
BLOCK = 0.02  # s over which levels are taken
BLOCKS = 1024  # of a long sound that are in memory at a time
QUIET_SHARE = 10.0  # percentile of them that counts as quiet
TAKEN = 0.05  # s from an onset, within which what was placed there is heard


def new_project(
    folder: Path, soundtrack: Soundtrack, references: Path | Sequence[Path], target: Path, keep: str = "candidates"
) -> Project:
    """The project of a target and one or several references; its sounds are written to the folder. keep: see `project_of`.

    Raises InputError.
    """
    found = inputs_of([references] if isinstance(references, Path) else references)
    return project_of(folder, soundtrack, {"target": input_of(target)} | found, keep, tuple(found))


def project_of(
    folder: Path,
    soundtrack: Soundtrack,
    inputs: dict[str, Input],
    keep: str = "candidates",
    references: tuple[str, ...] = ("reference",),
    name: str = MAIN,
) -> Project:
    """A new project of one layer; its sounds are written to the folder.

    inputs: `target`, and the references' keys. keep: `candidates`: their sounds and codes; `codes`; `nothing`.
    Raises InputError when they cannot be written.
    """
    project = Project(
        duration=soundtrack.duration,
        rate=soundtrack.sample_rate,
        inputs=inputs,
        layers=(),
        cues=(),
        sounds={},
        settings=soundtrack.settings,
        weights=soundtrack.weights,
        engine=soundtrack.engine,
        scene_cuts=soundtrack.scene_cuts,
    )
    return add_soundtrack(folder, project, soundtrack, name, references, keep)


def add_soundtrack(
    folder: Path,
    project: Project,
    soundtrack: Soundtrack,
    name: str,
    references: tuple[str, ...],
    keep: str = "candidates",
) -> Project:
    """The project with a generated soundtrack as its layer `name`, in place of an earlier one of that name.

    references: keys of the inputs. keep: see `project_of`. Sounds are written to the folder. Raises InputError.
    """
    soundtrack = dataclasses.replace(
        soundtrack, track=converted(soundtrack.track, project.rate, soundtrack.track.channels)
    )
    place = "" if name == MAIN else f"{name}/"
    key = unused(folder, project, SOUNDS, name)
    whole = store(folder, soundtrack.track, Sound(key, f"{SOUNDS}/{key}.flac", "soundtrack", name, 0, 0))
    stored, codes = [whole], None
    candidates: tuple[str, ...] = ()
    if keep == "candidates":
        for index, candidate in enumerate(soundtrack.candidates):
            stem = f"{place}{Path(candidate_name(index, candidate.seed)).stem}"
            stem = f"{CANDIDATES}/{unused(folder, project, CANDIDATES, stem)}"
            own = Sound(stem, f"{stem}.flac", "candidate", name, 0, 0, candidate.seed)
            stored.append(store(folder, converted(candidate.track, project.rate, candidate.track.channels), own))
            release(candidate.track.samples)
        candidates = tuple(sound.key for sound in stored[1:])
    if keep != "nothing" and soundtrack.codes is not None:
        codes = f"{CODES}/{key}.npz"
        write_codes(folder, codes, soundtrack.codes, [candidate.seed for candidate in soundtrack.candidates])
    layer = Layer(
        name,
        references[soundtrack.reference_number] if references else None,
        references if len(references) > 1 else (),
        soundtrack.reference_start,
        openings=(),
        codes=codes,
        candidates=candidates,
        takes=tuple(LayerTake(t.start, candidates[t.candidate], t.moved) for t in soundtrack.takes if candidates),
        seed=max((candidate.seed for candidate in soundtrack.candidates), default=-1) + 1,
    )
    openings, cues = cues_of(soundtrack, whole, name, project.next_id, references)
    others = [cue for cue in project.cues if cue.layer != name]
    project = project.with_sounds(*stored).with_layer(dataclasses.replace(layer, openings=openings))
    return project.with_cues([*others, *cues])


def unused(folder: Path, project: Project, home: str, stem: str) -> str:
    """A name for a sound in the folder `home` of a project: `stem`, or with a number behind it.

    No sound of the project has it, nor has one of another revision, whose file stays.
    """
    number, found = 1, stem
    while found in project.sounds or (folder / home / f"{found}.flac").exists():
        number += 1
        found = f"{stem}-{number}"
    return found


def store(folder: Path, track: Track, sound: Sound) -> Sound:
    """Writes a track as the sound's file; returns the sound with what is known of it. Raises InputError."""
    write_sound(folder, sound.file, track.samples, track.rate)
    return described(sound, track)


def described(sound: Sound, track: Track) -> Sound:
    """The sound with length, quiet level, onsets and levels of its track."""
    return dataclasses.replace(
        sound,
        length=len(track),
        channels=track.channels,
        quiet_db=round(quiet_db(track), 2),
        onsets=tuple(round(float(time) * track.rate) for time in track.onsets),
        levels=tuple(round(float(level), 2) for level in impact_levels(track.samples, track.onsets, track.rate)),
    )


def quiet_db(track: Track) -> float:
    """RMS of a track's quiet parts, dBFS, at least -90."""
    size = max(1, round(BLOCK * track.rate))
    count, found = len(track) // size * size, []
    for part in blocks(count, BLOCKS * size):
        mono = track.mono_between(part.start, part.stop)
        found.append(np.square(mono, dtype=np.float64).reshape(-1, size).mean(1))
    power = np.percentile(np.concatenate(found), QUIET_SHARE) if found else 0.0
    return float(10 * np.log10(max(power, 1e-9)))


def cues_of(
    soundtrack: Soundtrack, sound: Sound, layer: str, first_id: int, references: tuple[str, ...] = ()
) -> tuple[tuple[Opening, ...], list[Cue]]:
    """A soundtrack's cues, each with the excerpt of `sound`, its track, that is heard at it, and what is before them.

    A cue's time is that of the onset near it; a cue without one has no excerpt. first_id: of the first cue. references: keys of
    the inputs.
    """
    track, cues = soundtrack.track, soundtrack.cues
    met = dict(match_pairs(cues.times, track.onsets, MATCH_WINDOW))
    heard = sorted(met.values())
    cuts = [round(time * track.rate) for time in soundtrack.scene_cuts]
    openings, excerpts = segmented(track, sound.key, [float(track.onsets[j]) for j in heard], cuts)
    excerpts = with_taken(excerpts, soundtrack.made_of if references else (), references, track.rate)
    of_onset = dict(zip(heard, excerpts, strict=True))
    spans = dict(zip(heard, until_next([float(track.onsets[j]) for j in heard], track.duration)))
    loud = {j: loud_share(track.samples, track.rate, *span) for j, span in spans.items()}
    out = []
    for i, (time, strength) in enumerate(zip(cues.times.tolist(), cues.strengths.tolist(), strict=True)):
        excerpt = of_onset[met[i]] if i in met else None
        begin = float(track.onsets[met[i]]) if i in met else time
        slide = slide_seconds(soundtrack.sliding, soundtrack.picture_fps, begin, loud[met[i]] if i in met else None)
        out.append(
            Cue(
                first_id + i,
                excerpt.onset / track.rate if excerpt else time,
                None if np.isnan(strength) else round(strength, 4),
                "slide" if slide else "impact",
                round(slide, 4) if slide else None,
                None
                if soundtrack.cues_given
                else confidence(soundtrack.impact_probability, time, soundtrack.picture_fps),
                layer,
                seen=round(time, 6),
                excerpt=excerpt,
            ).with_taken(len(references) > 1)
        )
    return openings, _apart(sorted(out, key=lambda cue: cue.time))


def with_taken(excerpts: Sequence[Excerpt], places: Places, references: Sequence[str], rate: int) -> list[Excerpt]:
    """Excerpts that know how they were made, and the moments that they were taken from.

    places: of impacts of their sound. references: keys of the inputs.
    """
    onsets = np.array([excerpt.onset / rate for excerpt in excerpts])
    met = dict(match_pairs(onsets, np.array([time for time, *_ in places]), TAKEN))
    out = []
    for i, excerpt in enumerate(excerpts):
        _, way, moment = places[met[i]] if i in met else (0.0, None, None)
        taken = Taken(round(moment[1], 4), references[moment[0]]) if moment else None
        out.append(dataclasses.replace(excerpt, taken=taken, way=way))
    return out


def _apart(cues: list[Cue]) -> list[Cue]:
    """The cues of a layer, of which no slide lasts longer than until the next one."""
    out = []
    for cue, following in zip(cues, [*cues[1:], None]):
        room = following.time - cue.time - 1e-4 if following else math.inf  # 0.1 ms: what is lost in label tracks
        if cue.duration is None or cue.duration <= room:
            out.append(cue)
        elif room >= SHORTEST:
            out.append(dataclasses.replace(cue, duration=math.floor(room * 1e4) / 1e4))
        else:
            out.append(dataclasses.replace(cue, kind="impact", duration=None))
    return out


def segmented(
    track: Track, key: str, onsets: Sequence[float], cuts: Sequence[int] = ()
) -> tuple[tuple[Opening, ...], list[Excerpt]]:
    """A track cut into excerpts, one for each of some of its onsets, and what is before them.

    onsets: s, ascending. cuts: samples of scene cuts, where excerpts end. All parts together are the track.
    """
    quiet = [quietest_before(track, time, before) for time, before in zip(onsets, [0.0, *onsets])]
    begins = [
        max([begin, *(cut for cut in cuts if cut <= round(time * track.rate))]) for begin, time in zip(quiet, onsets)
    ]
    known = set(begins)
    marks = sorted({0, *cuts, *known, len(track)})
    ends = dict(zip(marks, marks[1:]))
    excerpts = [
        Excerpt(key, begin, ends.get(begin, begin), round(time * track.rate)) for begin, time in zip(begins, onsets)
    ]
    starts = [mark for mark in marks[:-1] if mark not in known]
    return tuple(Opening(start, Excerpt(key, start, ends[start], start)) for start in starts), excerpts


def quietest_before(track: Track, onset: float, before: float) -> int:
    """The sample at which an onset's excerpt begins: the quietest shortly before it, behind the onset `before`, s."""
    rate = track.rate
    last = max(0, round((onset - LEAST_LEAD) * rate))
    first = max(0, round((onset - LEAD_SECONDS) * rate), round((before + onset) / 2 * rate) if before else 0)
    if first >= last:
        return last
    size = max(1, round(0.002 * rate))
    power = np.convolve(np.square(track.mono_between(first, last + size)), np.full(size, 1 / size), "valid")
    return first + int(power[: last - first].argmin())


def confidence(probability: np.ndarray, time: float, fps: float) -> float | None:
    """The highest probability of an impact within a frame of a time, s; None without a picture."""
    frame = round(time * fps)
    near = probability[max(0, frame - 1) : frame + 2]
    return round(float(near.max()), 4) if len(near) else None
