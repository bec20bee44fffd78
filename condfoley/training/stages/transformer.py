"""Stage `transformer`: in-video pairs; cross-entropy of the target's codes, or divergence from a guided teacher."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from condfoley.data.pairs import draw_misalignment, draw_pair, shift_start
from condfoley.networks.transformer import Condition, Transformer
from condfoley.runtime.sampling import Sampling, random_streams
from condfoley.training.adapters import add_adapters, merge_adapters
from condfoley.training.augment import cut_window
from condfoley.training.banks import Example, load_examples, token_statistics, token_window
from condfoley.training.batches import Batch, validation_streams
from condfoley.training.config import TrainConfig
from condfoley.training.distil import Teacher, guided_part, select_blocks
from condfoley.training.features import Features
from condfoley.training.prerequisites import has_part, load_init
from condfoley.training.pretext import TRUE, exchanged_pairs
from condfoley.training.samples import write_sample_clip
from condfoley.training.stage import Loss, Stage
from condfoley.weights import GUIDED, drop_part, load_part

SAMPLE_EXAMPLES = 6  # examples in the pictures of a sample


class TransformerStage(Stage):
    """Trained on pairs of windows of one video, of which one is the reference (CondFoley, section 3.2)."""

    part = "transformer"

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        weights, g, device = Path(config.weights), config.geometry, str(accelerator.device)
        features = Features(config, self.store.cache, device)
        every = load_examples(self.store.train + self.store.validation, features)
        self.bank, self.held_out = every[: len(self.store.train)], every[len(self.store.train) :]
        self.tokenizer = load_part(weights, "tokenizer", device)
        sizes = dataclasses.replace(  # lengths are those of the geometry and of the frozen parts
            config.transformer,
            feature_dim=self.bank[0].tokens.shape[2],
            n_embed=self.tokenizer.config.n_embed,
            frames=g.window_frames,
            codes=g.codes,
            code_rows=g.code_rows,
        )
        self.model: Transformer = Transformer(sizes)
        mean, std = token_statistics([e.tokens for e in self.bank])
        self.model.feature_mean.copy_(mean)
        self.model.feature_std.copy_(std)
        self.teacher = Teacher(Path(config.teacher), device) if config.teacher else None
        load_init(self.model, self.part, config, select_blocks if self.teacher else None)
        self.adapted: Any = add_adapters(self.model, config.lora) if config.lora else None
        self.add("transformer", self.adapted or self.model, config.lr, self._loss)
        self.token_std = self.model.feature_std.cpu()
        self.fixed = self.draw_pairs(self.held_out, validation_streams(96), views=1).to(self.device)

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The parts that encode its inputs and outputs."""
        return "tokenizer", "video_encoder"

    def _choose(self, bank: list[Example], rng: np.random.Generator, views: int) -> tuple[Example, int, int, int, int]:
        """A random example with its track, view, and the indices of reference window and target window."""
        e = bank[rng.integers(len(bank))]
        track, view = int(rng.integers(len(e.starts))), int(rng.integers(views))
        return e, track, view, *draw_pair(e.starts[track], self.geometry.window_frames, rng, self.config.data.pairing)

    def draw_pairs(
        self, bank: list[Example], rngs: Sequence[np.random.Generator], views: int, cuts: float = 0.0
    ) -> Batch:
        """Random in-video pairs: reference and target picture tokens (B, frames, D), reference and target codes (B, codes).

        cuts: share of targets that are cut to another window of the video.
        """
        names: list[str] = []
        rows: list[tuple[np.ndarray, ...]] = []
        for rng in rngs:
            e, track, view, r, t = self._choose(bank, rng, views)
            n, frames = self.geometry.window_frames, len(e.tokens[view])
            shift = draw_misalignment(rng, self.geometry.fps, self.config.data.pairing)
            first = shift_start(int(e.starts[track, r]), shift, frames, n) if shift else int(e.starts[track, r])
            pictures = [token_window(e.tokens[view], start, n) for start in (first, int(e.starts[track, t]))]
            target = pictures[1], e.codes[track, t]
            if cuts and rng.random() < cuts:
                target = self._cut(target, e, track, (r, t), rng, views)
            rows.append((pictures[0], target[0], e.codes[track, r], target[1]))
            names.append(e.clip.name)
        a, b, c, d = (torch.from_numpy(np.stack(x)) for x in zip(*rows))
        return Batch(names, (a.float(), b.float(), c.long(), d.long()))

    def _cut(
        self,
        target: tuple[np.ndarray, np.ndarray],
        e: Example,
        track: int,
        pair: tuple[int, int],
        rng: np.random.Generator,
        views: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A target's tokens and codes, cut at a random column to another window in another view.

        pair: indices of reference and target. The other window does not overlap the reference's if there is such a one.
        """
        g, starts = self.geometry, e.starts[track]
        distance = np.abs(starts - starts[pair[0]])
        distance[list(pair)] = -1
        other = int(rng.choice(np.flatnonzero(distance >= min(g.window_frames, distance.max()))))
        tokens = token_window(e.tokens[rng.integers(views)], int(starts[other]), g.window_frames)
        column = int(rng.integers(1, g.code_columns))
        return cut_window((target[0], tokens), (target[1], e.codes[track, other]), column, g)

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Random in-video pairs with noise on the picture tokens, and which of their conditions are dropped (B,)."""
        batch = self.draw_pairs(self.bank, rngs, len(self.bank[0].tokens), self.config.data.cuts)
        weights = self.config.loss
        reference, target, *codes = batch.tensors
        shape = (2, *target.shape[1:])
        noise = torch.from_numpy(np.stack([r.standard_normal(shape, np.float32) for r in rngs]))
        reference, target = (
            frames + noise[:, i] * weights.feature_noise * self.token_std
            for i, frames in enumerate((reference, target))
        )
        chance = torch.from_numpy(np.stack([r.random(2) for r in rngs]))
        no_target = chance[:, 0] < weights.drop_all
        no_reference = chance[:, 0] < weights.drop_all + weights.drop_reference
        no_picture = chance[:, 1] < weights.drop_picture
        return Batch(batch.names, (reference, target, *codes, no_picture, no_reference, no_target))

    def _loss(
        self,
        reference: Tensor,
        target: Tensor,
        reference_codes: Tensor,
        target_codes: Tensor,
        no_picture: Tensor | None = None,
        no_reference: Tensor | None = None,
        no_target: Tensor | None = None,
    ) -> Loss:
        prefix = self.model.prefix(reference, target, reference_codes, no_picture, no_reference, no_target)
        logits = self.model(prefix, target_codes, self.model.alignment(target, no_target))
        each = F.cross_entropy(logits.float().transpose(1, 2), target_codes, reduction="none").mean(1)  # (B,)
        loss = each.mean()
        metrics = {"cross_entropy": loss.detach(), "each": each.detach()}
        if self.teacher:
            dropped = (
                torch.zeros(len(target), dtype=torch.bool, device=self.device) if x is None else x
                for x in (no_picture, no_reference, no_target)
            )
            wanted = self.teacher.probabilities(reference, target, reference_codes, target_codes, *dropped)
            with self.full_precision():
                loss = F.kl_div(logits.float().log_softmax(-1), wanted, reduction="none").sum(2).mean()
            metrics["divergence"] = loss.detach()
        return loss, metrics

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random in-video pairs."""
        metrics = self.update("transformer", *batch.tensors)
        return {name: metrics[name] for name in ("cross_entropy", "divergence") if name in metrics}

    def each_loss(self, *inputs: Tensor) -> Tensor:
        """Cross-entropy of each example, nats per code: (B,). inputs: tensors of pairs, as from `draw_pairs`."""
        each: Tensor = self.networks[self.part].objective(*inputs)[1]["each"]
        return each

    def recommended_sampling(self) -> dict[str, float] | None:
        """The teacher's settings without guidance, which is built in now; or those of init before distillation."""
        if self.teacher:
            return self.teacher.student_sampling
        return guided_part(Path(self.config.init or ""))[1] if self.config.from_guided else None

    def export_extras(self, weights: Path) -> None:
        """Writes the teacher too; without a teacher, removes an earlier one, which is worse than this transformer."""
        if self.teacher:
            self.teacher.export(weights, self.geometry)
        else:
            drop_part(weights, GUIDED)

    def exported(self) -> tuple[nn.Module, dict[str, Tensor]]:
        """The transformer, with adapters merged into its weights."""
        if self.adapted is None:
            return super().exported()
        merged = merge_adapters(self.adapted)
        return merged, merged.state_dict()

    def validate(self, step: int) -> dict[str, float]:
        """Cross-entropy (nats per code) on held-out videos, also with reference or picture of another video."""
        objective = self.networks[self.part].objective
        measured = {name: objective(*pair)[1] for name, pair in exchanged_pairs(self.fixed).items()}
        out = {name: metrics["each"].mean().item() for name, metrics in measured.items()}
        if self.teacher:
            out["divergence"] = measured[TRUE]["divergence"].item()
        return out

    @torch.no_grad()
    def pretext(self) -> dict[str, list[float]]:
        """Mean cross-entropy of each held-out video, nats per code, by case (see `pretext`); videos sorted by name."""
        self.set_training(False)
        names, out = np.array(self.fixed.names), {}
        for case, pair in exchanged_pairs(self.fixed).items():
            each = self.each_loss(*pair).float().cpu().numpy()
            out[case] = [float(each[names == name].mean()) for name in sorted(set(self.fixed.names))]
        return out

    def sample(self, folder: Path, step: int) -> None:
        """Decoded spectrograms of reference, target and generated codes; with a vocoder, a clip with generated sound."""
        from condfoley.training.plots import draw_spectrograms

        made = []
        for i in range(SAMPLE_EXAMPLES):
            reference, target, reference_codes, _ = (x[i : i + 1] for x in self.fixed.tensors)
            streams = random_streams([i])
            made.append(
                self.model.generate(Condition(target, reference, reference_codes), streams, Sampling(top_p=0.95))
            )
        _, _, reference_codes, target_codes = self.fixed.tensors
        rows = {
            "reference, decoded": reference_codes[:SAMPLE_EXAMPLES],
            "true codes, decoded": target_codes[:SAMPLE_EXAMPLES],
            "generated": torch.cat(made),
        }
        g = self.geometry
        specs = {k: self.tokenizer.decode(v, g.code_rows)[:, 0] for k, v in rows.items()}
        draw_spectrograms(folder / f"{step:06d}.png", specs, g.hop / g.sample_rate, self.fixed.names)
        if has_part(Path(self.config.weights), "vocoder"):
            e, track, _, _, t = self._choose(self.held_out, validation_streams(1)[0], views=1)
            start = int(e.starts[track, t])
            path, weights = folder / f"{step:06d}.mp4", Path(self.config.weights)
            write_sample_clip(path, e.clip, start, specs["generated"][0], weights, self.geometry)
