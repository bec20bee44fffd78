"""Perceptual distance of spectrograms: features of a VGG-like network, as in LPAPS (published_facts.md, section 4)."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.errors import InputError

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Perceptual(nn.Module):
    """Mean squared distance of normalised features after each of five stages of 3 x 3 convolutions.

    Parameter names `features.N.weight|bias` as in torchvision's VGG16, but one input channel; the buffers `mean` and
    `std` (n_mels,) standardise each mel band of the [0, 1] spectrogram.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, n_mels: int = 80):
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        self.ends: list[int] = []
        for widths in STAGES:
            for width in widths:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            self.ends.append(len(layers) - 1)
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.zeros(n_mels))
        self.register_buffer("std", torch.ones(n_mels))

    @classmethod
    def load(cls, path: str) -> Perceptual:
        """Reads a safetensors file. Raises InputError when it is missing or does not fit."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if not Path(path).is_file():
            raise InputError(f"no perceptual weights at {path}; set loss.perceptual_weights to a safetensors file")
        try:
            tensors = load_file(path)
            network = cls(len(tensors["mean"]))
            network.load_state_dict(tensors)
        except (SafetensorError, RuntimeError, KeyError) as error:
            raise InputError(f"{path} is not a VGG-like network for loss.perceptual_weights: {error}") from None
        return network.eval().requires_grad_(False)

    def forward(self, estimate: Tensor, true: Tensor) -> Tensor:
        """estimate, true: (B, 1, n_mels, T) in [-1, 1] -> scalar distance."""
        a, b = self._standardise(estimate), self._standardise(true)
        distance = estimate.new_zeros(())
        for i, layer in enumerate(self.features):
            a, b = layer(a), layer(b)
            if i in self.ends:
                distance = distance + (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean()
        return distance

    def _standardise(self, spec: Tensor) -> Tensor:
        return ((spec + 1) / 2 - self.mean[:, None]) / self.std[:, None]
