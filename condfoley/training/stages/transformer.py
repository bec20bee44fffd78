"""Stage `transformer`: in-video pairs; cross-entropy of the target's codes, or divergence from a guided teacher."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from condfoley.data.store import CachedClip, ClipStore
from condfoley.networks.transformer import Condition, Transformer
from condfoley.runtime.sampling import Sampling, random_streams
from condfoley.training.adapters import add_adapters, merge_adapters
from condfoley.training.augment import cut_window
from condfoley.training.banks import (
    Drawn,
    Example,
    draw_windows,
    load_examples,
    noisy_pictures,
    token_statistics,
    token_window,
)
from condfoley.training.batches import Batch, validation_streams
from condfoley.training.config import TrainConfig
from condfoley.training.distil import Teacher, guided_part, select_blocks
from condfoley.training.features import Features
from condfoley.training.prerequisites import has_part, load_init
from condfoley.training.pretext import TRUE, exchanged_pairs, loss_of_videos
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
        every = load_examples(self.store.train + self.store.validation, features, features.code_windows())
        self.rehearsal = (
            load_examples(self._rehearsed_clips(), features, features.code_windows()) if config.data.rehearse else []
        )
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
        self.model: Transformer = self.built(Transformer, sizes)
        mean, std = token_statistics([e.tokens for e in self.bank])
        self.model.feature_mean.copy_(mean)
        self.model.feature_std.copy_(std)
        self.teacher = Teacher(Path(config.teacher), device) if config.teacher else None
        load_init(self.model, self.part, config, select_blocks if self.teacher else None)
        self.initial: Transformer | None = None
        if config.loss.keep_init:
            self.initial = copy.deepcopy(self.model).requires_grad_(False).eval().to(accelerator.device)
        self.adapted: Any = add_adapters(self.model, config.lora, config.lora_dropout) if config.lora else None
        self.add("transformer", self.adapted or self.model, config.lr, self._loss)
        self.token_std = self.model.feature_std.cpu()
        self.fixed = self.draw_pairs(self.held_out, validation_streams(96), views=1).to(self.device)

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The parts that encode its inputs and outputs."""
        return "tokenizer", "video_encoder"

    def _rehearsed_clips(self) -> list[CachedClip]:
        """The clips of `data.rehearse` that are to train with. Raises InputError when they cannot be used."""
        d = self.config.data
        size, workers = d.frame_size, d.workers
        store = ClipStore.open(d.rehearse or "", self.geometry, frame_size=size, workers=workers, engine=d.engine)
        return store.train

    def _bank_of(self, bank: list[Example], rng: np.random.Generator) -> list[Example]:
        """The bank of one example to train with: `bank`, or the rehearsed one in `data.rehearsed` of the cases."""
        if bank is self.bank and self.rehearsal and rng.random() < self.config.data.rehearsed:
            return self.rehearsal
        return bank

    def draw_pairs(
        self, bank: list[Example], rngs: Sequence[np.random.Generator], views: int, cuts: float = 0.0
    ) -> Batch:
        """Random in-video pairs: reference and target picture tokens (B, frames, D), reference and target codes (B, codes).

        cuts: share of targets that are cut to another window of the video.
        """
        names: list[str] = []
        rows: list[tuple[np.ndarray, ...]] = []
        for rng in rngs:
            pair = draw_windows(self._bank_of(bank, rng), rng, views, self.geometry, self.config.data.pairing)
            target = pair.pictures[1], pair.sounds[1]
            if cuts and rng.random() < cuts:
                target = self._cut(target, pair, rng, views)
            rows.append((pair.pictures[0], target[0], pair.sounds[0], target[1]))
            names.append(pair.example.clip.name)
        a, b, c, d = (torch.from_numpy(np.stack(x)) for x in zip(*rows))
        return Batch(names, (a.float(), b.float(), c.long(), d.long()))

    def _cut(
        self, target: tuple[np.ndarray, np.ndarray], pair: Drawn, rng: np.random.Generator, views: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """A target's tokens and codes, cut at a random column to another window in another view.

        The other window does not overlap the reference's if there is such a one.
        """
        g, e, starts = self.geometry, pair.example, pair.example.starts[pair.track]
        distance = np.abs(starts - starts[pair.reference])
        distance[[pair.reference, pair.target]] = -1
        other = int(rng.choice(np.flatnonzero(distance >= min(g.window_frames, distance.max()))))
        tokens = token_window(e.tokens[rng.integers(views)], int(starts[other]), g.window_frames)
        column = int(rng.integers(1, g.code_columns))
        return cut_window((target[0], tokens), (target[1], e.sounds[pair.track, other]), column, g)

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Random in-video pairs with noise on the picture tokens, and which of their conditions are dropped (B,)."""
        batch = self.draw_pairs(self.bank, rngs, len(self.bank[0].tokens), self.config.data.cuts)
        weights = self.config.loss
        reference, target, *codes = batch.tensors
        reference, target = noisy_pictures((reference, target), weights.feature_noise * self.token_std, rngs)
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
        if self.initial is not None and self.model.training:
            conditions = reference, target, reference_codes, no_picture, no_reference, no_target
            distance = self._distance_from_init(logits, target_codes, *conditions)
            loss = loss + self.config.loss.keep_init * distance
            metrics["from_init"] = distance.detach()
        return loss, metrics

    def _distance_from_init(
        self,
        logits: Tensor,
        target_codes: Tensor,
        reference: Tensor,
        target: Tensor,
        reference_codes: Tensor,
        no_picture: Tensor | None,
        no_reference: Tensor | None,
        no_target: Tensor | None,
    ) -> Tensor:
        """Mean divergence of the predictions, logits (B, codes, n_embed), from those of init, nats per code."""
        assert self.initial is not None
        m = self.initial
        with torch.no_grad():
            prefix = m.prefix(reference, target, reference_codes, no_picture, no_reference, no_target)
            wanted = m(prefix, target_codes, m.alignment(target, no_target)).float().softmax(-1)
        with self.full_precision():
            each: Tensor = F.kl_div(logits.float().log_softmax(-1), wanted, reduction="none").sum(2)
        return each.mean()

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random in-video pairs."""
        metrics = self.update("transformer", *batch.tensors)
        return {name: metrics[name] for name in ("cross_entropy", "divergence", "from_init") if name in metrics}

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
        return loss_of_videos(self.fixed, self.each_loss)

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
            pair = draw_windows(self.held_out, validation_streams(1)[0], 1, g, self.config.data.pairing)
            path, weights = folder / f"{step:06d}.mp4", Path(self.config.weights)
            write_sample_clip(path, pair.example.clip, pair.start, specs["generated"][0], weights, g)
