"""Stage `judges`: the action and the material classifier of an evaluation, trained on labelled sounds.

Published: published_facts.md, section 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from condfoley.data.events import KINDS
from condfoley.data.store import CachedClip
from condfoley.errors import InputError
from condfoley.evaluation.classifiers import classifier_input, confusion_matrix
from condfoley.networks.judges import PART, Judges
from condfoley.training.batches import Batch, validation_streams
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import Loss, Stage

MIN_AUDIBLE = 0.15  # s of an event that a window must contain
ATTEMPTS = 40  # windows drawn until one has a single kind of action
VALIDATION_WINDOWS = 256
STATISTICS_WINDOWS = 256  # windows from which mean and deviation of the mel bands are computed


def single_action(clip: CachedClip, start: float, seconds: float) -> str:
    """The kind of the events in [start, start + seconds) s; empty for none, several kinds, or an unlabelled event."""
    inside = [
        e
        for e in clip.events
        if e.time < start + seconds and e.time + max(e.duration, MIN_AUDIBLE) > start and e.time >= 0
    ]
    if not all(e.labelled for e in inside) or not any(start <= e.time <= start + seconds - MIN_AUDIBLE for e in inside):
        return ""
    kinds = {e.kind for e in inside}
    return next(iter(kinds)) if len(kinds) == 1 else ""


def material_of(clip: CachedClip, track: int) -> str:
    """The material of a rendered track, or that of all labelled events of the clip; empty if there is no single one."""
    if clip.materials:
        return clip.materials[track]
    names = {e.material for e in clip.events if e.labelled}
    return next(iter(names)) if len(names) == 1 else ""


class JudgesStage(Stage):
    """Trains both classifiers on windows with a single kind of action and a known material, as published."""

    part = PART

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        c = config.judges
        if unknown := [name for name in c.actions if name not in KINDS]:
            raise InputError(f"judges.actions names {unknown[0]!r}; events are {' or '.join(KINDS)}")
        super().__init__(config, accelerator)
        materials = sorted({m for clip in self.store.train for k in range(clip.tracks) if (m := material_of(clip, k))})
        if not c.materials and len(materials) < 2:
            raise InputError(
                f"{config.data.folder} names {len(materials)} materials; the classifiers need 2 or more: use simulated clips"
            )
        self.sizes = c = replace(c, materials=c.materials or tuple(materials))
        self.train_clips, held = self._usable(self.store.train), self._usable(self.store.validation)
        if not self.train_clips:
            raise InputError(f"{config.data.folder} has no clips to train with: none has events of a known material")
        if not held:
            raise InputError(
                f"{config.data.folder} has no clips to validate with: none of the {len(self.store.validation)} held out has "
                "events of a material that is trained on; give a larger data.validation (a prepared data set: prepare it with "
                "a larger share), or more clips"
            )
        self.judges: Judges = load_init(self.built(Judges, c), PART, config)
        if not config.init:
            self._standardise()
        self.add(PART, self.judges, config.lr, self._loss)
        self.fixed = self._draw_batch(held, validation_streams(VALIDATION_WINDOWS)).to(self.device)

    def _usable(self, clips: list[CachedClip]) -> list[CachedClip]:
        known = set(self.sizes.materials)
        return [c for c in clips if c.events and any(material_of(c, k) in known for k in range(c.tracks))]

    def _draw_window(self, clips: list[CachedClip], rng: np.random.Generator) -> tuple[str, np.ndarray, int, int]:
        """A random window: name of its clip, sound (N,), indices of its action and its material.

        The action is drawn first, so that all actions are about equally frequent.
        """
        g, c = self.geometry, self.sizes
        seconds = g.clip_samples / g.sample_rate
        wanted = c.actions[rng.integers(len(c.actions))]
        found: tuple[CachedClip, int, float, str] | None = None
        for _attempt in range(ATTEMPTS):
            clip = clips[rng.integers(len(clips))]
            track = int(rng.integers(clip.tracks))
            start = float(rng.uniform(0, max(0.0, clip.sample_count / g.sample_rate - seconds)))
            action = single_action(clip, start, seconds)
            if action not in c.actions or material_of(clip, track) not in c.materials:
                continue
            found = clip, track, start, action
            if action == wanted:
                break
        if found is None:
            raise InputError(f"{self.config.data.folder} has hardly a window with a single kind of action; add clips")
        clip, track, start, action = found
        wav = clip.sound(track, round(start * g.sample_rate), g.clip_samples)
        return clip.name, wav, c.actions.index(action), c.materials.index(material_of(clip, track))

    def _draw_batch(self, clips: list[CachedClip], rngs: Sequence[np.random.Generator]) -> Batch:
        names, wavs, actions, materials = zip(*(self._draw_window(clips, rng) for rng in rngs))
        spec = classifier_input(torch.from_numpy(np.stack(wavs)).to(self.draw_device), self.geometry)
        return Batch(list(names), (spec, torch.tensor(actions), torch.tensor(materials)))

    def _standardise(self) -> None:
        """Sets mean and deviation of each mel band from training windows."""
        spec = self._draw_batch(self.train_clips, validation_streams(STATISTICS_WINDOWS)).tensors[0]
        self.judges.mean.copy_(spec.mean((0, 1, 3)))
        self.judges.std.copy_(spec.std((0, 1, 3)).clamp(min=1e-2))

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Spectrograms (B, 1, n_mels, T) of random windows, their actions (B,) and their materials (B,)."""
        return self._draw_batch(self.train_clips, rngs)

    def _loss(self, spec: Tensor, actions: Tensor, materials: Tensor) -> Loss:
        action_logits, material_logits, _ = self.judges(spec)
        action = F.cross_entropy(action_logits.float(), actions)
        material = F.cross_entropy(material_logits.float(), materials)
        return action + material, {"action": action.detach(), "material": material.detach()}

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of both classifiers."""
        return self.update(PART, *batch.tensors)

    def _predictions(self) -> tuple[Tensor, Tensor]:
        parts = [self.judges(piece)[:2] for piece in self.fixed.tensors[0].split(64)]
        return torch.cat([a.argmax(1) for a, _ in parts]), torch.cat([m.argmax(1) for _, m in parts])

    def validate(self, step: int) -> dict[str, float]:
        """Accuracy of both classifiers on windows of validation videos."""
        action, material = self._predictions()
        _, actions, materials = self.fixed.tensors
        return {
            "action_accuracy": (action == actions).float().mean().item(),
            "material_accuracy": (material == materials).float().mean().item(),
        }

    def sample(self, folder: Path, step: int) -> None:
        """Confusion matrices of both classifiers on validation windows; rows are the true labels."""
        from condfoley.training.plots import draw_confusions

        counts = []
        for predicted, true, labels in zip(
            self._predictions(), self.fixed.tensors[1:], (self.sizes.actions, self.sizes.materials)
        ):
            a, b = ([labels[i] for i in indices.tolist()] for indices in (predicted, true))
            counts.append((confusion_matrix(a, b, labels), labels))
        draw_confusions(folder / f"{step:06d}.png", counts)
