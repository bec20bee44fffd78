"""Which sounds of the library are like a clip's own, or fit its picture; found in the background, as by `condfoley find`."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from condfoley.errors import InputError
from condfoley.files import write_json
from condfoley.studio.clips import Clip
from condfoley.studio.library import EXAMPLES, Library
from condfoley.studio.wording import for_page
from condfoley.weights import read_card

if TYPE_CHECKING:
    from condfoley.studio.options import StudioOptions
    from condfoley.studio.server import Studio

FOUND = "fitting.json"
TOLD = ("found", "left_out", "by", "note")
MOST = 20  # sounds that are offered
PART = "bind"  # of the weights, that finds


def can_find(studio: Studio) -> bool:
    """Whether there is a library, and weights that can find sounds of it."""
    return studio.library.folder is not None and PART in read_card(studio.options.weights_folder)["parts"]


def fitting_json(clip: Clip, studio: Studio) -> dict[str, Any]:
    """What is like a clip, as the page gets it; the first request, and one after the library has changed, begins to look.

    Raises InputError where nothing can be found.
    """
    if not can_find(studio):
        raise InputError("this server cannot look for sounds: it has no library, or its model does not know how")
    state = _state_of(studio.library)
    path = clip.folder / FOUND
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if known.get("library") == state:
        return {"state": "done", "error": "", **{name: known[name] for name in TOLD}}
    doing, error = studio.background.ask(
        clip.folder.parent,
        (FOUND, clip.folder, state),
        lambda: find_fitting(clip, studio.library, studio.options, state),
    )
    shown = "running" if doing == "done" else doing
    return {
        "state": shown,
        "error": for_page(error, (clip.path.parent,)),
        "found": [],
        "left_out": 0,
        "by": "",
        "note": "",
    }


def _state_of(library: Library) -> str:
    """A hash of the library's names and sizes."""
    return hashlib.sha256(json.dumps(library.files()).encode()).hexdigest()


def find_fitting(clip: Clip, library: Library, options: StudioOptions, state: str) -> None:
    """Writes into a clip's folder what fits it. Raises InputError when the picture, or no file, can be used."""
    from condfoley.finding.rank import Finder

    names = {library.find(one["name"]): one["name"] for one in library.files() if one["name"] not in EXAMPLES}
    names.pop(clip.path.resolve(), None)
    if not names:
        raise InputError("the library has no sounds; put recordings into its folder")
    ranking = Finder.load(options.weights, options.device, options.engine).rank(clip.path, list(names))
    found = [{"name": names[one.path], "score": round(one.score, 3)} for one in ranking.found[:MOST]]
    told = {"found": found, "left_out": len(ranking.left_out), "by": ranking.by, "note": ranking.note}
    write_json(clip.folder / FOUND, {"library": state, **told})
