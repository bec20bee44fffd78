"""A published diffusion system that was loaded: what it sees of a picture, and how latents become sound.

Letters in shapes: N candidates, C channels, L rows (over time) and W columns of a latent, T pictures, S seconds, D features.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from condfoley.audio import windows
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.inputs import Clip, ClipFile, Footage
from condfoley.published.diffusion import networks
from condfoley.published.diffusion.joint import Embedder, ImageBind
from condfoley.published.diffusion.systems import (
    HOP,
    POSITIONS,
    RATE,
    ROWS,
    VISION_FPS,
    VISION_SIZE,
    require_diffusion,
    system_of,
)
from condfoley.runtime.flow_sampling import Windows
from condfoley.weights import verified_file

OVERLAP = 0.25  # share of a window that the next one overlaps; an estimate, not tuned
PICTURES = 16  # that are encoded at a time
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

    def __init__(self, card: dict[str, Any], parts: dict[str, nn.Module], device: str = "cpu"):
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
            raise InputError(f"the weights {self.card['name']} make a sound of values that are no numbers; get a fresh copy")
        return out


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


CLASSES: dict[str, type[VtaLdm] | type[AudioLdm]] = {"vta-ldm": VtaLdm, "audioldm": AudioLdm}


def load_system(folder: Path, card: dict[str, Any], device: str = "cpu") -> DiffusionSystem:
    """The system of a weights folder. Raises InputError for bad weights, and where the extra is missing."""
    name = system_of(card)
    assert name
    require_diffusion(f"running weights of {name}")
    kind = CLASSES[name]
    try:
        there = [*kind.needed, *(["imagebind"] if "imagebind" in card["parts"] else [])]
        made = kind(card, {part: networks.load(folder, card, part, device) for part in there}, device)
        if isinstance(made, AudioLdm):
            files = {key: verified_file(folder, entry) for key, entry in card["diffusion"]["tokenizer"].items()}
            made.tokenizer = networks.tokenizer(files["vocab"], files["merges"])
        return made
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}/card.json is damaged ({error}); import the checkpoint again") from None


def pictures(target: Clip, fps: float, resize: Literal["area", "crop"]) -> np.ndarray:
    """A target's pictures as these systems see them: (T, 224, 224, 3) uint8. Raises InputError for one without picture."""
    frames = target.frames(dataclasses.replace(Geometry(), fps=fps, frame_size=VISION_SIZE, resize=resize))
    if frames is None:
        raise InputError(f"{target.name} has no picture; give a video")
    return frames


def drifting(target: Clip) -> float:
    """Pictures a second that the released code really takes, since it cuts a rate to a whole number (torch_tools.py:274).

    Of 29.97 pictures a second each 14.5th is taken, which is 2.07 a second, so that they drift.
    """
    rate = 0.0
    if isinstance(target, ClipFile):
        rate = target.info.fps
    elif isinstance(target, Footage) and target.times is not None and len(target.times) > 1:
        rate = 1 / float(np.median(np.diff(target.times)))
    return VISION_FPS * rate / int(round(rate, 3)) if rate >= 1 else VISION_FPS


def positions(count: int, size: int) -> Tensor:
    """Sinusoids by place (Vaswani et al. 2017, 3.5), sine and cosine in turn: (count, size)."""
    angles = torch.arange(count)[:, None] / 10_000 ** (torch.arange(0, size, 2) / size)
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(count, -1)[:, :size]


def cut(latents: Tensor, plan: Windows) -> list[Tensor]:
    """The windows of latents (N, C, L, W): (N, C, plan.length, W) each."""
    return [latents[:, :, start : start + plan.length] for start in plan.starts]


def join(parts: Sequence[Tensor], starts: Sequence[int], overlap: int) -> Tensor:
    """Windows (..., length, W) at `starts` as one (..., total, W), crossfaded where they overlap; see `Windows.join`."""
    length = parts[0].shape[-2]
    total = starts[-1] + length
    out = parts[0].new_zeros((*parts[0].shape[:-2], total, parts[0].shape[-1]))
    weights = out.new_zeros((total, 1))
    place = torch.arange(1, length + 1, device=out.device)
    gain = torch.minimum(place, place.flip(0)).clamp(max=max(1, overlap)).float()[:, None]
    for start, part in zip(starts, parts, strict=True):
        out[..., start : start + length, :] += gain * part
        weights[start : start + length] += gain
    return out / weights
