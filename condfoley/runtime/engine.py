"""The contract of whatever runs the networks: numpy arrays in, numpy arrays out.

Letters in shapes: T frames of picture, D features, S windows side by side, N candidates, M spectrogram frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from condfoley.errors import InputError
from condfoley.published.diffusion.systems import system_of
from condfoley.runtime.sampling import GuidanceTerm
from condfoley.settings import GENERATORS, Generator
from condfoley.sizes import FlowConfig, VocoderConfig

VIEWING = ("video_encoder", "sync", "events")  # parts that score soundtracks and see impacts
GENERATING = ("tokenizer", "video_encoder", "transformer", "vocoder")  # parts with which the transformer generates
FLOW = ("video_encoder", "flow", "vocoder")  # with which the flow does; over latents, the tokenizer too
FINDING = ("video_encoder", "bind")  # with which sounds are found for a picture
OPTIONAL = ("sync", "events", "contact")


def generators_of(card: dict[str, Any]) -> list[Generator]:
    """Which generators a weights folder has, by its card."""
    if system_of(card):
        return ["diffusion"]
    return [name for name in GENERATORS if name in card["parts"]]


def generating_parts(card: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """Parts without which a weights folder's generators cannot run. folder: where the card is from.

    Raises InputError where it has none.
    """
    found = generators_of(card)
    if not found:
        raise InputError(
            f"the weights in {folder} have no generator, neither transformer nor flow; train one, or give complete weights"
        )
    parts: list[str] = [*GENERATING] if "transformer" in found else []
    if "flow" in found:
        parts += FLOW
        parts += ["tokenizer"] if over_latents(card) else []
    return tuple(dict.fromkeys(parts))


def over_latents(card: dict[str, Any]) -> bool:
    """Whether a weights folder has a flow whose tokens are the tokenizer's latents."""
    return bool(card["parts"].get("flow", {}).get("config", {}).get("space", "") == "latents")


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
    def contact_frames(self) -> int:
        """Number of frames that `contact_maps` sees of an impact; 0: it cannot be used."""

    @property
    def generators(self) -> list[Generator]:
        """Which it can run: the transformer, the flow, or both."""

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

    @property
    def flow_config(self) -> FlowConfig | None:
        """The flow's sizes; None without one."""

    def flow_reference(
        self,
        reference: np.ndarray,
        reference_tokens: np.ndarray,
        no_reference: np.ndarray,
        no_reference_picture: np.ndarray,
    ) -> np.ndarray:
        """The flow's context of one reference, for all candidates, times and targets, as `flow_clean` takes it.

        Inputs: see `networks.flow.Flow.forward`, with one row. Returns keys and values of each block, (depth, 2, 1, heads,
        L', width // heads) float32.
        """

    def flow_clean(
        self,
        noisy: np.ndarray,
        known: np.ndarray,
        time: np.ndarray,
        target_tokens: np.ndarray,
        no_picture: np.ndarray,
        context: np.ndarray,
    ) -> np.ndarray:
        """The flow's estimate of clean tokens, standardised: (B, L, dim) float32; see `networks.flow.Flow.forward`.

        context: of `flow_reference`, the same for all B rows.
        """

    def flow_tokens(self, specs: np.ndarray) -> np.ndarray:
        """Windows of spectrogram as the flow's tokens: (B, 1, n_mels, window) in [-1, 1] -> (B, L, dim), standardised."""

    def flow_specs(self, tokens: np.ndarray) -> np.ndarray:
        """The flow's tokens, any number of them, as spectrograms: (B, L, dim) -> (B, n_mels, M), about [-1, 1]."""

    def vocode(self, specs: np.ndarray) -> np.ndarray:
        """The vocoder's own waveforms: (B, n_mels, M) in [0, 1] -> (B, M * hop) float32."""

    def assess_sync(self, tokens: np.ndarray, specs: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Offset, s, and confidence in [0, 1] of N sounds beside one picture: (N,) float64 each.

        tokens: (T, D). specs: (N, n_mels, M) in [0, 1]. length: frames of the segments over which the mean is taken.
        """

    def event_logits(self, tokens: np.ndarray) -> np.ndarray:
        """(B, T, D) -> (B, T, 3): logits of an impact and of sliding, and the strength."""

    def contact_maps(self, frames: np.ndarray) -> np.ndarray:
        """Where something is struck: (B, contact_frames, S, S, 3) uint8, the middle one of an impact -> (B, G, G) logits.

        Rows are from top to bottom, columns from left to right.
        """

    def embed_sounds(self, specs: np.ndarray) -> np.ndarray:
        """Vectors of length 1 of sounds, by part `bind`: (B, n_mels, M) in [0, 1] -> (B, dim) float32."""

    def embed_pictures(self, tokens: np.ndarray) -> np.ndarray:
        """Vectors of length 1 of pictures, by part `bind`: (B, T, D) -> (B, dim) float32."""
