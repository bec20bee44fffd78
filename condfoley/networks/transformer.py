"""GPT-2 decoder over [T_v(v_c) T_v(v_q) T_a(a_c)] -> the target's codes, and its sampling.

Sequence: [reference frames][target frames][reference codes][target codes], codes column-major
(published: 30 + 30 + 50 + 50; published_facts.md, section 8). GPT2Model only sees embeddings; what stands for what is
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2Model

from condfoley.networks.prefix_decoder import Writer
from condfoley.sizes import TransformerConfig

Given = Literal["both", "target", "nothing"]  # target's picture and reference, the first alone, or neither


@dataclass(frozen=True)
class Sampling:
    """How a code is drawn from the logits."""

    temperature: float = 1.0
    """Logits are divided by it, > 0."""
    top_k: int = 0
    """Only the k likeliest codes; 0: all. (Published: 512.)"""
    top_p: float = 1.0
    """Only the likeliest codes that make up this probability."""
    guidance: float = 1.0
    """Classifier-free guidance on the reference: 1 none, above 1 more like the reference."""
    picture_guidance: float = 1.0
    """Classifier-free guidance on the target's picture: 1 none, above 1 timed to it more strictly."""

    def terms(self, has_reference: bool) -> dict[Given, float]:
        """Weights of the logits under what is given, which guidance adds up; those of weight 0 are left out.

        nothing + picture_guidance * (target - nothing) + guidance * (both - target); without a reference the last
        term is missing.
        """
        both = self.guidance if has_reference else 0.0
        weights: dict[Given, float] = {
            "both": both,
            "target": self.picture_guidance - both,
            "nothing": 1 - self.picture_guidance,
        }
        return {given: weight for given, weight in weights.items() if weight}


@dataclass
class Condition:
    """The prefix of one reference and S windows of targets, encoded once for all candidates.

    target_frames: (S, frames, feature_dim). reference_frames: (1, frames, feature_dim); None: sound only.
    reference_codes: (1, codes) int64; None: no reference at all.
    """

    target_frames: Tensor
    reference_frames: Tensor | None = None
    reference_codes: Tensor | None = None


