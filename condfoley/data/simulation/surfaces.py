"""Textures for the simulated scenes: procedural ones, and crops of photographs where available."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Image = NDArray[np.uint8]

SIZE = 128  # pixels, side of a texture
PHOTO_SHARE = 0.4  # share of textures that are crops of photographs, where scikit-image is installed
# Bundled with scikit-image's wheel, so that they load without a network.
PHOTOGRAPHS = ("brick", "grass", "gravel", "coffee", "astronaut", "chelsea", "rocket", "camera", "coins",
               "immunohistochemistry", "moon", "page")  # fmt: skip


@functools.cache
def photographs() -> tuple[Image, ...]:
    """The photographs bundled with scikit-image, (H, W, 3) each; none when it is not installed."""
    try:
        from skimage import color, data
    except ImportError:
        return ()
    found = []
    for name in PHOTOGRAPHS:
        try:
            picture = getattr(data, name)()
        except Exception:  # noqa: BLE001, S112 - images that need a download raise all kinds of errors
            continue
        found.append(color.gray2rgb(picture) if picture.ndim == 2 else picture[..., :3])
    return tuple(found)


def surface(rng: Rng) -> Image:
    """A random texture: (SIZE, SIZE, 3) uint8, mostly of muted colours."""
    pictures = photographs()
    if pictures and rng.random() < PHOTO_SHARE:
        image = _crop(pictures[rng.integers(len(pictures))], rng)
    else:
        image = _procedural(rng)
    grey = image.mean(2, keepdims=True)
    image = grey + (image - grey) * rng.uniform(0, 0.9)
    tint = 1 + rng.normal(0, 0.12, 3) * (rng.random() < 0.6)
    contrast, brightness = rng.uniform(0.35, 1.1), rng.uniform(-0.15, 0.15)
    image = (image - grey.mean()) * contrast + grey.mean() + brightness
    return (np.clip(image * tint, 0.02, 1) * 255).astype(np.uint8)


def _crop(picture: Image, rng: Rng) -> NDArray[np.float64]:
    height, width = picture.shape[:2]
    side = int(rng.uniform(0.25, 1) * min(height, width))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    index = np.arange(SIZE) * side // SIZE
    crop = picture[top : top + side, left : left + side][index][:, index] / 255.0
    return np.rot90(crop, int(rng.integers(4)))


def _procedural(rng: Rng) -> NDArray[np.float64]:
    """A random texture of patches of several scales, stripes, grain or tiles around one colour."""
    image = np.zeros((SIZE, SIZE, 3))
    index = np.arange(SIZE)
    for _ in range(rng.integers(0, 6)):
        cells = int(2 ** rng.integers(1, 8))
        stretch = 1 if rng.random() < 0.7 else int(2 ** rng.integers(1, 4))  # wood grain, brushed metal
        patches = rng.random((cells, max(cells // stretch, 1), 3 if rng.random() < 0.25 else 1)) - 0.5
        image += patches[index * cells // SIZE][:, index * patches.shape[1] // SIZE] * rng.uniform(0.03, 0.4)
    if rng.random() < 0.2:
        stripes = np.sin(index / SIZE * 2 * np.pi * rng.integers(2, 24)) * rng.uniform(0.03, 0.25)
        image += stripes[:, None, None] if rng.random() < 0.5 else stripes[None, :, None]
    if rng.random() < 0.15:
        joint = (index % (SIZE // int(2 ** rng.integers(1, 4)))) < 3
        image -= (joint[:, None] | joint[None, :])[..., None] * rng.uniform(0.1, 0.4)
    return image + rng.uniform(0.1, 0.9) + rng.normal(0, 0.12, 3)
