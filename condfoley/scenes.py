"""Targets with scene cuts: each scene gets a soundtrack of its own, and these follow one another.

So no window, take or tail crosses a cut. What belongs to the whole is done for all scenes together: how loud they are against
one another, and against the reference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.audio.levels import impact_levels
from condfoley.audio.onsets import MATCH_WINDOW, match, matched_onsets
from condfoley.audio.splice import faded, segment, until_next
from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate
from condfoley.drafting.drafter import Source
from condfoley.encoded import Exemplar
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import Clip, Recording
from condfoley.matching.dynamics import LEVEL_PER_STRENGTH, MAX_GAIN_DB, MIN_STRENGTH
from condfoley.pipeline import Pipeline, Progress
from condfoley.settings import Settings
from condfoley.soundtrack import EDGE, Soundtrack


@dataclass
class Scene:
    """A scene of a clip, as a clip itself (`inputs.Clip`). start, duration: s."""

    clip: Clip
    start: float
    duration: float
    name: str

    def frames(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.frames`."""
        begin, end = span or (0.0, self.duration)
        return self.clip.frames(geometry, (self.start + begin, self.start + end))

    def late(self, geometry: Geometry, span: tuple[float, float] | None = None) -> np.ndarray | None:
        """See `Clip.late`."""
        begin, end = span or (0.0, self.duration)
        return self.clip.late(geometry, (self.start + begin, self.start + end))

    def sound(self, rate: int) -> np.ndarray | None:
        """See `Clip.sound`."""
        wav = self.clip.sound(rate)
        return None if wav is None else wav[round(self.start * rate) :][: round(self.duration * rate)]

    def recording(self) -> tuple[np.ndarray, int] | None:
        """See `Clip.recording`."""
        found = self.clip.recording()
        if found is None:
            return None
        sound, rate = found
        return sound[:, round(self.start * rate) :][:, : round(self.duration * rate)], rate

    def hits(self, whole: Hits) -> Hits:
        """Those of a target's hits that are in the scene, from its start on."""
        inside = (whole.times >= self.start) & (whole.times < self.start + self.duration)
        return Hits(whole.times[inside] - self.start, whole.strengths[inside])


class ScenePipeline(Pipeline):
    """The steps of one scene, which leave the level to the whole target's steps, `whole`. exemplar: if it is encoded.

    begin: of the scene, s.
    """

    def __init__(self, whole: Pipeline, begin: float, duration: float, exemplar: Exemplar | None):
        super().__init__(whole.loaded, duration, whole.candidates, whole.limits, whole.generator, whole.start)
        self.whole, self.begin, self.exemplar = whole, begin, exemplar

    def read_reference(self, clip: Clip, start: float | None) -> Recording:
        """Read for the first scene only."""
        return self.exemplar.recording if self.exemplar else super().read_reference(clip, start)

    def encode_reference(self, recording: Recording) -> Exemplar:
        """Encoded for the first scene only."""
        self.exemplar = self.exemplar or super().encode_reference(recording)
        return self.exemplar

    def source(self, exemplar: Exemplar) -> Source | None:
        """The scene's part of what the whole target starts from."""
        source, rate = self.whole.source(exemplar), self.geometry.sample_rate
        if source is None:
            return None
        return Source(source.wav[round(self.begin * rate) :][: round(self.duration * rate)], source.strength)

    def stored(self, track: Track) -> Track:
        """As the whole target needs it."""
        return self.whole.stored(track)

    def level(self, track: Track, candidates: Sequence[Candidate], exemplar: Exemplar) -> tuple[Track, list[Candidate]]:
        """As generated."""
        return track, list(candidates)


def run_scenes(
    whole: Pipeline,
    cuts: Sequence[int],
    target: Clip,
    frames: np.ndarray,
    reference: Clip,
    settings: Settings,
    given: Hits | None,
    report: Progress,
) -> Soundtrack:
    """`Pipeline.run` for each scene of a target, joined.

    whole: the steps for all of it. cuts: first frames of the scenes but the first, ascending. frames: (T, S, S, 3) uint8.
    given: cues of the target. Raises InputError when a clip cannot be used.
    """
    fps, bounds = whole.geometry.fps, [0, *cuts]
    exemplar: Exemplar | None = None
    scenes, made = [], []
    for i, (first, last) in enumerate(until_next(bounds, len(frames))):
        start = first / fps
        end = last / fps if last < len(frames) else whole.duration
        scene = Scene(target, start, end - start, target.name)
        pipeline = ScenePipeline(whole, start, scene.duration, exemplar)

        def part(stage: str, share: float, done: int = i) -> None:
            report(stage, 0.98 * (done + share) / len(bounds))

        told = None if given is None else scene.hits(given)
        made.append(pipeline.run(scene, frames[int(first) : int(last)], reference, settings, told, part))
        exemplar = pipeline.exemplar
        scenes.append(scene)
    assert exemplar
    out = joined(scenes, made, whole, settings, exemplar)
    report("done", 1.0)
    return dataclasses.replace(out, target_frames=frames)


