"""A published diffusion system that was loaded: what it sees of a picture, and how latents become sound.

Letters in shapes: N candidates, C channels, L rows (over time) and W columns of a latent, T pictures, S seconds, D features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condfoley.audio import windows
from condfoley.errors import InputError
from condfoley.inputs import Clip
from condfoley.published.diffusion import networks
from condfoley.published.diffusion.joint import Embedder
from condfoley.published.diffusion.latents import cut, join
from condfoley.published.diffusion.systems import HOP, RATE, ROWS
from condfoley.runtime.flow_sampling import Windows

OVERLAP = 0.25  # share of a window that the next one overlaps; an estimate, not tuned
FRAMES, MARGIN = 1024, 32  # of a spectrogram that are vocoded at a time, and around them

Condition = Callable[[int, int], dict[str, Tensor]]
"""First row and number of rows of a window -> the UNet's inputs beside latents and time: without the condition, and, behind it,
with it, (2 or 1, ...); 1: there is none."""


class DiffusionSystem:
    """What both systems have in common.

    card: of the weights folder. parts: networks by their names in it, without gradients. Raises KeyError, TypeError or
    InputError for a damaged card.
    """

    needed: tuple[str, ...] = ("unet", "vae", "hifigan")
    takes_caption = False

    def __init__(self, card: dict[str, Any], parts: dict[str, Any], device: str = "cpu"):
        self.card, self.parts, self.device = card, parts, torch.device(device)
        self.record: dict[str, Any] = card["diffusion"]
        networks.scheduler(self.record["scheduler"])
        if min(self.record[name] for name in ("steps", "published_steps", "guidance")) <= 0:
            raise TypeError("a number of steps, or the guidance, is not above 0")
        self.unet, self.vae, self.vocoder = parts["unet"], parts["vae"], parts["hifigan"]
        self.down = 2 ** (len(self.vae.config.block_out_channels) - 1)  # spectrogram frames of a row
        self.multiple = 2 ** (len(self.unet.config.block_out_channels) - 1)  # of which the UNet halves rows
        self.width = self.vocoder.config.model_in_dim // self.down
        self.window = ROWS

    @property
    def rows_a_second(self) -> float:
        """Rows of a latent in a second of sound: 25."""
        return RATE / (HOP * self.down)

    def rows(self, duration: float, as_published: bool = False) -> int:
        """Rows that cover a target of `duration` s. as_published: VTA-LDM's are always 10.24 s."""
        return self.multiple * max(1, math.ceil(duration * self.rows_a_second / self.multiple))

    def plan(self, rows: int) -> Windows:
        """Windows of at most 10.24 s that cover so many rows; they are denoised together."""
        length = min(rows, self.window)
        return Windows(rows, length, round(OVERLAP * length))

    def scheduler(self, as_published: bool) -> Any:
        """A new noise schedule, with its way to step."""
        return networks.scheduler(self.record["scheduler"])

    def see(self, target: Clip, as_published: bool = False) -> np.ndarray:
        """What it knows of a target's picture, (T, D) float32; T = 0: nothing."""
        raise NotImplementedError

    def condition(self, seen: np.ndarray, caption: str | None, as_published: bool = False) -> Condition:
        """What is heard of a picture, (T, D), or of a caption."""
        raise NotImplementedError

    @property
    def embedder(self) -> Embedder | None:
        """What the aligner listens with; None: nothing is steered."""
        return None

    def predict(self, latents: Tensor, time: Tensor, inputs: dict[str, Tensor], guidance: float) -> Tensor:
        """The UNet's estimate for latents (N, C, L, W), with classifier-free guidance. inputs: see `Condition`."""
        count = len(latents)
        terms = len(next(iter(inputs.values())))
        given = {"encoder_hidden_states": None} | {k: v.repeat_interleave(count, 0) for k, v in inputs.items()}
        out: Tensor = self.unet(latents.repeat(terms, 1, 1, 1), time, **given).sample
        if terms == 1:
            return out
        without, with_it = out.chunk(2)
        return without + guidance * (with_it - without)

    def spectrogram(self, latents: Tensor) -> Tensor:
        """Latents (N, C, L, W) -> natural logarithms of mel bands, (N, L * down, mels), with gradients."""
        out: Tensor = self.vae.decode(latents / self.vae.config.scaling_factor).sample[:, 0]
        return out

    def hear(self, latents: Tensor) -> Tensor:
        """Latents (N, C, L, W) of one window -> sound (N, L * down * HOP) at RATE, with gradients."""
        return self.vocode(self.spectrogram(latents))

    def vocode(self, specs: Tensor) -> Tensor:
        """Spectrograms (N, M, mels) -> sound (N, M * HOP) at RATE, with gradients.

        The vocoder's first stage, a kernel of 16 at a rate of 5, makes a fifth of a frame more, which is cut.
        """
        sounds: Tensor = self.vocoder(specs)
        return sounds.reshape(len(specs), -1)[:, : specs.shape[1] * HOP]

    @torch.no_grad()
    def sound(self, latents: Tensor, plan: Windows) -> np.ndarray:
        """Latents (N, C, L, W) -> sound (N, L * down * HOP) float32 at RATE, window by window.

        Raises InputError for weights that make values that are no numbers.
        """
        specs = [self.spectrogram(part) for part in cut(latents, plan)]
        spec = join(specs, [start * self.down for start in plan.starts], plan.overlap * self.down)
        out = np.empty((len(spec), spec.shape[1] * HOP), np.float32)
        for begin, end, left, right in windows.pieces(spec.shape[1], FRAMES, MARGIN):
            wav = self.vocode(spec[:, left:right]).cpu().numpy()
            out[:, begin * HOP : end * HOP] = wav[:, (begin - left) * HOP :][:, : (end - begin) * HOP]
        if not np.isfinite(out).all():
            raise InputError(
                f"the weights {self.card['name']} make a sound of values that are no numbers; get a fresh copy"
            )
        return out
