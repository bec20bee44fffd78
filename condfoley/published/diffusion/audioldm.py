"""AudioLDM as a `DiffusionSystem`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condfoley.inputs import Clip
from condfoley.published.diffusion.joint import Embedder, ImageBind
from condfoley.published.diffusion.pictures import pictures
from condfoley.published.diffusion.system import Condition, DiffusionSystem
from condfoley.published.diffusion.systems import VISION_FPS


class AudioLdm(DiffusionSystem):
    """AudioLDM: sound from a caption, and steered towards a picture where there is an embedder (Seeing and Hearing)."""

    needed = (*DiffusionSystem.needed, "clap_text")
    takes_caption = True
    tokenizer: Any = None
    listener: Embedder | None = None

    def rows(self, duration: float, as_published: bool = False) -> int:
        """See `DiffusionSystem.rows`; as published, of whole seconds (video2audio.py:73, 132)."""
        return math.ceil(duration) * round(self.rows_a_second) if as_published else super().rows(duration)

    @property
    def embedder(self) -> Embedder | None:
        """ImageBind, where the weights folder has it."""
        if self.listener is None and "imagebind" in self.parts:
            self.listener = ImageBind(self.parts["imagebind"], str(self.device))
        return self.listener

    def see(self, target: Clip, as_published: bool = False) -> np.ndarray:
        """The joint embedding of each second of the picture, of two pictures each."""
        if self.embedder is None:
            return np.zeros((0, 0), np.float32)
        frames = pictures(target, VISION_FPS, "area" if as_published else "crop")
        seconds = -(-len(frames) // 2)
        index = np.arange(2 * seconds).clip(max=len(frames) - 1)
        return self.embedder.embed_pictures(frames[index].reshape(seconds, 2, *frames.shape[1:])).cpu().numpy()

    def condition(self, seen: np.ndarray, caption: str | None, as_published: bool = False) -> Condition:
        """CLAP's embedding of the caption, or of an empty one."""
        given = torch.cat([self.embed_caption(text) for text in ("", *([caption] if caption else []))])
        return lambda first, rows: {"class_labels": given}

    @torch.no_grad()
    def embed_caption(self, text: str) -> Tensor:
        """(1, D), of length 1."""
        words = self.tokenizer(text, truncation=True, max_length=512, return_tensors="pt").to(self.device)
        made = self.parts["clap_text"](input_ids=words["input_ids"], attention_mask=words["attention_mask"]).text_embeds
        return torch.nn.functional.normalize(made, dim=-1)
