"""Runs the networks with onnxruntime, on a CPU, without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from condfoley.runtime import sync_scores
from condfoley.runtime.engine import GENERATING, OPTIONAL, Prompt
from condfoley.runtime.frames import CHUNK_FRAMES, encode_clip
from condfoley.runtime.generation import CodeGenerator
from condfoley.runtime.graph_files import PartGraphs, cores
from condfoley.runtime.sampling import GuidanceTerm, dropped
from condfoley.runtime.side_by_side import MOST
from condfoley.sizes import VocoderConfig
from condfoley.weights import read_card


@dataclass
class Decoding:
    """State of a generation. inputs: of the step graph, by name: what prefill gave, and the rows' own keys and values.

    shape: R guidance terms and S * N rows of codes.
    """

    inputs: dict[str, Any]
    shape: tuple[int, int]


class OnnxEngine(CodeGenerator):
    """See `runtime.engine.Engine`.

    parts: graphs of the parts of the weights, by their names in the card. threads: that compute.
    """

    name = "onnx"
    version = onnxruntime.__version__

    def __init__(self, parts: dict[str, PartGraphs], threads: int = 1):
        self.parts, self.workers = parts, min(threads, MOST)

    @classmethod
    def load(cls, folder: Path, required: Sequence[str] = GENERATING, threads: int | None = None) -> OnnxEngine:
        """The engine of a weights folder with the parts `required`, and OPTIONAL ones where the folder has them.

        threads: that compute; None: one for each core. Graphs are loaded when they are first run. Raises InputError for
        bad weights.
        """
        card = read_card(folder)
        names = dict.fromkeys([*required, *(name for name in OPTIONAL if name in card["parts"])])
        threads = threads or cores()
        parts = {name: PartGraphs(folder, card, name, threads) for name in names}
        for part in parts.values():
            part.verify()
        return cls(parts, threads)

    @property
    def has_sync(self) -> bool:
        """Whether soundtracks can be scored."""
        return "sync" in self.parts

    @property
    def has_event_head(self) -> bool:
        """Whether impacts can be seen."""
        return "events" in self.parts or self.parts["video_encoder"].has_events

    @property
    def codebook_size(self) -> int:
        """Number of different codes."""
        return int(self.parts["transformer"].config.n_embed)

    @property
    def window_codes(self) -> int:
        """Number of codes in a window."""
        return int(self.parts["transformer"].config.codes)

    @property
    def vocoder_config(self) -> VocoderConfig:
        """The vocoder's sizes, and what its waveforms need afterwards (`audio.postfilter`)."""
        config: VocoderConfig = self.parts["vocoder"].config
        return config

    def encode_frames(self, frames: np.ndarray, chunk: int | None = None, mirrored: bool = False) -> np.ndarray:
        """(T, H, W, 3) uint8 -> (T, D) float32."""
        encoder = self.parts["video_encoder"]

        def encode(normalised: np.ndarray) -> np.ndarray:
            tokens: np.ndarray = encoder.run("encode", frames=normalised)
            return tokens

        return encode_clip(frames, encoder.config, encode, chunk or CHUNK_FRAMES, mirrored)

    def encode_windows(self, specs: np.ndarray) -> np.ndarray:
        """(B, 1, n_mels, window) in [-1, 1] -> (B, codes) int64."""
        return self._array("tokenizer", "encode", specs=_float(specs))

    def decode_codes(self, codes: np.ndarray) -> np.ndarray:
        """(B, columns * rows) int64 -> (B, n_mels, M), about [-1, 1]."""
        return self._array("tokenizer", "decode", codes=np.ascontiguousarray(codes))

    def prefill(
        self, prompt: Prompt, terms: Sequence[GuidanceTerm], candidates: int, max_new: int
    ) -> tuple[np.ndarray, Decoding]:
        """Logits (R, S * N, V) and the state; see `Engine.prefill`."""
        c, windows = self.parts["transformer"].config, len(prompt.target)
        no_reference, no_target = np.repeat([dropped(term) for term in terms], windows, axis=0).T.copy()  # (R * S,)
        reference = np.zeros((1, c.frames, c.feature_dim)) if prompt.reference is None else prompt.reference
        codes = np.zeros((1, c.codes), np.int64) if prompt.codes is None else prompt.codes
        given = {
            "reference_frames": _float(reference),
            "reference_codes": np.ascontiguousarray(codes),
            "target_frames": _float(np.tile(prompt.target, (len(terms), 1, 1))),
            "no_picture": no_reference | (prompt.reference is None),
            "no_reference": no_reference,
            "no_target": no_target,
        }
        session = self.parts["transformer"].session("prefill")
        wanted = {value.name for value in session.get_inputs()}  # one that a network does not use is not in its graph
        values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(x) for name, x in given.items() if name in wanted}
        names = [value.name for value in session.get_outputs()]
        first, *rest = session.run_with_ort_values(names, values)
        rows = windows * candidates
        nothing = np.zeros((len(terms) * rows, c.n_head, 0, c.n_embd // c.n_head), np.float32)
        own = {f"own_{kind}_{i}": nothing for i in range(c.n_layer) for kind in ("keys", "values")}
        inputs = dict(zip(names[1:], rest)) | {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(x) for name, x in own.items()
        }
        logits = first.numpy().repeat(candidates, 0).reshape(len(terms), rows, -1)
        return logits, Decoding(inputs, (len(terms), rows))

    def step(self, state: Decoding, codes: np.ndarray) -> np.ndarray:
        """Logits (R, S * N, V); see `Engine.step`."""
        session = self.parts["transformer"].session("step")
        names = [value.name for value in session.get_outputs()]
        given = onnxruntime.OrtValue.ortvalue_from_numpy(np.tile(codes, (state.shape[0], 1)))
        first, *rest = session.run_with_ort_values(names, state.inputs | {"codes": given})
        for name, value in zip(names[1:], rest):
            state.inputs[name.removeprefix("next_")] = value
        logits: np.ndarray = first.numpy().reshape(*state.shape, -1)
        return logits

    def vocode(self, specs: np.ndarray) -> np.ndarray:
        """(B, n_mels, M) in [0, 1] -> (B, M * hop) float32."""
        return self._array("vocoder", "vocode", specs=_float(specs))

    def assess_sync(self, tokens: np.ndarray, specs: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """(N,) s and (N,) in [0, 1]; see `Engine.assess_sync`."""
        sync = self.parts["sync"]
        return sync_scores.score(tokens, specs, length, sync.config, lambda **x: sync.run("score", **x))

    def event_logits(self, tokens: np.ndarray) -> np.ndarray:
        """(B, T, D) -> (B, T, 3)."""
        part = "events" if "events" in self.parts else "video_encoder"
        return self._array(part, "events", tokens=_float(tokens))

    def _array(self, part: str, key: str, **inputs: np.ndarray) -> np.ndarray:
        array: np.ndarray = self.parts[part].run(key, **inputs)
        return array


def _float(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
