"""Scores soundtracks against a picture, and says what the picture shows: the sync model and the event head at work."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from condfoley.audio.windows import pieces
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.runtime.choice import load_engine
from condfoley.runtime.engine import VIEWING, Engine
from condfoley.settings import EngineName
from condfoley.weights import SHIPPED, card_geometry, read_card

PIECE, AROUND = 4096, 512
"""Frames of a long target in which events are looked for at a time, and on either side of them; the head learned clips of 90."""
FRONT_END = ("sample_rate", "n_fft", "hop", "n_mels", "fmin", "fmax", "mel_scale", "fps")


class VisualEvents(NamedTuple):
    """What the picture shows in each of its frames, (T,) in [0, 1] each; zeros without an event head.

    onset, sliding: probability of an impact, and of something that slides. strength: how hard, where either happens.
    """

    onset: np.ndarray
    sliding: np.ndarray
    strength: np.ndarray


class Scorer:
    """Offset and confidence of soundtracks, and the events in the picture.

    geometry: of its weights. borrowed: name of the weights, where they are not the soundtracks' own; it then encodes the
    picture itself.
    """

    def __init__(self, engine: Engine, geometry: Geometry, borrowed: str = ""):
        self.engine, self.geometry, self.borrowed = engine, geometry, borrowed

    @classmethod
    def shipped(cls, geometry: Geometry, device: str = "cpu", engine: EngineName = "auto") -> Scorer:
        """The scorer of the shipped weights, for weights that have no sync part.

        Such are the published ones, whose re-ranking model is a download (published_facts.md, section 12).
        Raises InputError when soundtracks of `geometry` are not measured in the same spectrograms.
        """
        own = cls.require_same_spectrograms(geometry)
        return cls(load_engine(SHIPPED, device, engine, VIEWING), own, str(read_card(SHIPPED)["name"]))

    @staticmethod
    def require_same_spectrograms(geometry: Geometry) -> Geometry:
        """The shipped scorer's geometry; raises InputError when `geometry` measures sounds in other spectrograms."""
        own = card_geometry(read_card(SHIPPED))
        if other := [name for name in FRONT_END if getattr(own, name) != getattr(geometry, name)]:
            raise InputError(f"the weights have no sync, and the shipped one knows another {other[0]}; train it first")
        return own

    def score(self, tokens: np.ndarray, specs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Offset, s, and confidence in [0, 1] of each candidate: (N,) and (N,), from all segments of the target.

        tokens: (T, D) of the whole target. specs: (N, n_mels, M) in [0, 1].
        """
        return self.engine.assess_sync(tokens, specs, 2 * self.geometry.window_frames)

    def visual_events(self, frames: np.ndarray, tokens: np.ndarray) -> VisualEvents:
        """What the picture shows in each frame: the mean of what is seen in it and in its mirror image.

        frames: (T, H, W, 3) uint8. tokens: (T, D), of the same frames.
        """
        if not self.engine.has_event_head:
            return VisualEvents(*np.zeros((3, len(frames)), np.float32))
        mirrored = self.engine.encode_frames(frames, mirrored=True)
        both, found = np.stack([tokens, mirrored]), []
        for piece in pieces(len(frames), PIECE, AROUND):
            logits = self.engine.event_logits(both[:, piece.left : piece.right])
            found.append(logits[:, piece.begin - piece.left :][:, : piece.end - piece.begin])
        logits = np.concatenate(found, 1)  # (2, T, 3)
        chances = 1 / (1 + np.exp(-logits[..., :2]))
        return VisualEvents(*np.concatenate([chances, logits[..., 2:].clip(0, 1)], -1).mean(0).T)
