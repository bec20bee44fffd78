"""`mode: published`: our parts, put together as the published generation script does (docs/published.md).

Its oddities are kept on purpose: published_facts.md, sections 2, 3, 10, 11 and 12, to which "section" refers here.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condfoley.foley import Foley, Progress, Reference
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import Recording, read_reference
from condfoley.matching.chain import Shares
from condfoley.networks.mel import window_spec
from condfoley.networks.scorer import Shown
from condfoley.networks.transformer import Condition, Sampling
from condfoley.settings import Settings
from condfoley.soundtrack import Candidate


class PublishedFoley(Foley):
    """One job of the published script.

    spans: windows in the target, rounded up (its W_scale). whole: the geometry of that many windows in one.
    """

    spans: int
    whole: Geometry

    @classmethod
    def of(cls, foley: Foley, duration: float) -> PublishedFoley:
        """The parts of `foley` for a target of `duration` seconds."""
        g = foley.geometry
        g = dataclasses.replace(g, crop="first") if g.crop == "centre" else g
        out = cls(
            tokenizer=foley.tokenizer,
            video_encoder=foley.video_encoder,
            transformer=foley.transformer,
            vocoder=foley.vocoder,
            sync=foley.sync,
            geometry=g,
            card=foley.card,
            device=str(foley.device),
            events=foley.events,
        )
        out.spans = n = max(1, math.ceil(round(duration * g.fps) / g.window_frames))
        out.whole = dataclasses.replace(
            g,
            window_mel_frames=n * g.window_mel_frames,
            window_frames=n * g.window_frames,
            code_columns=n * g.code_columns,
        )
        return out

    def _sampling(self, wished: dict[str, Any]) -> Sampling:
        """The published sampling: the likelier half of the codes, temperature 1, no guidance (section 10).

        What is wished does not count.
        """
        return Sampling(temperature=1.0, top_k=self.transformer.config.n_embed // 2, top_p=1.0)

    def _shares(self, wished: dict[str, float]) -> Shares:
        return Shares(0.0, 0.0, 0.0, 0.0)

    def _followed(self, picture: Shown, told: Hits | None) -> Hits:
        """None: the published choice knows the sync model only."""
        return Hits(np.zeros(0), np.zeros(0))

    def _recording(self, path: Path, start: float | None) -> Recording:
        return read_reference(path, start, self.geometry, as_recorded=True)

    def _levelled(self, wav: np.ndarray, made: list[Candidate], heard: Reference) -> np.ndarray:
        """As loud as they were written."""
        return wav

    def _record(self, asked: Settings, sampling: Sampling, shares: Shares) -> dict[str, Any]:
        return super()._record(asked, sampling, shares) | {"comp": False, "align": False}

    def _watch(self, frames: Tensor) -> Tensor:
        """Tokens of all frames in one pass, so that BatchNorm sees the whole clip and nothing else (section 11)."""
        return self._one_pass(frames, 0)

    def _reference_codes(self, wav: np.ndarray) -> Tensor:
        """Codes (1, codes) of the reference's first window, from a sound as long as the target's picture (section 11).

        A shorter sound is followed by silence; all of it is encoded at once. wav: (N,).
        """
        wav = wav[: self.whole.clip_samples].astype(np.float32)
        spec = window_spec(torch.from_numpy(wav)[None].to(self.device), self.whole)
        return self.tokenizer.encode(spec)[:, : self.geometry.codes]

    def _reference_tokens(self, frames: Tensor, begin: int, shown: int) -> Tensor:
        return self._one_pass(frames, begin)[: self.geometry.window_frames]

    def _one_pass(self, frames: Tensor, begin: int) -> Tensor:
        """Tokens (T, D) of the job's T frames from `begin` on; the last frame stays where the clip is shorter."""
        count = self.whole.window_frames
        index = (begin + torch.arange(count)).clamp(max=len(frames) - 1)
        return self.video_encoder.encode_clip(frames[index], chunk=count)

    def _write_codes(
        self,
        tokens: Tensor,
        heard: Reference,
        seeds: list[int],
        sampling: Sampling,
        duration: float,
        tell: Progress,
    ) -> Tensor:
        """Codes of each candidate, (N, codes of the whole target), column by column (section 11).

        The picture never moves on: all is written to the target's first frames.
        """
        g = self.geometry
        streams = [torch.Generator().manual_seed(s) for s in seeds]
        condition = Condition(tokens[None, : g.window_frames], heard.tokens, heard.codes)
        codes = torch.zeros(len(seeds), self.whole.codes, dtype=torch.long, device=self.device)
        steps = column_windows(self.whole.code_columns, g.code_columns)
        for i, (start, begin, end) in enumerate(steps):
            first, middle, last = (c * g.code_rows for c in (start, begin, end))
            forced = codes[:, first:middle]
            window = self.transformer.generate(condition, streams, sampling, forced, until=last - first)
            codes[:, middle:last] = window[:, middle - first :]
            tell("writing the sound", 0.1 + 0.6 * (i + 1) / len(steps))
        return codes

    def _decode(self, codes: Tensor) -> Tensor:
        """Spectrograms (N, n_mels, M), nominally in [0, 1], of all codes at once (sections 2 and 3).

        Without the filling where a window is longer than its clip.
        """
        specs = self.tokenizer.decode(codes, self.geometry.code_rows)[:, 0, :, : self.whole.clip_mel_frames]
        return (specs + 1) / 2

    def _vocode(self, specs: Tensor, duration: float, outer: Tensor | None = None) -> list[np.ndarray]:
        """The vocoder's own output of each candidate, (samples,): silence where the published file ends (section 2)."""
        samples, out = round(duration * self.geometry.sample_rate), []
        for spec in specs:
            wav = self.vocoder(spec[None])[0, :samples].cpu().numpy()
            out.append(np.pad(wav, (0, samples - len(wav))))
        return out

    def _choose(self, made: list[Candidate], tolerance: float) -> int:
        offsets, confidences = (torch.tensor([getattr(c, n) for c in made]) for n in ("offset", "confidence"))
        return rerank_published(offsets, confidences, tolerance)


def column_windows(total: int, window: int) -> list[tuple[int, int, int]]:
    """The published sliding window, mode `half`, as (start, first column that is written, the one after the last).

    A column is written in the window that begins half a window before it, kept inside [0, total) (section 11);
    neighbours that share a window are taken together.
    """
    starts = [min(max(0, column - window // 2), total - window) for column in range(total)]
    return [(s, starts.index(s), starts.index(s) + starts.count(s)) for s in dict.fromkeys(starts)]


def rerank_published(offsets: Tensor, confidences: Tensor, tolerance: float) -> int:
    """Index of the candidate that the published rules choose (section 12).

    With a tolerance: the most confident with |offset| <= tolerance; the last one when there is none. Without (0): the
    smallest |offset|, confidence breaking ties. offsets, tolerance: s. Raises ValueError when there is no candidate.
    """
    if not len(offsets):
        raise ValueError("there is no candidate to choose from")
    limit = tolerance if tolerance else float(offsets.abs().min())
    near = offsets.abs() <= limit + 1e-6
    if not near.any():
        return len(offsets) - 1
    return int(torch.where(near, confidences, torch.full_like(confidences, -1.0)).argmax())
