"""Where a soundtrack came from: everything needed to make the same one again."""

from __future__ import annotations

import json
import platform
import re
import shlex
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.files import plain
from condfoley.project.layer_specs import parse_layers
from condfoley.references.files import by_key
from condfoley.results.scores import score_table, take_list
from condfoley.weights import sha256_of_input

if TYPE_CHECKING:
    from condfoley.cli.options import GenerateOptions
    from condfoley.soundtrack import Soundtrack


NETWORKS = ("torch", "torchvision", "transformers")  # packages that run the networks with the engine torch


def file_record(path: Path) -> dict[str, Any]:
    """Name, size in bytes and SHA-256 of a file."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_of_input(path)}


def versions() -> dict[str, str | None]:
    """Versions of Python, condfoley and the packages it requires; None for one that is not installed.

    Of the packages of extras, only those of NETWORKS are included, if this process imported them. A checkout that was
    never installed does not know what it requires.
    """
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in ("condfoley", *_required(), *(name for name in NETWORKS if name in sys.modules)):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found | {"platform": platform.platform()}


def _required() -> list[str]:
    try:
        wanted = requires("condfoley") or []
    except PackageNotFoundError:
        return []
    return [re.split(r"[^\w.-]", line)[0] for line in wanted if "extra ==" not in line]


def record(options: GenerateOptions, soundtrack: Soundtrack, command: list[str], started: datetime) -> dict[str, Any]:
    """The content of provenance.json; times in seconds, dates in UTC, every value plain JSON."""
    finished = datetime.now(timezone.utc)
    told = {"hits": options.hits, "perform": options.perform, "start_from": options.start_from}
    return plain(
        {
            "inputs": {
                name: file_record(path)
                for name, path in (by_key(options.references) | {"target": Path(options.target)}).items()
            }
            | {name: file_record(Path(path)) for name, path in told.items() if path}
            | {f"layer {spec.name}": file_record(Path(spec.reference)) for spec in parse_layers(options.layer)},
            "weights": soundtrack.weights,
            "engine": soundtrack.engine,
            "command": shlex.join(command),
            "options": asdict(options),
            "settings": soundtrack.settings,
            "reference_window": {
                "file": options.references[soundtrack.reference_number].name,
                "start": soundtrack.reference_start,
                "duration": soundtrack.reference.duration,
            },
            "duration": soundtrack.duration,
            "sample_rate": soundtrack.sample_rate,
            "candidates": [asdict(row) for row in score_table(soundtrack)],
            "chosen": soundtrack.chosen,
            "hits": soundtrack.cues.times.round(4).tolist(),
            "hits_from": "picture" if not soundtrack.cues_given else "performance" if options.perform else "file",
            "takes": take_list(soundtrack),
            "made_by": [way for _, way, _ in soundtrack.made_of],
            "scene_cuts": [round(time, 4) for time in soundtrack.scene_cuts],
            "versions": versions(),
            "started": started.isoformat(timespec="seconds"),
            "finished": finished.isoformat(timespec="seconds"),
            "elapsed": round((finished - started).total_seconds(), 3),
        }
    )


def write(path: Path, content: dict[str, Any]) -> None:
    """As indented JSON."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON's own spelling of names not in UTF-8
