"""VTA-LDM as a `DiffusionSystem`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condfoley.inputs import Clip
from condfoley.published.diffusion import networks
from condfoley.published.diffusion.pictures import drifting, pictures
from condfoley.published.diffusion.system import Condition, DiffusionSystem
from condfoley.published.diffusion.systems import POSITIONS, VISION_FPS

PICTURES = 16  # that are encoded at a time


class VtaLdm(DiffusionSystem):
    """VTA-LDM: sound from pictures, as CLIP sees each of them; every row of a latent attends to all of a window's."""

    needed = (*DiffusionSystem.needed, "clip_vision", "projection")

    def rows(self, duration: float, as_published: bool = False) -> int:
        """See `DiffusionSystem.rows`."""
        return self.window if as_published else super().rows(duration)

    def scheduler(self, as_published: bool) -> Any:
        """As published, ancestral sampling; else a solver that needs a twelfth of its steps (Lu et al. 2022, DPM-Solver++)."""
        return networks.scheduler(self.record["scheduler"], "" if as_published else "DPMSolverMultistepScheduler")

    @torch.no_grad()
    def see(self, target: Clip, as_published: bool = False) -> np.ndarray:
        """CLIP's embedding of each picture. Pixels are not standardised, in training as here (torch_tools.py:267)."""
        frames = pictures(target, drifting(target) if as_published else VISION_FPS, "crop")
        made = []
        for first in range(0, len(frames), PICTURES):
            part = torch.from_numpy(np.ascontiguousarray(frames[first : first + PICTURES])).to(self.device)
            made.append(self.parts["clip_vision"](part.permute(0, 3, 1, 2).float() / 255).image_embeds.cpu().numpy())
        return np.concatenate(made)

    def condition(self, seen: np.ndarray, caption: str | None, as_published: bool = False) -> Condition:
        """The pictures of each window; as published, all of the target's. Nothing is (1, T, D) zeros (models.py:604)."""

        @torch.no_grad()
        def inputs(first: int, rows: int) -> dict[str, Tensor]:
            begin, end = (VISION_FPS * row / self.rows_a_second for row in (first, first + rows))
            shown = seen if as_published else seen[min(int(begin), len(seen) - 1) : math.ceil(end)]
            known = torch.from_numpy(np.ascontiguousarray(shown)).to(self.device)
            if self.record["positions"]:
                places = torch.arange(len(known)).clamp(max=POSITIONS - 1)
                known = known + positions(POSITIONS, known.shape[1])[places].to(self.device)
            tokens = self.parts["projection"](known)[None]
            return {"encoder_hidden_states": torch.cat([torch.zeros_like(tokens), tokens])}

        return inputs


def positions(count: int, size: int) -> Tensor:
    """Sinusoids by place (Vaswani et al. 2017, 3.5), sine and cosine in turn: (count, size)."""
    angles = torch.arange(count)[:, None] / 10_000 ** (torch.arange(0, size, 2) / size)
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(count, -1)[:, :size]
