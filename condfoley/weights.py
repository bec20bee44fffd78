"""Weights on disk: a folder with `card.json` and one safetensors file for each part, verified by hash on load.

Never a pickle: a safetensors file holds numbers and names and cannot run code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from condfoley import sizes
from condfoley.errors import InputError, why
from condfoley.files import make_folder, open_atomic, write_json
from condfoley.geometry import Geometry, present_names
from condfoley.typed import field_types, typed

FORMAT = 1
CARD = "card.json"
SHIPPED = Path(__file__).parent / "weights"
GUIDED = "guided"
MOST = 2**31 - 1  # of any size in a card
PARTS = {
    "tokenizer": ("condfoley.networks.tokenizer", "Tokenizer", sizes.TokenizerConfig),
    "video_encoder": ("condfoley.networks.video_encoder", "VideoEncoder", sizes.VideoEncoderConfig),
    "transformer": ("condfoley.networks.transformer", "Transformer", sizes.TransformerConfig),
    # The transformer before guidance distillation: not needed to generate, but where further training starts.
    GUIDED: ("condfoley.networks.transformer", "Transformer", sizes.TransformerConfig),
    "flow": ("condfoley.networks.flow", "Flow", sizes.FlowConfig),
    "vocoder": ("condfoley.networks.vocoder", "Vocoder", sizes.VocoderConfig),
    "sync": ("condfoley.networks.sync", "Sync", sizes.SyncConfig),
    "events": ("condfoley.networks.event_head", "EventHead", sizes.EventsConfig),
    "bind": ("condfoley.networks.bind", "Bind", sizes.BindConfig),
    "contact": ("condfoley.networks.contact", "ContactMap", sizes.ContactConfig),
    "judges": ("condfoley.networks.judges", "Judges", sizes.JudgesConfig),
}


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_input(path: Path) -> str:
    """The same for a file of the user's, which is read once as long as it does not change: its hash is needed twice.

    Raises OSError when it cannot be read.
    """
    found = path.stat()
    return _sha256_as_it_is(path.resolve(), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@lru_cache(maxsize=64)
def _sha256_as_it_is(path: Path, size: int, *changed: int) -> str:
    return sha256(path)


def tree_hash(root: Path, files: Iterable[Path]) -> str:
    """First 12 hex digits of a hash of files' contents and of their paths below `root`, independent of their order."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a weights folder. Raises InputError when it is missing or is not condfoley's."""
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no weights in {folder}: card.json is missing; give a folder written by condfoley") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({why(error)}); get a fresh copy of the weights") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT or "parts" not in card:
        raise InputError(
            f"{path} is not a condfoley weights card of format {FORMAT}; give a folder written by condfoley"
        )
    try:
        _check_form(card)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); get a fresh copy of the weights") from None
    return card


def _check_form(card: dict[str, Any]) -> None:
    """Raises ValueError or TypeError where a card has not the form of one. Sizes are checked where they are read."""
    sampling = dict[str, float | None]
    kinds = {"name": str, "geometry": dict[str, Any], "parts": dict[str, dict[str, Any]], "sampling": sampling}
    of_file = {"file": str, "sha256": str}
    of_part = {"config": dict[str, Any], "graphs": dict[str, dict[str, Any]], "trained_with": dict[str, str]}
    _require(card, kinds, ("name", "parts"), "")
    for name, entry in card["parts"].items():
        _require(entry, of_file | of_part, (*of_file, "config"), name)
        for key, graph in entry.get("graphs", {}).items():
            _require(graph, of_file, tuple(of_file), f"{name}.graphs.{key}")


def _require(values: dict[str, Any], kinds: dict[str, Any], needed: Sequence[str], where: str) -> None:
    """Raises ValueError where values are missing or have other types than `kinds`."""
    for key, kind in kinds.items():
        if key in values:
            typed(kind, values[key], f"{where}.{key}".strip("."))
        elif key in needed:
            raise ValueError(f"{where} has no {key}")


def card_geometry(card: dict[str, Any]) -> Geometry:
    """The geometry of a card. Raises InputError where there is none, and for keys this version does not know."""
    if "geometry" not in card:
        raise InputError("the weights' card has no geometry, so it is damaged; get a fresh copy of the weights")
    return _build(Geometry, present_names(card["geometry"]))


def _build(cls: type, values: dict[str, Any]) -> Any:
    try:
        if unknown := values.keys() - field_types(cls).keys():
            raise ValueError(f"{min(unknown)} is unknown")
        sizes_of_part = typed(cls, values, "")
        for name, value in vars(sizes_of_part).items():
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, (int, float)) and not 0 <= number <= MOST:
                    raise ValueError(f"{name} is {number}; it has to be from 0 to {MOST}")
        return sizes_of_part
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(
            f"the weights' card does not fit this version of condfoley ({error}); update one of them"
        ) from None


def part_entry(card: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    """What the card says of a part. Raises InputError when there is no such part. folder: where the card is from."""
    entry: dict[str, Any] | None = card["parts"].get(name)
    if entry is None:
        raise InputError(f"the weights in {folder} have no {name}; train it first, or give complete weights")
    return entry


def part_config(name: str, entry: dict[str, Any]) -> Any:
    """The sizes of a part. Raises InputError for keys that this version does not know."""
    return _build(PARTS[name][2], entry["config"])


def verified_file(folder: Path, entry: dict[str, Any]) -> Path:
    """The file of a card's entry. Raises InputError when it is missing or its hash is not the card's."""
    path = Path(folder) / entry["file"]
    if not path.is_file():
        raise InputError(f"weights file {path} is missing; get a fresh copy of the weights")
    if sha256(path) != entry["sha256"]:
        raise InputError(f"weights file {path} is damaged or foreign (its hash is not the card's); get a fresh copy")
    return path


def load_part(folder: Path, name: str, device: str = "cpu") -> Any:
    """Loads one part of the system, in eval mode, float32.

    Raises InputError when the part is missing, its hash differs from the card's, or its tensors do not fit.
    """
    import importlib

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    entry = part_entry(read_card(folder), folder, name)
    path = verified_file(folder, entry)
    module_name, class_name, _ = PARTS[name]
    part = getattr(importlib.import_module(module_name), class_name)(part_config(name, entry))
    try:
        tensors = {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
        part.load_state_dict(tensors)
    except (RuntimeError, SafetensorError) as error:
        raise InputError(f"weights file {path} does not fit its card: {str(error).splitlines()[0]}") from None
    return part.to(device).eval()


def save_part(
    folder: Path,
    name: str,
    part: Any,
    geometry: Geometry,
    record: dict[str, Any],
    tensors: dict[str, Any] | None = None,
    half: bool = True,
    sampling: dict[str, float] | None = None,
) -> Path:
    """Writes one part into a weights folder and its entry into the card; returns the file.

    record: further keys of the entry: training data, measured results. tensors: written in place of the part's own
    state dict. half: in half precision. sampling: new recommended settings of the card. Files are replaced atomically.
    Raises UnwritableError.
    """
    import torch
    from safetensors.torch import save

    folder = Path(folder)
    make_folder(folder)
    floats = torch.float16 if half else torch.float32
    stored = {
        k: v.detach().cpu().to(floats if v.is_floating_point() else v.dtype).contiguous()
        for k, v in (tensors or part.state_dict()).items()
    }
    path = folder / f"{name}.safetensors"
    config = dataclasses.asdict(part.config)
    with open_atomic(path) as file:
        file.write(save(stored, {"config": json.dumps(config)}))  # covered by the file's hash
    card: dict[str, Any] = (
        read_card(folder) if (folder / CARD).exists() else {"format": FORMAT, "name": folder.name, "parts": {}}
    )
    card["geometry"] = dataclasses.asdict(geometry)
    if sampling is not None:
        card["sampling"] = sampling
    card["parts"][name] = {
        "file": path.name,
        "sha256": sha256(path),
        "parameters": sum(p.numel() for p in part.parameters()),
        "config": config,
        **record,
    }
    write_json(folder / CARD, card)
    return path


def add_graphs(folder: Path, name: str, graphs: dict[str, bytes]) -> list[Path]:
    """Writes the ONNX graphs of a part, PART.NAME.onnx each, and enters them in the card; returns the files."""
    card, out, entries = read_card(folder), [], {}
    for key, content in graphs.items():
        path = Path(folder) / f"{name}.{key}.onnx"
        with open_atomic(path) as file:
            file.write(content)
        entries[key] = {"file": path.name, "sha256": sha256(path)}
        out.append(path)
    card["parts"][name]["graphs"] = entries
    write_json(Path(folder) / CARD, card)
    return out


def part_files(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """What the card says of each file of a part, by its entry: its tensors, then its graphs; `file` and `sha256` of each."""
    return [entry, *entry.get("graphs", {}).values()]


def drop_part(folder: Path, name: str) -> None:
    """Removes a part from a weights folder, if it is there: first from the card, then its file."""
    card = read_card(folder)
    if entry := card["parts"].pop(name, None):
        write_json(Path(folder) / CARD, card)
        (Path(folder) / entry["file"]).unlink(missing_ok=True)
