"""Who may edit a project: one tab of a browser at a time. In memory: after a restart the first that asks may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

SECONDS = 15.0
"""s that a lease lasts, unless it is asked for again."""
OTHER_TAB = "This project is open for editing in another tab or window; close it there, and it can be edited here."


class Leases:
    """Which tab may edit what. clock: s, of any origin."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[Hashable, tuple[str, float]] = {}  # project -> (tab, until when)
        self._lock = threading.Lock()

    def ask(self, project: Hashable, tab: str) -> bool:
        """Whether a tab may edit a project, from now on or still; if so, for SECONDS."""
        with self._lock:
            now = self._clock()
            self._held = {key: held for key, held in self._held.items() if held[1] > now}
            if self._held.get(project, (tab, 0.0))[0] != tab:
                return False
            self._held[project] = (tab, now + SECONDS)
            return True

    def holds(self, project: Hashable, tab: str) -> bool:
        """Whether a tab may edit a project now."""
        with self._lock:
            holder, until = self._held.get(project, ("", 0.0))
            return bool(tab) and holder == tab and until > self._clock()

    def free(self, project: Hashable, tab: str) -> bool:
        """Whether no other tab may edit a project now."""
        with self._lock:
            holder, until = self._held.get(project, (tab, 0.0))
            return holder == tab or until <= self._clock()

    def end(self, project: Hashable, tab: str) -> None:
        """Ends a tab's lease, if it has one."""
        with self._lock:
            if self._held.get(project, ("", 0.0))[0] == tab:
                del self._held[project]
