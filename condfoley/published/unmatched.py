"""What the published scripts do not do, whatever they generate with: follow cues, match the reference, bring to its level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate
from condfoley.encoded import Exemplar
from condfoley.hits import Hits
from condfoley.matching.chain import MatchAmounts
from condfoley.pipeline import Pipeline
from condfoley.runtime.scorer import VisualEvents
from condfoley.settings import Settings


class UnmatchedPipeline(Pipeline):
    """Steps in which candidates stay as they were generated."""

    def amounts(self, settings: Settings) -> MatchAmounts:
        """Nothing is matched."""
        return MatchAmounts(0.0, 0.0, 0.0, 0.0)

    def find_cues(self, events: VisualEvents, given: Hits | None, late: np.ndarray | None = None) -> Hits:
        """None."""
        return Hits(np.zeros(0), np.zeros(0))

    def level(self, track: Track, candidates: Sequence[Candidate], exemplar: Exemplar) -> tuple[Track, list[Candidate]]:
        """As loud as they were generated."""
        return track, list(candidates)
