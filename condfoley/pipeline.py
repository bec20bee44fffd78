"""The diagram as code: how a target's soundtrack comes about, step by step.

    encode_picture, encode_reference -> find_cues -> draft -> match_spectrum -> vocode -> score
                                                  -> comp -> match -> place -> level

Each step is a public method that takes and gives arrays or tracks; `run` is their order. What generates is a `Drafter`
(`drafting`), and what runs the networks an `Engine`; nothing here knows which. Letters in shapes: T frames, D features, N
candidates, M spectrogram frames.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from condfoley.audio import windows
from condfoley.audio.levels import gain_to_level, median_impact_db
from condfoley.audio.mel import spectrogram
from condfoley.audio.postfilter import postfilter
from condfoley.audio.track import Track
from condfoley.comping.edits import extract_one_shot
from condfoley.comping.ranking import Candidate, rank_candidates, score_candidates
from condfoley.comping.repair import enforce, repair, repairs
from condfoley.comping.takes import MAX_SHIFT_CELLS, Take, comp
from condfoley.drafting.choice import drafter_of
from condfoley.drafting.drafter import Drafter, Drafts, Source, Start
from condfoley.encoded import Exemplar, Picture
from condfoley.errors import InputError
from condfoley.hits import Hits
from condfoley.inputs import Clip, Recording, read_reference, read_target
from condfoley.matching.chain import MatchAmounts, match_candidate, match_track
from condfoley.matching.dynamics import fill_strengths, visual_strength
from condfoley.matching.spectrum import match_spectrum, outer_gain
from condfoley.memory import Limits, blocks, release, retain_freed_memory, return_freed_memory, sound_array
from condfoley.runtime.exposure import corrected
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.peaks import pick_onsets
from condfoley.runtime.scorer import VisualEvents
from condfoley.runtime.side_by_side import MOST, Item, Value, each
from condfoley.settings import MATCHING, GeneratorName, Settings
from condfoley.soundtrack import Soundtrack, finished, spilled

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all that is done."""

FULL_MATCH = 1.0  # amount of each matching step where none is asked for


