"""GPT-2 decoder over [T_v(v_c) T_v(v_q) T_a(a_c)] -> the target's codes, and its sampling.

Sequence: `[reference frames][target frames][reference codes][target codes]`, codes column-major
(published: 30 + 30 + 50 + 50; published_facts.md, section 8). GPT2Model only sees embeddings; they are made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2Model

from condfoley.networks.prefix_decoder import PrefixDecoder
from condfoley.sizes import TransformerConfig

GuidanceTerm = Literal["both", "target", "nothing"]
"""What a guidance term is conditioned on: target's picture and reference, the target's picture alone, or neither."""


@dataclass(frozen=True)
class Sampling:
    """How a code is sampled from the logits."""

    temperature: float = 1.0
    """The logits are divided by it; above 0."""
    top_k: int = 0
    """Sample from the k likeliest codes only; 0: from all. (Published: 512.)"""
    top_p: float = 1.0
    """Sample from the smallest set of likeliest codes with this total probability only."""
    guidance: float = 1.0
    """Classifier-free guidance on the reference: 1: none; above 1: more like the reference."""
    picture_guidance: float = 1.0
    """Classifier-free guidance on the target's picture: 1: none; above 1: follows its timing more strictly."""

    def terms(self, has_reference: bool) -> dict[GuidanceTerm, float]:
        """Weights with which guidance adds up the logits of each term; terms of weight 0 are left out.

        nothing + picture_guidance * (target - nothing) + guidance * (both - target), where each name stands for the
        logits of that term; without a reference the last summand is missing.
        """
        both = self.guidance if has_reference else 0.0
        weights: dict[GuidanceTerm, float] = {
            "both": both,
            "target": self.picture_guidance - both,
            "nothing": 1 - self.picture_guidance,
        }
        return {term: weight for term, weight in weights.items() if weight}


def dropped(term: GuidanceTerm) -> tuple[bool, bool]:
    """Whether a guidance term drops the reference, and whether it drops the target's picture."""
    return term != "both", term == "nothing"


@dataclass
class Condition:
    """Conditions of S target windows that share one reference; encoded once for all candidates.

    target_frames: (S, frames, feature_dim) picture tokens. reference_frames: (1, frames, feature_dim); None: reference
    without picture. reference_codes: (1, codes) int64; None: no reference at all.
    """

    target_frames: Tensor
    reference_frames: Tensor | None = None
    reference_codes: Tensor | None = None


