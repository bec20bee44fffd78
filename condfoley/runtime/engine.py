"""The contract of whatever runs the networks: numpy arrays in, numpy arrays out.

Letters in shapes: T frames of picture, D features, S windows side by side, N candidates, M spectrogram frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from condfoley.runtime.sampling import GuidanceTerm
from condfoley.sizes import VocoderConfig

VIEWING = ("video_encoder", "sync", "events")  # parts that score soundtracks and see impacts
GENERATING = ("tokenizer", "video_encoder", "transformer", "vocoder")  # parts without which nothing can be generated
OPTIONAL = ("sync", "events")


@dataclass(frozen=True)
class Prompt:
    """What S windows of codes are generated from.

    target: (S, frames, D) float32 picture tokens. reference: (1, frames, D), None without a picture.
    codes: (1, codes) int64 of the reference's sound; None: without any reference.
    """

    target: np.ndarray
    reference: np.ndarray | None
    codes: np.ndarray | None


class Engine(Protocol):
    """The networks of one weights folder."""

    name: str
    """As in `provenance.json`."""
    version: str
    """Of the library that computes."""
    workers: int
    """Calls of `decode_codes` and `vocode` that may run at the same time, in one thread each; 1: one after the other."""

    @property
    def has_sync(self) -> bool:
        """Whether soundtracks can be scored."""

    @property
    def has_event_head(self) -> bool:
        """Whether impacts can be seen."""

    @property
    def codebook_size(self) -> int:
        """Number of different codes."""

    @property
    def vocoder_config(self) -> VocoderConfig:
        """The vocoder's sizes, and what its waveforms need afterwards (`audio.postfilter`)."""

    def encode_frames(self, frames: np.ndarray, chunk: int | None = None, mirrored: bool = False) -> np.ndarray:
        """Picture tokens: (T, H, W, 3) uint8 -> (T, D) float32. chunk: frames at a time; None: the network's own."""

    def encode_windows(self, specs: np.ndarray) -> np.ndarray:
        """Codes of windows of spectrogram: (B, 1, n_mels, window) in [-1, 1] -> (B, codes) int64."""

    def decode_codes(self, codes: np.ndarray) -> np.ndarray:
        """Codes, column by column -> spectrograms: (B, columns * rows) int64 -> (B, n_mels, M), about [-1, 1]."""

    @property
    def window_codes(self) -> int:
        """Number of codes in a window."""

    def prefill(
        self, prompt: Prompt, terms: Sequence[GuidanceTerm], candidates: int, max_new: int
    ) -> tuple[np.ndarray, Any]:
        """Runs everything before the first code, once for all candidates of a window and guidance term.

        terms: R guidance terms. candidates: N of each of the S windows. max_new: number of codes that will follow.
        Returns the logits of the first code, (R, S * N, V) float32, and the state, which is the engine's own.
        """

    def step(self, state: Any, codes: np.ndarray) -> np.ndarray:
        """Runs the next F codes, (S * N, F) int64; returns the logits of the following one, (R, S * N, V) float32.

        state: of `prefill`; it is changed.
        """

    def forget(self) -> None:
        """Gives back the memory that is kept for further calls; they take a moment longer then."""

    def random_streams(self, seeds: Sequence[int]) -> list[np.random.Generator]:
        """A stream of random numbers for each seed, >= 0."""

    def generate_codes(
        self,
        prompt: Prompt,
        streams: Sequence[np.random.Generator],
        sampling: dict[str, Any],
        forced: np.ndarray | None = None,
        until: int | None = None,
    ) -> np.ndarray:
        """Draws codes: (S * N, until or codes) int64, all candidates of a window, then of the next.

        streams: one for each row. sampling: `temperature`, `top_k`, `top_p`, `guidance`, `picture_guidance`.
        forced: (S * N, F) codes with which the rows begin. until: stop before this code.
        """

    def vocode(self, specs: np.ndarray) -> np.ndarray:
        """The vocoder's own waveforms: (B, n_mels, M) in [0, 1] -> (B, M * hop) float32."""

    def assess_sync(self, tokens: np.ndarray, specs: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Offset, s, and confidence in [0, 1] of N sounds beside one picture: (N,) float64 each.

        tokens: (T, D). specs: (N, n_mels, M) in [0, 1]. length: frames of the segments over which the mean is taken.
        """

    def event_logits(self, tokens: np.ndarray) -> np.ndarray:
        """(B, T, D) -> (B, T, 3): logits of an impact and of sliding, and the strength."""
