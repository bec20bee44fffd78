"""Runs the networks with onnxruntime, on a CPU, without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from condfoley.runtime import sync_scores
from condfoley.runtime.engine import OPTIONAL, Prompt, generating_parts
from condfoley.runtime.frames import CHUNK_FRAMES, encode_clip
from condfoley.runtime.generation import CodeGenerator
from condfoley.runtime.graph_files import PartGraphs, cores
from condfoley.runtime.sampling import GuidanceTerm, dropped
from condfoley.runtime.side_by_side import MOST
from condfoley.settings import GENERATORS, Generator
from condfoley.sizes import FlowConfig, VocoderConfig
from condfoley.weights import read_card

ROOM = 25  # codes by which the room for the rows' own keys and values grows


@dataclass
class Decoding:
    """State of a generation.

    shared: OrtValues by their names, what prefill gave. own: keys and values of the rows' own codes, (R * S, heads, N, L,
    d) by name, of which the first `length` of L are filled in. shape: R guidance terms, S windows, N candidates.
    most: codes that will follow.
    """

    shared: dict[str, Any]
    own: dict[str, np.ndarray]
    shape: tuple[int, int, int]
    most: int
    length: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)
    """OrtValues of `own` and of the mask that goes with them, without copies."""
    mask: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """(L,), 0 where `own` is filled in, else -inf."""

    def __post_init__(self) -> None:
        self._grow(min(self.most, ROOM), 0)

    def keep(self, new: dict[str, np.ndarray]) -> None:
        """Adds the keys and values of F more codes: (R * S, heads, N, F, d) by name."""
        begin, self.length = self.length, self.length + next(iter(new.values())).shape[3]
        if self.length > len(self.mask):
            self._grow(min(self.most, -(-self.length // ROOM) * ROOM), begin)
        for name, values in new.items():
            self.own[name][:, :, :, begin : self.length] = values
        self.mask[begin : self.length] = 0

    def _grow(self, room: int, filled: int) -> None:
        self.mask = np.full(room, -np.inf, np.float32)
        self.mask[:filled] = 0
        for name, before in self.own.items():
            self.own[name] = np.zeros((*before.shape[:3], room, before.shape[4]), np.float32)
            self.own[name][:, :, :, :filled] = before[:, :, :, :filled]  # nothing at first
        arrays = {"mask": self.mask, **{f"own_{name}": array for name, array in self.own.items()}}
        self.inputs = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}


class OnnxEngine(CodeGenerator):
    """See `runtime.engine.Engine`.

    parts: graphs of the parts of the weights, by their names in the card. threads: that compute.
    """

    name = "onnx"
    version = onnxruntime.__version__

    def __init__(self, parts: dict[str, PartGraphs], threads: int = 1):
        self.parts, self.workers = parts, min(threads, MOST)

    @classmethod
    def load(cls, folder: Path, required: Sequence[str] | None = None, threads: int | None = None) -> OnnxEngine:
        """The engine of a weights folder with the parts `required`, and OPTIONAL ones where the folder has them.

        required: None: those of the generators that the folder has.

        threads: that compute; None: one for each core. Graphs are loaded when they are first run. Raises InputError for
        bad weights.
        """
        card = read_card(folder)
        required = generating_parts(card, folder) if required is None else required
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
    def contact_frames(self) -> int:
        """Number of frames that `contact_maps` sees; 0: it cannot be used."""
        return int(self.parts["contact"].config.frames) if "contact" in self.parts else 0

    @property
    def generators(self) -> list[Generator]:
        """Which it can run."""
        return [name for name in GENERATORS if name in self.parts]

    @property
    def flow_config(self) -> FlowConfig | None:
        """The flow's sizes; None without one."""
        return self.parts["flow"].config if "flow" in self.parts else None

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

    def forget(self) -> None:
        """Graphs are loaded again when they are run again."""
        for part in self.parts.values():
            part.forget()

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
        heads, width = c.n_head, c.n_embd // c.n_head
        kinds = [f"{kind}_{i}" for i in range(c.n_layer) for kind in ("keys", "values")]
        own = {kind: np.zeros((len(terms) * windows, heads, candidates, 0, width), np.float32) for kind in kinds}
        state = Decoding(dict(zip(names[1:], rest)), own, (len(terms), windows, candidates), max_new)
        logits = first.numpy().repeat(candidates, 0).reshape(len(terms), windows * candidates, -1)
        return logits, state

    def step(self, state: Decoding, codes: np.ndarray) -> np.ndarray:
        """Logits (R, S * N, V); see `Engine.step`."""
        terms, windows, candidates = state.shape
        if codes.shape[1] > 1 and state.length:
            return [self.step(state, codes[:, i : i + 1]) for i in range(codes.shape[1])][-1]
        each_term = np.tile(codes.reshape(windows, candidates, -1), (terms, 1, 1))  # (R * S, N, F)
        if codes.shape[1] > 1:
            given, graph = {"codes": each_term}, "extend"
        else:
            given, graph = {"codes": each_term[..., 0], "place": np.array([state.length])}, "step"
        session = self.parts["transformer"].session(graph)
        values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(x)) for name, x in given.items()}
        names = [value.name for value in session.get_outputs()]
        own = state.inputs if graph == "step" else {}
        first, *rest = session.run_with_ort_values(names, state.shared | own | values)
        state.keep({name.removeprefix("new_"): value.numpy() for name, value in zip(names[1:], rest)})
        logits: np.ndarray = first.numpy().reshape(terms, windows * candidates, -1)
        return logits

    def flow_reference(
        self,
        reference: np.ndarray,
        reference_tokens: np.ndarray,
        no_reference: np.ndarray,
        no_reference_picture: np.ndarray,
    ) -> np.ndarray:
        """(depth, 2, 1, heads, L', width // heads); see `Engine.flow_reference`."""
        given = {"reference": _float(reference), "reference_tokens": _float(reference_tokens)}
        dropped = {"no_reference": no_reference, "no_reference_picture": no_reference_picture}
        return self._array("flow", "reference", **given, **dropped)

    def flow_clean(
        self,
        noisy: np.ndarray,
        known: np.ndarray,
        time: np.ndarray,
        target_tokens: np.ndarray,
        no_picture: np.ndarray,
        context: np.ndarray,
    ) -> np.ndarray:
        """(B, L, dim); see `Engine.flow_clean`."""
        given = {"noisy": noisy, "known": known, "time": time, "target_tokens": target_tokens, "context": context}
        floats = {name: _float(values) for name, values in given.items()}
        return self._array("flow", "clean", **floats, no_picture=no_picture)

    def flow_tokens(self, specs: np.ndarray) -> np.ndarray:
        """(B, 1, n_mels, window) in [-1, 1] -> (B, L, dim), standardised."""
        flow = self.parts["flow"]
        mean, std = (flow.tensors[name].numpy() for name in ("mean", "std"))
        if flow.config.space == "latents":
            return (self._array("tokenizer", "latents", specs=_float(specs)) - mean) / std
        patches = specs[:, 0].swapaxes(1, 2).reshape(len(specs), -1, flow.config.dim)
        return (_float(patches) - mean) / std

    def flow_specs(self, tokens: np.ndarray) -> np.ndarray:
        """(B, L, dim) -> (B, n_mels, M), about [-1, 1]."""
        flow = self.parts["flow"]
        values = _float(tokens * flow.tensors["std"].numpy() + flow.tensors["mean"].numpy())
        if flow.config.space == "latents":
            return self._array("tokenizer", "decode_latents", latents=values)
        return values.reshape(len(values), -1, flow.config.dim // flow.config.patch).swapaxes(1, 2)

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

    def contact_maps(self, frames: np.ndarray) -> np.ndarray:
        """(B, contact_frames, S, S, 3) uint8 -> (B, G, G)."""
        return self._array("contact", "locate", frames=np.ascontiguousarray(frames))

    def embed_sounds(self, specs: np.ndarray) -> np.ndarray:
        """(B, n_mels, M) in [0, 1] -> (B, dim) float32."""
        return self._array("bind", "embed_sound", specs=_float(specs))

    def embed_pictures(self, tokens: np.ndarray) -> np.ndarray:
        """(B, T, D) -> (B, dim) float32."""
        return self._array("bind", "embed_picture", tokens=_float(tokens))

    def _array(self, part: str, key: str, **inputs: np.ndarray) -> np.ndarray:
        array: np.ndarray = self.parts[part].run(key, **inputs)
        return array


def _float(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
