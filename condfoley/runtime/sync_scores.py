"""The sync model's arithmetic around its network, in numpy: pooling windows, and scores from logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from condfoley.audio.windows import segments
from condfoley.runtime.sampling import softmax
from condfoley.sizes import SyncConfig


def pooling(frames: int, mel: int, config: SyncConfig) -> tuple[np.ndarray, np.ndarray]:
    """Which of M = `mel` spectrogram frames each of T = `frames` picture frames is pooled from.

    The windows are those of PyTorch's adaptive pooling over as many spectrogram frames as T picture frames last, of which
    half a picture frame before the first are zeros. Returns indices (T, K) int64 into what is padded with these zeros and
    one more at the end, and weights (T, K) float32 for the mean; an index is repeated where a window is shorter than K.
    """
    half = round(config.mel_per_frame / 2)
    total = round(frames * config.mel_per_frame)
    begin = np.arange(frames) * total // frames
    end = -(-(np.arange(1, frames + 1) * total) // frames)
    places = begin[:, None] + np.arange((end - begin).max())  # (T, K)
    inside = places < end[:, None]
    weight = inside / (end - begin)[:, None]
    index = np.minimum(np.minimum(places, end[:, None] - 1), half + mel)
    return index.astype(np.int64), weight.astype(np.float32)


def score(
    tokens: np.ndarray,
    specs: np.ndarray,
    length: int,
    config: SyncConfig,
    logits_of: Callable[..., np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Offset, s, and confidence in [0, 1] of N sounds for one picture, (N,) each; see `Engine.assess_sync`.

    logits_of: called with `tokens` (N, T', D), `specs` (N, n_mels, M'), `pool_index` and `pool_weight` of a segment;
    returns logits (N, 2 * max_shift + 2).
    """
    rate, logits = config.mel_per_frame, []
    for start in segments(len(tokens), length):
        frames = tokens[start : start + length]
        first = round(start * rate)
        sound = np.ascontiguousarray(specs[:, :, first : first + round(len(frames) * rate)], np.float32)
        index, weight = pooling(len(frames), sound.shape[2], config)
        picture = np.ascontiguousarray(np.broadcast_to(frames, (len(specs), *frames.shape)), np.float32)
        logits.append(logits_of(tokens=picture, specs=sound, pool_index=index, pool_weight=weight))
    probability = softmax(np.mean(logits, 0))[:, :-1]
    offsets = (probability.argmax(1) - config.max_shift) / config.fps
    return offsets.astype(float), probability.max(1).astype(float)
