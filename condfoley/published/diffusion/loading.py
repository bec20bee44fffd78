"""Loads an imported system from its weights folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.published.diffusion import networks
from condfoley.published.diffusion.audioldm import AudioLdm
from condfoley.published.diffusion.system import DiffusionSystem
from condfoley.published.diffusion.systems import require_diffusion, system_of
from condfoley.published.diffusion.vta_ldm import VtaLdm
from condfoley.weights import verified_file

CLASSES: dict[str, type[VtaLdm] | type[AudioLdm]] = {"vta-ldm": VtaLdm, "audioldm": AudioLdm}


def load_system(folder: Path, card: dict[str, Any], device: str = "cpu") -> DiffusionSystem:
    """The system of a weights folder. Raises InputError for bad weights, and where the extra is missing."""
    name = system_of(card)
    assert name
    require_diffusion(f"running weights of {name}")
    kind = CLASSES[name]
    try:
        there = [*kind.needed, *(["imagebind"] if "imagebind" in card["parts"] else [])]
        made = kind(card, {part: networks.load(folder, card, part, device) for part in there}, device)
        if isinstance(made, AudioLdm):
            files = {key: verified_file(folder, entry) for key, entry in card["diffusion"]["tokenizer"].items()}
            made.tokenizer = networks.tokenizer(files["vocab"], files["merges"])
        return made
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}/card.json is damaged ({error}); import the checkpoint again") from None
