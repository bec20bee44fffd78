"""condfoley: from a reference clip (picture and sound) and a silent target to a finished soundtrack.

In Python: `from condfoley import Foley; Foley.load().generate("reference.mp4", "target.mp4")`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from condfoley.audio.track import Track
    from condfoley.comping.ranking import Candidate
    from condfoley.errors import InputError
    from condfoley.foley import Foley
    from condfoley.inputs import Footage
    from condfoley.soundtrack import Soundtrack

    __version__: str

__all__ = ["Candidate", "Foley", "Footage", "InputError", "Soundtrack", "Track", "__version__"]
HOMES = {
    "Candidate": "condfoley.comping.ranking",
    "Foley": "condfoley.foley",
    "Footage": "condfoley.inputs",
    "Soundtrack": "condfoley.soundtrack",
    "Track": "condfoley.audio.track",
}


def __getattr__(name: str) -> Any:
    """Import on first use: torch takes seconds, and `condfoley --help` needs none of it."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("condfoley")
        except PackageNotFoundError:  # run from a checkout that was never installed
            return "0+unknown"
    if name == "InputError":
        from condfoley.errors import InputError

        return InputError
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module 'condfoley' has no attribute {name!r}")
