"""Other people's functions by name: `module:function`, also from the folder that the user stands in."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from condfoley.errors import InputError


def imported(place: str, option: str) -> Callable[..., Any]:
    """The function at `module:function`. Raises InputError, naming the option that asked for it."""
    module, _, name = place.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # where the user's own module is
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{option} {place}: {error}; give a function that can be imported") from None
    return function