def joined(
    scenes: Sequence[Scene], made: Sequence[Soundtrack], whole: Pipeline, settings: Settings, exemplar: Exemplar
) -> Soundtrack:
    """The soundtracks of a target's scenes as one, at one level."""
    gains = scene_gains(made, whole.amounts(settings).dynamics)
    cues = Hits(
        np.concatenate([part.cues.times + scene.start for scene, part in zip(scenes, made, strict=True)]),
        np.concatenate([part.cues.strengths for part in made]),
    )
    samples = round(whole.duration * whole.geometry.sample_rate)

    def sound(tracks: Sequence[Track]) -> Track:
        return follow_one_another(tracks, [scene.start for scene in scenes], gains, samples)

    candidates = []
    for parts in zip(*(part.candidates for part in made), strict=True):
        track = whole.stored(sound([part.track for part in parts]))
        candidates.append(_scored(parts, track, [scene.duration for scene in scenes], cues.times))
    track, candidates = whole.level(sound([part.track for part in made]), candidates, exemplar)
    takes = [t._replace(start=t.start + s.start) for s, part in zip(scenes, made, strict=True) for t in part.takes]
    codes = [part.codes for part in made if part.codes is not None]
    return dataclasses.replace(
        made[0],
        track=track,
        candidates=candidates,
        takes=takes,
        cues=cues,
        duration=whole.duration,
        impact_probability=np.concatenate([part.impact_probability for part in made]),
        sliding=np.concatenate([part.sliding for part in made]),
        scene_cuts=tuple(scene.start for scene in scenes[1:]),
        codes=np.concatenate(codes, axis=1) if codes else None,
    )


def scene_gains(made: Sequence[Soundtrack], amount: float) -> list[float]:
    """By how much each scene is to be louder than it was generated: dB, in the mean over all impacts 0.

    So that impacts are as loud as they look in all scenes, as `match_dynamics` has it within each. amount: 0 to 1. A
    scene without impacts, or with such of unknown strength, stays as it is.
    """
    wanted = []
    for part in made:
        onsets = matched_onsets(part.cues.times, part.track.onsets)
        if len(onsets) and part.cues.strengths.any():
            nearest = np.abs(part.cues.times - onsets[:, None]).argmin(1)
            target = LEVEL_PER_STRENGTH * 20 * np.log10(part.cues.strengths[nearest].clip(MIN_STRENGTH))
            wanted.append(target - impact_levels(part.track.samples, onsets, part.track.rate))
        else:
            wanted.append(np.zeros(0))
    mean = float(np.concatenate(wanted).mean()) if any(map(len, wanted)) else 0.0
    return [amount * float(np.clip(w.mean() - mean, -MAX_GAIN_DB, MAX_GAIN_DB)) if len(w) else 0.0 for w in wanted]


def follow_one_another(tracks: Sequence[Track], starts: Sequence[float], gains: Sequence[float], samples: int) -> Track:
    """Tracks that begin at `starts`, s, each `gains` dB louder and faded at both ends, up to the next: `samples` long."""
    rate, edge = tracks[0].rate, round(EDGE * tracks[0].rate)
    begins = [round(start * rate) for start in starts]
    parts = []
    for track, gain, (begin, end) in zip(tracks, gains, until_next(begins, samples), strict=True):
        own = segment(track.samples, 0, int(end - begin)) * np.float32(10 ** (gain / 20))
        parts.append(faded(own, edge if begin else 0, edge if end < samples else 0))
    onsets = np.concatenate([track.onsets + start for track, start in zip(tracks, starts, strict=True)])
    rises = np.concatenate([track.rises for track in tracks])
    return Track(np.concatenate(parts, axis=1), rate, (onsets, rises))


def _scored(parts: Sequence[Candidate], track: Track, durations: Sequence[float], cues: np.ndarray) -> Candidate:
    """Scenes' candidates of one seed as one: offset and confidence are means over time. cues: (K,) s."""
    offset, confidence = (
        float(np.average([getattr(part, name) for part in parts], weights=durations))
        for name in ("offset", "confidence")
    )
    agreement = match(cues, track.onsets, MATCH_WINDOW).f1 if len(cues) else None
    return Candidate(track, parts[0].seed, offset, confidence, agreement)
