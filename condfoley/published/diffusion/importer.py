"""Converts checkpoints of VTA-LDM and AudioLDM to a weights folder: safetensors in float32, and a card that names the source.

Every tensor is accounted for, sizes are read from the checkpoint, and no code in a file is run.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from condfoley.errors import InputError, why
from condfoley.files import scratch_folder, write_json
from condfoley.geometry import Geometry
from condfoley.published.checkpoint import read_tensors
from condfoley.published.diffusion import infer, layout, networks
from condfoley.published.diffusion.layout import UNUSED, Wanted
from condfoley.published.diffusion.systems import (
    IMAGEBIND_LICENCE,
    LICENCES,
    SAMPLING,
    VTA_SCHEDULER,
    VTA_SCHEDULER_NAME,
    System,
    require_diffusion,
)
from condfoley.published.importer import require_free
from condfoley.published.infer import shapes
from condfoley.published.mapping import ImportReport
from condfoley.weights import CARD, FORMAT, SHIPPED, card_geometry, read_card, sha256

VTA_MAIN, VTA_SOUND, VTA_SETTINGS = "pytorch_model_2.bin", "audioldm-s-full.ckpt", "summary.jsonl"
PREFIXES = {"unet": "unet.", "clip_vision": "vid_fea_extractor.clip_vision.", "projection": "vid_fea_extractor.linear_layer."}
FIRST_STAGE, VOCODER, SCALE = "first_stage_model.", "first_stage_model.vocoder.", "scale_factor"
FOLDERS = {"unet": "unet", "vae": "vae", "hifigan": "vocoder", "clap_text": "text_encoder"}
CLASSES = {
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
    "hifigan": "SpeechT5HifiGan",
    "clap_text": "ClapTextModelWithProjection",
}
FILES = ("diffusion_pytorch_model.safetensors", "model.safetensors", "diffusion_pytorch_model.bin", "pytorch_model.bin")
TOKENIZER = {"vocab": "vocab.json", "merges": "merges.txt"}
VOCODER_DEFAULTS = {"mean": 0.0, "scale": 1.0}  # of spectrograms that are standardised, as these are not


@dataclasses.dataclass
class Found:
    """What was read of a checkpoint. parts: tensors, settings and source of each network; record: of the card."""

    parts: dict[str, tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]]
    record: dict[str, Any]
    messages: list[str]
    copies: dict[str, Path] = dataclasses.field(default_factory=dict)


def import_vta_ldm(folder: str | Path, out: str | Path, licence: str = LICENCES["vta-ldm"]) -> list[str]:
    """Writes the weights folder `out` of a VTA-LDM checkpoint; returns messages for the user, line by line.

    folder: with summary.jsonl, pytorch_model_2.bin and audioldm-s-full.ckpt. licence: written into the card.
    Raises InputError when a file cannot be used or `out` exists already; no files are left behind then.
    """
    require_diffusion("importing a checkpoint of VTA-LDM")
    folder = _require_files(Path(folder), (VTA_SETTINGS, VTA_MAIN, VTA_SOUND), "VTA-LDM")
    require_free(Path(out))
    settings = _vta_settings(folder / VTA_SETTINGS)
    main = _named(folder / VTA_MAIN, "VTA-LDM", _vta_networks)
    sound = _named(folder / VTA_SOUND, "AudioLDM", _ldm_sound)
    record = {"scheduler": VTA_SCHEDULER, "positions": bool(settings.get("pe"))} | SAMPLING["vta-ldm"]
    return _write(Path(out), "vta-ldm", licence, Found({**main.parts, **sound.parts}, record, main.messages + sound.messages))


def import_audioldm(
    folder: str | Path, out: str | Path, licence: str = LICENCES["audioldm"], imagebind: str | Path | None = None
) -> list[str]:
    """The same for AudioLDM, a folder of diffusers' as cvssp/audioldm-m-full is.

    imagebind: file of ImageBind's weights, by which the sound is steered to the picture.
    """
    require_diffusion("importing AudioLDM")
    folder = _require_files(Path(folder), ("model_index.json",), "AudioLDM")
    require_free(Path(out))
    index = _json(folder / "model_index.json")
    if index.get("_class_name") != "AudioLDMPipeline":
        raise InputError(f"{folder} holds {index.get('_class_name')}, not AudioLDMPipeline; give a folder of cvssp/audioldm")
    found = Found({}, {}, [])
    for part, name in FOLDERS.items():
        _add(found, _folder_part(folder / name, part))
    infer.require_vocoder(found.parts["hifigan"][1])
    scheduler = _json(folder / "scheduler" / "scheduler_config.json")
    networks.scheduler(scheduler)
    if scheduler.get("prediction_type", "epsilon") != "epsilon":
        raise InputError(f"{folder}/scheduler predicts {scheduler['prediction_type']}, not noise; give a folder of cvssp/audioldm")
    _require_files(folder / "tokenizer", tuple(TOKENIZER.values()), "AudioLDM")
    found.copies = {key: folder / "tokenizer" / name for key, name in TOKENIZER.items()}
    networks.tokenizer(*found.copies.values())
    found.record = {"scheduler": scheduler, **SAMPLING["audioldm"]}
    if imagebind:
        if not Path(imagebind).is_file():
            raise InputError(f"there is no file {imagebind}; give --imagebind the file imagebind_huge.pth")
        _add(found, _named(Path(imagebind), "ImageBind", _imagebind))
    return _write(Path(out), "audioldm", licence, found)


def _vta_networks(tensors: dict[str, Tensor]) -> tuple[dict[str, Any], ImportReport]:
    found = {part: shapes(tensors, prefix) for part, prefix in PREFIXES.items()}
    if missing := [part for part, inside in found.items() if not inside]:
        raise InputError(f"its part {PREFIXES[missing[0]].rstrip('.')} is missing")
    linear = found["projection"].get("weight", (0, 0))
    sizes = {
        "unet": infer.unet(found["unet"]),
        "clip_vision": infer.clip_vision(found["clip_vision"]),
        "projection": {"in_features": linear[-1], "out_features": linear[0]},
    }
    if (linear[-1], linear[0]) != (sizes["clip_vision"]["projection_dim"], sizes["unet"]["cross_attention_dim"]):
        raise InputError(f"its projection of {linear} does not fit CLIP and the UNet")
    wanted = {part: Wanted(networks.shapes_of(part, sizes[part]), layout.plain(PREFIXES[part]), {}) for part in sizes}
    states, report = layout.take(tensors, wanted, UNUSED["vta"] | UNUSED["folder"])
    return {part: (states[part], sizes[part]) for part in sizes}, report


def _ldm_sound(tensors: dict[str, Tensor]) -> tuple[dict[str, Any], ImportReport]:
    if SCALE not in tensors or tensors[SCALE].numel() != 1:
        raise InputError(f"its {SCALE} is missing")
    vae = {name: s for name, s in shapes(tensors, FIRST_STAGE).items() if not name.startswith(("vocoder.", "loss."))}
    vocoder = shapes(tensors, VOCODER)
    sizes = {"vae": infer.vae(vae, float(tensors[SCALE])), "hifigan": infer.vocoder(vocoder)}
    infer.require_vocoder(sizes["hifigan"])
    wanted = {
        "vae": Wanted(
            networks.shapes_of("vae", sizes["vae"]), layout.ldm_vae(FIRST_STAGE, len(sizes["vae"]["block_out_channels"])), {}
        ),
        "hifigan": Wanted(networks.shapes_of("hifigan", sizes["hifigan"]), layout.ldm_vocoder(VOCODER), VOCODER_DEFAULTS),
    }
    scale = {SCALE: "number by which latents are scaled, in the VAE's settings"}
    states, report = layout.take(tensors, wanted, scale | UNUSED["audioldm.ckpt"])
    return {part: (states[part], sizes[part]) for part in sizes}, report


def _imagebind(tensors: dict[str, Tensor]) -> tuple[dict[str, Any], ImportReport]:
    wanted = {"imagebind": Wanted(networks.shapes_of("imagebind", {}), layout.plain(), {})}
    states, report = layout.take(tensors, wanted, UNUSED["imagebind"])
    return {"imagebind": (states["imagebind"], {})}, report


def _folder_part(folder: Path, part: str) -> Found:
    """One network of a folder of diffusers'."""
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"there is none of {', '.join(FILES)} in {folder}; give a complete folder of cvssp/audioldm")
    config = _json(folder / "config.json")
    named = config.get("_class_name") or next(iter(config.get("architectures") or [None]))
    if named != CLASSES[part]:
        raise InputError(f"{folder}/config.json is of {named}, not of {CLASSES[part]}; give a folder of cvssp/audioldm")
    kept = {key: value for key, value in config.items() if not key.startswith("_") and key not in ("architectures", "torch_dtype")}

    def read(tensors: dict[str, Tensor]) -> tuple[dict[str, Any], ImportReport]:
        default = VOCODER_DEFAULTS if part == "hifigan" and "mean" not in tensors else {}
        own = networks.shapes_of(part, kept)
        rebuilt = {name: shape for name, shape in own.items() if layout.is_rebuilt(name)}
        wanted = Wanted({name: s for name, s in own.items() if name not in rebuilt}, layout.older(tensors), default)
        states, report = layout.take(tensors, {part: wanted}, UNUSED["folder"])
        return {part: (states[part], kept)}, report

    return _named(path, "AudioLDM", read)


