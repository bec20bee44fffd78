"""The transformer's drafts: codes one by one, decoded by the tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from condfoley.audio import windows
from condfoley.drafting.drafter import Around, Source, decoded, reference_window, window_before
from condfoley.errors import InputError, flag
from condfoley.geometry import Geometry
from condfoley.memory import Limits
from condfoley.runtime.engine import Prompt
from condfoley.runtime.loaded import Loaded
from condfoley.settings import FLOW_SAMPLING, SAMPLING, GeneratorName, Settings

if TYPE_CHECKING:
    from condfoley.encoded import Exemplar
    from condfoley.inputs import Clip
    from condfoley.pipeline import Progress

ADVANCE = 0.5  # share of a window by which the next one starts later
RECOMMENDED = {"temperature": 0.9, "top_p": 0.9}  # where the weights' card names no `sampling` of its own
NO_SAMPLING = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "guidance": 1.0, "picture_guidance": 1.0}


@dataclass(frozen=True)
class CodeDrafts:
    """Candidates as codes, (N, columns * rows), which `drafter` decodes; see `drafter.Drafts`."""

    drafter: CodeDrafter
    codes: np.ndarray

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.codes)

    def spectrograms(self, part: slice) -> np.ndarray:
        """(N', n_mels, M) in [0, 1]."""
        return self.drafter.decode(self.codes[part])


class CodeDrafter:
    """See `drafter.Drafter`. It knows what is before a section, not what is behind it.

    duration: of the target, s.
    """

    name: GeneratorName = "transformer"
    both_sides = False

    def __init__(self, loaded: Loaded, geometry: Geometry, duration: float, limits: Limits):
        self.engine, self.card = loaded.engine, loaded.card
        self.geometry, self.duration, self.limits = geometry, duration, limits

    def sampling(self, settings: Settings) -> dict[str, Any]:
        """How codes are drawn: what is asked for, or else what the weights recommend.

        Raises InputError for a setting of the flow's.
        """
        if own := settings.given([name for name in FLOW_SAMPLING if name not in SAMPLING]):
            raise InputError(f"{flag(next(iter(own)))} is of the generator flow; leave it out with transformer")
        return {**NO_SAMPLING, **RECOMMENDED, **self.card.get("sampling", {})} | settings.given(SAMPLING)

    def encode(self, wav: np.ndarray) -> np.ndarray:
        """Codes of a sound's first window, which is repeated where it is shorter: (N,) -> (1, codes)."""
        return self.engine.encode_windows(reference_window(wav, self.geometry))

    def look(self, target: Clip, tokens: np.ndarray) -> np.ndarray:
        """The picture's tokens, as they are."""
        return tokens

    def draft(
        self,
        tokens: np.ndarray,
        exemplar: Exemplar,
        seeds: Sequence[int],
        sampling: dict[str, Any],
        report: Progress = lambda stage, share: None,
        around: Around | None = None,
        source: Source | None = None,
    ) -> CodeDrafts:
        """All candidates; see `Drafter.draft`."""
        if source is not None:
            raise InputError(
                "the generator transformer cannot start from a sound; use weights with flow, or leave it out"
            )
        if around is None:
            return CodeDrafts(self, self.sample(tokens, exemplar, seeds, sampling, report))
        known = self.encode_known(around)
        return CodeDrafts(self, self.continue_codes(known, tokens, exemplar, seeds, sampling, report, around.frame))

    def sample(
        self,
        tokens: np.ndarray,
        exemplar: Exemplar,
        seeds: Sequence[int],
        sampling: dict[str, Any],
        report: Progress = lambda stage, share: None,
    ) -> np.ndarray:
        """All candidates' codes: (N, columns * rows), column by column.

        The target's stretches are generated side by side, each of them window by window from left to right.
        tokens: (T, D). seeds: of the candidates.
        """
        g = self.geometry
        total = g.columns_for(self.duration)
        starts, length = windows.stretches(total, g.valid_columns)
        streams = self.engine.random_streams([seed + (i << 32) for i in range(len(starts)) for seed in seeds])
        codes = np.zeros((len(streams), length * g.code_rows), np.int64)
        self._write(codes, tokens, exemplar, streams, sampling, report, [g.frame_of_column(first) for first in starts])
        stretches = codes.reshape(len(starts), len(seeds), -1)
        return windows.join(stretches, [start * g.code_rows for start in starts], total * g.code_rows)

    def continue_codes(
        self,
        known: np.ndarray,
        tokens: np.ndarray,
        exemplar: Exemplar,
        seeds: Sequence[int],
        sampling: dict[str, Any],
        report: Progress = lambda stage, share: None,
        frame: float = 0.0,
    ) -> np.ndarray:
        """Candidates' codes whose first columns are known: (N, columns * rows); the others continue from them.

        known: (1 or N, known columns * rows). tokens: (T, D), of which number `frame` is shown where the first column
        begins. All else as for `sample`, but in one stretch, from left to right.
        """
        g = self.geometry
        written = known.shape[1] // g.code_rows
        codes = np.zeros((len(seeds), g.columns_for(self.duration) * g.code_rows), np.int64)
        codes[:, : known.shape[1]] = known
        streams = self.engine.random_streams(seeds)
        places = [frame + g.frame_of_column(0)]
        self._write(codes, tokens, exemplar, streams, sampling, report, places, written)
        return codes

    def encode_known(self, around: Around) -> np.ndarray:
        """Codes of what is heard in a section's known columns: (1, known * rows).

        One window is encoded, which ends where the known columns do, so that they say nothing of what is replaced.
        """
        g, place = self.geometry, around.section
        if around.heard is None or not place.known:
            return np.zeros((1, 0), np.int64)
        window = window_before(around.heard, place.first + place.known, g)
        codes = self.engine.encode_windows(window)[:, : g.valid_columns * g.code_rows]
        return codes[:, -place.known * g.code_rows :]

    def _write(
        self,
        codes: np.ndarray,
        tokens: np.ndarray,
        exemplar: Exemplar,
        streams: Sequence[Any],
        sampling: dict[str, Any],
        report: Progress,
        begins: Sequence[float],
        known: int = 0,
    ) -> None:
        """Fills codes (S * N, columns * rows) of S stretches from column `known` on, all of them side by side.

        streams: of random numbers, S * N. begins: S places among the tokens, (T, D), in frames, where they begin.
        """
        g = self.geometry
        length = codes.shape[1] // g.code_rows
        window = min(length, g.valid_columns)
        steps = windows.plan(length, window, max(1, round(g.valid_columns * ADVANCE)), known)
        for i, (start, written) in enumerate(steps):
            shift = g.frame_of_column(start) - g.frame_of_column(0)
            places = [begin + shift + np.arange(g.window_frames) for begin in begins]
            prompt = Prompt(
                np.stack([windows.at_frames(tokens, place) for place in places]), exemplar.tokens, exemplar.sound
            )
            begin, middle, end = (column * g.code_rows for column in (start, start + written, start + window))
            codes[:, begin:end] = self.engine.generate_codes(
                prompt, streams, sampling, codes[:, begin:middle], until=end - begin
            )
            report("writing the sound", 0.1 + 0.6 * (i + 1) / len(steps))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes -> spectrograms (N, n_mels, M) in [0, 1]; see `drafter.decoded`."""
        g = self.geometry

        def make(rows: slice, columns: slice) -> np.ndarray:
            return self.engine.decode_codes(codes[rows, columns.start * g.code_rows : columns.stop * g.code_rows])

        return decoded(make, len(codes), codes.shape[1] // g.code_rows, g, self.limits, self.engine.workers)
