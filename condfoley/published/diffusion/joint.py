"""Joint embeddings of sound, picture and text: ImageBind, where the user has its weights and its package.

The weights are CC-BY-NC-SA-4.0: not for paid work. Nothing of them is shipped with condfoley, or was trained from.
"""

from __future__ import annotations

import sys
import types
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from condfoley.errors import InputError
from condfoley.published.diffusion.systems import RATE

PACKAGE = "imagebind"
KINDS = ("vision", "text", "audio")
BANDS, FRAMES = 128, 204  # of the spectrogram that ImageBind hears (imagebind_data.py:30-66)
MEAN, DEVIATION = -4.268, 9.138  # of its values; x is heard as (x - MEAN) / DEVIATION, published as (x + 4.268) / 9.138
LOWEST, FRAME, SHIFT, SIZE = 20.0, 400, 160, 512  # Hz; samples of a frame, between two, and of its transform
EMPHASIS = 0.97
PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP
PIXEL_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


class Embedder(Protocol):
    """What the aligner listens with. All embeddings are (..., D)."""

    def embed_sounds(self, seconds: Tensor) -> Tensor:
        """Sounds of a second, (B, 16,000) at 16 kHz -> (B, D), with gradients."""

    def embed_pictures(self, frames: np.ndarray) -> Tensor:
        """Two pictures of each second, (S, 2, H, W, 3) uint8 -> (S, D)."""

    def embed_text(self, text: str) -> Tensor:
        """(1, D)."""


class ImageBind:
    """ImageBind as an `Embedder`. network: an `ImageBindModel` with its weights."""

    def __init__(self, network: nn.Module, device: str = "cpu"):
        self.network, self.device = network, torch.device(device)

    def embed_sounds(self, seconds: Tensor) -> Tensor:
        """See `Embedder`."""
        return self._embed("audio", heard(seconds)[:, None])

    @torch.no_grad()
    def embed_pictures(self, frames: np.ndarray) -> Tensor:
        """See `Embedder`."""
        mean, deviation = (torch.tensor(values)[:, None, None, None] for values in (PIXEL_MEAN, PIXEL_DEVIATION))
        seen = torch.from_numpy(np.ascontiguousarray(frames)).float().permute(0, 4, 1, 2, 3) / 255  # (S, 3, 2, H, W)
        rows = [
            self._embed("vision", ((row - mean) / deviation)[None, None].to(self.device)) for row in seen
        ]  # a clip of a clip
        return torch.cat(rows)

    @torch.no_grad()
    def embed_text(self, text: str) -> Tensor:
        """See `Embedder`."""
        parts = imagebind_modules()[1]
        home = Path(next(iter(sys.modules[PACKAGE].__path__)))
        words = parts.SimpleTokenizer(bpe_path=str(home / "bpe" / "bpe_simple_vocab_16e6.txt.gz"))(text)
        return self._embed("text", words.reshape(1, -1).to(self.device))

    def _embed(self, kind: str, values: Tensor) -> Tensor:
        out: Tensor = self.network({kind: values})[kind]
        return out


def imagebind_network() -> nn.Module:
    """ImageBind of the published size, for KINDS alone. Raises InputError where its package is missing."""
    with torch.device("cpu"):  # it cannot be made without values
        network: nn.Module = imagebind_modules()[0].imagebind_huge(pretrained=False)
    for group in network.children():
        if isinstance(group, nn.ModuleDict):
            for kind in set(group) - set(KINDS):
                del group[kind]
    return network


def imagebind_modules() -> tuple[Any, Any]:
    """The package's modules of the network and of its inputs. Raises InputError where one is missing.

    Its own `__init__` is not run: it needs packages that read files, which are not needed here, and of which one does not
    work with a present torchvision.
    """
    install = "run `pip install imagebind-unofficial timm ftfy iopath`"
    if PACKAGE not in sys.modules:
        spec = find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise InputError(f"steering by ImageBind needs its package; {install}")
        module = types.ModuleType(PACKAGE)
        module.__path__ = list(spec.submodule_search_locations)
        sys.modules[PACKAGE] = module
    try:
        names = ("imagebind_model", "multimodal_preprocessors")
        network, inputs = (import_module(f"{PACKAGE}.models.{name}") for name in names)
        return network, inputs
    except ImportError as error:
        raise InputError(f"the package of ImageBind cannot be used ({error}); {install}") from None


def heard(seconds: Tensor) -> Tensor:
    """Sounds of a second, (B, N) at 16 kHz, as ImageBind hears them: (B, BANDS, FRAMES), with gradients.

    Kaldi's log-mel energies of frames of 25 ms each 10 ms, Hann window, without the mean of the sound and of each frame;
    followed by zeros.
    """
    sounds = seconds - seconds.mean(-1, keepdim=True)
    frames = sounds.unfold(-1, FRAME, SHIFT)  # (B, T, FRAME)
    frames = frames - frames.mean(-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], -1)
    frames = (frames - EMPHASIS * before) * torch.hann_window(FRAME, periodic=False, device=sounds.device)
    power = torch.fft.rfft(frames, SIZE).abs().square()
    energies = (power @ kaldi_filters().to(sounds.device).T).clamp(min=torch.finfo(torch.float32).eps).log()
    spec = energies.transpose(-1, -2)[..., :FRAMES]  # (B, BANDS, T)
    spec = torch.nn.functional.pad(spec, (0, FRAMES - spec.shape[-1]))
    return (spec - MEAN) / DEVIATION


@lru_cache(maxsize=1)
def kaldi_filters() -> Tensor:
    """Kaldi's triangular mel filters up to half the rate, which are straight over mel: (BANDS, SIZE // 2 + 1)."""

    def mel(hz: np.ndarray | float) -> np.ndarray:
        return 1127 * np.log(1 + np.asarray(hz) / 700)

    edges = np.linspace(mel(LOWEST), mel(RATE / 2), BANDS + 2)
    bins = mel(np.arange(SIZE // 2 + 1) * RATE / SIZE)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    made = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(0)
    made[:, -1] = 0  # Kaldi leaves out half the rate itself
    return torch.from_numpy(made.astype(np.float32))