def _named(path: Path, system: str, read: Any) -> Found:
    """What `read` makes of a checkpoint file's tensors, with errors that name it."""
    tensors = _tensors(path, system)
    try:
        made, report = read(tensors)
    except InputError as error:
        raise InputError(f"{path} cannot be imported: {error}; give a complete checkpoint of {system}") from None
    source = {"source": {"system": system, "file": path.name, "sha256": sha256(path)}}
    if system == "ImageBind":
        source["licence"] = IMAGEBIND_LICENCE  # type: ignore[assignment]
    first, *reasons = report.lines()
    where = f"{path.parent.name}/{path.name}" if path.name in FILES else path.name
    parts = {part: (state, config, source) for part, (state, config) in made.items()}
    return Found(parts, {}, [f"{where}: {len(tensors)} tensors, {first}", *reasons])


def _tensors(path: Path, system: str) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        return read_tensors(path, system)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged ({why(error)}); get a fresh copy") from None


def _vta_settings(path: Path) -> dict[str, Any]:
    """The settings of the checkpoint's training. Raises InputError for those of another variant."""
    settings = _json(path, first_line=True)
    if other := next((name for name in ("ib", "lb", "jepa") if settings.get(name)), None):
        raise InputError(f"{path} is of a VTA-LDM with another picture encoder ({other}); give one with CLIP (clip4clip)")
    if (task := settings.get("task", "video2audio")) != "video2audio":
        raise InputError(f"{path} is of the task {task}; give a checkpoint of video2audio")
    if (named := settings.get("scheduler_name", VTA_SCHEDULER_NAME)) != VTA_SCHEDULER_NAME:
        raise InputError(f"{path} names the scheduler {named}; only that of {VTA_SCHEDULER_NAME} is known here")
    return settings


