"""Judges: what kind of action, and which material, does one hear? Two VGG-like classifiers of spectrograms.

The default sizes are the published ones (published_facts.md, section 14); the shipped judges are smaller and come from
`condfoley train --config configs/small/judges.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.audio.windows import segments
from condfoley.geometry import Geometry
from condfoley.networks.mel import window_spec
from condfoley.sizes import JudgesConfig
from condfoley.weights import SHIPPED, card_geometry, load_part, read_card

LEVEL, QUIET = 0.1, 1e-4  # RMS that windows are brought to, and below which they are taken for silence
PART = "judges"


class Vgg(nn.Module):
    """3 x 3 convolutions in stages with pooling between them, then three linear layers."""

    def __init__(self, config: JudgesConfig, classes: int):
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for i, (width, depth) in enumerate(zip(config.widths, config.depths)):
            layers += [nn.MaxPool2d(2)] if i else []
            for _ in range(depth):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
        self.features = nn.Sequential(*layers)
        rows, columns = config.grid
        self.pool = nn.AdaptiveAvgPool2d((rows, columns))
        self.hidden = nn.Sequential(
            nn.Linear(before * rows * columns, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
        )
        self.head = nn.Linear(config.hidden, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # 13 layers without normalisation
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, classes) of x (B, 1, n_mels, T), and the layer before them (B, hidden)."""
        hidden = self.hidden(self.pool(self.features(x)).flatten(1))
        return self.head(hidden), hidden


class Judges(nn.Module):
    """The two judges, which share nothing but their input."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: JudgesConfig | None = None):
        super().__init__()
        self.config = c = config or JudgesConfig()
        self.action, self.material = Vgg(c, len(c.actions)), Vgg(c, len(c.materials))
        self.register_buffer("mean", torch.zeros(c.n_mels))  # of each mel band of the spectrograms
        self.register_buffer("std", torch.ones(c.n_mels))  # they were trained on

    def forward(self, spec: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of actions (B, A) and of materials (B, M), and the material judge's embedding (B, hidden).

        spec: (B, 1, n_mels, T) in [-1, 1], as `heard` gives it.
        """
        x = (spec - self.mean[:, None]) / self.std[:, None]
        material, embedding = self.material(x)
        return self.action(x)[0], material, embedding


def heard(wav: Tensor, geometry: Geometry) -> Tensor:
    """Windows of sound (B, N) as judges hear them: RMS brought to LEVEL, clipped to +-1, log-mel in [-1, 1].

    Returns (B, 1, n_mels, window_mel_frames). A window below QUIET stays as silent as it is.
    """
    rms = wav.square().mean(1, keepdim=True).sqrt()
    return window_spec((wav * LEVEL / rms.clamp(min=QUIET)).clamp(-1, 1), geometry)


@dataclass(frozen=True)
class Verdict:
    """What the judges hear in a sound.

    actions (A,) and materials (M,): probabilities, in the order of the judges' labels. embedding: (D,), the material
    judge's last hidden layer.
    """

    actions: np.ndarray
    materials: np.ndarray
    embedding: np.ndarray


class Jury:
    """Judges of a weights folder, ready to listen."""

    def __init__(self, judges: Judges, geometry: Geometry, identity: str = ""):
        self.judges, self.geometry, self.identity = judges, geometry, identity

    @classmethod
    def load(cls, folder: str | Path | None, device: str = "cpu") -> Jury | None:
        """The judges of a weights folder (None: the shipped one); None when it has none. Raises InputError."""
        home = Path(folder) if folder else SHIPPED
        card: dict[str, Any] = read_card(home)
        if PART not in card["parts"]:
            return None
        return cls(load_part(home, PART, device), card_geometry(card), card["parts"][PART]["sha256"])

    @property
    def actions(self) -> tuple[str, ...]:
        """Labels of the action judge."""
        return self.judges.config.actions

    @property
    def materials(self) -> tuple[str, ...]:
        """Labels of the material judge."""
        return self.judges.config.materials

    @torch.inference_mode()
    def listen(self, wav: np.ndarray) -> Verdict:
        """Mean verdict over windows that cover a sound (N,) at the geometry's rate; a short one is filled up."""
        size = self.geometry.clip_samples
        starts = segments(len(wav), size)
        windows = [torch.from_numpy(np.asarray(wav[s : s + size], np.float32)) for s in starts]
        whole = torch.stack([F.pad(w, (0, size - len(w))) for w in windows])
        actions, materials, embedding = self.judges(heard(whole.to(self.judges.mean.device), self.geometry))
        parts = (actions.softmax(1), materials.softmax(1), embedding)
        return Verdict(*(part.mean(0).double().cpu().numpy() for part in parts))

    def says(self, wav: np.ndarray) -> tuple[str, str]:
        """The likeliest action and material of a sound (N,) at the geometry's rate."""
        verdict = self.listen(wav)
        return self.actions[int(verdict.actions.argmax())], self.materials[int(verdict.materials.argmax())]


def confusion(said: list[str], true: list[str], labels: tuple[str, ...]) -> np.ndarray:
    """How often a judge said each label (column) of sounds of each true label (row): (L, L) int64.

    Raises ValueError for a label that is not among `labels`, or lists of different length.
    """
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for a, b in zip(said, true, strict=True):
        counts[labels.index(b), labels.index(a)] += 1
    return counts
