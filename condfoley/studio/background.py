"""Work that goes on while the page waits for it: proxies, and what is found in a clip."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Literal

from condfoley.errors import InputError, UnwritableError
from condfoley.parallel import reason

State = Literal["running", "done", "failed"]
REMEMBERED = 1000
"""Tasks of which it is remembered how they ended."""
Task = Callable[[], object]


class Background:
    """Threads that work off tasks, each of which is named by a key and asked for any number of times; owners take turns.

    What a task returns is not kept: it writes files. A failed one is tried again only after a restart.
    """

    def __init__(self, threads: int = 2) -> None:
        self._waiting: OrderedDict[Any, deque[tuple[Any, Task]]] = OrderedDict()  # by owner, the next one first
        self._states: OrderedDict[Any, tuple[State, str]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name="background", daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def ask(self, owner: Any, key: Any, task: Task) -> tuple[State, str]:
        """State of a task, which is begun if nobody asked for it before, and why it failed."""
        with self._changed:
            if key not in self._states:
                self._states[key] = ("running", "")
                self._waiting.setdefault(owner, deque()).append((key, task))
                self._changed.notify()
            return self._states[key]

    def close(self, timeout: float = 5.0) -> None:
        """Ends the threads behind their present tasks, for each of which it waits at most `timeout` s."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout)

    def _next(self) -> tuple[Any, Task] | None:
        """The next task, as soon as there is one; None at the end."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            owner, tasks = self._waiting.popitem(last=False)
            if len(tasks) > 1:
                self._waiting[owner] = tasks  # behind the others
            return tasks.popleft()

    def _work(self) -> None:
        while (item := self._next()) is not None:
            key, task = item
            try:
                task()
                state: tuple[State, str] = ("done", "")
            except (InputError, UnwritableError) as error:
                state = ("failed", str(error))
            except Exception as error:  # noqa: BLE001 - a failed task must not end the others
                state = ("failed", f"internal error, {reason(error)}")
            with self._changed:
                self._states[key] = state
                ended = [name for name, (how, _) in self._states.items() if how != "running"]
                for name in ended[: max(0, len(ended) - REMEMBERED)]:
                    del self._states[name]