def _json(path: Path, first_line: bool = False) -> dict[str, Any]:
    """An object from a JSON file, or from its first line. Raises InputError."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text.split("\n", 1)[0] if first_line else text)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({why(error)}); give a complete checkpoint") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no settings by name; give a complete checkpoint")
    return content


def _require_files(folder: Path, names: tuple[str, ...], system: str) -> Path:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the folder of a checkpoint of {system}")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise InputError(f"there is no {missing[0]} in {folder}; give a complete checkpoint of {system}")
    return folder


def _add(found: Found, more: Found) -> None:
    found.parts |= more.parts
    found.messages += more.messages


def _write(out: Path, system: System, licence: str, found: Found) -> list[str]:
    """The weights folder: complete, or absent."""
    with scratch_folder(out.parent) as scratch:
        entries: Mapping[str, Any] = {
            name: networks.save(scratch, name, state, config, source) for name, (state, config, source) in found.parts.items()
        }
        if found.copies:
            found.record["tokenizer"] = {}
            for key, path in found.copies.items():
                shutil.copyfile(path, scratch / path.name)
                found.record["tokenizer"][key] = {"file": path.name, "sha256": sha256(path)}
        geometry = card_geometry(read_card(SHIPPED))
        card = {"format": FORMAT, "name": out.name, "system": system, "generator": "diffusion", "licence": licence}
        card |= {"geometry": dataclasses.asdict(geometry), "diffusion": found.record, "parts": entries}
        write_json(scratch / CARD, card)
        with suppress(FileNotFoundError):
            out.rmdir()  # empty: see require_free
        scratch.rename(out)
    return [*found.messages, f"licence: {licence}"]
