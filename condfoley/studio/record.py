"""studio.json: what the page knows of a project beside the project itself."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from condfoley.errors import InputError
from condfoley.files import atomic_file

RECORD = "studio.json"
MAX_NAME = 100  # characters


@dataclass(frozen=True)
class Record:
    """name: the user's, only to be shown. target, references: ids of the clips that the project was made from, the latter
    by layer, the first one where a layer has several; None where there are none. written: the revision that soundtrack.wav and
    the video were written for. inputs: ids of the clips of layers with several references, by keys of `Project.inputs`.
    """

    name: str = ""
    target: str | None = None
    references: dict[str, str | None] = field(default_factory=dict)
    written: int | None = None
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def clips(self) -> list[str]:
        """Ids of all clips that the project uses."""
        return [clip for clip in (self.target, *self.references.values(), *self.inputs.values()) if clip]


def read_record(folder: Path) -> Record:
    """A project's record; an empty one where there is none, or it is damaged."""
    try:
        content: Any = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        values = {name: content[name] for name in (f.name for f in fields(Record)) if name in content}
        record = Record(**values)
    except (OSError, ValueError, TypeError):
        return Record()
    known = [found.values() if isinstance(found, dict) else (0,) for found in (record.references, record.inputs)]
    texts = (record.target, *known[0], *known[1])
    sound = isinstance(record.name, str) and all(isinstance(text, str | None) for text in texts)
    return record if sound and isinstance(record.written, int | None) else Record()


def write_record(folder: Path, record: Record) -> None:
    """Writes studio.json. Raises InputError when it cannot be written."""
    with atomic_file(folder / RECORD) as part:
        part.write_text(json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def cleaned_name(text: str) -> str:
    """A name that a user gave, on one line and not too long. Raises InputError for an empty one."""
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)
    name = " ".join(plain.split())[:MAX_NAME].strip()
    if not name:
        raise InputError("the name is empty; give one")
    return name
