"""`condfoley import SYSTEM CHECKPOINT --out DIR`: converts checkpoints of published systems into our weights."""

from __future__ import annotations

from condfoley.cli.arguments import parse_options, suggest
from condfoley.cli.options import ImportAudioLdmOptions, ImportOptions, ImportVtaLdmOptions
from condfoley.errors import InputError, require_extra

SYSTEM = "condfoleygen"
SYSTEMS = {
    SYSTEM: "a checkpoint of CondFoleyGen, or its vocoder or classifiers",
    "vta-ldm": "the folder of a checkpoint of VTA-LDM (extra diffusion)",
    "audioldm": "a folder of AudioLDM (extra diffusion)",
}


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0. Raises InputError for anything that cannot be used."""
    if argv[:1] in (["--help"], ["-h"]):
        print(overview())
        return 0
    if argv[:1] == ["vta-ldm"]:
        return _import_vta_ldm(argv)
    if argv[:1] == ["audioldm"]:
        return _import_audioldm(argv)
    options = parse_options(f"condfoley import {SYSTEM}", ImportOptions, insert_option(argv, "import", "checkpoint"))
    require_extra("torch", "importing a checkpoint")
    from condfoley.published.importer import import_checkpoint

    return _tell(import_checkpoint(**vars(options)), options.out)


def _import_vta_ldm(argv: list[str]) -> int:
    options = parse_options(
        "condfoley import vta-ldm", ImportVtaLdmOptions, insert_option(argv, "import", "folder", "vta-ldm")
    )
    from condfoley.published.diffusion.systems import require_diffusion

    require_diffusion("importing a checkpoint of VTA-LDM")
    from condfoley.published.diffusion.importer import import_vta_ldm

    return _tell(import_vta_ldm(**vars(options)), options.out)


def _import_audioldm(argv: list[str]) -> int:
    options = parse_options(
        "condfoley import audioldm", ImportAudioLdmOptions, insert_option(argv, "import", "folder", "audioldm")
    )
    from condfoley.published.diffusion.systems import require_diffusion

    require_diffusion("importing AudioLDM")
    from condfoley.published.diffusion.importer import import_audioldm

    return _tell(import_audioldm(**vars(options)), options.out)


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
