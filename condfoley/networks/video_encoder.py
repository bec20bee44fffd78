"""R(2+1)D-18 without temporal stride: one token a picture frame.

torchvision's residual blocks with every temporal stride removed and spatial pooling only. The defaults are the
published network (31.3 M parameters, about 300 GFLOP for a clip and its reference); the shipped model narrows it,
sees frame differences beside the colours, and adds two temporal convolutions with an event head.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D

from condfoley.audio.windows import pieces
from condfoley.sizes import VideoEncoderConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LABEL_WIDTH = 0.7  # frames, deviation of the soft label around an onset, whose height is 1
MOST_OWN = 0.5  # share of a clip's own statistics in training, at most; 100 frames have a third, 200 a half
AT_ONCE, MARGIN = 100, 16  # frames of a clip that pass the network together; the margin covers its temporal reach


class Conv2Plus1DEveryFrame(Conv2Plus1D):
    """A spatial 3 x 3 and a temporal 3 convolution; `stride` acts on space only."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1, padding: int = 1):
        super().__init__(in_planes, out_planes, midplanes, stride, padding)
        self[3] = nn.Conv3d(midplanes, out_planes, (3, 1, 1), padding=(padding, 0, 0), bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """Stride of the block's shortcut over (time, height, width)."""
        return 1, stride, stride


class NarrowConv(Conv2Plus1DEveryFrame):
    """`Conv2Plus1DEveryFrame` with as many channels between its two convolutions as after them."""

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1, padding: int = 1):
        super().__init__(in_planes, out_planes, out_planes, stride, padding)


class ClipNorm(nn.BatchNorm3d):
    """BatchNorm that goes part of the way to the statistics of each clip (Schneider et al. 2020).

    Light, lens and compression of a clip that is unlike the training's move its features as a whole. In eval mode, of a
    clip of n frames, its own statistics count n / (n + prior_frames); in training mode up to half, at random for each
    clip, so that what follows learns to see with any share.
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
        own_mean = x.mean((2, 3, 4), dtype=torch.float32)  # (B, C)
        own_var = (x - _spread(own_mean)).square().mean((2, 3, 4))  # a quarter of the time of torch.var_mean
        if self.training:
            usual_mean, usual_var = self._of_batch(own_mean, own_var, x[:, 0].numel())
            share = MOST_OWN * torch.rand(len(x), 1, device=x.device)
        else:
            usual_mean, usual_var = self.running_mean, self.running_var
            share = torch.full((1, 1), x.shape[2] / (x.shape[2] + self.prior_frames), device=x.device)
        mean = torch.lerp(usual_mean, own_mean, share)
        gain = self.weight / (torch.lerp(usual_var, own_var, share) + self.eps).sqrt()
        return torch.addcmul(_spread(self.bias - mean * gain), x, _spread(gain))

    def _of_batch(self, own_mean: Tensor, own_var: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Mean and variance, (C,) each, of a batch from those of its clips, (B, C); updates the running statistics."""
        mean = own_mean.mean(0)
        var = own_var.mean(0) + own_mean.var(0, unbiased=False)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 1
        return mean, var


def _spread(values: Tensor) -> Tensor:
    return values[..., None, None, None]  # (B, C) -> (B, C, 1, 1, 1)


class R2Plus1D(nn.Module):
    """Stem, four stages, pooling over space; parameter names as in torchvision and in published checkpoints."""

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
        self.max_too = config.pool == "mean_max"
        if config.prior_frames:
            _follow_clips(self, config.prior_frames)

    def forward(self, x: Tensor) -> Tensor:
        """One token a frame: (B, C, T, H, W) -> (B, T, widths[-1]), twice as many for `mean_max`."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))  # (B, D, T, h, w)
        tokens = x.mean((3, 4))
        if self.max_too:
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


def _follow_clips(network: nn.Module, prior_frames: int) -> None:
    """Puts a ClipNorm in the place of each BatchNorm, under the same name."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(module, name, ClipNorm(child.num_features, prior_frames))


class VideoEncoder(nn.Module):
    """Picture -> one token a frame (`T_v` in the paper), and what happens in each frame (`events`)."""

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
            self.events = nn.Linear(c.neck, 3)  # logits: onset, sliding; strength
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> VideoEncoder:
        """Switches mode; with `batch_statistics` the BatchNorms stay in training mode without updating."""
        super().train(mode)
        if self.config.batch_statistics:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm3d):
                    module.train()
                    module.track_running_stats = mode
        return self

    def normalised(self, frames: Tensor) -> Tensor:
        """frames: (B, T, 3, H, W) in [0, 1] -> the network's input (B, C, T, H, W)."""
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
        return self.tokens(self.normalised(frames))

    def tokens(self, normalised: Tensor) -> Tensor:
        """One token a frame from the output of `normalised`: (B, C, T, H, W) -> (B, T, config.dim)."""
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
    def encode_clip(self, frames: Tensor, chunk: int = 300, mirrored: bool = False) -> Tensor:
        """Tokens of a clip of any length, in constant memory.

        frames: (T, H, W, 3) uint8. Returns (T, dim) float32. A clip longer than `chunk` frames is normalised
        chunk by chunk. mirrored: left and right change places.
        """
        device = self.mean.device
        at_once = chunk if self.config.batch_statistics or self.config.prior_frames else AT_ONCE
        made = []
        for start, end, left, right in pieces(len(frames), chunk, MARGIN):
            piece = frames[left:right].to(device).permute(0, 3, 1, 2)[None] / 255.0  # (1, T', 3, H, W)
            normalised = self.normalised(piece.flip(4) if mirrored else piece)  # (1, C, T', H, W)
            for first in range(start - left, end - left, at_once):
                last, begin = min(first + at_once, end - left), max(0, first - MARGIN)
                made.append(self.tokens(normalised[:, :, begin : last + MARGIN])[0, first - begin : last - begin])
        return torch.cat(made)


def pick_onsets(probability: np.ndarray, fps: float, threshold: float = 0.5, gap: float = 0.15) -> np.ndarray:
    """Onset times, (K,) s, ascending, from the onset probability of each frame.

    Where the head is unsure of the frame it spreads one onset over several: what counts is not how high a peak is,
    but how many onsets to expect within three frames, which hold nearly all of an onset's label. A time is the mean of
    three frames, weighted by the cube of their probability (docs/experiments.md, ninth session).

    probability: (T,) in [0, 1] at `fps`. threshold: least number of onsets to expect; 0.4 and 0.6 were no better.
    gap: s, least distance of two peaks; others were no better (sixth session).
    """
    from scipy.signal import find_peaks

    padded = np.pad(np.asarray(probability, float), 2)
    three = np.lib.stride_tricks.sliding_window_view(padded, 3)  # (T + 2, 3), frames -2 to 0 first
    expected = three.sum(1) / (np.sqrt(2 * np.pi) * LABEL_WIDTH)
    expected += 1e-4 * three[:, 1]  # of equal sums, the one around the likeliest frame
    peaks, _ = find_peaks(expected, height=threshold, distance=max(1, round(gap * fps)))
    weights = three[peaks] ** 3
    shift = weights @ np.array([-1.0, 0.0, 1.0]) / weights.sum(1)
    return np.clip((peaks - 1 + shift) / fps, 0, None)
