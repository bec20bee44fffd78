"""MelGAN generator: log-mel spectrogram in [0, 1] -> waveform (published layout and parameter names)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from condfoley.sizes import VocoderConfig


class ResidualLayer(nn.Module):
    """A dilated convolution with a 1 x 1 convolution as shortcut."""

    def __init__(self, dim: int, dilation: int):
        super().__init__()
        self.block = nn.Sequential(
            # padding before the activation, so that the activation can work in place; the result is the same
            nn.ReflectionPad1d(dilation),
            nn.LeakyReLU(0.2, inplace=True),
            weight_norm(nn.Conv1d(dim, dim, 3, dilation=dilation)),
            nn.LeakyReLU(0.2, inplace=True),
            weight_norm(nn.Conv1d(dim, dim, 1)),
        )
        self.shortcut = weight_norm(nn.Conv1d(dim, dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Sum of both branches: (B, dim, 1, N) -> (B, dim, 1, N)."""
        return apply_1d(self.block, x).add_(apply_1d(self.shortcut, x))


class Vocoder(nn.Module):
    """MelGAN (Kumar et al. 2019) generator. Needs at least 10 spectrogram frames (reflection padding)."""

    def __init__(self, config: VocoderConfig | None = None):
        super().__init__()
        self.config = c = config or VocoderConfig()
        width = c.ngf * 2 ** len(c.ratios)
        layers: list[nn.Module] = [nn.ReflectionPad1d(3), weight_norm(nn.Conv1d(c.n_mels, width, 7))]
        for r in c.ratios:
            up = nn.ConvTranspose1d(width, width // 2, 2 * r, stride=r, padding=r // 2 + r % 2, output_padding=r % 2)
            layers += [nn.LeakyReLU(0.2, inplace=True), weight_norm(up)]
            width //= 2
            layers += [ResidualLayer(width, 3**i) for i in range(c.n_residual_layers)]
        layers += [
            nn.LeakyReLU(0.2, inplace=True),
            nn.ReflectionPad1d(3),
            weight_norm(nn.Conv1d(width, 1, 7)),
            nn.Tanh(),
        ]
        self.model = nn.Sequential(*layers)

    def forward(self, spec01: Tensor) -> Tensor:
        """spec01: (B, n_mels, T) nominally in [0, 1] -> waveform (B, T * hop) in (-1, 1)."""
        wav = apply_1d(self.model, spec01[:, :, None].contiguous(memory_format=torch.channels_last))  # (B, 1, 1, N)
        return wav.flatten(1)


def apply_1d(layer: nn.Module, x: Tensor) -> Tensor:
    """Output (B, C', 1, N') of a one-dimensional layer for x (B, C, 1, N), which has the channels-last memory format.

    Convolutions take two thirds of the time in this format.
    """
    if isinstance(layer, nn.Sequential):
        for part in layer:
            x = apply_1d(part, x)
        return x
    if isinstance(layer, nn.ReflectionPad1d):
        before, after = layer.padding
        ends = x[..., 1 : before + 1].flip(3), x[..., x.shape[3] - after - 1 : -1].flip(3)
        return torch.cat([ends[0], x, ends[1]], 3)  # a fifth of the time of F.pad
    if not isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
        out: Tensor = layer(x)
        return out
    weight = layer.weight[:, :, None].contiguous(memory_format=torch.channels_last)
    padding, dilation, stride = (0, int(layer.padding[0])), (1, layer.dilation[0]), (1, layer.stride[0])
    if isinstance(layer, nn.ConvTranspose1d):
        more = (0, layer.output_padding[0])
        return F.conv_transpose2d(x, weight, layer.bias, stride, padding, more, layer.groups, dilation)
    return F.conv2d(x, weight, layer.bias, stride, padding, dilation, layer.groups)
