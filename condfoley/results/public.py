"""A result's records as somebody else may have them: without the folders of the machine that wrote them."""

from __future__ import annotations

import json
import re
from pathlib import Path, PureWindowsPath
from typing import Any

from condfoley.results.folder import PROVENANCE

PROJECT, HISTORY = "project.json", "history"
ABSOLUTE = re.compile(r"[=,]?(/|[A-Za-z]:[\\/]|\\\\)")
"""How a path begins that names folders, also in an option such as --out=/home/me/out."""


def public_json(path: Path) -> bytes:
    """A JSON file with names of files in place of their paths. Raises OSError and ValueError when it cannot be read."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return (json.dumps(without_folders(content), indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def make_public(folder: Path) -> None:
    """Takes the folders of this machine out of the records of a result. Raises OSError when one cannot be written."""
    for path in (folder / PROJECT, folder / PROVENANCE, *(folder / HISTORY).glob("*.json")):
        if path.is_file():
            path.write_bytes(public_json(path))


def without_folders(value: Any) -> Any:
    """JSON values in which each text that is a path has only its last part; words of a command line one by one."""
    if isinstance(value, dict):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    if not isinstance(value, str) or not ("/" in value or "\\" in value):
        return value
    if ABSOLUTE.match(value):
        return PureWindowsPath(value).name
    return " ".join(_word(word) for word in value.split(" "))


def _word(word: str) -> str:
    option, equals, rest = word.partition("=")
    if equals and ABSOLUTE.match(rest):
        return f"{option}={PureWindowsPath(rest).name}"
    return PureWindowsPath(word).name if ABSOLUTE.match(word) else word