class Transformer(nn.Module):
    """The decoder. `null_frames` and `null_codes` stand in for a reference that is not given."""

    feature_mean: Tensor
    feature_std: Tensor
    frame_of_code: Tensor

    def __init__(self, config: TransformerConfig | None = None):
        super().__init__()
        self.config = c = config or TransformerConfig()
        gpt2 = GPT2Config(
            vocab_size=1,
            bos_token_id=None,
            eos_token_id=None,
            n_positions=c.prefix + c.codes,
            n_embd=c.n_embd,
            n_layer=c.n_layer,
            n_head=c.n_head,
            activation_function="gelu",  # exact erf, as published
            resid_pdrop=c.dropout,
            embd_pdrop=c.dropout,
            attn_pdrop=c.dropout,
        )
        self.gpt2 = GPT2Model(gpt2)
        self.tok_emb = nn.Embedding(c.n_embed, c.n_embd)
        self.embedder = nn.Conv1d(c.feature_dim, c.n_embd, 1)  # picture tokens; one for both clips
        self.head = nn.Linear(c.n_embd, c.n_embed, bias=False)
        self.register_buffer("feature_mean", torch.zeros(c.feature_dim))  # of the picture tokens it was
        self.register_buffer("feature_std", torch.ones(c.feature_dim))  # trained on; published: none
        self.null_frames = nn.Parameter(torch.zeros(c.frames, c.n_embd))
        self.null_codes = nn.Parameter(torch.zeros(c.codes, c.n_embd))
        nn.init.normal_(self.tok_emb.weight, std=0.02)
        nn.init.normal_(self.head.weight, std=0.02)
        if c.segments:
            self.segment_emb = nn.Parameter(torch.zeros(4, c.n_embd))
        if c.aligned:
            self._init_aligned(c)

    def _init_aligned(self, c: TransformerConfig) -> None:
        """Adds the layers of `aligned`, scaled so that code, picture, row and position count from the first step."""
        reach = 2 * c.aligned_reach + 1
        self.align = nn.Conv1d(c.feature_dim, c.n_embd, reach, padding=c.aligned_reach)
        self.row_emb = nn.Parameter(0.15 * torch.randn(c.code_rows, c.n_embd))  # row of a code
        self.next_row_emb = nn.Parameter(0.15 * torch.randn(c.code_rows, c.n_embd))  # row of the code to predict
        nn.init.normal_(self.align.weight, std=0.2 / (c.feature_dim * reach) ** 0.5)
        nn.init.normal_(self.tok_emb.weight, std=0.3)
        nn.init.normal_(self.gpt2.wpe.weight, std=0.1)
        column = torch.arange(c.codes) // c.code_rows  # (codes,)
        centre = (column + 0.5) * c.frames / (c.codes // c.code_rows)
        self.register_buffer("frame_of_code", centre.long().clamp(max=c.frames - 1), persistent=False)

    def _codes(self, codes: Tensor, position: int = 0) -> Tensor:
        """Embeddings of (B, F) codes of one clip that start at `position`: (B, F, n_embd)."""
        x = self.tok_emb(codes)
        if self.config.aligned:
            x = x + self.row_emb[(position + torch.arange(codes.shape[1], device=codes.device)) % self.config.code_rows]
        return x

    def _pictures(self, frames: Tensor) -> Tensor:
        return self.embedder(self._standard(frames).transpose(1, 2)).transpose(1, 2)  # (B, frames, n_embd)

    def _standard(self, frames: Tensor) -> Tensor:
        return (frames - self.feature_mean) / self.feature_std

    def _segment(self, x: Tensor, part: int) -> Tensor:
        return x + self.segment_emb[part] if self.config.segments else x

    def prefix(
        self,
        reference_frames: Tensor,
        target_frames: Tensor,
        reference_codes: Tensor,
        no_picture: Tensor | None = None,
        no_reference: Tensor | None = None,
        no_target: Tensor | None = None,
    ) -> Tensor:
        """Embeddings of everything before the target's codes.

        reference_frames, target_frames: (B, frames, feature_dim). reference_codes: (B, codes) int64.
        no_picture, no_reference, no_target: (B,) bool, where the reference's picture, the whole reference, or the
        target's picture is dropped.
        Returns (B, 2 * frames + codes, n_embd).
        """
        picture, codes = self._pictures(reference_frames), self._codes(reference_codes)
        if no_reference is not None:
            no_picture = no_reference if no_picture is None else no_picture | no_reference
        if self.config.aligned_reference:
            seen = self._near(reference_frames)  # (B, codes, n_embd)
            codes = codes + (seen if no_picture is None else seen.masked_fill(no_picture[:, None, None], 0))
        if no_reference is not None:
            codes = torch.where(no_reference[:, None, None], self.null_codes, codes)
        if no_picture is not None:
            picture = torch.where(no_picture[:, None, None], self.null_frames, picture)
        target = self._pictures(target_frames)
        if no_target is not None:
            target = torch.where(no_target[:, None, None], self.null_frames, target)
        parts = (picture, target, codes)
        return torch.cat([self._segment(x, i) for i, x in enumerate(parts)], 1)

    def hints(self, target_frames: Tensor, no_target: Tensor | None = None) -> Tensor | None:
        """The picture near each code, added to the input that predicts it: (B, codes, n_embd); None without `aligned`.

        target_frames: (B, frames, feature_dim). no_target: (B,) bool, where the picture is dropped.
        """
        if not self.config.aligned:
            return None
        rows = self.next_row_emb.repeat(self.config.codes // self.config.code_rows, 1)  # (codes, n_embd)
        near = self._near(target_frames)
        return rows + (near if no_target is None else near.masked_fill(no_target[:, None, None], 0))

    def _near(self, frames: Tensor) -> Tensor:
        """The picture around the time of each code: (B, frames, feature_dim) -> (B, codes, n_embd)."""
        near = self.align(self._standard(frames).transpose(1, 2)).transpose(1, 2)  # (B, frames, n_embd)
        return near[:, self.frame_of_code]

    def forward(self, prefix: Tensor, target_codes: Tensor, hints: Tensor | None = None) -> Tensor:
        """Teacher-forced logits of all target codes.

        prefix: (B, P, n_embd). target_codes: (B, codes) int64; the last one is not fed. hints: (B, codes, n_embd).
        Returns (B, codes, n_embed).
        """
        fed = self._segment(self._codes(target_codes[:, :-1]), 3)
        x = torch.cat([prefix, fed], 1)  # (B, P + codes - 1, n_embd)
        if hints is not None:
            x = torch.cat([x[:, : prefix.shape[1] - 1], x[:, prefix.shape[1] - 1 :] + hints], 1)
        hidden = self.gpt2(inputs_embeds=x, use_cache=False).last_hidden_state
        return self.head(hidden[:, prefix.shape[1] - 1 :])

    @torch.no_grad()
    def generate(
        self,
        condition: Condition,
        generators: list[torch.Generator],
        sampling: Sampling,
        forced: Tensor | None = None,
        until: int | None = None,
    ) -> Tensor:
        """Draws the codes of S windows side by side; each prefix is run once and kept for all N candidates.

        generators: one random stream (on the CPU) for each of a window's N candidates, then of the next window's, so
        that a seed means the same sound in any batch. forced: (S * N, F) codes already written, with which the windows
        start. until: stop before this code; None: write all.
        Returns (S * N, until or codes) int64.
        """
        rows, total = len(generators), until or self.config.codes
        candidates = rows // len(condition.target_frames)
        terms = sampling.terms(condition.reference_codes is not None)
        weights = condition.target_frames.new_tensor(list(terms.values()))  # (R,)
        prefix, hints = self._conditions(condition, list(terms))  # (R * S, P, n_embd), (R * S, codes, n_embd)
        if hints is not None:
            prefix = torch.cat([prefix[:, :-1], prefix[:, -1:] + hints[:, :1]], 1)
        writer = Writer(self.gpt2, prefix, candidates=candidates, places=total)
        written = torch.empty(rows, 0, dtype=torch.long, device=prefix.device) if forced is None else forced
        start = written.shape[1]
        if start:  # the overlap with the window before, in one pass
            writer.write(self._fed(written, 0, hints, writer))
        codes = [written]
        for position in range(start, total):
            logits = self.head(writer.hidden).unflatten(0, (len(terms), rows))  # (R, S * N, n_embed)
            drawn = draw(torch.einsum("r,rnv->nv", weights, logits), generators, sampling)  # (S * N, 1)
            codes.append(drawn)
            if position + 1 < total:
                writer.write(self._fed(drawn, position, hints, writer))
        return torch.cat(codes, 1)

    def _fed(self, codes: Tensor, position: int, hints: Tensor | None, writer: Writer) -> Tensor:
        """Input of codes (S * N, F) from `position` on, repeated for each guidance term: (R * S * N, F, n_embd)."""
        x = self._segment(self._codes(codes, position), 3).repeat(writer.rows // len(codes), 1, 1)
        if hints is not None:
            near = hints[:, position + 1 : position + 1 + codes.shape[1]]  # (R * S, F, n_embd)
            x = x + near.repeat_interleave(writer.rows // len(hints), 0)
        return x

    def _conditions(self, condition: Condition, terms: list[Given]) -> tuple[Tensor, Tensor | None]:
        """Prefix (R * S, P, n_embd), and hints (R * S, codes, n_embd) or None, of R guidance terms.

        Rows: all S windows of a term, then those of the next.
        """
        target = condition.target_frames
        frames, codes = condition.reference_frames, condition.reference_codes
        no_reference = torch.tensor([given != "both" for given in terms for _ in target], device=target.device)
        no_target = torch.tensor([given == "nothing" for given in terms for _ in target], device=target.device)
        no_picture = no_reference | (frames is None)
        frames = torch.zeros_like(target[:1]) if frames is None else frames
        if codes is None:
            codes = torch.zeros(1, self.config.codes, dtype=torch.long, device=target.device)
        frames, codes = (x.expand(len(no_target), *x.shape[1:]) for x in (frames, codes))
        target = target.repeat(len(terms), 1, 1)
        prefix = self.prefix(frames, target, codes, no_picture, no_reference, no_target)
        return prefix, self.hints(target, no_target)


def draw(logits: Tensor, generators: list[torch.Generator], sampling: Sampling) -> Tensor:
    """One code a candidate from (N, n_embed) logits, each from its own random stream: (N, 1) int64."""
    kept = filtered(logits.float().cpu() / sampling.temperature, sampling.top_k, sampling.top_p)
    reached = kept.softmax(-1).double().cumsum(-1)  # distribution functions
    chance = torch.stack([torch.rand(1, generator=g) for g in generators])  # (N, 1)
    return torch.searchsorted(reached, chance * reached[:, -1:], right=True).to(logits.device)


def filtered(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Logits (N, V), on the CPU, with all but the likeliest at -inf.

    Ties at the last value that is kept are kept, as published for the k-th (published_facts.md, section 10). The
    likeliest code always stays.
    """
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, -1).values[..., -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if top_p < 1.0:
        probabilities = logits.softmax(-1)
        ordered = torch.from_numpy(np.sort(probabilities.numpy(), -1))  # ten times as fast as torch's, ascending
        above = 1 - ordered.cumsum(-1)  # what the likelier ones make up
        above[..., -1] = 0.0
        least = ordered.gather(-1, (above < top_p).float().argmax(-1, keepdim=True))
        logits = logits.masked_fill(probabilities < least, float("-inf"))
    return logits
