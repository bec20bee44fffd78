"""Self-contained HTML reports with the files beside them."""

from __future__ import annotations

import base64
import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from condfoley.files import scratch_folder


def render(template: Path, **values: Any) -> str:
    """A jinja2 template, filled in with HTML-escaped values; an undefined name in it is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template.name).render(**values)


def data_uri(media_type: str, content: bytes) -> str:
    """A link that contains its content, such as `data:image/png;base64,...`."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def flac(wav: np.ndarray, rate: int) -> bytes:
    """A sound (N,), at `rate` Hz, as a FLAC file; clipped to [-1, 1]."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.clip(wav, -1, 1), rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A CSV file in UTF-8; None becomes an empty cell."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes all files, or none, into a folder; existing ones are replaced. Raises InputError."""
    with scratch_folder(folder) as work:
        for name, content in files.items():
            (work / name).write_bytes(content)
        for name in files:
            os.replace(work / name, folder / name)
