"""Who judges the soundtracks: the sync model with the video encoder it was trained on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.networks.event_head import EventHead
from condfoley.networks.sync import Sync
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.weights import SHIPPED, card_geometry, load_part, read_card

FRONT_END = ("sample_rate", "n_fft", "hop", "n_mels", "fmin", "fmax", "mel_scale", "fps")


class Shown(NamedTuple):
    """What the picture shows in each of its frames, (T,) in [0, 1] each; zeros without an event head.

    onset, sliding: probability that something is struck, and that it slides. strength: how hard, where either happens.
    """

    onset: np.ndarray
    sliding: np.ndarray
    strength: np.ndarray


class Referee:
    """Tells offset and confidence of soundtracks, and what the picture shows.

    borrowed: name of the weights it belongs to, where they are not the soundtracks' own; it then sees the picture in
    its own way. events: the recurrent event head; None: the video encoder's own, linear one.
    """

    def __init__(
        self,
        video_encoder: VideoEncoder,
        sync: Sync,
        geometry: Geometry,
        events: EventHead | None = None,
        borrowed: str = "",
    ):
        self.video_encoder, self.sync, self.geometry = video_encoder, sync, geometry
        self.events, self.borrowed = events, borrowed

    @classmethod
    def shipped(cls, geometry: Geometry, device: str = "cpu") -> Referee:
        """The referee of the shipped weights, for weights that have no sync part.

        Such are the published ones, whose re-ranking model is a download (published_facts.md, section 12).
        Raises InputError when soundtracks of `geometry` are not measured in the same spectrograms.
        """
        own = cls.require_same_spectrograms(geometry)
        encoder, sync, events = (load_part(SHIPPED, name, device) for name in ("video_encoder", "sync", "events"))
        return cls(encoder, sync, own, events, str(read_card(SHIPPED)["name"]))

    @staticmethod
    def require_same_spectrograms(geometry: Geometry) -> Geometry:
        """The shipped referee's geometry; raises InputError when `geometry` measures sounds in other spectrograms."""
        own = card_geometry(read_card(SHIPPED))
        if other := [name for name in FRONT_END if getattr(own, name) != getattr(geometry, name)]:
            raise InputError(f"the weights have no sync, and the shipped one knows another {other[0]}; train it first")
        return own

    def judge(self, tokens: Tensor, specs: Tensor) -> tuple[Tensor, Tensor]:
        """Offset, s, and confidence in [0, 1] of each candidate: (N,) and (N,), from all segments of the target.

        tokens: (T, D) of the whole target. specs: (N, n_mels, M) in [0, 1].
        """
        return self.sync.score(tokens, specs, 2 * self.geometry.window_frames)

    def picture_events(self, frames: Tensor, tokens: Tensor) -> Shown:
        """What the picture shows in each frame: mean of the event head's verdicts on it and on its mirror image.

        frames: (T, H, W, 3) uint8. tokens: (T, D), of the same frames.
        """
        if not self.events and not self.video_encoder.config.neck:
            return Shown(*np.zeros((3, len(frames)), np.float32))
        mirrored = self.video_encoder.encode_clip(frames, mirrored=True)
        both = torch.stack([tokens, mirrored])  # (2, T, D)
        logits = self.events(both) if self.events else self.video_encoder.event_logits(both)
        chances, strength = logits[..., :2].sigmoid(), logits[..., 2:].clamp(0, 1)
        return Shown(*torch.cat([chances, strength], -1).mean(0).cpu().numpy().T)
