"""Training on one fold of one's own clips: held-out losses clip by clip, and the state at each of them."""

from __future__ import annotations

import copy
import dataclasses
import json
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from condfoley.audio.onsets import match
from condfoley.data.detected_events import seen_events
from condfoley.data.pairs import separate_pairs
from condfoley.data.store import CachedClip, ClipStore
from condfoley.errors import InputError
from condfoley.files import make_folder, open_atomic, write_json
from condfoley.networks.mel import window_spec
from condfoley.runtime.peaks import pick_onsets
from condfoley.training.adapters import merge_adapters
from condfoley.training.banks import Example, token_window
from condfoley.training.batches import Batch
from condfoley.training.config import TrainConfig
from condfoley.training.finetuning.choice import Evaluations, stalled
from condfoley.training.finetuning.parts import LEARNERS
from condfoley.training.finetuning.plan import Fold
from condfoley.training.stage import Loss, Stage
from condfoley.training.stages.events import EventsStage
from condfoley.training.stages.tokenizer import TokenizerStage
from condfoley.training.stages.transformer import TransformerStage
from condfoley.training.stages.video import frame_labels, onset_loss

EVALUATIONS, STATES = "held_out", "states"  # subfolders of a fold's run
F1 = "f1"  # subfolder of a fold's run: onsets of the picture, by the event head
WINDOWS_OF_CLIP = 8  # of a held-out clip, by which the tokenizer is compared
PAIRS_OF_CLIP, PAIRS = 8, 400  # held-out pairs of one clip, and of all about
Measures = dict[str, dict[str, float]]
"""Subfolder of a fold's run -> held-out clip -> value."""
TOGETHER = 16  # pairs that are measured at once


class FoldStage(Stage):
    """One fold of any part. It ends when held-out clips have not become better `patience` times; 0: after `config.steps`.

    Its part is not exported: which state is the best one is known when all folds are done.
    """

    exports = False

    def __init__(self, config: TrainConfig, accelerator: Accelerator, store: ClipStore, fold: Fold, patience: int):
        self.fold, self.patience, self.opened = fold, patience, store
        super().__init__(config, accelerator)

    def open_store(self) -> ClipStore:
        """The fold's clips; where none is held out, those that are trained on are measured."""
        clips = {clip.name: clip for clip in self.opened.train + self.opened.validation}
        train = [clips[name] for name in self.fold.train]
        held = [clips[name] for name in self.fold.held_out or self.fold.train]
        return ClipStore(train, held, [], self.opened.cache)

    @abstractmethod
    def measure(self) -> Measures:
        """EVALUATIONS: the loss of each held-out clip by which steps are compared; further values by their subfolders."""

    @property
    @abstractmethod
    def measured(self) -> int:
        """Number of examples that `measure` computes."""

    def measure_start(self) -> None:
        """Measures the start as step 0, before any checkpoint is loaded."""
        if not self._file(EVALUATIONS, 0, "json").exists():
            self._write(0, self.measure())

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        """Mean loss of held-out clips; writes that of each clip, and the state, into the run's folder."""
        self._write(step, self.measure())
        path = self._file(STATES, step, "safetensors")
        make_folder(path.parent)
        from safetensors.torch import save

        with open_atomic(path) as file:
            file.write(save({name: x.detach().cpu().contiguous() for name, x in self._trained().items()}))
        return {LEARNERS[self.part].curve: self._means[step]}

    def sample(self, folder: Path, step: int) -> None:
        """Nothing: the report has sounds of the states that are kept."""

    def is_finished(self, step: int) -> bool:
        """Whether held-out clips have stopped becoming better."""
        if not self.patience:
            return False
        return stalled([self._means[k] for k in sorted(self._means) if k <= step], self.patience)

    @cached_property
    def _means(self) -> dict[int, float]:
        """Step -> mean of the held-out clips' losses; those of an earlier process are read once."""
        return {step: _mean(losses) for step, losses in evaluations(Path(self.config.out)).items()}

    def load_state(self, step: int) -> None:
        """Loads the state of a step at which held-out clips were measured. Raises InputError when it is missing."""
        from safetensors.torch import load_file

        path = self._file(STATES, step, "safetensors")
        if not path.is_file():
            raise InputError(f"{path} is missing; give --force to start again")
        state, trained = load_file(path), self._trained()
        self.initial_weights = {}  # the state is a mean with them already (`init_share`), which nothing is to make again
        with torch.no_grad():
            for name, parameter in trained.items():
                parameter.copy_(state[name])

    def whole_model(self) -> nn.Module:
        """The part in its present state; a copy."""
        return copy.deepcopy(self.trained_network())

    def _trained(self) -> dict[str, nn.Parameter]:
        return {name: x for name, x in self.trained_network().named_parameters() if x.requires_grad}

    def _write(self, step: int, measures: Measures) -> None:
        for kind, values in measures.items():
            path = self._file(kind, step, "json")
            make_folder(path.parent)
            write_json(path, values)
        self._means[step] = _mean(measures[EVALUATIONS])

    def _file(self, kind: str, step: int, suffix: str) -> Path:
        return Path(self.config.out) / kind / f"{step:06d}.{suffix}"


