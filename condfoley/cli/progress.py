"""Progress on stderr: a bar in a terminal, a line for each stage in a log."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, Protocol

from condfoley.errors import tell


class ReportsProgress(Protocol):
    """Whatever follows the generation of a soundtrack."""

    def __call__(self, stage: str, fraction: float) -> None:
        """Called with the name of the current stage, and the fraction of all work done, in [0, 1]."""

    def note(self, text: str) -> None:
        """Called with a remark about the result."""


class Progress:
    """Callable as `progress(stage, fraction)`: name of the current stage, and the fraction of all work done, in [0, 1]."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, fraction: float) -> None:
        if self.quiet:
            return
        if not sys.stderr.isatty():
            if stage != self._stage:
                tell(stage)
            self._stage = stage
            return
        if self._bar is None:
            self._bar = _bar()
        self._bar.set_description_str(stage, refresh=False)
        self._bar.n = round(100 * min(max(fraction, 0.0), 1.0))
        self._bar.refresh()

    def note(self, text: str) -> None:
        """Print a remark about the result on a line of its own."""
        if self.quiet:
            return
        self.close()
        tell(text)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def then_writing(progress: Callable[[str, float], None]) -> Callable[[str, float], None]:
    """The progress of a generation, called with a stage and its fraction in [0, 1], after which results are written."""

    def report(stage: str, fraction: float) -> None:
        progress(stage if fraction < 1 else "writing the results", fraction)

    return report


def print_path(path: str) -> None:
    """Print a path on stdout with the bytes that it has on disk, even if they are not UTF-8."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    print(path, flush=True)


def _bar() -> Any:
    from tqdm import tqdm

    return tqdm(total=100, leave=False, bar_format="{desc:<26} {bar:30} {n:3d} %  {elapsed}")