class Pipeline:
    """The steps of one target, as they are by default (`mode: corrected`).

    loaded: the weights. duration: of the target, s. candidates: how many are generated. generator: what writes them. start:
    a sound that they start from.
    """

    def __init__(
        self,
        loaded: Loaded,
        duration: float,
        candidates: int = 1,
        limits: Limits | None = None,
        generator: GeneratorName = "auto",
        start: Start | None = None,
    ):
        self.loaded, self.duration, self.candidates = loaded, duration, candidates
        self.generator, self.start = generator, start
        self.limits, self.engine, self.geometry = limits or Limits(), loaded.engine, loaded.geometry

    @cached_property
    def drafter(self) -> Drafter:
        """What generates the candidates. Raises InputError where the weights have no such generator."""
        return drafter_of(self.loaded, self.geometry, self.duration, self.limits, self.generator)

    def run(
        self,
        target: Clip,
        frames: np.ndarray,
        reference: Clip,
        settings: Settings,
        given: Hits | None,
        report: Progress,
    ) -> Soundtrack:
        """All steps.

        frames: the target's, (T, S, S, 3) uint8. given: cues in place of those that the picture shows; other impacts
        are then taken out. Raises InputError when a clip cannot be used.
        """
        sampling, amounts = self.sampling(settings), self.amounts(settings)
        retain_freed_memory(self.long)
        report("watching the target", 0.0)
        picture = self.encode_picture(frames, target)
        report("listening to the reference", 0.05)
        exemplar = self.encode_reference(self.read_reference(reference, settings.reference_start))
        cues = self.find_cues(picture.events, given, target.late(self.loaded.scorer.geometry))
        seeds = [settings.seed + i for i in range(settings.candidates)]
        self.give_back()
        source = self.source(exemplar)
        seen = self.drafter.look(target, picture.tokens)
        drafts = self.drafter.draft(seen, exemplar, seeds, sampling, report, source=source)
        self.give_back()
        candidates = self.render_candidates(drafts, seeds, picture, exemplar, cues, amounts, settings.align, report)
        self.give_back()
        track, takes = self.comp(candidates, cues, settings)
        track, candidates = self.match(track, candidates, exemplar, cues, picture.events, amounts)
        track = self.place(track, cues, exemplar, settings, given is not None)
        track, candidates = self.level(track, candidates, exemplar)
        report("done", 1.0)
        return Soundtrack(
            track=track,
            geometry=self.geometry,
            candidates=candidates,
            takes=takes,
            cues=cues,
            cues_given=given is not None,
            duration=self.duration,
            reference=exemplar.recording.window,
            reference_start=exemplar.recording.start,
            reference_frames=exemplar.recording.visible,
            target_frames=picture.frames,
            impact_probability=picture.events.onset,
            sliding=picture.events.sliding,
            picture_fps=self.loaded.scorer.geometry.fps,
            settings=self.record(settings, sampling, amounts),
            weights=self.loaded.identity,
            engine={"name": self.engine.name, "version": self.engine.version},
            codes=drafts.codes,
        )

    # What is asked for

    def sampling(self, settings: Settings) -> dict[str, Any]:
        """How is drawn; see `Drafter.sampling`."""
        return self.drafter.sampling(settings)

    def amounts(self, settings: Settings) -> MatchAmounts:
        """How far each matching step goes."""
        return MatchAmounts(**{**dict.fromkeys(MATCHING, FULL_MATCH), **settings.given(MATCHING)})

    def record(self, settings: Settings, sampling: dict[str, Any], amounts: MatchAmounts) -> dict[str, Any]:
        """The settings with what was recommended filled in."""
        strength = {} if self.start is None else {"strength": self.start.strength}
        used = sampling | dataclasses.asdict(amounts) | {"generator": self.drafter.name}
        return dataclasses.asdict(settings) | used | strength

    # Encoding

    def encode_picture(self, frames: np.ndarray, target: Clip) -> Picture:
        """The target's frames, (T, S, S, 3) uint8, as tokens, and the events they show.

        target: the clip itself, for a borrowed scorer, which has other frames.
        """
        pictures = self.loaded.pictures
        key = "" if pictures is None else hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()
        if pictures is not None and key in pictures:
            return dataclasses.replace(pictures[key], frames=frames)
        tokens, scorer = self.encode_frames(frames), self.loaded.scorer
        if not scorer.borrowed:
            scored, scorer_tokens = frames, tokens[: len(frames)]
        else:
            _, scored = read_target(target, scorer.geometry)
            scorer_tokens = scorer.engine.encode_frames(scored)
        picture = Picture(frames, tokens, scorer_tokens, scorer.visual_events(scored, scorer_tokens))
        if pictures is not None:
            pictures[key] = dataclasses.replace(picture, frames=frames[:0])
        return picture

    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        """Tokens of the target: (T, S, S, 3) uint8 -> (T, D)."""
        return self.engine.encode_frames(frames)

    def read_reference(self, clip: Clip, start: float | None) -> Recording:
        """The reference from `start`, s, on; None: from where its events are clearest."""
        return read_reference(clip, start, self.geometry)

    def encode_reference(self, recording: Recording) -> Exemplar:
        """The reference's window as the generator knows it."""
        tokens = None
        if len(recording.frames):
            tokens = self.encode_reference_frames(recording.frames, recording.first, recording.shown)[None]
        return Exemplar(tokens, self.drafter.encode(recording.following), recording)

    def encode_reference_frames(self, frames: np.ndarray, first: int, shown: int) -> np.ndarray:
        """Tokens of `shown` frames from `first` on, repeated like their sound: (window_frames, D)."""
        index = first + np.arange(self.geometry.window_frames) % shown
        return self.engine.encode_frames(frames)[index]

    def source(self, exemplar: Exemplar) -> Source | None:
        """What candidates start from: its median impact as loud as the exemplar's; None: from noise alone."""
        if self.start is None:
            return None
        track, reference = self.start.track, exemplar.recording.window
        wanted = median_impact_db(reference.samples, reference.onsets, reference.rate)
        gain = gain_to_level(track.samples, track.onsets, wanted, track.rate)
        return Source(track.mono * np.float32(gain), self.start.strength)

    def find_cues(self, events: VisualEvents, given: Hits | None, late: np.ndarray | None = None) -> Hits:
        """What the soundtrack follows: the cues that are given, or else the impacts that the picture shows.

        late: see `Clip.late`, for the scorer's frames; None: frames show what was there at their instants.
        """
        fps = self.loaded.scorer.geometry.fps
        if given is not None:
            return Hits(given.times, fill_strengths(events.strength, given, fps))
        times = pick_onsets(events.onset, fps)
        return Hits(corrected(times, late, fps), visual_strength(events.strength, times, fps))

    # Generating

    def render_candidates(
        self,
        drafts: Drafts,
        seeds: Sequence[int],
        picture: Picture,
        exemplar: Exemplar,
        cues: Hits,
        amounts: MatchAmounts,
        align: bool,
        report: Progress,
    ) -> list[Candidate]:
        """Candidates as scored sounds, a few at a time."""
        out: list[Candidate] = []
        few = self.limits.decoded_together(self.duration)
        for first in range(0, len(drafts), few):
            report("decoding", 0.7 + 0.3 * first / len(drafts))
            part = slice(first, first + few)
            specs, tracks = self.render(drafts.spectrograms(part), exemplar, amounts.eq_match)
            scored = self.score(specs, tracks, seeds[part], picture, cues, align)
            out += self._each(scored, lambda track: track)
        return out

    def render(self, specs: np.ndarray, exemplar: Exemplar, eq_match: float) -> tuple[np.ndarray, list[Track]]:
        """Spectrograms (N, n_mels, M) in [0, 1] with their mean spectrum matched, and tracks as long as the picture.

        eq_match: amount by which the mean spectrum is brought to the reference's.
        """
        reference = exemplar.recording.following
        specs = match_spectrum(specs, spectrogram(reference, self.geometry), eq_match)
        return specs, self.vocode(specs, outer_gain(reference, self.geometry, eq_match))

    def vocode(self, specs: np.ndarray, outer: np.ndarray | None = None) -> list[Track]:
        """Spectrograms (N, n_mels, M) in [0, 1] -> tracks as long as the picture, without DC, in chunks.

        outer: (n_fft // 2 + 1,), see `outer_gain`.
        """
        g, limits, config = self.geometry, self.limits, self.engine.vocoder_config
        samples = min(round(self.duration * g.sample_rate), specs.shape[2] * g.hop)
        sounds = [sound_array((samples,)) for _ in specs]

        def write(place: tuple[int, windows.Piece]) -> None:
            index, (begin, end, left, right) = place
            spec = specs[index, None, :, left:right]
            wav = postfilter(self.engine.vocode(spec), spec, g, config, left * g.hop, outer)[0]
            part = sounds[index][begin * g.hop : end * g.hop]
            part[:] = wav[(begin - left) * g.hop :][: len(part)]

        pieces = list(windows.pieces(specs.shape[2], limits.vocoder_chunk, limits.vocoder_margin))
        self.each(write, [(index, piece) for index in range(len(specs)) for piece in pieces])
        for sound in sounds:
            mean = sound.mean()
            if not np.isfinite(mean):
                raise InputError(
                    f"the weights {self.loaded.identity['name']} make a sound of values that are no numbers; "
                    "get a fresh copy of the weights"
                )
            for part in blocks(samples):
                sound[part] -= mean
        return [Track(sound, g.sample_rate) for sound in sounds]

    def score(
        self,
        specs: np.ndarray,
        tracks: Sequence[Track],
        seeds: Sequence[int],
        picture: Picture,
        cues: Hits,
        align: bool,
    ) -> list[Candidate]:
        """Tracks as candidates with their scores; align: each is moved by its median offset from the cues.

        specs: (N, n_mels, M) in [0, 1], theirs.
        """
        offsets, confidences = self.loaded.scorer.score(picture.scorer_tokens, specs)
        if len(cues.times):
            self.each(lambda track: track.onsets, tracks)  # a track keeps them
        return score_candidates(tracks, seeds, offsets.tolist(), confidences.tolist(), cues.times, align)

    def stored(self, track: Track) -> Track:
        """A candidate's track, in a temporary file where all of them would take too much memory."""
        return spilled(track) if self.long else track

    @property
    def long(self) -> bool:
        """Whether candidates and what is kept for later calls take too much memory together."""
        return self.limits.are_long(self.candidates, self.duration)

    def give_back(self) -> None:
        """Between steps of long targets: memory that is kept for the next step is given back."""
        if self.long:
            self.engine.forget()
            return_freed_memory()

    # Of many candidates one soundtrack

    def best(self, candidates: Sequence[Candidate], tolerance: float) -> int:
        """Index of the candidate that is taken where one is taken whole."""
        return rank_candidates(candidates, tolerance)[0]

    def comp(self, candidates: Sequence[Candidate], cues: Hits, settings: Settings) -> tuple[Track, list[Take]]:
        """The soundtrack that is put together from the candidates, and from which takes."""
        best = self.best(candidates, settings.tolerance) if settings.rerank else 0
        times = cues.times if settings.rerank and settings.comp else cues.times[:0]
        shift = MAX_SHIFT_CELLS if settings.align else 0
        made = comp(candidates, times, best, settings.tolerance, repairs(settings.align), shift)
        release(*(candidate.track.samples for candidate in candidates))
        return made

    def match(
        self,
        track: Track,
        candidates: Sequence[Candidate],
        exemplar: Exemplar,
        cues: Hits,
        events: VisualEvents,
        amounts: MatchAmounts,
    ) -> tuple[Track, list[Candidate]]:
        """The soundtrack and its candidates with impacts that sound as the reference's and are as loud as they look."""
        reference = exemplar.recording.with_tail
        track, steps = match_track(track, reference, cues, events.sliding, self.geometry, amounts)
        return track, self._each(candidates, lambda candidate: match_candidate(candidate, steps, cues.times))

    def place(self, track: Track, cues: Hits, exemplar: Exemplar, settings: Settings, enforced: bool) -> Track:
        """The soundtrack with its impacts at the cues once more: how one begins and rings decides where its onset is.

        enforced: the cues were given, so other impacts are taken out.
        """
        if enforced:
            return enforce(track, cues.times, extract_one_shot(exemplar.recording.with_tail), settings.align)
        return repair(track, cues.times, settings.align) if settings.rerank and settings.comp else track

    def level(self, track: Track, candidates: Sequence[Candidate], exemplar: Exemplar) -> tuple[Track, list[Candidate]]:
        """Soundtrack and candidates as loud as the reference's clip: the median impact is as loud as its median one."""
        reference = exemplar.recording.window
        wanted = median_impact_db(reference.samples, reference.onsets, reference.rate) - exemplar.recording.gain_db

        def finish(sound: Track) -> Track:
            return finished(sound, gain_to_level(sound.samples, sound.onsets, wanted, sound.rate))

        return finish(track), self._each(candidates, finish)

    def _each(self, candidates: Sequence[Candidate], change: Callable[[Track], Track]) -> list[Candidate]:
        """Candidates whose tracks are changed one by one, and stored again."""

        def changed(candidate: Candidate) -> Track:
            track = self.stored(change(candidate.track))
            release(candidate.track.samples, track.samples)
            if self.long:
                return_freed_memory()
            return track

        tracks = self.each(changed, candidates, max(1, int(self.limits.track_seconds / self.duration)))
        return [dataclasses.replace(c, track=track) for c, track in zip(candidates, tracks, strict=True)]

    def each(self, function: Callable[[Item], Value], items: Iterable[Item], most: int = MOST) -> list[Value]:
        """The function's values for all items, as many at a time as the engine computes side by side; `most` at most."""
        return each(function, items, min(self.engine.workers, most))