class FinetuneTransformer(FoldStage, TransformerStage):
    """The transformer, by the cross-entropy of held-out clips' pairs."""

    def __init__(self, config: TrainConfig, accelerator: Accelerator, store: ClipStore, fold: Fold, patience: int):
        super().__init__(config, accelerator, store, fold, patience)
        held = self.held_out[:PAIRS]
        most = min(PAIRS_OF_CLIP, PAIRS // len(held))
        self.pairs = [pair for example in held for pair in every_pair(example, config.geometry.window_frames)[:most]]

    @property
    def measured(self) -> int:
        """Number of pairs."""
        return len(self.pairs)

    @torch.no_grad()
    def measure(self) -> Measures:
        """EVALUATIONS: mean cross-entropy of each held-out clip's pairs, nats per code."""
        self.set_training(False)
        sums: dict[str, list[float]] = {}
        for first in range(0, len(self.pairs), TOGETHER):
            some = self.pairs[first : first + TOGETHER]
            batch = _batch(some, self.geometry.window_frames).to(self.device)
            for name, loss in zip(batch.names, self.each_loss(*batch.tensors).float().tolist()):
                sums.setdefault(name, []).append(loss)
        return {EVALUATIONS: {name: float(np.mean(losses)) for name, losses in sums.items()}}

    def whole_model(self) -> nn.Module:
        """The transformer in its present state, with adapters merged into its weights; a copy."""
        return merge_adapters(self.adapted) if self.adapted is not None else super().whole_model()


class FinetuneEvents(FoldStage, EventsStage):
    """The event head, by the onsets in the clips' own sound that have motion in the picture.

    What the sound does not say (sliding, strength) stays as the head had it at the start. Of two heads both learn, each as if it
    were alone.
    """

    both_learn = True

    def open_store(self) -> ClipStore:
        """The fold's clips, each with the impacts that can be seen in it."""
        store, fps = super().open_store(), self.geometry.fps
        train, held = ([_with_seen_events(clip, fps) for clip in some] for some in (store.train, store.validation))
        return ClipStore(train, held, [], store.cache)

    @property
    def measured(self) -> int:
        """Number of clips."""
        return len(self.held_out)

    def _loss(self, tokens: Tensor, labels: Tensor) -> Loss:
        """Cross-entropy of onsets, and `loss.keep_init` times the distance from the initial head; also that of the rest."""
        logits, before = self.model.each(tokens).float(), self.before(tokens)
        near = labels[..., 0].expand(len(logits), -1, -1)
        with self.full_precision():
            onset = onset_loss(logits[..., 0], near, self.config.loss.onset_weight)
            kept = F.binary_cross_entropy_with_logits(logits[..., 0], before[..., 0].sigmoid())
            sliding = F.binary_cross_entropy_with_logits(logits[..., 1], before[..., 1].sigmoid())
            strength = (logits[..., 2] - before[..., 2]).square().mean()
            total = onset + self.config.loss.keep_init * kept + 0.5 * sliding + 0.5 * strength
        return total, {"cross_entropy": onset.detach(), "sliding": sliding.detach(), "strength": strength.detach()}

    @torch.no_grad()
    def measure(self) -> Measures:
        """EVALUATIONS: mean cross-entropy of each held-out clip's frames, nats, with `loss.onset_weight`; F1: of the onsets
        picked in it, within 0.1 s of those in its sound."""
        self.set_training(False)
        losses, f1 = {}, {}
        for clip, views in zip(self.store.validation, self.held_out, strict=True):
            logits = self.onset_logits(views)
            near = torch.from_numpy(frame_labels(clip.events, 0, len(logits), self.geometry.fps)[:, 0])
            losses[clip.name] = float(onset_loss(logits, near, self.config.loss.onset_weight))
            picked = pick_onsets(logits.sigmoid().numpy(), self.geometry.fps)
            f1[clip.name] = match(np.array(sorted(event.time for event in clip.events)), picked, 0.1).f1
        return {F1: f1, EVALUATIONS: losses}  # the losses last: where they are, a step is measured


class FinetuneTokenizer(FoldStage, TokenizerStage):
    """The tokenizer's decoder, by how far the spectrograms of held-out clips are from what codes leave of them."""

    def __init__(self, config: TrainConfig, accelerator: Accelerator, store: ClipStore, fold: Fold, patience: int):
        super().__init__(config, accelerator, store, fold, patience)
        samples = self.geometry.clip_samples
        self.windows = {
            clip.name: np.stack([clip.sound(0, k * samples, samples) for k in range(_windows(clip, samples))])
            for clip in self.store.validation
        }

    @property
    def measured(self) -> int:
        """Number of windows."""
        return sum(map(len, self.windows.values()))

    @torch.no_grad()
    def measure(self) -> Measures:
        """EVALUATIONS: distance of each held-out clip's spectrograms, in [-1, 1], from their reconstruction: mean of absolute
        and of squared differences, added up."""
        self.set_training(False)
        found = {}
        for name, wav in self.windows.items():
            spec = window_spec(torch.from_numpy(wav).to(self.device), self.geometry)
            out = self.tokenizer.decode(self.tokenizer.encode(spec), self.geometry.code_rows)
            found[name] = float(F.l1_loss(out, spec) + F.mse_loss(out, spec))
        return {EVALUATIONS: found}


def _windows(clip: CachedClip, samples: int) -> int:
    """Number of windows of a clip that are measured: one after another, WINDOWS_OF_CLIP at most."""
    return max(1, min(clip.sample_count // samples, WINDOWS_OF_CLIP))


def _with_seen_events(clip: CachedClip, fps: float) -> CachedClip:
    """A clip without the detected onsets at which nothing moves; annotated events are kept."""
    seen = seen_events(clip.events, clip.frames(0, clip.frame_count), fps)
    return dataclasses.replace(clip, events=tuple(e for e in clip.events if e.labelled or e in seen))


def _mean(losses: Mapping[str, float]) -> float:
    return float(np.mean(list(losses.values())))


def evaluations(run: Path, kind: str = EVALUATIONS) -> Evaluations:
    """All measurements on held-out clips in the folder of a fold's run. kind: EVALUATIONS, or F1 of the event head."""
    return {int(path.stem): json.loads(path.read_text()) for path in sorted((run / kind).glob("*.json"))}


def every_pair(example: Example, window: int) -> list[tuple[Example, int, int]]:
    """All pairs of windows of a clip's own sound that do not overlap, as (clip, reference, target), in a mixed order.

    If all overlap, those that are farthest apart. window: length in picture frames.
    """
    found = separate_pairs(example.starts[0], window)
    order = np.random.default_rng(0).permutation(len(found))
    return [(example, int(r), int(t)) for r, t in found[order]]


def _batch(pairs: list[tuple[Example, int, int]], window: int) -> Batch:
    """The plain view of some pairs: reference and target picture tokens (B, window, D), then their codes (B, codes)."""
    rows: list[tuple[Any, ...]] = []
    for example, r, t in pairs:
        pictures = [token_window(example.tokens[0], int(example.starts[0, i]), window) for i in (r, t)]
        rows.append((*pictures, example.sounds[0, r], example.sounds[0, t]))
    reference, target, *codes = (torch.from_numpy(np.stack(x)) for x in zip(*rows))
    tensors: tuple[Tensor, ...] = (reference.float(), target.float(), *(x.long() for x in codes))
    return Batch([example.clip.name for example, _, _ in pairs], tensors)
