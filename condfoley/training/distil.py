"""Guidance distillation: one pass learns what several guided ones add up to (Meng et al. 2023, On distillation of guided
diffusion models; here of a decoder's logits)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condfoley.geometry import Geometry
from condfoley.networks.transformer import Transformer
from condfoley.runtime.sampling import GuidanceTerm, Sampling
from condfoley.weights import GUIDED, load_part, read_card, save_part

BLOCKS = "gpt2.h."


def guided_part(folder: Path) -> tuple[str, dict[str, Any]]:
    """Name of the transformer of a weights folder that is not yet guided by itself, and how to sample with it.

    Raises InputError when the folder has no card.
    """
    card = read_card(folder)
    if GUIDED in card["parts"]:
        return GUIDED, card["parts"][GUIDED]["sampling"]
    return "transformer", card.get("sampling", {})


def fewer_blocks(state: dict[str, Tensor], pupil: nn.Module) -> dict[str, Tensor]:
    """Weights of a transformer with L blocks for one with l <= L: the first, the last and evenly spaced ones between them.

    What the others did is left to be learned (Sanh et al. 2019, DistilBERT).
    """
    blocks = {int(name.split(".")[2]) for name in state if name.startswith(BLOCKS)}
    wanted = {int(name.split(".")[2]) for name in pupil.state_dict() if name.startswith(BLOCKS)}
    kept = np.linspace(0, len(blocks) - 1, min(len(wanted), len(blocks))).round().astype(int)
    place = {f"{BLOCKS}{old}.": f"{BLOCKS}{new}." for new, old in enumerate(kept)}
    out = {name: x for name, x in state.items() if not name.startswith(BLOCKS)}
    for old, new in place.items():
        out |= {new + name.removeprefix(old): x for name, x in state.items() if name.startswith(old)}
    return out


class Teacher:
    """The transformer of a weights folder, guided as its card recommends (`sampling`).

    recommended: what the card of weights that learned from it is to say of sampling.
    """

    def __init__(self, folder: Path, device: str):
        """Raises InputError when the folder has no transformer."""
        part, self.sampling = guided_part(folder)
        self.model: Transformer = load_part(folder, part, device)
        self.entry: dict[str, Any] = read_card(folder)["parts"][part]
        self.terms = Sampling(**self.sampling).terms(has_reference=True)
        self.recommended = self.sampling | {"guidance": 1.0, "picture_guidance": 1.0}

    def keep(self, folder: Path, geometry: Geometry) -> None:
        """Puts it beside its pupil, into the pupil's weights folder."""
        record = {name: self.entry[name] for name in ("training", "trained_with") if name in self.entry}
        save_part(folder, GUIDED, self.model, geometry, record | {"sampling": self.sampling})

    @torch.no_grad()
    def probabilities(
        self,
        reference: Tensor,
        target: Tensor,
        reference_codes: Tensor,
        target_codes: Tensor,
        no_picture: Tensor,
        no_reference: Tensor,
        no_target: Tensor,
    ) -> Tensor:
        """Of each of the target's codes, after the true ones before it: (B, codes, n_embed).

        Guided where reference and target's picture are given; where one is left out, as the transformer says it. The
        arguments are those of `Transformer.prefix`, and the target's codes.
        """
        m = self.model
        prefix = m.prefix(reference, target, reference_codes, no_picture, no_reference, no_target)
        logits = m(prefix, target_codes, m.alignment(target, no_target))
        whole = (~(no_reference | no_target)).nonzero()[:, 0]
        reference, target, reference_codes, codes = (
            x[whole] for x in (reference, target, reference_codes, target_codes)
        )
        yes, no = torch.ones_like(no_picture[whole]), torch.zeros_like(no_picture[whole])
        left_out: dict[GuidanceTerm, tuple[Tensor, Tensor]] = {"target": (yes, no), "nothing": (yes, yes)}
        guided = self.terms.get("both", 0.0) * logits[whole].float()
        for term, (reference_too, target_too) in left_out.items():
            if term in self.terms and len(whole):
                prefix = m.prefix(reference, target, reference_codes, yes, reference_too, target_too)
                guided += self.terms[term] * m(prefix, codes, m.alignment(target, target_too)).float()
        out = logits.float()
        out[whole] = guided
        return out.softmax(-1)
