"""The files of the web page: our own, jsPsych's, and the texts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from condfoley.errors import InputError, why

WEB = Path(__file__).parent / "web"
OURS = ("index.html", "style.css", "study.js", "trial.js", "saving.js", "headphones.js", "LICENCES.txt")
LIBRARY = {
    "jspsych.js": "jspsych/dist/index.browser.min.js",
    "jspsych.css": "jspsych/css/jspsych.css",
    "html-button-response.js": "@jspsych/plugin-html-button-response/dist/index.browser.min.js",
}
TEXTS = "texts.en.json"


def page_files(texts: str | None = None, web: Path = WEB) -> dict[str, Path | str]:
    """The files of the page: name in the page's folder -> file to copy, or content.

    Raises InputError when jsPsych was not fetched, or when `texts` is not a translation of all texts.
    """
    library = {name: web / "node_modules" / path for name, path in LIBRARY.items()}
    if not all(path.is_file() for path in library.values()):
        raise InputError("the browser's part of the study is missing (jsPsych); fetch it with: make study-web")
    ours = {name: web / name for name in OURS}
    return {**ours, **library, "texts.js": _script("TEXTS", _texts(texts, web / TEXTS))}


def write_page(folder: Path, parts: dict[str, Path | str], study: dict[str, Any]) -> None:
    """Write the page's files into `folder`; `study` is what the page shows (see assignment.py)."""
    for name, part in parts.items():
        if isinstance(part, Path):
            shutil.copyfile(part, folder / name)
        else:
            (folder / name).write_text(part, encoding="utf-8")
    (folder / "plan.js").write_text(_script("STUDY", study), encoding="utf-8")


def _script(name: str, value: object) -> str:
    """A script that defines one global variable: pages opened from a disk can load scripts, but no JSON."""
    return f"window.{name} = {json.dumps(value, ensure_ascii=False, separators=(',', ':'))};\n"


def _texts(path: str | None, original: Path) -> dict[str, str]:
    english: dict[str, str] = json.loads(original.read_text(encoding="utf-8"))
    if path is None:
        return english
    try:
        texts = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the texts {path} ({why(error)}); translate a copy of {original.name}") from None
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise InputError(f"{path} must hold one text for each name, as {original.name} does")
    if missing := sorted(english.keys() - texts.keys()):
        raise InputError(f"{path} lacks the texts {', '.join(missing)}; add them")
    if unknown := sorted(texts.keys() - english.keys()):
        raise InputError(f"{path} has texts that the page does not use: {', '.join(unknown)}; remove them")
    return texts
