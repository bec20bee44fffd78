"""Stage `transformer`: in-video pairs, cross-entropy on the target's codes only."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.data.pairs import draw_pair
from condfoley.training.banks import Example, examples, token_statistics, token_window
from condfoley.training.config import TrainConfig
from condfoley.training.stage import Stage
from condfoley.transformer import Condition, Sampling, Transformer
from condfoley.weights import load_part


class TransformerStage(Stage):
    """Two windows of one video: one is the other's reference (CondFoley, section 3.2)."""

    part = "transformer"

    def __init__(self, config: TrainConfig):
        super().__init__(config)
        weights, g = Path(config.weights), config.geometry
        self.bank = examples(self.store.train, weights, self.store.cache, g, config.device)
        self.held_out = examples(self.store.validation, weights, self.store.cache, g, config.device)
        self.tokenizer = load_part(weights, "tokenizer", config.device)
        sizes = dataclasses.replace(  # lengths follow the geometry and the frozen parts
            config.transformer,
            feature_dim=self.bank[0].tokens.shape[2],
            n_embed=self.tokenizer.config.n_embed,
            frames=g.window_frames,
            codes=g.codes,
            code_rows=g.code_rows,
        )
        self.model: Transformer = Transformer(sizes)
        mean, std = token_statistics(self.bank)
        self.model.feature_mean.copy_(mean)
        self.model.feature_std.copy_(std)
        self.add("transformer", self.model, config.lr)
        rng = np.random.default_rng(12345)
        self.fixed = self._batch(self.held_out, rng, 96, views=1)

    def _batch(self, bank: list[Example], rng: np.random.Generator, count: int, views: int) -> tuple[Tensor, ...]:
        """(reference frames, target frames, reference codes, target codes) of random in-video pairs."""
        rows: list[tuple[np.ndarray, ...]] = []
        n = self.geometry.window_frames
        for _ in range(count):
            e = bank[rng.integers(len(bank))]
            track, view = int(rng.integers(len(e.starts))), int(rng.integers(views))
            r, t = draw_pair(e.starts[track], n, rng)
            pictures = [token_window(e.tokens[view], int(e.starts[track, k]), n) for k in (r, t)]
            rows.append((*pictures, e.codes[track, r], e.codes[track, t]))
        a, b, c, d = (torch.from_numpy(np.stack(x)).to(self.device) for x in zip(*rows))
        return a.float(), b.float(), c.long(), d.long()

    def _noisy(self, frames: Tensor) -> Tensor:
        return frames + torch.randn_like(frames) * self.config.loss.feature_noise * self.model.feature_std

    def _loss(self, batch: tuple[Tensor, ...], no_picture: Tensor | None, no_reference: Tensor | None) -> Tensor:
        reference, target, reference_codes, target_codes = batch
        prefix = self.model.prefix(reference, target, reference_codes, no_picture, no_reference)
        logits = self.model(prefix, target_codes, self.model.hints(target))
        return F.cross_entropy(logits.float().flatten(0, 1), target_codes.flatten())

    def step(self, step: int, rng: np.random.Generator) -> dict[str, float]:
        """One update on random in-video pairs."""
        weights, n = self.config.loss, self.config.batch_size
        reference, target, *codes = self._batch(self.bank, rng, n, views=len(self.bank[0].tokens))
        no_reference = torch.rand(n, device=self.device) < weights.drop_reference
        no_picture = torch.rand(n, device=self.device) < weights.drop_picture
        with self.autocast():
            loss = self._loss((self._noisy(reference), self._noisy(target), *codes), no_picture, no_reference)
        self.update("transformer", loss)
        return {"loss": loss.item()}

    def validate(self, step: int) -> dict[str, float]:
        """Cross-entropy (nats a code) on held-out videos, and the same with reference or picture exchanged."""
        reference, target, reference_codes, target_codes = self.fixed
        other = torch.roll(torch.arange(len(target)), 1)
        cases = {
            "loss": (reference, target, reference_codes, target_codes),
            "other_reference": (reference[other], target, reference_codes[other], target_codes),
            "other_picture": (reference, target[other], reference_codes, target_codes),
        }
        with self.autocast():
            return {k: self._loss(v, None, None).item() for k, v in cases.items()}

    def sample(self, folder: Path, step: int) -> None:
        """Decoded spectrograms: reference, truth, and what is generated now."""
        from condfoley.training.pictures import stacked

        made = []
        for i in range(6):
            reference, target, reference_codes, _ = (x[i : i + 1] for x in self.fixed)
            streams = [torch.Generator().manual_seed(i)]
            made.append(
                self.model.generate(Condition(target, reference, reference_codes), streams, Sampling(top_p=0.95))
            )
        rows = {"reference": self.fixed[2][:6], "true": self.fixed[3][:6], "generated": torch.cat(made)}
        stacked(
            folder / f"{step:06d}.png",
            {k: self.tokenizer.decode(v, self.geometry.code_rows)[:, 0] for k, v in rows.items()},
        )
