"""Stage `judges` with `judges.impact_frames`: a material classifier of single impacts, trained on simulated instruments.

No clips are needed: soundtracks are drawn from the shipped recordings and from those of `data.folder`. The classifiers of
windows stay those of `init`, whose classifier of impacts is trained further if it has the same sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from condfoley.data.materials import GROUPS, label_of
from condfoley.data.simulation.bank import SOUNDS, SoundBank, Split
from condfoley.data.store import ClipStore
from condfoley.errors import InputError
from condfoley.evaluation.classifiers import confusion_matrix
from condfoley.networks.judges import PART, Judges
from condfoley.training.batches import Batch
from condfoley.training.config import TrainConfig
from condfoley.training.impacts import Impacts, draw_impacts, usable
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import Loss, Stage
from condfoley.weights import part_config, part_entry, read_card

HELD_OUT_SOUNDS = 300  # soundtracks of held-out recordings for validation
VALIDATION_SEED = 12345
SMOOTHING = 0.05  # of the labels: instruments that mix two materials have the label of one


def known_tensors(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """State of a network that starts from other judges: all of theirs, but for a classifier of impacts of other sizes."""
    own = network.state_dict()
    impacts = {name: x.shape for name, x in own.items() if name.startswith("impacts.")}
    same = all(name in state and state[name].shape == shape for name, shape in impacts.items())
    return {name: own[name] if name in impacts and not same else state[name] for name in own}


class MaterialsStage(Stage):
    """Trains the material classifier on impacts of simulated instruments."""

    part = PART

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        if not config.init:
            raise InputError("judges.impact_frames needs init: a weights folder with judges, which are kept")
        super().__init__(config, accelerator)
        kept = part_config(PART, part_entry(read_card(Path(config.init)), Path(config.init), PART))
        self.sizes = c = replace(
            kept,
            impact_frames=config.judges.impact_frames,
            impact_widths=config.judges.impact_widths,
            impact_materials=config.judges.impact_materials or self._labels(),
        )
        self.sounds = self._draw("train", config.data.instruments, config.seed)
        self.held = self._draw("heldout", min(HELD_OUT_SOUNDS, config.data.instruments), VALIDATION_SEED)
        self.judges: Judges = load_init(self.built(Judges, c), PART, config, known_tensors)
        self.judges.action.requires_grad_(False)
        self.judges.material.requires_grad_(False)
        self.add(PART, self.judges, config.lr, self._loss)

    def open_store(self) -> ClipStore:
        """No clips."""
        return ClipStore([], [], [], Path())

    def describe_data(self) -> str:
        """Number of soundtracks and of their impacts."""
        return f"{self.config.data.instruments} instruments ({len(self.sounds.spec)} impacts) to train"

    def _banks(self, split: Split) -> list[SoundBank]:
        folders = [SOUNDS, *([Path(self.config.data.folder)] if self.config.data.folder else [])]
        return [SoundBank.load(split, folder) for folder in folders]

    def _labels(self) -> tuple[str, ...]:
        found = {label_of(name, tuple(GROUPS)) for bank in self._banks("train") for name in bank.materials}
        return tuple(sorted(found - {""}))

    def _draw(self, split: Split, count: int, seed: int) -> Impacts:
        c = self.sizes
        labels = c.impact_materials
        banks = [bank for bank in (usable(b, labels) for b in self._banks(split)) if bank.hits]
        if not banks:
            raise InputError(f"no recording of {', '.join(labels)}; see judges.impact_materials and data.folder")
        return draw_impacts(banks, count, labels, c.impact_frames, self.geometry, seed)

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Random impacts (B, 1, n_mels, impact_frames) and their materials (B,)."""
        spec, materials = zip(*(self.sounds.of(rng) for rng in rngs))
        names = [self.sizes.impact_materials[index] for index in materials]
        return Batch(names, (torch.from_numpy(np.stack(spec))[:, None].to(self.draw_device), torch.tensor(materials)))

    def _loss(self, spec: Tensor, materials: Tensor) -> Loss:
        logits = self._logits(spec)
        loss = F.cross_entropy(logits, materials, label_smoothing=SMOOTHING)
        return loss, {"material": loss.detach()}

    def _logits(self, spec: Tensor) -> Tensor:
        assert self.judges.impacts is not None
        logits: Tensor = self.judges.impacts(spec).float()
        return logits

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of the material classifier."""
        return self.update(PART, *batch.tensors)

    def _answers(self) -> tuple[list[int], list[int]]:
        """Predicted and true material of each held-out soundtrack, over its impacts."""
        spec = torch.from_numpy(self.held.spec.astype(np.float32))[:, None]
        logits = torch.cat([self._logits(part.to(self.device)).cpu() for part in spec.split(256)])
        logs, predicted, true = logits.log_softmax(1).numpy(), [], []
        for number in np.unique(self.held.sound):
            own = self.held.sound == number
            predicted.append(int(logs[own].mean(0).argmax()))
            true.append(int(self.held.materials[own][0]))
        return predicted, true

    def validate(self, step: int) -> dict[str, float]:
        """Accuracy on soundtracks of held-out recordings."""
        predicted, true = self._answers()
        return {"material_accuracy": float(np.mean(np.array(predicted) == np.array(true)))}

    def sample(self, folder: Path, step: int) -> None:
        """Confusion matrix on the same soundtracks; rows are the true labels."""
        from condfoley.training.plots import draw_confusions

        predicted, true = ([self.sizes.impact_materials[i] for i in indices] for indices in self._answers())
        counts = confusion_matrix(predicted, true, self.sizes.impact_materials)
        draw_confusions(folder / f"{step:06d}.png", [(counts, self.sizes.impact_materials)])
