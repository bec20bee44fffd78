"""Camera sensor: exposure, colour, sharpness and noise, applied to rendered frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Rng = np.random.Generator


def apply_sensor(frames: NDArray[np.float32], rng: Rng) -> NDArray[np.uint8]:
    """A video as a random camera would record it; its settings are the same for all frames.

    frames: (T, H, W, 3) float32, 0..255. Returns (T, H, W, 3) uint8.
    """
    video = frames * np.float32(1 / 255)
    colour = (1 + rng.normal(0, 0.08, 3)).astype(np.float32)
    target = rng.uniform(0.28, 0.58)
    gain = np.clip(target / max(float(video[:: max(len(video) // 6, 1)].mean()), 0.02), 0.4, 4)
    video *= colour * np.float32(gain)
    vividness = np.float32(0 if rng.random() < 0.04 else rng.uniform(0.3, 1))
    grey = video @ np.full(3, 1 / 3, np.float32)
    video = grey[..., None] * (1 - vividness) + video * vividness
    if rng.random() < 0.2:  # flickering lamps, unsteady exposure
        wave = rng.uniform(0.01, 0.06) * np.sin(np.arange(len(video)) * rng.uniform(0.05, 2.5))
        video *= (1 + wave).astype(np.float32)[:, None, None, None]
    if rng.random() < 0.4:
        video *= _vignette(video.shape[1:3], rng)
    if rng.random() < 0.35:
        sharpness = rng.uniform(0.3, 1.1)
        video = ndimage.gaussian_filter1d(video, sharpness, axis=1, truncate=2.5)
        video = ndimage.gaussian_filter1d(video, sharpness, axis=2, truncate=2.5)
    noise = rng.choice([0.0, 0.008, 0.02, 0.04], p=[0.3, 0.35, 0.25, 0.1])
    if noise:
        video += rng.standard_normal(video.shape, np.float32) * np.float32(noise)
    curve = _curve(rng)
    return curve[np.clip(video * 1023, 0, 1023).astype(np.int16)]


def _curve(rng: Rng) -> NDArray[np.uint8]:
    """Tone curve from 10-bit linear to 8-bit: gamma, contrast and black level, soft in the highlights."""
    light = np.linspace(0, 1, 1024) ** rng.uniform(0.8, 1.2)
    contrast = rng.uniform(0.75, 1.3)
    light = 0.38 + (light - 0.38) * contrast + rng.uniform(-0.03, 0.06)
    light = np.where(light > 0.8, 0.8 + 0.2 * np.tanh((light - 0.8) / 0.2), light)
    return (np.clip(light, 0, 1) * 255).astype(np.uint8)


def _vignette(shape: tuple[int, ...], rng: Rng) -> NDArray[np.float32]:
    rows, columns = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None]
    return (1 - rng.uniform(0.05, 0.35) * (rows**2 + columns**2) / 2).astype(np.float32)[..., None]
