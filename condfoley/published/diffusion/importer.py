"""Converts checkpoints of VTA-LDM and AudioLDM to a weights folder: safetensors in float32, and a card that names the source.

Every tensor is accounted for, sizes are read from the checkpoint, and no code in a file is run.
"""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import suppress
from pathlib import Path

from condfoley.errors import InputError
from condfoley.files import scratch_folder, write_json
from condfoley.published.diffusion import infer, networks
from condfoley.published.diffusion.mapping import imagebind_tensors, ldm_sound, vta_networks
from condfoley.published.diffusion.reading import Found, folder_part, named, read_settings, require_files, vta_settings
from condfoley.published.diffusion.systems import LICENCES, SAMPLING, VTA_SCHEDULER, System, require_diffusion
from condfoley.published.importer import require_free
from condfoley.weights import CARD, FORMAT, SHIPPED, card_geometry, read_card, sha256

VTA_MAIN, VTA_SOUND, VTA_SETTINGS = "pytorch_model_2.bin", "audioldm-s-full.ckpt", "summary.jsonl"
FOLDERS = {"unet": "unet", "vae": "vae", "hifigan": "vocoder", "clap_text": "text_encoder"}
TOKENIZER = {"vocab": "vocab.json", "merges": "merges.txt"}


def import_vta_ldm(folder: str | Path, out: str | Path, licence: str = LICENCES["vta-ldm"]) -> list[str]:
    """Writes the weights folder `out` of a VTA-LDM checkpoint; returns messages for the user, line by line.

    folder: with summary.jsonl, pytorch_model_2.bin and audioldm-s-full.ckpt. licence: written into the card.
    Raises InputError when a file cannot be used or `out` exists already; no files are left behind then.
    """
    require_diffusion("importing a checkpoint of VTA-LDM")
    folder = require_files(Path(folder), (VTA_SETTINGS, VTA_MAIN, VTA_SOUND), "VTA-LDM")
    require_free(Path(out))
    settings = vta_settings(folder / VTA_SETTINGS)
    main = named(folder / VTA_MAIN, "VTA-LDM", vta_networks)
    sound = named(folder / VTA_SOUND, "AudioLDM", ldm_sound)
    record = {"scheduler": VTA_SCHEDULER, "positions": bool(settings.get("pe"))} | SAMPLING["vta-ldm"]
    return _write(
        Path(out), "vta-ldm", licence, Found({**main.parts, **sound.parts}, record, main.messages + sound.messages)
    )


def import_audioldm(
    folder: str | Path, out: str | Path, licence: str = LICENCES["audioldm"], imagebind: str | Path | None = None
) -> list[str]:
    """The same for AudioLDM, a folder of diffusers' as cvssp/audioldm-m-full is.

    imagebind: file of ImageBind's weights, by which the sound is steered to the picture.
    """
    require_diffusion("importing AudioLDM")
    folder = require_files(Path(folder), ("model_index.json",), "AudioLDM")
    require_free(Path(out))
    index = read_settings(folder / "model_index.json")
    if index.get("_class_name") != "AudioLDMPipeline":
        raise InputError(
            f"{folder} holds {index.get('_class_name')}, not AudioLDMPipeline; give a folder of cvssp/audioldm"
        )
    found = Found({}, {}, [])
    for part, name in FOLDERS.items():
        _add(found, folder_part(folder / name, part))
    infer.require_vocoder(found.parts["hifigan"][1])
    scheduler = read_settings(folder / "scheduler" / "scheduler_config.json")
    networks.scheduler(scheduler)
    if scheduler.get("prediction_type", "epsilon") != "epsilon":
        raise InputError(
            f"{folder}/scheduler predicts {scheduler['prediction_type']}, no noise; give a folder of cvssp/audioldm"
        )
    require_files(folder / "tokenizer", tuple(TOKENIZER.values()), "AudioLDM")
    found.copies = {key: folder / "tokenizer" / name for key, name in TOKENIZER.items()}
    networks.tokenizer(*found.copies.values())
    found.record = {"scheduler": scheduler, **SAMPLING["audioldm"]}
    if imagebind:
        if not Path(imagebind).is_file():
            raise InputError(f"there is no file {imagebind}; give --imagebind the file imagebind_huge.pth")
        _add(found, named(Path(imagebind), "ImageBind", imagebind_tensors))
    return _write(Path(out), "audioldm", licence, found)


def _add(found: Found, more: Found) -> None:
    found.parts |= more.parts
    found.messages += more.messages


def _write(out: Path, system: System, licence: str, found: Found) -> list[str]:
    """The weights folder: complete, or absent."""
    with scratch_folder(out.parent) as scratch:
        entries = {
            name: networks.save(scratch, name, state, config, source)
            for name, (state, config, source) in found.parts.items()
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
