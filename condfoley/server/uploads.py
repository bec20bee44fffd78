"""The parts of a job as they arrive over HTTP: files, settings as JSON, and times of impacts as text."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
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
"""Bytes of a file's name that are kept."""
UNUSUAL = r"[^\w. ,()\[\]+&=!\u2013\u2014-]"
"""Characters that become a _ in a file's name."""


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
    return checked_settings(values)


def checked_settings(values: dict[str, Any]) -> JobSettings:
    """The settings of an object such as {"candidates": 4}. Raises InputError, naming the setting, for wrong ones."""
    names = [field.name for field in fields(JobSettings)]
    for name in values:
        if name not in names:
            raise InputError(f"unknown setting {name}; {suggest(name, names) or 'GET /api/settings lists them'}")
    try:
        return SETTINGS.validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        own = first.get("ctx", {}).get("error")  # an InputError, whose message names the setting
        name = ".".join(str(part) for part in first["loc"][:1])
        raise InputError(str(own) if own else f"{name}: {first['msg'].lower()}") from None


def safe_name(name: str | None, default: str) -> str:
    """A client's name of a file, without folders and what file systems or scripts take for more than a name; never empty or
    hidden. Accents that macOS writes as characters of their own are put together with their letters."""
    given = unicodedata.normalize("NFC", name or "").replace("\\", "/").rsplit("/", 1)[-1]
    plain = re.sub(UNUSUAL, "_", given).lstrip(". -")
    kept = plain.encode("utf-8", "ignore")[-MAX_NAME:].decode("utf-8", "ignore")
    return kept.lstrip(". -") or default


ROLES = ("reference", "target", "start_from")
"""Options of a job that are files."""


def save_job(job: Job, files: dict[str, UploadFile], settings: JobSettings, hits: str) -> GenerateOptions:
    """Writes a job's inputs into its folder. files: by ROLES. hits: times of impacts; empty: as the picture shows.

    Raises InputError for settings that do not go together, and OSError when the files cannot be written.
    """
    paths: dict[str, Any] = {}
    for role, upload in files.items():
        folder = job.folder / role  # one for each, since clips may have the same name
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
    return re.sub(rf"{re.escape(str(folder))}/(({'|'.join(ROLES)})/)?", "", message)
