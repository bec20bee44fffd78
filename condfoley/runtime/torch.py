"""Runs the networks with PyTorch, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condfoley.networks.flow import to_columns, to_patches, to_specs
from condfoley.networks.transformer import Condition, Decoding
from condfoley.runtime.engine import OPTIONAL, Prompt, generating_parts
from condfoley.runtime.generation import CodeGenerator
from condfoley.runtime.sampling import GuidanceTerm
from condfoley.settings import GENERATORS, Generator
from condfoley.sizes import FlowConfig, VocoderConfig
from condfoley.weights import card_geometry, load_part, read_card


class TorchEngine(CodeGenerator):
    """See `runtime.engine.Engine`. The networks are its attributes: `tokenizer`, `transformer`, ...

    parts: networks by their names in the card, in eval mode on `device`. code_rows: codes over frequency.
    """

    name = "torch"
    version = str(torch.__version__)

    def __init__(self, parts: dict[str, nn.Module], code_rows: int, device: str = "cpu"):
        self.parts, self.code_rows, self.device = parts, code_rows, torch.device(device)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", required: Sequence[str] | None = None) -> TorchEngine:
        """The engine of a weights folder with the parts `required`, and OPTIONAL ones where the folder has them.

        required: None: those of the generators that the folder has.

        Raises InputError for bad weights.
        """
        card = read_card(folder)
        required = generating_parts(card, folder) if required is None else required
        names = dict.fromkeys([*required, *(name for name in OPTIONAL if name in card["parts"])])
        parts = {name: load_part(folder, name, device) for name in names}
        return cls(parts, card_geometry(card).code_rows, device)

    def __getattr__(self, name: str) -> Any:
        """A network by its name."""
        try:
            return self.__dict__["parts"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def has_sync(self) -> bool:
        """Whether soundtracks can be scored."""
        return "sync" in self.parts

    @property
    def has_event_head(self) -> bool:
        """Whether impacts can be seen."""
        return "events" in self.parts or bool(self.video_encoder.config.neck)

    @property
    def contact_frames(self) -> int:
        """Number of frames that `contact_maps` sees; 0: it cannot be used."""
        return int(self.contact.config.frames) if "contact" in self.parts else 0

    @property
    def generators(self) -> list[Generator]:
        """Which it can run."""
        return [name for name in GENERATORS if name in self.parts]

    @property
    def flow_config(self) -> FlowConfig | None:
        """The flow's sizes; None without one."""
        return self.flow.config if "flow" in self.parts else None

    @property
    def codebook_size(self) -> int:
        """Number of different codes."""
        return int(self.transformer.config.n_embed)

    @property
    def vocoder_config(self) -> VocoderConfig:
        """The vocoder's sizes, and what its waveforms need afterwards (`audio.postfilter`)."""
        config: VocoderConfig = self.vocoder.config
        return config

    @torch.no_grad()
    def encode_frames(self, frames: np.ndarray, chunk: int | None = None, mirrored: bool = False) -> np.ndarray:
        """(T, H, W, 3) uint8 -> (T, D) float32."""
        options = {} if chunk is None else {"chunk": chunk}
        return _numpy(self.video_encoder.encode_clip(torch.from_numpy(frames), mirrored=mirrored, **options))

    @torch.no_grad()
    def encode_windows(self, specs: np.ndarray) -> np.ndarray:
        """(B, 1, n_mels, window) in [-1, 1] -> (B, codes) int64."""
        return _numpy(self.tokenizer.encode(self._tensor(specs)))

    @torch.no_grad()
    def decode_codes(self, codes: np.ndarray) -> np.ndarray:
        """(B, columns * rows) int64 -> (B, n_mels, M), about [-1, 1]."""
        return _numpy(self.tokenizer.decode(self._tensor(codes), self.code_rows)[:, 0])

    @property
    def window_codes(self) -> int:
        """Number of codes in a window."""
        return int(self.transformer.config.codes)

    @torch.no_grad()
    def prefill(
        self, prompt: Prompt, terms: Sequence[GuidanceTerm], candidates: int, max_new: int
    ) -> tuple[np.ndarray, Decoding]:
        """Logits (R, S * N, V) and the state; see `Engine.prefill`."""
        given = (prompt.target, prompt.reference, prompt.codes)
        target, reference, codes = (None if x is None else self._tensor(x) for x in given)
        assert target is not None
        logits, state = self.transformer.prefill(Condition(target, reference, codes), terms, candidates, max_new)
        return _numpy(logits), state

    @torch.no_grad()
    def step(self, state: Decoding, codes: np.ndarray) -> np.ndarray:
        """Logits (R, S * N, V); see `Engine.step`."""
        return _numpy(self.transformer.step(state, self._tensor(codes)))

    @torch.no_grad()
    def flow_reference(self, *inputs: np.ndarray) -> np.ndarray:
        """(depth, 2, 1, heads, L', width // heads); see `Engine.flow_reference`."""
        return _numpy(self.flow.encode_reference(*map(self._tensor, inputs)))

    @torch.no_grad()
    def flow_clean(self, *inputs: np.ndarray) -> np.ndarray:
        """(B, L, dim); see `Engine.flow_clean`."""
        return _numpy(self.flow.denoise(*map(self._tensor, inputs)))

    @torch.no_grad()
    def flow_tokens(self, specs: np.ndarray) -> np.ndarray:
        """(B, 1, n_mels, window) in [-1, 1] -> (B, L, dim), standardised."""
        given, patch = self._tensor(specs), self.flow.config.patch
        latents = self.flow.config.space == "latents"
        tokens = to_columns(self.tokenizer.latent(given)) if latents else to_patches(given[:, 0], patch)
        return _numpy(self.flow.standardise(tokens))

    @torch.no_grad()
    def flow_specs(self, tokens: np.ndarray) -> np.ndarray:
        """(B, L, dim) -> (B, n_mels, M), about [-1, 1]."""
        config = self.flow.config
        tokenizer = self.tokenizer if config.space == "latents" else None
        return _numpy(to_specs(self.flow.restore(self._tensor(tokens)), config, tokenizer))

    @torch.no_grad()
    def vocode(self, specs: np.ndarray) -> np.ndarray:
        """(B, n_mels, M) in [0, 1] -> (B, M * hop) float32."""
        return _numpy(self.vocoder(self._tensor(specs)))

    @torch.no_grad()
    def assess_sync(self, tokens: np.ndarray, specs: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """(N,) s and (N,) in [0, 1]; see `Engine.assess_sync`."""
        offsets, confidences = self.sync.score(self._tensor(tokens), self._tensor(specs), length)
        return _numpy(offsets).astype(float), _numpy(confidences).astype(float)

    @torch.no_grad()
    def event_logits(self, tokens: np.ndarray) -> np.ndarray:
        """(B, T, D) -> (B, T, 3)."""
        head = self.parts.get("events") or self.video_encoder.event_logits
        return _numpy(head(self._tensor(tokens)))

    @torch.no_grad()
    def contact_maps(self, frames: np.ndarray) -> np.ndarray:
        """(B, contact_frames, S, S, 3) uint8 -> (B, G, G)."""
        return _numpy(self.contact(self._tensor(frames)))

    @torch.no_grad()
    def embed_sounds(self, specs: np.ndarray) -> np.ndarray:
        """(B, n_mels, M) in [0, 1] -> (B, dim) float32."""
        return _numpy(self.bind.embed_sound(self._tensor(specs)))

    @torch.no_grad()
    def embed_pictures(self, tokens: np.ndarray) -> np.ndarray:
        """(B, T, D) -> (B, dim) float32."""
        return _numpy(self.bind.embed_picture(self._tensor(tokens)))

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def _numpy(values: Tensor) -> np.ndarray:
    values = values.detach().cpu()
    array: np.ndarray = (values.float() if values.dtype is torch.bfloat16 else values).numpy()
    return array
