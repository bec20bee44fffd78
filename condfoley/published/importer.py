"""Converts published checkpoints to a weights folder: safetensors in full precision, and a card that names the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.files import make_folder, scratch_folder, write_json
from condfoley.geometry import Geometry
from condfoley.lineage import lineage
from condfoley.published import judges
from condfoley.published.checkpoint import checkpoint_file, read_tensors
from condfoley.published.mapping import HEADS, Parts, map_checkpoint
from condfoley.weights import CARD, SHIPPED, load_part, read_card, save_part, sha256

SYSTEM = "CondFoleyGen"


def import_checkpoint(
    checkpoint: str | Path,
    out: str | Path,
    vocoder: str | Path | None = None,
    heads: int = HEADS,
    licence: str = "unknown",
    material_judge: str | Path | None = None,
    statistics: str | Path | None = None,
) -> list[str]:
    """Writes the weights folder `out` and returns messages for the user, line by line.

    checkpoint: a transformer, which includes its tokenizer and video encoder, a VQGAN or a MelGAN. vocoder: a MelGAN
    file, or a folder with its best_netG.pt; without one a transformer gets the shipped vocoder. licence: of the
    checkpoints.
    material_judge, statistics: when `checkpoint` is the action classifier, the material classifier and the statistics of
    their input.
    Raises InputError when a file cannot be used or `out` exists already; no files are left behind then.
    """
    out = Path(out)
    path, network = checkpoint_file(checkpoint), checkpoint_file(vocoder) if vocoder else None
    require_free(out)
    with scratch_folder(out.parent) as scratch:
        if material_judge:
            parts, geometry, messages = _read_judges(path, checkpoint_file(material_judge), statistics)
        else:
            parts, geometry, messages = _read(path, heads)
        _save(scratch, parts, geometry, _source_record(path, licence))
        if network:
            parts, _, lines = _read(network, heads)
            if set(parts) != {"vocoder"}:
                raise InputError(f"{network} is no MelGAN; give --vocoder its best_netG.pt")
            _save(scratch, parts, geometry, _source_record(network, licence))
            messages += lines
        elif "transformer" in parts:
            _save(scratch, {"vocoder": load_part(SHIPPED, "vocoder")}, geometry, _shipped_record())
            messages.append("no --vocoder given: the shipped one, which reads the same spectrograms, takes its place")
        write_json(scratch / CARD, {**read_card(scratch), "name": out.name, "licence": licence})
        if out.is_dir():
            out.rmdir()  # empty: see require_free
        scratch.rename(out)
    return messages


def require_free(out: Path) -> None:
    """Raises InputError unless `out` can become a new folder."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out} is there already; choose another --out")
    make_folder(out.parent)


def _read(path: Path, heads: int) -> tuple[Parts, Geometry, list[str]]:
    tensors = read_tensors(path)
    if judges.is_classifier(tensors):
        raise InputError(
            f"{path} is one of two classifiers; give the action classifier, --material-judge and --statistics"
        )
    try:
        parts, geometry, report = map_checkpoint(tensors, heads)
    except InputError as error:
        raise InputError(f"{path} cannot be imported: {error}; give a complete checkpoint of {SYSTEM}") from None
    first, *reasons = report.lines()
    return parts, geometry, [f"{path.name}: {len(tensors)} tensors, {first}", *reasons]


def _read_judges(action: Path, material: Path, statistics: str | Path | None) -> tuple[Parts, Geometry, list[str]]:
    if statistics is None:
        raise InputError("classifiers need the statistics of their input; give --statistics train_means_stds_....txt")
    found = read_tensors(action), read_tensors(material)
    for path, tensors in zip((action, material), found):
        if not judges.is_classifier(tensors):
            raise InputError(f"{path} is no classifier of {SYSTEM}; give its action classifier, and --material-judge")
    try:
        made = judges.build_judges(*found, judges.read_statistics(Path(statistics)))
    except InputError as error:
        raise InputError(f"{action} and {material} cannot be imported: {error}") from None
    messages = [f"{path.name}: {len(tensors)} tensors, all used" for path, tensors in zip((action, material), found)]
    return {"judges": made}, judges.geometry(), messages


def _source_record(path: Path, licence: str) -> dict[str, Any]:
    return {"source": {"system": SYSTEM, "file": path.name, "sha256": sha256(path)}, "licence": licence}


def _shipped_record() -> dict[str, Any]:
    card = read_card(SHIPPED)
    return {"source": {"system": "condfoley", "file": card["name"]}, "licence": card["licence"]}


def _save(folder: Path, parts: Parts, geometry: Geometry, record: dict[str, Any]) -> None:
    for name, part in parts.items():  # the transformer comes last
        built_on = {"trained_with": lineage(folder, name)} if name == "transformer" else {}
        save_part(folder, name, part, geometry, {**record, **built_on}, half=False)
