"""Stage `judges`: the action and the material judge of an evaluation learn from labelled sounds.

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
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import started
from condfoley.training.stage import Batch, Loss, Stage, fixed_streams

TAIL = 0.15  # s that an event must be heard before its window ends
ATTEMPTS = 40  # windows looked at for one with a single kind of action
HELD_OUT = 256  # windows that are validated on
STATISTICS = 256  # windows that the mel bands are standardised by


def single_action(clip: CachedClip, start: float, seconds: float) -> str:
    """The one kind of labelled events in [start, start + seconds); empty for none or several, or an unlabelled one."""
    inside = [
        e for e in clip.events if e.time < start + seconds and e.time + max(e.duration, TAIL) > start and e.time >= 0
    ]
    if not all(e.labelled for e in inside) or not any(start <= e.time <= start + seconds - TAIL for e in inside):
        return ""
    kinds = {e.kind for e in inside}
    return next(iter(kinds)) if len(kinds) == 1 else ""


def material_of(clip: CachedClip, track: int) -> str:
    """The material of one rendering, or else the one that all labelled events of the clip name; empty for neither."""
    if clip.materials:
        return clip.materials[track]
    names = {e.material for e in clip.events if e.labelled}
    return next(iter(names)) if len(names) == 1 else ""


class JudgesStage(Stage):
    """Trained on windows with a single kind of action and a known material, as published; both judges at once."""

    part = PART

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        c = config.judges
        if unknown := [name for name in c.actions if name not in KINDS]:
            raise InputError(f"judges.actions names {unknown[0]!r}; events are {' or '.join(KINDS)}")
        super().__init__(config, accelerator)
        found = sorted({m for clip in self.store.train for k in range(clip.tracks) if (m := material_of(clip, k))})
        if not c.materials and len(found) < 2:
            raise InputError(
                f"{config.data.folder} names {len(found)} materials; the judges need 2 or more: take simulated clips"
            )
        self.sizes = c = replace(c, materials=c.materials or tuple(found))
        self.train_clips, held = self._usable(self.store.train), self._usable(self.store.validation)
        if not self.train_clips:
            raise InputError(f"{config.data.folder} has no clips to train with: none has events of a known material")
        if not held:
            raise InputError(
                f"{config.data.folder} has no clips to validate with: none of the {len(self.store.validation)} held out has "
                "events of a material that is trained on; give a larger data.validation (a prepared data set: prepare it with "
                "a larger share), or more clips"
            )
        self.judges: Judges = started(Judges(c), PART, config)
        if not config.init:
            self._standardise()
        self.add(PART, self.judges, config.lr, self._loss)
        self.fixed = self._batch(held, fixed_streams(HELD_OUT)).to(self.device)

    def _usable(self, clips: list[CachedClip]) -> list[CachedClip]:
        known = set(self.sizes.materials)
        return [c for c in clips if c.events and any(material_of(c, k) in known for k in range(c.tracks))]

    def _window(self, clips: list[CachedClip], rng: np.random.Generator) -> tuple[str, np.ndarray, int, int]:
        """A clip's name, a window of it (N,), and the indices of its action and its material.

        The action is drawn first, so that both kinds come equally often however rare one is.
        """
        g, c = self.geometry, self.sizes
        seconds = g.clip_samples / g.sample_rate
        wanted = c.actions[rng.integers(len(c.actions))]
        second_best: tuple[CachedClip, int, float, str] | None = None
        for _attempt in range(ATTEMPTS):
            clip = clips[rng.integers(len(clips))]
            track = int(rng.integers(clip.tracks))
            start = float(rng.uniform(0, max(0.0, clip.sample_count / g.sample_rate - seconds)))
            action = single_action(clip, start, seconds)
            if action not in c.actions or material_of(clip, track) not in c.materials:
                continue
            second_best = clip, track, start, action
            if action == wanted:
                break
        if second_best is None:
            raise InputError(f"{self.config.data.folder} has hardly a window with a single kind of action; add clips")
        clip, track, start, action = second_best
        wav = clip.sound(track, round(start * g.sample_rate), g.clip_samples)
        return clip.name, wav, c.actions.index(action), c.materials.index(material_of(clip, track))

    def _batch(self, clips: list[CachedClip], rngs: Sequence[np.random.Generator]) -> Batch:
        names, wavs, actions, materials = zip(*(self._window(clips, rng) for rng in rngs))
        spec = classifier_input(torch.from_numpy(np.stack(wavs)).to(self.drawn_on), self.geometry)
        return Batch(list(names), (spec, torch.tensor(actions), torch.tensor(materials)))

    def _standardise(self) -> None:
        """Mean and deviation of each mel band, from training windows."""
        spec = self._batch(self.train_clips, fixed_streams(STATISTICS)).tensors[0]
        self.judges.mean.copy_(spec.mean((0, 1, 3)))
        self.judges.std.copy_(spec.std((0, 1, 3)).clamp(min=1e-2))

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Spectrograms (B, 1, n_mels, T) of random windows, their actions and their materials (B,)."""
        return self._batch(self.train_clips, rngs)

    def _loss(self, spec: Tensor, actions: Tensor, materials: Tensor) -> Loss:
        said, of_what, _ = self.judges(spec)
        action, material = F.cross_entropy(said.float(), actions), F.cross_entropy(of_what.float(), materials)
        return action + material, {"action": action.detach(), "material": material.detach()}

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of both judges."""
        return self.update(PART, *batch.tensors)

    def _said(self) -> tuple[Tensor, Tensor]:
        parts = [self.judges(piece)[:2] for piece in self.fixed.tensors[0].split(64)]
        return torch.cat([a.argmax(1) for a, _ in parts]), torch.cat([m.argmax(1) for _, m in parts])

    def validate(self, step: int) -> dict[str, float]:
        """Accuracy of both judges on windows of validation videos."""
        action, material = self._said()
        _, actions, materials = self.fixed.tensors
        return {
            "action_accuracy": (action == actions).float().mean().item(),
            "material_accuracy": (material == materials).float().mean().item(),
        }

    def sample(self, folder: Path, step: int) -> None:
        """Both confusion matrices on validation windows, rows the true labels."""
        from condfoley.training.plots import confusions

        counts = []
        for said, true, labels in zip(self._said(), self.fixed.tensors[1:], (self.sizes.actions, self.sizes.materials)):
            a, b = ([labels[i] for i in indices.tolist()] for indices in (said, true))
            counts.append((confusion_matrix(a, b, labels), labels))
        confusions(folder / f"{step:06d}.png", counts)
