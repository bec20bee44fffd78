"""External functions given as `module:function`, also from the current directory."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from condfoley.errors import InputError


def import_function(location: str, option: str) -> Callable[..., Any]:
    """The function at `location`, written module:function. Raises InputError that names the option it was given to."""
    module, _, name = location.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # the user's module may be in the current directory
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{option} {location}: {error}; give a function that can be imported") from None
    return function
