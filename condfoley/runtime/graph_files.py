"""ONNX graphs of a weights folder: which there are, and sessions of onnxruntime that run them with the folder's tensors.

A graph holds no weights. Its initializers have the names of the tensors in the part's safetensors file, from which they
are fed as float32, so that graphs and PyTorch compute with the same numbers. The card has the hashes of both.
"""

from __future__ import annotations

import os
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.errors import InputError
from condfoley.weights import part_config, part_entry, part_files, verified_file

GRAPHS = {
    "tokenizer": ("encode", "decode"),
    "video_encoder": ("encode",),
    "transformer": ("prefill", "extend", "step"),
    "flow": ("reference", "clean"),
    "vocoder": ("vocode",),
    "sync": ("score",),
    "events": ("events",),
    "contact": ("locate",),
    "bind": ("embed_sound", "embed_picture"),
}
"""Graphs of each part that `generate` or `find` runs; the video encoder has `events` too where it has an event head, and the
tokenizer `latents` and `decode_latents`, which a flow over latents needs."""
SIDE_BY_SIDE = {"decode", "decode_latents", "prefill", "extend", "step", "clean", "vocode"}
"""Graphs of which several calls run at the same time, each in one thread: threads of one call wait for each other."""
GIVES_BACK = {"encode", "events"}
"""Graphs that run seldom and on much at a time: their sessions do not keep the memory that a run took."""
INITIALIZERS_ELSEWHERE = "weights"  # where a graph says that its initializers are stored: they are fed by name
OLDEST = (1, 19)  # onnxruntime for numpy 2, with what is used here
NAME_TAG = b"\x42"  # protobuf: TensorProto.name, field 8


def missing_graphs(card: dict[str, Any], names: list[str]) -> list[str]:
    """Which of the parts `names` have no complete set of graphs in a card."""
    return [name for name in names if not set(GRAPHS[name]) <= set(card["parts"].get(name, {}).get("graphs", {}))]


def runtime_fault() -> str:
    """Why onnxruntime cannot be used, with what to do; "" where it can."""
    try:
        import onnxruntime
    except ImportError:
        return "onnxruntime is not installed; run: pip install onnxruntime"
    found = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    if found < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return f"onnxruntime {onnxruntime.__version__} is too old; run: pip install -U 'onnxruntime>={wanted}'"
    return ""


class PartGraphs:
    """The graphs of one part, each of which is loaded when it is first run.

    folder, card: the weights. threads: that compute. Raises InputError when the card has no such part.
    """

    def __init__(self, folder: Path, card: dict[str, Any], name: str, threads: int = 1):
        self.folder, self.name, self.threads = Path(folder), name, threads
        self.entry = part_entry(card, folder, name)
        self.config = part_config(name, self.entry)
        self.sessions: dict[str, Any] = {}
        self._loading = threading.Lock()

    @property
    def has_events(self) -> bool:
        """Whether there is a graph that tells the events of each frame."""
        return "events" in self.entry.get("graphs", {})

    def verify(self) -> None:
        """Raises InputError when a file of the part is missing, damaged, or of other weights."""
        for entry in part_files(self.entry):
            verified_file(self.folder, entry)

    @cached_property
    def tensors(self) -> dict[str, Any]:
        """onnxruntime's values of the part's tensors, by their names; half precision as float32."""
        import onnxruntime
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self.folder / self.entry["file"]
        try:
            arrays = load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(f"weights file {path} does not fit its card: {error}") from None
        values = {k: x.astype(np.float32) if x.dtype == np.float16 else x for k, x in arrays.items()}
        return {k: onnxruntime.OrtValue.ortvalue_from_numpy(np.asarray(x, order="C")) for k, x in values.items()}

    def session(self, key: str) -> Any:
        """The session that runs a graph. Raises InputError for a graph that does not fit the weights."""
        with self._loading:
            if key not in self.sessions:
                self.sessions[key] = self._load(key)
            return self.sessions[key]

    def forget(self) -> None:
        """Gives up all sessions, with the memory that they keep."""
        with self._loading:
            self.sessions.clear()

    def run(self, key: str, **inputs: np.ndarray) -> Any:
        """The first output of a graph."""
        session, once = self.session(key), None
        if key in GIVES_BACK:
            once = self._give_back
        return session.run(None, inputs, once)[0]

    @cached_property
    def _give_back(self) -> Any:
        """Options of a run after which the session's memory is given back."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return options

    def _load(self, key: str) -> Any:
        import onnxruntime

        path = self.folder / self.entry["graphs"][key]["file"]
        content = path.read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if key in SIDE_BY_SIDE else self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what fails is raised too
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        fed = {name: value for name, value in self.tensors.items() if _names(content, name)}
        options.add_external_initializers(list(fed), list(fed.values()))
        try:
            return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001  (onnxruntime's exceptions have no common base)
            reason = " ".join(str(error).split())
            raise InputError(f"graph {path} does not fit the weights or onnxruntime ({reason}); {EXPORT}") from None


EXPORT = "write the graphs again with `condfoley export onnx`"


def _names(content: bytes, name: str) -> bool:
    """Whether a graph's file has an initializer of that name; onnxruntime refuses values for others."""
    raw = name.encode()
    size = bytes([len(raw)]) if len(raw) < 128 else bytes([len(raw) & 127 | 128, len(raw) >> 7])
    return NAME_TAG + size + raw in content


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
