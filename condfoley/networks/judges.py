"""Judges: two VGG-like classifiers of spectrograms, one of the action and one of the material.

The default sizes are the published ones (published_facts.md, section 14). The shipped ones are smaller, and there is a
second material classifier, `impacts`, which hears impacts one by one, as from `evaluation.impacts`; they are trained with
`configs/small/judges.yaml`, then `configs/recordings/judges.yaml`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condfoley.sizes import JudgesConfig

PART = "judges"  # key of both classifiers in a weights card
DROPOUT = 0.2  # of the classifier of impacts, around its hidden layer


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


class ImpactNet(nn.Module):
    """3 x 3 convolutions with batch normalisation in stages with pooling between them; the mean over time, by frequency."""

    def __init__(self, config: JudgesConfig, classes: int):
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for i, width in enumerate(config.impact_widths):
            layers += [nn.MaxPool2d(2)] if i else []
            layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d((config.grid[0], 1))
        self.hidden = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(before * config.grid[0], config.hidden), nn.ReLU(), nn.Dropout(DROPOUT)
        )
        self.head = nn.Linear(config.hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of impacts x (B, 1, n_mels, impact_frames) in [-1, 1]."""
        logits: Tensor = self.head(self.hidden(self.pool(self.features(x)).flatten(1)))
        return logits


class Judges(nn.Module):
    """The action and the material classifiers; they share nothing but their input. impacts: None unless sizes have it."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: JudgesConfig | None = None):
        super().__init__()
        self.config = c = config or JudgesConfig()
        self.action = Vgg(c, len(c.actions))
        self.material = Vgg(c, len(c.materials))
        self.impacts = ImpactNet(c, len(c.impact_materials)) if c.impact_frames else None
        self.register_buffer("mean", torch.zeros(c.n_mels))  # of each mel band of the spectrograms
        self.register_buffer("std", torch.ones(c.n_mels))  # they were trained on

    def forward(self, spec: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of actions (B, A) and of materials (B, M), and the material classifier's last hidden layer (B, hidden).

        spec: (B, 1, n_mels, T) in [-1, 1], as from `evaluation.classifiers.classifier_input`.
        """
        x = (spec - self.mean[:, None]) / self.std[:, None]
        material, embedding = self.material(x)
        return self.action(x)[0], material, embedding
