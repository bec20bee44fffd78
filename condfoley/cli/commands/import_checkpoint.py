"""`condfoley import SYSTEM CHECKPOINT --out DIR`: converts checkpoints of published systems into our weights."""

from __future__ import annotations

from typing import Any

from condfoley.cli.arguments import parse_options, suggest
from condfoley.cli.options import ImportAudioLdmOptions, ImportOptions, ImportVtaLdmOptions
from condfoley.errors import InputError, require_extra

SYSTEM = "condfoleygen"
SYSTEMS = {
    SYSTEM: "a checkpoint of CondFoleyGen, or its vocoder or classifiers",
    "vta-ldm": "the folder of a checkpoint of VTA-LDM (extra diffusion)",
    "audioldm": "a folder of AudioLDM (extra diffusion)",
}
DIFFUSION: dict[str, tuple[type[Any], str]] = {
    "vta-ldm": (ImportVtaLdmOptions, "a checkpoint of VTA-LDM"),
    "audioldm": (ImportAudioLdmOptions, "AudioLDM"),
}
"""Options of the diffusion systems, and what is imported, in words."""


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    if argv[:1] in (["--help"], ["-h"]):
        print(overview())
        return 0
    if argv and argv[0] in DIFFUSION:
        return _import_diffusion(argv)
    options = parse_options(f"condfoley import {SYSTEM}", ImportOptions, insert_option(argv, "import", "checkpoint"))
    require_extra("torch", "importing a checkpoint")
    from condfoley.published.importer import import_checkpoint

    return _tell(import_checkpoint(**vars(options)), options.out)


def _import_diffusion(argv: list[str]) -> int:
    system = argv[0]
    kind, what = DIFFUSION[system]
    options = parse_options(f"condfoley import {system}", kind, insert_option(argv, "import", "folder", system))
    from condfoley.published.diffusion.systems import require_diffusion

    require_diffusion(f"importing {what}")
    from condfoley.published.diffusion.importer import import_audioldm, import_vta_ldm

    convert = {"vta-ldm": import_vta_ldm, "audioldm": import_audioldm}[system]
    return _tell(convert(**vars(options)), options.out)


def _tell(messages: list[str], out: str) -> int:
    print("\n".join([*messages, out]))
    return 0


def overview() -> str:
    """What `condfoley import --help` says."""
    lines = ["usage: condfoley import SYSTEM CHECKPOINT --out DIR [options]", "", "systems:"]
    lines += [f"  {name:<14} {text}" for name, text in SYSTEMS.items()]
    return "\n".join([*lines, "", "`condfoley import SYSTEM --help` lists a system's options."])


def insert_option(argv: list[str], command: str, option: str, system: str = SYSTEM) -> list[str]:
    """`SYSTEM FILE --more` as `--option FILE --more`. Raises InputError when another system is named."""
    if argv[:1] in ([system], ["--help"], ["-h"]):
        rest = argv[1:] if argv[0] == system else argv
        return ["--" + option, *rest] if rest and not rest[0].startswith("-") else rest
    what = f"{argv[0]} is not a system that {command} knows" if argv else f"{command} needs a system"
    hint = suggest(argv[0], SYSTEMS) if argv and command == "import" else ""
    raise InputError(f"{what}; {hint or f'write `condfoley {command} {system} {option.upper()} --out OUT`'}")
