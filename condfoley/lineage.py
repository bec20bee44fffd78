"""Which earlier parts a part was trained with: a transformer only works with the codes that it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from condfoley.errors import InputError, why
from condfoley.weights import GUIDED, read_card

# The earlier parts whose outputs are the inputs of a part: it only works with these very ones.
DEPENDENCIES = {
    "transformer": ("tokenizer", "video_encoder"),
    GUIDED: ("tokenizer", "video_encoder"),
    "flow": ("tokenizer", "video_encoder"),
    "sync": ("video_encoder",),
    "events": ("video_encoder",),
    "bind": ("video_encoder",),
}
CODE_TENSORS = ("encoder.", "quant_conv.", "quantize.")  # prefixes of the tokenizer's tensors that define the codes


def codes_hash(folder: Path) -> str:
    """Hex digest of the tokenizer's encoder and codebook; retraining the decoder does not change it.

    Raises InputError when its file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    digest = hashlib.sha256()
    path = Path(folder) / read_card(folder)["parts"]["tokenizer"]["file"]
    try:
        with safe_open(path, framework="numpy") as file:
            for name in sorted(key for key in file.keys() if key.startswith(CODE_TENSORS)):  # noqa: SIM118 (no mapping)
                digest.update(name.encode() + file.get_tensor(name).tobytes())
    except (SafetensorError, OSError) as error:
        raise InputError(f"weights file {path} does not fit its card: {why(error)}") from None
    return digest.hexdigest()


def lineage(folder: Path, part: str, used: Collection[str] | None = None) -> dict[str, str]:
    """Hashes of the parts in a weights folder that `part` depends on, for its entry in the card: name -> hex digest.

    used: those that it really uses, where its sizes decide; None: all.
    """
    entries = read_card(folder)["parts"]
    return {
        name: codes_hash(folder) if name == "tokenizer" else str(entries[name]["sha256"])
        for name in DEPENDENCIES.get(part, ())
        if name in entries and (used is None or name in used)
    }


def require_lineage(record: dict[str, str], folder: Path, part: str) -> None:
    """Raises InputError when `part` was trained with other parts than those in the folder.

    record: its entry `trained_with` in the card; empty for weights from before this entry existed, which are accepted.
    """
    present = lineage(folder, part)
    for name, digest in record.items():
        if name in present and present[name] != digest:
            raise InputError(
                f"part {part} was trained with another {name.replace('_', ' ')} than the one in {folder}; "
                f"train {part} again, or give weights that belong together"
            )


def require_matching(folder: Path, card: dict[str, Any]) -> None:
    """Raises InputError when some part of a weights folder was trained with other parts; `card`: the folder's."""
    for part, entry in card["parts"].items():
        require_lineage(entry.get("trained_with", {}), folder, part)
