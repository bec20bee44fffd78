"""Frames of the picture as the video encoder's input, in numpy: what `VideoEncoder.normalise` does in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from condfoley.audio.windows import pieces
from condfoley.memory import release
from condfoley.sizes import VideoEncoderConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CHUNK_FRAMES = 300  # frames of a clip that are normalised together
BATCH_FRAMES = 100  # frames of a clip that pass the network together
MARGIN_FRAMES = 16  # frames of context on both sides; more than the network's temporal receptive field needs


def normalise(frames: np.ndarray, config: VideoEncoderConfig) -> np.ndarray:
    """Input of the network: frames (T, H, W, 3) uint8 -> (1, C, T, H, W) float32, C = 6 with `motion`, else 3."""
    x = frames.transpose(3, 0, 1, 2).astype(np.float32) / np.float32(255)  # (3, T, H, W)
    if config.normalise == "clip":
        x -= x.mean(dtype=np.float64).astype(np.float32)
        x /= np.float32(np.sqrt(np.square(x).sum(dtype=np.float64) / (x.size - 1)) + 0.05)
    else:
        x -= np.array(IMAGENET_MEAN, np.float32)[:, None, None, None]
        x /= np.array(IMAGENET_STD, np.float32)[:, None, None, None]
    if not config.motion:
        return x[None]
    change = np.zeros_like(x)
    change[:, 1:] = 3 * (x[:, 1:] - x[:, :-1])  # differences are about a third of the contrast
    return np.concatenate([x, change])[None]


def encode_clip(
    frames: np.ndarray,
    config: VideoEncoderConfig,
    encode: Callable[[np.ndarray], np.ndarray],
    chunk: int = CHUNK_FRAMES,
    mirrored: bool = False,
) -> np.ndarray:
    """Tokens (T, D) float32 of a clip of any length, in constant memory; see `VideoEncoder.encode_clip`.

    frames: (T, H, W, 3) uint8. encode: (1, C, T', H, W) -> (1, T', D). chunk: frames; a longer clip is normalised chunk
    by chunk. mirrored: flip left and right.
    """
    view = frames[:, :, ::-1] if mirrored else frames
    whole_chunks = config.batch_statistics or config.prior_frames  # normalisation depends on what passes together
    return np.concatenate(list(_tokens(view, config, encode, chunk, chunk if whole_chunks else BATCH_FRAMES)))


def _tokens(
    frames: np.ndarray, config: VideoEncoderConfig, encode: Callable[[np.ndarray], np.ndarray], chunk: int, step: int
) -> Iterator[np.ndarray]:
    for start, end, left, right in pieces(len(frames), chunk, MARGIN_FRAMES):
        normalised = normalise(frames[left:right], config)
        for first in range(start - left, end - left, step):
            last, begin = min(first + step, end - left), max(0, first - MARGIN_FRAMES)
            tokens = encode(np.ascontiguousarray(normalised[:, :, begin : last + MARGIN_FRAMES]))
            yield tokens[0, first - begin : last - begin]
        release(frames)
