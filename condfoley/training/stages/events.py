"""Stage `events`: the recurrent event head, trained on the frozen picture tokens."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from condfoley.networks.event_head import EventHead
from condfoley.training.banks import token_statistics, token_window
from condfoley.training.batches import Batch
from condfoley.training.config import TrainConfig
from condfoley.training.features import Features
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import Loss, Stage
from condfoley.training.stages.video import draw_film, event_loss, frame_labels, onset_scores


class EventsStage(Stage):
    """Trained on the same events as stage `video`, but from its tokens, which are computed once: takes minutes."""

    part = "events"
    windows_of_frames = True
    both_learn = False
    """Whether the first head learns, too, where there is a second one (`events.veto`)."""

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        features = Features(config, self.store.cache, str(accelerator.device))
        every = features.load(self.store.train + self.store.validation, features.picture_tokens())
        tokens = [tokens for (tokens,) in every]
        self.bank, self.held_out = tokens[: len(self.store.train)], tokens[len(self.store.train) :]
        sizes = dataclasses.replace(config.events, feature_dim=self.bank[0].shape[2])
        self.model: EventHead = self.built(EventHead, sizes)
        mean, std = token_statistics(self.bank)
        for head in (self.model, self.model.second):
            if head is not None:
                head.feature_mean.copy_(mean)
                head.feature_std.copy_(std)
        load_init(self.model, self.part, config, with_second)
        if (second := self.model.second) is not None and not self.both_learn:
            self.model.requires_grad_(False)
            second.requires_grad_(True)
        self.initial: EventHead = copy.deepcopy(self.model).requires_grad_(False).eval().to(accelerator.device)
        self.add("events", self.model, config.lr, self._loss)
        self.token_std = self.model.feature_std.cpu().numpy()
        self.window = config.window or 2 * self.geometry.window_frames

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The video encoder."""
        return ("video_encoder",)

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Windows of picture tokens (B, T, D) of random clips, with noise, and their labels (B, T, 3)."""
        names, tokens, labels = [], [], []
        for rng in rngs:
            index = int(rng.integers(len(self.bank)))
            clip, views = self.store.train[index], self.bank[index]
            start = int(rng.integers(0, max(1, clip.frame_count - self.window + 1)))
            window = token_window(views[int(rng.integers(len(views)))], start, self.window).astype(np.float32)
            noise = rng.standard_normal(window.shape, np.float32) * self.token_std
            names.append(clip.name)
            tokens.append(window + self.config.loss.feature_noise * noise)
            labels.append(frame_labels(clip.events, start, self.window, self.geometry.fps))
        return Batch(names, tuple(torch.from_numpy(np.stack(x)) for x in (tokens, labels)))

    def _loss(self, tokens: Tensor, labels: Tensor) -> Loss:
        logits = self.model.each(tokens)[-1].float()
        with self.full_precision():
            loss, metrics = event_loss(logits, labels, self.config.loss.onset_weight)
            if keep := self.config.loss.keep_init:
                distance = F.binary_cross_entropy_with_logits(
                    logits[..., :2], self.before(tokens)[-1, ..., :2].sigmoid()
                )
                loss, metrics = loss + keep * distance, metrics | {"from_init": distance.detach()}
        return loss, metrics

    @torch.no_grad()
    def before(self, tokens: Tensor) -> Tensor:
        """The initial heads' logits (heads, B, T, 3) for picture tokens (B, T, D)."""
        return self.initial.each(tokens).float()

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random windows of random clips."""
        return self.update("events", *batch.tensors)

    def onset_logits(self, views: np.ndarray) -> Tensor:
        """Onset logit of each frame of a whole clip: (T,) on the CPU. views: (views, T, D), of which the first is used."""
        tokens = torch.from_numpy(views[:1].astype(np.float32)).to(self.device)
        out: Tensor = self.model(tokens)[0, :, 0].float().cpu()
        return out

    def _predict(self, views: np.ndarray) -> np.ndarray:
        """Onset probability of each frame of a whole clip: (T,). views: see `onset_logits`."""
        return self.onset_logits(views).sigmoid().numpy()

    def validate(self, step: int) -> dict[str, float]:
        """F1, recall and precision of the picked onsets, within 0.1 s, on up to 80 whole validation clips."""
        predicted = [self._predict(views) for views in self.held_out[:80]]
        return onset_scores(self.store.validation[:80], predicted, self.geometry.fps)

    def sample(self, folder: Path, step: int) -> None:
        """Film strips with the true and the predicted onsets."""
        predicted = [self._predict(views) for views in self.held_out[:4]]
        draw_film(folder / f"{step:06d}.png", self.store.validation[:4], predicted, self.geometry.fps)


def with_second(state: dict[str, Tensor], head: nn.Module) -> dict[str, Tensor]:
    """The weights of a head for one that may have a second one, which begins as the first where there is none yet.

    For one without a second one those of the first alone.
    """
    if head.second is None:
        return {name: value for name, value in state.items() if not name.startswith("second.")}
    second = {f"second.{name}": value for name, value in state.items()}
    return state if any(name in state for name in second) else state | second
