"""Converts a published checkpoint's tensors to our parts; every tensor is accounted for. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.networks.tokenizer import Tokenizer
from condfoley.networks.transformer import Transformer
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.networks.vocoder import Vocoder
from condfoley.published import infer
from condfoley.published.layout import (
    CHILDREN,
    PERMUTER,
    WITHOUT_COUNTERPART,
    TensorNames,
    ignored,
    map_names,
    reading_order,
)

HEADS = 16
"""Attention heads of the published transformer, which no tensor's shape contains (published_facts.md, section 8)."""

PREFIXES = {"transformer": CHILDREN, "vqgan": {"tokenizer": ""}, "melgan": {"vocoder": ""}}

Parts = dict[str, nn.Module]


@dataclass
class ImportReport:
    """How a checkpoint's tensors were used; `ignored` by reason."""

    used: int = 0
    ignored: dict[str, list[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Messages for the user: a line of totals, and a line for each reason."""
        count = sum(map(len, self.ignored.values()))
        totals = (self.used, "used"), (count, "ignored"), (len(self.missing), "missing")
        text = ", ".join(f"{n} {what}" for n, what in (*totals, (len(self.unexpected), "unexpected")))
        return [text, *(f"  ignored: {len(names)} ({reason})" for reason, names in self.ignored.items())]

    def require_complete(self) -> None:
        """Raises InputError when anything is missing or unexplained."""
        for names, what in ((self.missing, "missing"), (self.unexpected, "without a place in the published system")):
            if names:
                raise InputError(f"tensors {what}: {len(names)} ({', '.join(names[:2])}{', ...' if names[2:] else ''})")


def network_kind(tensors: Mapping[str, Tensor]) -> str:
    """Which network a checkpoint contains: `transformer`, `vqgan` or `melgan`. Raises InputError for anything else."""
    children = {name.split(".")[0] for name in tensors}
    if children & {prefix.rstrip(".") for prefix in CHILDREN.values()}:
        return "transformer"
    if {"encoder", "decoder", "quantize"} & children and "quant_conv" in children:
        return "vqgan"
    if any(name.startswith("model.") and name.endswith(".weight_g") for name in tensors):
        return "melgan"
    first = ", ".join(list(tensors)[:2])
    raise InputError(f"these are no weights of CondFoleyGen's transformer, VQGAN or MelGAN (the first are {first})")


def map_checkpoint(tensors: Mapping[str, Tensor], heads: int = HEADS) -> tuple[Parts, Geometry, ImportReport]:
    """Our parts with the checkpoint's tensors, their geometry, and the report.

    heads: of the transformer. Raises InputError when anything is missing, unexplained or of another shape.
    """
    prefixes = PREFIXES[network_kind(tensors)]
    for part, prefix in prefixes.items():
        if not any(name.startswith(prefix) for name in tensors):
            raise InputError(f"its child {prefix.rstrip('.')} (the {part.replace('_', ' ')}) is missing")
    try:
        with torch.device("meta"):  # only names and shapes; the values come from the checkpoint
            parts, geometry = _build_parts(tensors, prefixes, heads)
    except (ValueError, RuntimeError, IndexError, ZeroDivisionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"its sizes make no sense ({error})") from None
    table = {part: map_names(part, module.state_dict(), prefixes[part]) for part, module in parts.items()}
    report = _compare_names(tensors, [name for rows in table.values() for row in rows for name in row.theirs])
    report.require_complete()
    _require_causal(tensors)
    for part, module in parts.items():
        module.load_state_dict(_state_dict(module, table[part], tensors), assign=True)
    return parts, geometry, report


def _build_parts(tensors: Mapping[str, Tensor], prefixes: Mapping[str, str], heads: int) -> tuple[Parts, Geometry]:
    """Modules of the sizes that the tensors' shapes imply."""
    found = {part: infer.shapes(tensors, prefix) for part, prefix in prefixes.items()}
    geometry = Geometry.published()
    if "vocoder" in found:
        return {"vocoder": Vocoder(infer.vocoder(found["vocoder"]))}, geometry
    tokenizer = infer.tokenizer(found["tokenizer"])
    parts: Parts = {"tokenizer": Tokenizer(tokenizer)}
    if "transformer" in found:
        geometry = _geometry(tensors.get(PERMUTER), halvings=len(tokenizer.ch_mult) - 1)
        config = infer.transformer(found["transformer"], geometry.codes, geometry.code_rows, heads)
        geometry = dataclasses.replace(geometry, window_frames=config.frames)
        parts["video_encoder"] = VideoEncoder(infer.video_encoder(found["video_encoder"]))
        parts["transformer"] = Transformer(config)
    return parts, geometry


def _geometry(order: Tensor | None, halvings: int) -> Geometry:
    """The published geometry with a window of as many codes as the permuter. Raises InputError for another order."""
    base = Geometry.published()
    rows = base.n_mels >> halvings
    columns = 0 if order is None else order.numel() // rows
    if order is None or order.tolist() != reading_order(rows, columns):
        raise InputError(f"{PERMUTER} is missing, or reads the codes in another order than column by column")
    return dataclasses.replace(base, window_mel_frames=columns << halvings, code_columns=columns, code_rows=rows)


def _require_causal(tensors: Mapping[str, Tensor]) -> None:
    for name, mask in tensors.items():
        if name.endswith("attn.mask") and not torch.equal(mask, mask.new_ones(mask.shape).tril()):
            raise InputError(f"{name} lets codes see later ones, which the published transformer does not")


def _compare_names(tensors: Mapping[str, Tensor], wanted: list[str]) -> ImportReport:
    report = ImportReport(
        used=len(set(wanted) & set(tensors)), missing=[name for name in wanted if name not in tensors]
    )
    for name in sorted(set(tensors) - set(wanted)):
        if reason := ignored(name):
            report.ignored.setdefault(reason, []).append(name)
        else:
            report.unexpected.append(name)
    return report


def _state_dict(module: nn.Module, table: list[TensorNames], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of the module from a checkpoint's tensors. Raises InputError for one of a shape that does not fit."""
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
    named = {row.ours for row in table}
    state = {
        name: torch.full(shapes[name], WITHOUT_COUNTERPART[name], device="cpu") for name in shapes if name not in named
    }
    for row in table:
        try:
            joined = row.join(tensors)
        except RuntimeError:
            joined = torch.empty(0)
        if joined.shape != shapes[row.ours]:
            got = " + ".join(str(tuple(tensors[name].shape)) for name in row.theirs)
            raise InputError(f"{row.theirs[0]} has the shape {got}, which does not fit the other tensors")
        state[row.ours] = joined
    return state
