"""The video encoder's graph, with convolutions over two axes, for which onnxruntime has faster ones than over three.

Between the layers frames are a batch of pictures, (T, C, H, W). A convolution over time sees them as one picture of T by
H * W. The names of the network's tensors stay.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condfoley.networks.video_encoder import ClipNorm
from condfoley.runtime.trace import Call, Graph


def encoder_graph(network: Any, size: int) -> Graph:
    """`VideoEncoder.encode` of one clip; the network's layers are replaced. size: of the frames, pixels."""
    c = network.config
    _replace_layers(network.model)
    frames = torch.randn(1, 6 if c.motion else 3, 20, size, size)

    def encode(frames: Tensor) -> Tensor:  # as `VideoEncoder.encode` and `R2Plus1D.forward`
        model = network.model
        x = model.stem(frames[0].transpose(0, 1))  # (T, C, H, W)
        x = model.layer4(model.layer3(model.layer2(model.layer1(x))))
        tokens = x.mean((2, 3))
        tokens = (torch.cat([tokens, x.amax((2, 3))], 1) if model.pool_max else tokens)[None]
        if c.neck:
            tokens = torch.cat([tokens, network.neck(tokens.transpose(1, 2)).transpose(1, 2)], 2)
        return tokens

    axes = {2: "frames", 3: "height", 4: "width"}
    return Graph(Call(network, encode), {"frames": (frames, axes)}, {"tokens": {1: "frames"}})


def _replace_layers(network: nn.Module) -> None:
    """Replaces convolutions and BatchNorms, under the same names."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(module, name, FramesNorm(child))
            elif isinstance(child, nn.Conv3d):
                setattr(module, name, FramesConv(child))


class FramesConv(nn.Module):
    """A convolution over space, or over time alone: (T, C, H, W) -> (T, C', H', W')."""

    def __init__(self, conv: nn.Conv3d):
        super().__init__()
        self.weight, self.stride, self.over_time = conv.weight, conv.stride[1:], conv.kernel_size[0] > 1
        self.padding = int(conv.padding[0]), int(conv.padding[1]), int(conv.padding[2])

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if not self.over_time:
            return F.conv2d(x, self.weight[:, :, 0], None, self.stride, self.padding[1:])
        frames, channels, height, width = x.shape
        x = x.reshape(frames, channels, height * width).transpose(0, 1).unsqueeze(0)  # (1, C, T, H * W)
        x = F.conv2d(x, self.weight[..., 0], None, 1, (self.padding[0], 0))
        return x.squeeze(0).transpose(0, 1).reshape(frames, -1, height, width)


class FramesNorm(nn.Module):
    """A BatchNorm, with stored statistics, a clip's own, or what lies between them (`ClipNorm`)."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: nn.BatchNorm3d):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.stored = isinstance(norm, ClipNorm) or not norm.training
        self.prior_frames = norm.prior_frames if isinstance(norm, ClipNorm) else 0
        if self.stored:
            self.register_buffer("running_mean", norm.running_mean)
            self.register_buffer("running_var", norm.running_var)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features of one clip: (T, C, H, W) -> (T, C, H, W)."""
        if self.stored and not self.prior_frames:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        mean = x.mean((0, 2, 3))  # (C,)
        var = (x - mean[:, None, None]).square().mean((0, 2, 3))
        if self.prior_frames:
            frames = torch.as_tensor(x.shape[0]).to(x.dtype)
            weight = frames / (frames + self.prior_frames)
            mean = self.running_mean + weight * (mean - self.running_mean)
            var = self.running_var + weight * (var - self.running_var)
        return F.batch_norm(x, mean, var, self.weight, self.bias, False, 0.0, self.eps)
