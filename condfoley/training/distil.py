"""Guidance distillation: a student learns to predict in one pass the guided logits, or the flow's guided estimate, a weighted
sum of several passes (Meng et al. 2023, On distillation of guided diffusion models)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condfoley.geometry import Geometry
from condfoley.networks.flow import Flow
from condfoley.networks.transformer import Transformer
from condfoley.runtime.flow_sampling import FlowSampling
from condfoley.runtime.sampling import Sampling, dropped
from condfoley.weights import GUIDED, load_part, read_card, save_part

BLOCKS = "gpt2.h."


def guided_part(folder: Path) -> tuple[str, dict[str, Any]]:
    """The transformer of a weights folder that needs guidance (not distilled): name of the part, sampling settings.

    Raises InputError when the folder has no card.
    """
    card = read_card(folder)
    if GUIDED in card["parts"]:
        return GUIDED, card["parts"][GUIDED]["sampling"]
    return "transformer", card.get("sampling", {})


def select_blocks(state: dict[str, Tensor], student: nn.Module) -> dict[str, Tensor]:
    """Initial weights of a student with fewer blocks: the teacher's first, last and evenly spaced blocks between them.

    state: of the teacher (Sanh et al. 2019, DistilBERT).
    """
    blocks = {int(name.split(".")[2]) for name in state if name.startswith(BLOCKS)}
    wanted = {int(name.split(".")[2]) for name in student.state_dict() if name.startswith(BLOCKS)}
    kept = np.linspace(0, len(blocks) - 1, min(len(wanted), len(blocks))).round().astype(int)
    place = {f"{BLOCKS}{old}.": f"{BLOCKS}{new}." for new, old in enumerate(kept)}
    out = {name: x for name, x in state.items() if not name.startswith(BLOCKS)}
    for old, new in place.items():
        out |= {new + name.removeprefix(old): x for name, x in state.items() if name.startswith(old)}
    return out


class Teacher:
    """The transformer of a weights folder, with the guidance that its card recommends (`sampling`).

    student_sampling: recommended sampling settings for the card of a student, whose guidance is built in.
    """

    def __init__(self, folder: Path, device: str):
        """Raises InputError when the folder has no transformer."""
        part, self.sampling = guided_part(folder)
        self.model: Transformer = load_part(folder, part, device)
        self.entry: dict[str, Any] = read_card(folder)["parts"][part]
        self.terms = Sampling(**self.sampling).terms(has_reference=True)
        self.student_sampling = self.sampling | {"guidance": 1.0, "picture_guidance": 1.0}

    def export(self, folder: Path, geometry: Geometry) -> None:
        """Writes the teacher as part `guided` into the student's weights folder."""
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
        """Probabilities of each target code given the true codes before it: (B, codes, n_embed).

        Guided in examples that have the reference and the target's picture; without guidance in the others.
        target_codes: (B, codes) int64; the other arguments are those of `Transformer.prefix`.
        """
        m = self.model
        prefix = m.prefix(reference, target, reference_codes, no_picture, no_reference, no_target)
        logits = m(prefix, target_codes, m.alignment(target, no_target))
        given = (~(no_reference | no_target)).nonzero()[:, 0]  # rows that have both
        reference, target, reference_codes, codes = (
            x[given] for x in (reference, target, reference_codes, target_codes)
        )
        guided = self.terms.get("both", 0.0) * logits[given].float()
        for term, weight in self.terms.items():
            if term != "both" and len(given):
                drop_reference, drop_target = (torch.full_like(no_target[given], drop) for drop in dropped(term))
                prefix = m.prefix(reference, target, reference_codes, drop_reference, drop_reference, drop_target)
                guided += weight * m(prefix, codes, m.alignment(target, drop_target)).float()
        out = logits.float()
        out[given] = guided
        return out.softmax(-1)


class FlowTeacher:
    """The flow of a weights folder, with the guidance that it recommends."""

    def __init__(self, folder: Path, device: str):
        """Raises InputError when the folder has no flow."""
        self.model: Flow = load_part(folder, "flow", device)
        c = self.model.config
        self.terms = FlowSampling(guidance=c.guidance, picture_guidance=c.picture_guidance).terms()

    @torch.no_grad()
    def estimate(self, *inputs: Tensor) -> Tensor:
        """Estimate of the clean target, standardised: (B, L, dim). inputs: those of `Flow.forward`, in its order.

        Guided in examples that have the reference and the target's picture; without guidance in the others.
        """
        m, (*shown, no_picture, no_reference, no_reference_picture) = self.model, inputs
        out: Tensor = m(*inputs).float()
        given = (~(no_reference | no_picture)).nonzero()[:, 0]  # rows that have both
        guided = self.terms.get("both", 0.0) * out[given]
        for term, weight in self.terms.items():
            if term != "both" and len(given):
                drop_reference, drop_target = (torch.full_like(no_picture[given], drop) for drop in dropped(term))
                blind = no_reference_picture[given] | drop_reference
                guided += weight * m(*(x[given] for x in shown), drop_target, drop_reference, blind).float()
        out[given] = guided
        return out
