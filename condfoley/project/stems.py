"""Which sounds are stems of a project, by their names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from condfoley.cues.rows import MAIN
from condfoley.project.store import PROJECT, revision_path, revisions

CUE_STEM = re.compile(r"[\w-]+_(cue_\d{2,}|before)\.wav")


def own_stems(folder: Path, sounds: Iterable[Path]) -> list[Path]:
    """Those of some sounds that are named as a layer or a cue of a project is, of this or another revision."""
    found = list(sounds)
    names = {f"{name}.wav" for name in layers_ever(folder)} if found else set()
    return [path for path in found if path.name in names or CUE_STEM.fullmatch(path.name)]


def layers_ever(folder: Path) -> set[str]:
    """Names of the layers of all revisions of a project that can be read, and that of the first layer of any."""
    out = {MAIN}
    for path in (folder / PROJECT, *(revision_path(folder, number) for number in revisions(folder))):
        with suppress(OSError, ValueError, LookupError, TypeError):  # a damaged one says nothing
            out |= {layer["name"] for layer in json.loads(path.read_bytes())["layers"]}
    return out
