"""`mode: published` of these systems: their own sound, as their scripts write it, is the soundtrack."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate, score_candidates
from condfoley.comping.takes import Take
from condfoley.drafting.drafter import Drafts
from condfoley.encoded import Exemplar, Picture
from condfoley.hits import Hits
from condfoley.matching.chain import MatchAmounts
from condfoley.pipeline import Progress
from condfoley.published.diffusion.drafter import DiffusionDrafter, DiffusionDrafts
from condfoley.published.diffusion.systems import RATE
from condfoley.published.unmatched import UnmatchedPipeline
from condfoley.runtime.scorer import VisualEvents
from condfoley.settings import Settings


class PublishedDiffusionPipeline(UnmatchedPipeline):
    """One job of the published scripts: each candidate is a sound of its own, and the first one is the soundtrack."""

    @cached_property
    def drafter(self) -> DiffusionDrafter:
        """The system, with its faults. Raises InputError where another generator is asked for."""
        self.loaded.generator(self.generator)
        assert self.loaded.diffusion
        return DiffusionDrafter(self.loaded.diffusion, self.geometry, self.duration, self.limits, as_published=True)

    def record(self, settings: Settings, sampling: dict[str, Any], amounts: MatchAmounts) -> dict[str, Any]:
        """As it is done: nothing is ranked, comped or aligned."""
        return super().record(settings, sampling, amounts) | {"rerank": False, "comp": False, "align": False}

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
        """The system's own sounds, at RATE. The sync model's scores are written, and change nothing."""
        assert isinstance(drafts, DiffusionDrafts)
        out: list[Candidate] = []
        for index, seed in enumerate(seeds):
            report("decoding", 0.7 + 0.3 * index / len(seeds))
            specs = drafts.spectrograms(slice(index, index + 1))
            offsets, confidences = self.loaded.scorer.score(picture.scorer_tokens, specs)
            track = self.stored(Track(drafts.sounds[index], RATE))
            out += score_candidates([track], [seed], offsets.tolist(), confidences.tolist(), cues.times, False)
        return out

    def comp(self, candidates: Sequence[Candidate], cues: Hits, settings: Settings) -> tuple[Track, list[Take]]:
        """The first candidate, whole."""
        return candidates[0].track, [Take(0.0, 0)]

    def match(
        self,
        track: Track,
        candidates: Sequence[Candidate],
        exemplar: Exemplar,
        cues: Hits,
        events: VisualEvents,
        amounts: MatchAmounts,
    ) -> tuple[Track, list[Candidate]]:
        """As generated."""
        return track, list(candidates)

    def place(self, track: Track, cues: Hits, exemplar: Exemplar, settings: Settings, enforced: bool) -> Track:
        """As generated."""
        return track