class Transformer(nn.Module):
    """The decoder. `null_frames` and `null_codes` are learned replacements for conditions that are not given."""

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
        self.embedder = nn.Conv1d(c.feature_dim, c.n_embd, 1)  # of picture tokens, the same for both clips
        self.head = nn.Linear(c.n_embd, c.n_embed, bias=False)
        self.register_buffer("feature_mean", torch.zeros(c.feature_dim))  # statistics of the picture tokens
        self.register_buffer("feature_std", torch.ones(c.feature_dim))  # that it was trained on; published: none
        self.null_frames = nn.Parameter(torch.zeros(c.frames, c.n_embd))
        self.null_codes = nn.Parameter(torch.zeros(c.codes, c.n_embd))
        nn.init.normal_(self.tok_emb.weight, std=0.02)
        nn.init.normal_(self.head.weight, std=0.02)
        if c.segments:
            self.segment_emb = nn.Parameter(torch.zeros(4, c.n_embd))
        if c.aligned:
            self._init_aligned(c)

    def _init_aligned(self, c: TransformerConfig) -> None:
        """Adds the layers of `aligned`, initialised so that code, picture, row and position have similar magnitudes."""
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

    def _embed_codes(self, codes: Tensor, position: int = 0) -> Tensor:
        """Embeddings of codes (B, F) of one clip, the first of which is at `position`: (B, F, n_embd)."""
        x = self.tok_emb(codes)
        if self.config.aligned:
            x = x + self.row_emb[(position + torch.arange(codes.shape[1], device=codes.device)) % self.config.code_rows]
        return x

    def _embed_frames(self, frames: Tensor) -> Tensor:
        return self.embedder(self._standardise(frames).transpose(1, 2)).transpose(1, 2)  # (B, frames, n_embd)

    def _standardise(self, frames: Tensor) -> Tensor:
        return (frames - self.feature_mean) / self.feature_std

    def _add_segment(self, x: Tensor, part: int) -> Tensor:
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
        """Embeddings of everything before the target's codes: reference frames, target frames, reference codes.

        reference_frames, target_frames: (B, frames, feature_dim). reference_codes: (B, codes) int64.
        no_picture, no_reference, no_target: (B,) bool, True where the reference's picture, the whole reference, or the
        target's picture is dropped.
        Returns (B, 2 * frames + codes, n_embd).
        """
        picture, codes = self._embed_frames(reference_frames), self._embed_codes(reference_codes)
        if no_reference is not None:
            no_picture = no_reference if no_picture is None else no_picture | no_reference
        if self.config.aligned_reference:
            aligned = self._aligned_frames(reference_frames)  # (B, codes, n_embd)
            codes = codes + (aligned if no_picture is None else aligned.masked_fill(no_picture[:, None, None], 0))
        if no_reference is not None:
            codes = torch.where(no_reference[:, None, None], self.null_codes, codes)
        if no_picture is not None:
            picture = torch.where(no_picture[:, None, None], self.null_frames, picture)
        target = self._embed_frames(target_frames)
        if no_target is not None:
            target = torch.where(no_target[:, None, None], self.null_frames, target)
        parts = (picture, target, codes)
        return torch.cat([self._add_segment(x, i) for i, x in enumerate(parts)], 1)

    def alignment(self, target_frames: Tensor, no_target: Tensor | None = None) -> Tensor | None:
        """Embedding of the picture around the time of each code, added to the input that predicts this code.

        target_frames: (B, frames, feature_dim). no_target: (B,) bool, True where the picture is dropped.
        Returns (B, codes, n_embd), or None without `aligned`.
        """
        if not self.config.aligned:
            return None
        rows = self.next_row_emb.repeat(self.config.codes // self.config.code_rows, 1)  # (codes, n_embd)
        frames = self._aligned_frames(target_frames)
        return rows + (frames if no_target is None else frames.masked_fill(no_target[:, None, None], 0))

    def _aligned_frames(self, frames: Tensor) -> Tensor:
        """Embedding of the picture around the time of each code: (B, frames, feature_dim) -> (B, codes, n_embd)."""
        embedded = self.align(self._standardise(frames).transpose(1, 2)).transpose(1, 2)  # (B, frames, n_embd)
        return embedded[:, self.frame_of_code]

    def forward(self, prefix: Tensor, target_codes: Tensor, alignment: Tensor | None = None) -> Tensor:
        """Teacher-forced logits of all target codes.

        prefix: (B, P, n_embd). target_codes: (B, codes) int64; the last one is not an input. alignment: (B, codes,
        n_embd), of `alignment`.
        Returns (B, codes, n_embed).
        """
        codes = self._add_segment(self._embed_codes(target_codes[:, :-1]), 3)
        x = torch.cat([prefix, codes], 1)  # (B, P + codes - 1, n_embd)
        if alignment is not None:
            x = torch.cat([x[:, : prefix.shape[1] - 1], x[:, prefix.shape[1] - 1 :] + alignment], 1)
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
        """Samples the codes of N candidates of S windows in one batch; each prefix is run once for all its candidates.

        generators: one random stream (on the CPU) for each of the first window's N candidates, then of the next
        window's, so that a seed gives the same codes in any batch. forced: (S * N, F) given codes with which the
        windows start. until: number of codes to generate, the forced ones included; None: all.
        Returns (S * N, until or codes) int64.
        """
        rows, total = len(generators), until or self.config.codes
        candidates = rows // len(condition.target_frames)
        terms = sampling.terms(condition.reference_codes is not None)
        weights = condition.target_frames.new_tensor(list(terms.values()))  # (R,)
        prefix, alignment = self.encode_condition(condition, list(terms))  # (R * S, P, n_embd), (R * S, codes, n_embd)
        if alignment is not None:
            prefix = torch.cat([prefix[:, :-1], prefix[:, -1:] + alignment[:, :1]], 1)
        decoder = PrefixDecoder(self.gpt2, prefix, candidates, max_new=total)
        given = torch.empty(rows, 0, dtype=torch.long, device=prefix.device) if forced is None else forced
        start = given.shape[1]
        if start:  # the overlap with the previous window, in one pass
            decoder.step(self._step_input(given, 0, alignment, decoder.rows))
        codes = [given]
        for position in range(start, total):
            logits = self.head(decoder.hidden).unflatten(0, (len(terms), rows))  # (R, S * N, n_embed)
            drawn = draw_codes(torch.einsum("r,rnv->nv", weights, logits), generators, sampling)  # (S * N, 1)
            codes.append(drawn)
            if position + 1 < total:
                decoder.step(self._step_input(drawn, position, alignment, decoder.rows))
        return torch.cat(codes, 1)

    def _step_input(self, codes: Tensor, position: int, alignment: Tensor | None, rows: int) -> Tensor:
        """Embeddings of codes (S * N, F) from `position` on, repeated for each guidance term: (rows, F, n_embd).

        alignment: (R * S, codes, n_embd) or None. rows: R * S * N.
        """
        x = self._add_segment(self._embed_codes(codes, position), 3).repeat(rows // len(codes), 1, 1)
        if alignment is not None:
            following = alignment[:, position + 1 : position + 1 + codes.shape[1]]  # (R * S, F, n_embd)
            x = x + following.repeat_interleave(rows // len(alignment), 0)
        return x

    def encode_condition(self, condition: Condition, terms: list[GuidanceTerm]) -> tuple[Tensor, Tensor | None]:
        """Prefix (R * S, P, n_embd) and alignment (R * S, codes, n_embd; None without `aligned`) of R guidance terms.

        Rows: all S windows of the first term, then those of the next.
        """
        target = condition.target_frames
        frames, codes = condition.reference_frames, condition.reference_codes
        drops = torch.tensor([dropped(term) for term in terms for _ in target], device=target.device)  # (R * S, 2)
        no_reference, no_target = drops.unbind(1)
        no_picture = no_reference | (frames is None)
        frames = torch.zeros_like(target[:1]) if frames is None else frames
        if codes is None:
            codes = torch.zeros(1, self.config.codes, dtype=torch.long, device=target.device)
        frames, codes = (x.expand(len(no_target), *x.shape[1:]) for x in (frames, codes))
        target = target.repeat(len(terms), 1, 1)
        prefix = self.prefix(frames, target, codes, no_picture, no_reference, no_target)
        return prefix, self.alignment(target, no_target)


def draw_codes(logits: Tensor, generators: list[torch.Generator], sampling: Sampling) -> Tensor:
    """One code for each candidate: logits (N, n_embed), one random stream for each row -> (N, 1) int64."""
    kept = filter_logits(logits.float().cpu() / sampling.temperature, sampling.top_k, sampling.top_p)
    cumulative = kept.softmax(-1).double().cumsum(-1)  # (N, n_embed) cumulative distributions
    uniform = torch.stack([torch.rand(1, generator=g) for g in generators])  # (N, 1)
    return torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True).to(logits.device)


def filter_logits(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """Logits (N, V), on the CPU, with all but the likeliest codes set to -inf.

    Codes that tie with the least likely one kept are kept too, as published for top-k (published_facts.md, section 10).
    The likeliest code is always kept. top_k, top_p: see `Sampling`.
    """
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, -1).values[..., -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    if top_p < 1.0:
        probabilities = logits.softmax(-1)
        ordered = torch.from_numpy(np.sort(probabilities.numpy(), -1))  # ten times as fast as torch's, ascending
        above = 1 - ordered.cumsum(-1)  # total probability of the likelier codes
        above[..., -1] = 0.0
        least = ordered.gather(-1, (above < top_p).float().argmax(-1, keepdim=True))
        logits = logits.masked_fill(probabilities < least, float("-inf"))
    return logits
