"""Stage `contact`: where in the picture an impact is, learnt from simulated clips, which know it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from condfoley.data.events import Event
from condfoley.data.store import CachedClip
from condfoley.errors import InputError
from condfoley.networks.contact import ContactMap, places
from condfoley.training.augment import augment_with_point
from condfoley.training.batches import Batch
from condfoley.training.config import TrainConfig
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import Loss, Stage

WIDTH = 0.04  # deviation of the map that is asked for, as a share of the picture
TIMING = 1.2  # frames, deviation of the moment that is taken for the impact from the true one
TRIES = 8  # views of an impact that are drawn before it is left out because it is outside of all of them


def visible(events: Sequence[Event]) -> list[Event]:
    """The events whose place is in the picture and known."""
    inside = [event for event in events if 0 <= event.x <= 1 and 0 <= event.y <= 1]
    return [event for event in inside if (event.x, event.y) != (0.5, 0.5)]  # the default of clips without positions


class ContactStage(Stage):
    """Trained on the frames around single events, with their places in the picture."""

    part = "contact"

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        self.sizes = config.contact
        self.examples = [(clip, event) for clip in self.store.train for event in visible(clip.events)]
        self.held_out = [(clip, event) for clip in self.store.validation for event in visible(clip.events)][:400]
        if not self.examples or not self.held_out:
            raise InputError(
                f"no clip in {config.data.folder} says where in the picture its events are; "
                "stage contact needs clips of `condfoley simulate`"
            )
        self.model = self.add(
            "contact", load_init(self.built(ContactMap, config.contact), self.part, config), config.lr, self._loss
        )

    def _frames(self, clip: CachedClip, middle: int) -> Tensor:
        """Frames (F, 3, H, W) in [0, 1] around one of a clip; the first and the last are repeated beyond the ends."""
        half = self.sizes.frames // 2
        index = np.clip(np.arange(middle - half, middle + half + 1), 0, clip.frame_count - 1)
        piece = np.array(clip.frames(int(index[0]), int(index[-1] - index[0]) + 1))
        return torch.from_numpy(piece[index - index[0]]).permute(0, 3, 1, 2) / 255.0

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Augmented frames (B, F, S, S, 3) around random events, and their places (B, 2)."""
        names, pictures, where = [], [], []
        for rng in rngs:
            clip, frames, place = self._draw_one(rng)
            names.append(clip)
            pictures.append(frames)
            where.append(place)
        return Batch(names, (torch.stack(pictures), torch.tensor(where)))

    def _draw_one(self, rng: np.random.Generator) -> tuple[str, Tensor, tuple[float, float]]:
        while True:
            clip, event = self.examples[rng.integers(len(self.examples))]
            frames = self._frames(clip, round(event.time * self.geometry.fps + float(rng.normal(0, TIMING))))
            for _ in range(TRIES):
                generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
                view, place = augment_with_point(frames, (event.x, event.y), self.sizes.size, generator)
                if all(0 <= value <= 1 for value in place):
                    return clip.name, (view.clamp(0, 1) * 255).permute(0, 2, 3, 1), place

    def _loss(self, frames: Tensor, where: Tensor) -> Loss:
        """Cross entropy with a narrow map around the place, and the mean's distance from it."""
        logits = self.model(frames).float()
        with self.full_precision():
            cross = F.cross_entropy(logits.flatten(1), self.wanted(where))
            distance = (places(logits) - where).abs().mean()
            return cross + 2 * distance, {"cross_entropy": cross.detach(), "distance": distance.detach()}

    def wanted(self, where: Tensor) -> Tensor:
        """The maps that are asked for, (B, G * G), of places (B, 2): a narrow bell around each."""
        size = self.sizes.size // 2
        grid = (torch.arange(size, device=where.device) + 0.5) / size
        across, down = (grid - where[:, axis, None] for axis in (0, 1))  # (B, G)
        return (-(down[:, :, None] ** 2 + across[:, None] ** 2) / (2 * WIDTH**2)).flatten(1).softmax(1)

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random events."""
        return self.update("contact", *batch.tensors)

    def _predict(self) -> tuple[np.ndarray, np.ndarray]:
        """Places that are found in the validation clips, and the true ones: (K, 2) each."""
        found = []
        for clip, event in self.held_out:
            frames = self._frames(clip, round(event.time * self.geometry.fps))
            small = F.interpolate(frames, (self.sizes.size, self.sizes.size), mode="area").permute(0, 2, 3, 1)[None]
            found.append(places(self.model((small * 255).round().to(self.device)))[0].cpu().numpy())
        return np.stack(found), np.array([(event.x, event.y) for _, event in self.held_out])

    def validate(self, step: int) -> dict[str, float]:
        """Median distance from the true place across and down, as a share of the picture, and the correlation across."""
        found, true = self._predict()
        across, down = np.median(np.abs(found - true), axis=0).tolist()
        varies = min(np.ptp(found[:, 0]), np.ptp(true[:, 0])) > 0
        alike = float(np.corrcoef(found[:, 0], true[:, 0])[0, 1]) if varies else 0.0
        return {"across": across, "down": down, "correlation": alike}

    def sample(self, folder: Path, step: int) -> None:
        """The middle frame of some events with the true place (white) and the one that was found (black)."""
        from PIL import Image, ImageDraw

        found, true = self._predict()
        shown = min(16, len(true))
        sheet = Image.new("RGB", (shown * 96, 96))
        draw = ImageDraw.Draw(sheet)
        for number, (clip, event) in enumerate(self.held_out[:shown]):
            frames = self._frames(clip, round(event.time * self.geometry.fps))[self.sizes.frames // 2]
            picture = (frames.permute(1, 2, 0) * 255).byte().numpy()
            sheet.paste(Image.fromarray(picture).resize((96, 96)), (number * 96, 0))
            for (x, y), colour in ((true[number], "white"), (found[number], "black")):
                at = number * 96 + x * 96, y * 96
                draw.ellipse((at[0] - 4, at[1] - 4, at[0] + 4, at[1] + 4), outline=colour, width=2)
        sheet.save(folder / f"{step:06d}.png")
