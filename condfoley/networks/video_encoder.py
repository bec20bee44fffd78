"""R(2+1)D-18 without temporal stride: one token for each picture frame.

torchvision's residual blocks with every temporal stride removed and spatial pooling only. The defaults are the
published network (31.3 M parameters, about 300 GFLOP for a clip and its reference); the shipped model is narrower, has
frame differences as further input channels, and adds two temporal convolutions and an event head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D

from condfoley.audio.windows import pieces
from condfoley.sizes import VideoEncoderConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAX_CLIP_WEIGHT = 0.5  # largest weight of a clip's own statistics in training; 100 frames weigh 1/3, 200 1/2
BATCH_FRAMES = 100  # frames of a clip that pass the network together
MARGIN_FRAMES = 16  # frames of context on both sides; more than the network's temporal receptive field needs


class Conv2Plus1DEveryFrame(Conv2Plus1D):
    """A 3 x 3 convolution over space, then one of size 3 over time; `stride` acts on space only."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1, padding: int = 1):
        super().__init__(in_planes, out_planes, midplanes, stride, padding)
        self[3] = nn.Conv3d(midplanes, out_planes, (3, 1, 1), padding=(padding, 0, 0), bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """Stride of the block's shortcut convolution over (time, height, width)."""
        return 1, stride, stride


class NarrowConv(Conv2Plus1DEveryFrame):
    """`Conv2Plus1DEveryFrame` with as many channels between its two convolutions as at its output."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1, padding: int = 1):
        super().__init__(in_planes, out_planes, out_planes, stride, padding)


class ClipNorm(nn.BatchNorm3d):
    """BatchNorm whose statistics are interpolated between the stored ones and each clip's own (Schneider et al. 2020).

    Light, lens and compression of a clip that is unlike the training data shift its features as a whole. In eval mode
    the statistics of a clip of n frames have the weight n / (n + prior_frames); in training mode a random weight of up
    to MAX_CLIP_WEIGHT for each clip, so that the following layers learn to work with any weight.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, features: int, prior_frames: int):
        super().__init__(features)
        self.prior_frames = prior_frames

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features: (B, C, T, H, W) -> (B, C, T, H, W)."""
        clip_mean = x.mean((2, 3, 4), dtype=torch.float32)  # (B, C)
        clip_var = (x - _over_space(clip_mean)).square().mean((2, 3, 4))  # a quarter of the time of torch.var_mean
        if self.training:
            prior_mean, prior_var = self._batch_statistics(clip_mean, clip_var, x[:, 0].numel())
            weight = MAX_CLIP_WEIGHT * torch.rand(len(x), 1, device=x.device)
        else:
            prior_mean, prior_var = self.running_mean, self.running_var
            weight = torch.full((1, 1), x.shape[2] / (x.shape[2] + self.prior_frames), device=x.device)
        mean = torch.lerp(prior_mean, clip_mean, weight)
        gain = self.weight / (torch.lerp(prior_var, clip_var, weight) + self.eps).sqrt()
        return torch.addcmul(_over_space(self.bias - mean * gain), x, _over_space(gain))

    def _batch_statistics(self, clip_mean: Tensor, clip_var: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Mean and variance of a batch, (C,) each, from those of its clips, (B, C); updates the running statistics.

        count: values of each channel in the batch.
        """
        mean = clip_mean.mean(0)
        var = clip_var.mean(0) + clip_mean.var(0, unbiased=False)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 1
        return mean, var


def _over_space(values: Tensor) -> Tensor:
    return values[..., None, None, None]  # (B, C) -> (B, C, 1, 1, 1)


class R2Plus1D(nn.Module):
    """Stem, four stages, spatial pooling; parameter names as in torchvision and in the published checkpoints."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, config: VideoEncoderConfig):
        super().__init__()
        spatial, temporal = config.stem
        k = config.stem_kernel
        self.stem = nn.Sequential(
            nn.Conv3d(6 if config.motion else 3, spatial, (1, k, k), (1, 2, 2), (0, k // 2, k // 2), bias=False),
            nn.BatchNorm3d(spatial),
            nn.ReLU(inplace=True),
            nn.Conv3d(spatial, temporal, (3, 1, 1), padding=(1, 0, 0), bias=False),
            nn.BatchNorm3d(temporal),
            nn.ReLU(inplace=True),
        )
        conv = Conv2Plus1DEveryFrame if config.midplanes == "published" else NarrowConv
        before = temporal
        for i, (width, blocks) in enumerate(zip(config.widths, config.layers)):
            setattr(self, f"layer{i + 1}", _stage(conv, before, width, blocks, stride=1 if i == 0 else 2))
            before = width
        self.pool_max = config.pool == "mean_max"
        if config.prior_frames:
            _replace_batch_norms(self, config.prior_frames)

    def forward(self, x: Tensor) -> Tensor:
        """One token for each frame: (B, C, T, H, W) -> (B, T, widths[-1]), (B, T, 2 * widths[-1]) with `mean_max`."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))  # (B, D, T, h, w)
        tokens = x.mean((3, 4))
        if self.pool_max:
            tokens = torch.cat([tokens, x.amax((3, 4))], 1)
        return tokens.transpose(1, 2)


