"""The flow's drafts: all of a candidate's sound at once, from noise or from a sound that is there already, in few steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from condfoley.audio import windows
from condfoley.audio.mel import at_least, spectrogram, window_spec
from condfoley.audio.splice import segment
from condfoley.drafting.drafter import Around, Source, decoded, reference_window, window_before
from condfoley.errors import InputError, flag
from condfoley.geometry import Geometry
from condfoley.memory import Limits, array_in_file
from condfoley.runtime.flow_sampling import Estimate, FlowSampling, Windows, blocks, integrate, noise, schedule
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.sampling import dropped
from condfoley.runtime.side_by_side import MOST, each
from condfoley.settings import CODE_SAMPLING, FLOW_SAMPLING, GeneratorName, Settings

if TYPE_CHECKING:
    from condfoley.encoded import Exemplar
    from condfoley.inputs import Clip
    from condfoley.pipeline import Progress

OVERLAP = 0.25  # share of a window that the next one overlaps; an estimate, not tuned
ROWS = 16  # windows that the network is run on at a time


@dataclass(frozen=True)
class Known:
    """Tokens that are known. where: (L,) bool. values: (L, dim), standardised, 0 where they are not known."""

    where: np.ndarray
    values: np.ndarray

    def put(self, x: np.ndarray) -> np.ndarray:
        """Tokens (N, L, dim) with the known ones in their places."""
        return np.where(self.where[:, None], self.values, x) if self.where.any() else x


@dataclass(frozen=True)
class FlowDrafts:
    """Candidates as tokens, (N, L, dim) standardised, which `drafter` decodes; see `drafter.Drafts`."""

    drafter: FlowDrafter
    tokens: np.ndarray
    codes: None = None

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.tokens)

    def spectrograms(self, part: slice) -> np.ndarray:
        """(N', n_mels, M) in [0, 1]."""
        return self.drafter.decode(self.tokens[part])


class FlowDrafter:
    """See `drafter.Drafter`. It knows what is heard on both sides of a section.

    duration: of the target, s. Raises InputError for weights whose flow does not fit their geometry.
    """

    name: GeneratorName = "flow"
    both_sides = True

    def __init__(self, loaded: Loaded, geometry: Geometry, duration: float, limits: Limits):
        config = loaded.engine.flow_config
        assert config is not None
        if config.tokens % geometry.code_columns or config.frames != geometry.window_frames:
            raise InputError("the weights' flow does not fit their geometry; train part flow again")
        self.engine, self.config, self.geometry, self.limits = loaded.engine, config, geometry, limits
        self.columns, self.duration = geometry.columns_for(duration), duration
        self.per_column = config.tokens // geometry.code_columns  # tokens

    def sampling(self, settings: Settings) -> dict[str, Any]:
        """How is drawn: what is asked for, or else what the weights recommend.

        Raises InputError for a setting of the transformer's.
        """
        if own := settings.given(CODE_SAMPLING):
            raise InputError(f"{flag(next(iter(own)))} is of the generator transformer; leave it out with flow")
        c = self.config
        recommended = {"steps": c.steps, "solver": "euler"}
        recommended |= {"guidance": c.guidance, "picture_guidance": c.picture_guidance}
        return recommended | settings.given(FLOW_SAMPLING)

    def encode(self, wav: np.ndarray) -> np.ndarray:
        """Tokens of a sound's first window, which is repeated where it is shorter: (N,) -> (1, L, dim)."""
        return self.engine.flow_tokens(reference_window(wav, self.geometry))

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
    ) -> FlowDrafts:
        """All candidates; see `Drafter.draft`."""
        plan = self.windows()
        wanted, known = FlowSampling(**sampling), self.known_tokens(around)
        estimate = self.estimator(plan, tokens, exemplar, wanted, known, around.frame if around else 0.0)
        times = schedule(wanted.steps, source.strength if source else 1.0)
        begun = None if source is None else times[0] * self.encode_long(source.wav)
        out = self._room(len(seeds))
        for part in blocks(len(seeds), self.limits.decoded_together(self.duration)):
            x = noise(self.engine.random_streams(seeds[part]), plan.total, self.config.dim)
            if begun is not None:
                x = ((1 - times[0]) * x + begun).astype(np.float32)

            def done(share: float, first: int = part.start, last: int = part.stop) -> None:
                report("writing the sound", 0.1 + 0.6 * (first + share * (last - first)) / len(seeds))

            out[part] = known.put(integrate(estimate, x, times, wanted.solver, done))
        return FlowDrafts(self, out)

    def windows(self) -> Windows:
        """Those of the target, in tokens."""
        length = self.config.tokens
        return Windows(self.columns * self.per_column, length, round(OVERLAP * length))

    def estimator(
        self,
        plan: Windows,
        tokens: np.ndarray,
        exemplar: Exemplar,
        sampling: FlowSampling,
        known: Known,
        frame: float,
    ) -> Estimate:
        """The network's guided estimate for sequences of the plan's windows, computed side by side.

        tokens: (T, D), of which number `frame` is shown where the first window begins.
        """
        g, c, terms = self.geometry, self.config, sampling.terms()
        first = [frame + g.frame_of_column(0) + start * c.frames / c.tokens for start in plan.starts]
        pictures = np.stack([windows.at_frames(tokens, begin + np.arange(c.frames)) for begin in first])
        contexts = self.contexts(exemplar, [dropped(term)[0] for term in terms])
        is_known = plan.cut(known.where[None].astype(np.float32))[:, 0]  # (S, L)

        def estimate(x: np.ndarray, time: float) -> np.ndarray:
            parts = plan.cut(known.put(x)).astype(np.float32)  # (S, N, L, dim)
            flat, candidates = parts.reshape(-1, *parts.shape[2:]), parts.shape[1]

            def run(block: slice) -> np.ndarray:
                noisy, window = flat[block], np.arange(block.start, block.stop) // candidates
                rows = len(noisy)
                out = np.zeros_like(noisy)
                for term, weight in terms.items():
                    no_reference, no_picture = dropped(term)
                    out += np.float32(weight) * self.engine.flow_clean(
                        noisy,
                        is_known[window],
                        np.full(rows, time, np.float32),
                        pictures[window],
                        np.full(rows, no_picture),
                        contexts[no_reference],
                    )
                return out

            made = each(run, blocks(len(flat), ROWS), min(self.engine.workers, MOST))
            return plan.join(np.concatenate(made).reshape(parts.shape))

        return estimate

    def contexts(self, exemplar: Exemplar, drops: Iterable[bool]) -> dict[bool, np.ndarray]:
        """What the target's estimates see of the reference, encoded once for each of the `drops`: True is without it.

        See `Engine.flow_reference`.
        """
        c, blind = self.config, exemplar.tokens is None
        seen = exemplar.tokens if exemplar.tokens is not None else np.zeros((1, c.frames, c.feature_dim), np.float32)
        return {
            drop: self.engine.flow_reference(exemplar.sound, seen, np.array([drop]), np.array([drop or blind]))
            for drop in set(drops)
        }

    def known_tokens(self, around: Around | None) -> Known:
        """What is heard in a section's known columns, at both of its ends.

        A window is encoded of each side, which ends or begins where the known columns do, so that they say nothing of what
        is replaced.
        """
        g, per = self.geometry, self.per_column
        total = self.columns * per
        where, values = np.zeros(total, bool), np.zeros((total, self.config.dim), np.float32)
        if around is None or around.heard is None:
            return Known(where, values)
        place, heard = around.section, around.heard
        if count := place.known * per:
            values[:count] = self.engine.flow_tokens(window_before(heard, place.first + place.known, g))[0, -count:]
            where[:count] = True
        begin = (place.last - place.known_after) * g.column_samples
        if count := max(0, min(place.known_after, (len(heard) - begin) // g.column_samples)) * per:
            following = segment(heard[begin:], -g.sound_lag * g.hop, g.clip_samples)
            at = (place.last - place.known_after - place.first) * per
            values[at : at + count] = self.engine.flow_tokens(window_spec(following[None], g))[0, :count]
            where[at : at + count] = True
        return Known(where, values)

    def encode_long(self, wav: np.ndarray) -> np.ndarray:
        """Tokens of a sound as long as the target, (N,), with silence behind it where it is shorter: (L, dim)."""
        g, plan = self.geometry, self.windows()
        length = self.columns * g.column_samples + g.n_fft
        spec = 2 * spectrogram(at_least(wav[:length], length), g)[:, g.sound_lag :] - 1
        frames = g.window_mel_frames // self.config.tokens  # of a token
        cut = np.stack([spec[:, first * frames :][:, : g.window_mel_frames] for first in plan.starts])
        made = [self.engine.flow_tokens(cut[part, None]) for part in blocks(len(cut), ROWS)]
        tokens: np.ndarray = plan.join(np.concatenate(made)[:, None])[0]
        return tokens

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens (N, L, dim) -> spectrograms (N, n_mels, M) in [0, 1]; see `drafter.decoded`."""

        def make(rows: slice, columns: slice) -> np.ndarray:
            part = tokens[rows, columns.start * self.per_column : columns.stop * self.per_column]
            return self.engine.flow_specs(np.ascontiguousarray(part))

        return decoded(make, len(tokens), self.columns, self.geometry, self.limits, self.engine.workers)

    def _room(self, candidates: int) -> np.ndarray:
        """Room for all candidates' tokens, in a temporary file where they take too much memory."""
        shape = (candidates, self.columns * self.per_column, self.config.dim)
        if self.limits.are_long(candidates, self.duration):
            return array_in_file(shape, np.float32)
        return np.zeros(shape, np.float32)
