"""The parts of a job as they arrive over HTTP: two files, settings as JSON, and times of impacts as text."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from fastapi import UploadFile
from pydantic import TypeAdapter, ValidationError

from condfoley.cli.arguments import suggest
from condfoley.cli.options import GenerateOptions
from condfoley.errors import InputError
from condfoley.server.jobs import RESULTS, Job
from condfoley.server.options import JobSettings

SETTINGS: TypeAdapter[JobSettings] = TypeAdapter(JobSettings)
MAX_NAME = 100
"""Characters of a file's name that are kept."""


def settings_schema() -> dict[str, Any]:
    """JSON schema of a job's settings."""
    return SETTINGS.json_schema() | {"additionalProperties": False}


def parse_settings(text: str) -> JobSettings:
    """The settings of a JSON object such as `{"candidates": 4}`. Raises InputError, naming the setting, for wrong ones."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InputError(f'settings is not JSON ({error}); give an object such as {{"candidates": 4}}') from None
    if not isinstance(values, dict):
        raise InputError('settings must be a JSON object such as {"candidates": 4}')
    names = [field.name for field in fields(JobSettings)]
    for name in values:
        if name not in names:
            raise InputError(f"unknown setting {name}; {suggest(name, names) or 'GET /api/settings lists them'}")
    try:
        return SETTINGS.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        own = first.get("ctx", {}).get("error")  # an InputError, whose message names the setting
        name = ".".join(str(part) for part in first["loc"][:1])
        raise InputError(str(own) if own else f"{name}: {first['msg'].lower()}") from None


def safe_name(name: str | None, default: str) -> str:
    """A client's name of a file, without folders and unusual characters; never empty or hidden."""
    plain = re.sub(r"[^\w. -]", "_", (name or "").replace("\\", "/").rsplit("/", 1)[-1]).lstrip(". -")
    return plain[-MAX_NAME:].lstrip(". -") or default


def save_job(job: Job, reference: UploadFile, target: UploadFile, settings: JobSettings, hits: str) -> GenerateOptions:
    """Writes a job's inputs into its folder. hits: times of impacts; empty: as the picture shows.

    Raises InputError for settings that do not go together, and OSError when the files cannot be written.
    """
    paths: dict[str, Any] = {}
    for role, upload in (("reference", reference), ("target", target)):
        folder = job.folder / role  # one for each, since both clips may have the same name
        folder.mkdir()
        paths[role] = str(folder / safe_name(upload.filename, role))
        with open(paths[role], "wb") as file:
            shutil.copyfileobj(upload.file, file)
    if hits.strip():
        path = job.folder / "hits.txt"
        path.write_text(hits, encoding="utf-8")
        paths["hits"] = str(path)
    return GenerateOptions(**asdict(settings), **paths, out=str(job.folder / RESULTS), quiet=True)


def without_folders(message: str, folder: Path) -> str:
    """A message about a job's files with their names only, since the client does not know their folder."""
    return re.sub(rf"{re.escape(str(folder))}/((reference|target)/)?", "", message)