def _stage(conv: type[Conv2Plus1D], before: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    shortcut = None
    if stride != 1 or before != width:
        shortcut = nn.Sequential(
            nn.Conv3d(before, width, 1, stride=conv.get_downsample_stride(stride), bias=False),
            nn.BatchNorm3d(width),
        )
    first = BasicBlock(before, width, conv, stride, shortcut)
    return nn.Sequential(first, *(BasicBlock(width, width, conv) for _ in range(blocks - 1)))


def _replace_batch_norms(network: nn.Module, prior_frames: int) -> None:
    """Replaces each BatchNorm by a ClipNorm, under the same name."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(module, name, ClipNorm(child.num_features, prior_frames))


class VideoEncoder(nn.Module):
    """Picture -> one token for each frame (`T_v` in the paper), and the events of each frame (`event_logits`)."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: VideoEncoderConfig | None = None):
        super().__init__()
        self.config = c = config or VideoEncoderConfig()
        self.model = R2Plus1D(c)
        pooled = c.dim - c.neck
        if c.neck:
            self.neck = nn.Sequential(
                nn.Conv1d(pooled, c.neck, 5, padding=2),
                nn.ReLU(),
                nn.Conv1d(c.neck, c.neck, 5, padding=2),
                nn.ReLU(),
            )
            self.events = nn.Linear(c.neck, 3)  # onset logit, sliding logit, strength
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> VideoEncoder:
        """Switches the mode; with `batch_statistics` BatchNorms stay in training mode, without updates in eval mode."""
        super().train(mode)
        if self.config.batch_statistics:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm3d):
                    module.train()
                    module.track_running_stats = mode
        return self

    def normalise(self, frames: Tensor) -> Tensor:
        """Input of the network: frames (B, T, 3, H, W) in [0, 1] -> (B, C, T, H, W), C = 6 with `motion`, else 3."""
        if self.config.normalise == "clip":
            mean = frames.mean((1, 2, 3, 4), keepdim=True)
            frames = (frames - mean) / (frames.std((1, 2, 3, 4), keepdim=True) + 0.05)
        else:
            frames = (frames - self.mean) / self.std
        if self.config.motion:
            change = F.pad(frames[:, 1:] - frames[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
            frames = torch.cat([frames, 3 * change], 2)  # differences are about a third of the contrast
        return frames.transpose(1, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (B, T, 3, H, W) float in [0, 1], H and W divisible by 16 -> tokens (B, T, config.dim)."""
        return self.encode(self.normalise(frames))

    def encode(self, normalised: Tensor) -> Tensor:
        """One token for each frame from the output of `normalise`: (B, C, T, H, W) -> (B, T, config.dim)."""
        channels_last = normalised.contiguous(memory_format=torch.channels_last_3d)  # a third faster to train
        tokens = self.model(channels_last)  # (B, T, pooled)
        if self.config.neck:
            context = self.neck(tokens.transpose(1, 2)).transpose(1, 2)  # (B, T, neck)
            tokens = torch.cat([tokens, context], 2)
        return tokens

    def event_logits(self, tokens: Tensor) -> Tensor:
        """tokens: (B, T, dim) -> (B, T, 3): logit of an onset, logit of sliding contact, strength in [0, 1]."""
        return self.events(tokens[..., -self.config.neck :])

    @torch.no_grad()
    def encode_clip(
        self, frames: Tensor, chunk: int = 300, mirrored: bool = False, batch: int = BATCH_FRAMES
    ) -> Tensor:
        """Tokens of a clip of any length, in constant memory.

        frames: (T, H, W, 3) uint8. chunk: frames; a longer clip is normalised chunk by chunk. mirrored: flip left and
        right. batch: frames that pass the network together (a whole chunk where BatchNorm depends on the clip).
        Returns (T, dim) float32.
        """
        device, margin = self.mean.device, MARGIN_FRAMES
        step = chunk if self.config.batch_statistics or self.config.prior_frames else batch
        tokens = []
        for start, end, left, right in pieces(len(frames), chunk, margin):
            piece = frames[left:right].to(device).permute(0, 3, 1, 2)[None] / 255.0  # (1, T', 3, H, W)
            normalised = self.normalise(piece.flip(4) if mirrored else piece)  # (1, C, T', H, W)
            for first in range(start - left, end - left, step):
                last, begin = min(first + step, end - left), max(0, first - margin)
                tokens.append(self.encode(normalised[:, :, begin : last + margin])[0, first - begin : last - begin])
        return torch.cat(tokens)
