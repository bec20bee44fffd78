"""`mode: published`: the steps as the published generation script does them (docs/published.md).

Its oddities are kept on purpose: published_facts.md, sections 2, 3, 10, 11 and 12, to which "section" refers here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from condfoley.audio.mel import window_spec
from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate
from condfoley.drafting.codes import NO_SAMPLING, CodeDrafter
from condfoley.drafting.drafter import Start
from condfoley.encoded import Exemplar
from condfoley.geometry import Geometry
from condfoley.inputs import Clip, Recording, read_reference
from condfoley.matching.chain import MatchAmounts
from condfoley.memory import Limits
from condfoley.pipeline import Progress
from condfoley.published.unmatched import UnmatchedPipeline
from condfoley.runtime.engine import Prompt
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.side_by_side import MOST, each
from condfoley.settings import GeneratorName, Settings


class PublishedDrafter(CodeDrafter):
    """Codes as the published script writes and decodes them. whole: the geometry of all of the target's windows in one."""

    def __init__(self, loaded: Loaded, geometry: Geometry, duration: float, limits: Limits, whole: Geometry):
        super().__init__(loaded, geometry, duration, limits)
        self.whole = whole

    def sampling(self, settings: Settings) -> dict[str, Any]:
        """The published sampling: the likelier half of the codes, temperature 1, no guidance (section 10).

        What is asked for does not count.
        """
        return NO_SAMPLING | {"top_k": self.engine.codebook_size // 2}

    def encode(self, wav: np.ndarray) -> np.ndarray:
        """Codes (1, codes) of the reference's first window, from a sound as long as the target's picture (section 11).

        A shorter sound is followed by silence; all of it is encoded at once. wav: (N,).
        """
        spec = window_spec(wav[None, : self.whole.clip_samples], self.whole)
        return self.engine.encode_windows(spec)[:, : self.geometry.codes]

    def sample(
        self,
        tokens: np.ndarray,
        exemplar: Exemplar,
        seeds: Sequence[int],
        sampling: dict[str, Any],
        report: Progress = lambda stage, share: None,
    ) -> np.ndarray:
        """Codes of each candidate, (N, codes of the whole target), column by column (section 11).

        The picture never moves on: all windows are generated for the target's first frames.
        """
        g = self.geometry
        streams = self.engine.random_streams(seeds)
        prompt = Prompt(tokens[None, : g.window_frames], exemplar.tokens, exemplar.sound)
        codes = np.zeros((len(seeds), self.whole.codes), np.int64)
        steps = column_windows(self.whole.code_columns, g.code_columns)
        for i, (start, begin, end) in enumerate(steps):
            first, middle, last = (c * g.code_rows for c in (start, begin, end))
            window = self.engine.generate_codes(prompt, streams, sampling, codes[:, first:middle], until=last - first)
            codes[:, middle:last] = window[:, middle - first :]
            report("writing the sound", 0.1 + 0.6 * (i + 1) / len(steps))
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Spectrograms (N, n_mels, M), nominally in [0, 1], of all codes at once (sections 2 and 3).

        Without the filling where a window is longer than its clip.
        """
        specs = each(lambda row: self.engine.decode_codes(row[None])[0], codes, min(self.engine.workers, MOST))
        return (np.stack(specs)[:, :, : self.whole.clip_mel_frames] + 1) / 2


class PublishedPipeline(UnmatchedPipeline):
    """One job of the published script.

    spans: windows in the target, rounded up (its W_scale). whole: the geometry of that many windows in one.
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
        super().__init__(loaded, duration, candidates, limits, "transformer", start)
        g = loaded.geometry
        self.geometry = g = dataclasses.replace(g, crop="first") if g.crop == "centre" else g
        self.spans = n = max(1, math.ceil(round(duration * g.fps) / g.window_frames))
        self.whole = dataclasses.replace(
            g,
            window_mel_frames=n * g.window_mel_frames,
            window_frames=n * g.window_frames,
            code_columns=n * g.code_columns,
        )

    @cached_property
    def drafter(self) -> PublishedDrafter:
        """The published way to write codes. Raises InputError for weights without a transformer."""
        self.loaded.generator("transformer")
        return PublishedDrafter(self.loaded, self.geometry, self.duration, self.limits, self.whole)

    def record(self, settings: Settings, sampling: dict[str, Any], amounts: MatchAmounts) -> dict[str, Any]:
        """As it is done: nothing is comped or aligned."""
        return super().record(settings, sampling, amounts) | {"comp": False, "align": False}

    def read_reference(self, clip: Clip, start: float | None) -> Recording:
        """As it was recorded."""
        return read_reference(clip, start, self.geometry, as_recorded=True)

    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        """Tokens of all frames in one pass, so that BatchNorm sees the whole clip and nothing else (section 11)."""
        return self._one_pass(frames, 0)

    def encode_reference_frames(self, frames: np.ndarray, first: int, shown: int) -> np.ndarray:
        """The first window of one pass over as many frames as the target has."""
        return self._one_pass(frames, first)[: self.geometry.window_frames]

    def _one_pass(self, frames: np.ndarray, begin: int) -> np.ndarray:
        """Tokens (T, D) of the job's T frames from `begin` on; the last frame stays where the clip is shorter."""
        count = self.whole.window_frames
        index = (begin + np.arange(count)).clip(max=len(frames) - 1)
        return self.engine.encode_frames(frames[index], chunk=count)

    def vocode(self, specs: np.ndarray, outer: np.ndarray | None = None) -> list[Track]:
        """The vocoder's own output of each candidate: silence where the published file ends (section 2)."""
        samples, rate = round(self.duration * self.geometry.sample_rate), self.geometry.sample_rate
        sounds = self.each(lambda spec: self.engine.vocode(spec[None])[0, :samples], specs)
        return [Track(np.pad(wav, (0, samples - len(wav))), rate) for wav in sounds]

    def best(self, candidates: Sequence[Candidate], tolerance: float) -> int:
        """Index of the candidate that the published rules choose."""
        return rerank_published([c.offset for c in candidates], [c.confidence for c in candidates], tolerance)


def column_windows(total: int, window: int) -> list[tuple[int, int, int]]:
    """The published sliding window, mode `half`, as (start, first column that is written, the one after the last).

    A column is written in the window that begins half a window before it, kept inside [0, total) (section 11);
    neighbours that share a window are taken together.
    """
    starts = [min(max(0, column - window // 2), total - window) for column in range(total)]
    return [(s, starts.index(s), starts.index(s) + starts.count(s)) for s in dict.fromkeys(starts)]


def rerank_published(offsets: Sequence[float], confidences: Sequence[float], tolerance: float) -> int:
    """Index of the candidate that the published rules choose (section 12).

    With a tolerance: the most confident with |offset| <= tolerance; the last one when there is none. Without (0): the
    smallest |offset|, confidence breaking ties. offsets, tolerance: s. Raises ValueError when there is no candidate.
    """
    if not len(offsets):
        raise ValueError("there is no candidate to choose from")
    limit = tolerance if tolerance else min(map(abs, offsets))
    near = [i for i, offset in enumerate(offsets) if abs(offset) <= limit + 1e-6]
    return max(near, key=lambda i: confidences[i]) if near else len(offsets) - 1
