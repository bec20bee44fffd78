"""Runs one function on many items in parallel, on this machine or on a Ray cluster; retries items whose worker died.

`local`: a pool of spawned processes (an OpenGL context does not survive a fork), or this process for one worker.
`ray`: Ray Data on the cluster that RAY_ADDRESS names or that runs here, else a new local Ray; all its machines need
access to the same files at the same paths.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from condfoley.errors import InputError, UnwritableError, require_extra, wrong_path

Engine = Literal["local", "ray"]
Item = TypeVar("Item")
Value = TypeVar("Value")

ATTEMPTS = 3  # an item is given up after its worker process died this often
DIED = f"its worker process died {ATTEMPTS} times"


@dataclass(frozen=True)
class Done(Generic[Item, Value]):
    """An item and the value that the function returned, or the error that it raised."""

    item: Item
    value: Value | None = None
    error: str = ""
    """One line; empty if there was none."""
    died: bool = False
    """Whether its worker process died ATTEMPTS times."""


def run(
    function: Callable[[Item], Value], items: Iterable[Item], engine: Engine = "local", workers: int = 1
) -> Generator[Done[Item, Value]]:
    """Yields one `Done` for each item, in the order in which they finish; an exception becomes the item's error.

    function, items, values: picklable. workers: processes; a Ray cluster uses all of its CPUs instead.
    Raises InputError when `engine` is ray and Ray is not installed or the cluster does not answer.
    """
    queue = list(items)
    if not queue:
        return
    if engine == "ray":
        yield from _on_ray(function, queue, workers)
    elif workers == 1:
        yield from (_attempt(function, item) for item in queue)
    else:
        yield from _Pool(function, queue, min(workers, len(queue))).results()


def reason(error: BaseException) -> str:
    """An exception in one line: its message, with its type where it is not about something of the user's."""
    known = error if isinstance(error, (InputError, UnwritableError)) else wrong_path(error)
    text = str(known) if known else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [""])[0]


def _attempt(function: Callable[[Item], Value], item: Item) -> Done[Item, Value]:
    try:
        return Done(item, function(item))
    except Exception as error:  # noqa: BLE001 - one bad item must not end a run of hours
        return Done(item, error=reason(error))


class _Pool(Generic[Item, Value]):
    """Local worker processes, which are replaced when one of them dies.

    At most `workers` items are running at a time. When a worker dies, it is unknown which of the running items caused
    it: all of them are queued again, and from then on each of these runs alone.
    """

    def __init__(self, function: Callable[[Item], Value], items: Sequence[Item], workers: int):
        self.function, self.items, self.workers = function, items, workers
        self.waiting = deque(range(len(items)))  # indices of items
        self.running: dict[Future[Done[Item, Value]], int] = {}
        self.deaths = Counter[int]()  # of workers, by index of the item

    def results(self) -> Generator[Done[Item, Value]]:
        """Yields the result of each item as it finishes."""
        while self.waiting:
            try:
                with _executor(self.workers) as executor:
                    yield from self._collect(executor)
            except BrokenProcessPool:
                yield from self._queue_again()

    def _collect(self, executor: ProcessPoolExecutor) -> Generator[Done[Item, Value]]:
        while self.waiting or self.running:
            self._submit(executor)
            for future in wait(self.running, return_when=FIRST_COMPLETED).done:
                yield future.result()
                del self.running[future]

    def _submit(self, executor: ProcessPoolExecutor) -> None:
        while self.waiting and len(self.running) < self.workers:
            index = self.waiting[0]
            if self.running and any(self.deaths[i] for i in (index, *self.running.values())):
                return  # an item that may have killed a worker runs alone
            self.running[executor.submit(_attempt, self.function, self.items[index])] = index
            self.waiting.popleft()

    def _queue_again(self) -> Generator[Done[Item, Value]]:
        """Queues the running items again after a worker's death; yields those that are given up."""
        indices = list(self.running.values())
        self.running.clear()
        self.deaths.update(indices)
        for index in indices:
            if self.deaths[index] < ATTEMPTS:
                self.waiting.append(index)
            else:
                yield Done(self.items[index], error=DIED, died=True)


@contextmanager
def _executor(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes; they are terminated when the block is left by an exception."""
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    finished = False
    try:
        yield executor
        finished = True
    finally:
        if not finished:  # broken, interrupted or abandoned: do not wait for running items
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
        executor.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """In a worker: ignores Ctrl-C, since the parent ends its workers, and exits when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_ray(function: Callable[[Item], Value], items: Sequence[Item], workers: int) -> Generator[Done[Item, Value]]:
    """One block, and so one task, for each item: Ray repeats a task whose process or machine died."""
    require_extra("cluster", "the engine ray", alternative="use the engine local")
    import ray
    import ray.cloudpickle as pickle
    import ray.data

    _join(ray, workers)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # the caller has its own
    context.max_errored_blocks = -1  # failed items are missing in the results
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # no messages about each failed block

    def work(row: dict[str, Any]) -> dict[str, Any]:
        done = _attempt(function, pickle.loads(row["item"]))
        return {"index": row["index"], "result": pickle.dumps((done.value, done.error))}

    rows = [{"index": index, "item": pickle.dumps(item)} for index, item in enumerate(items)]
    data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(work, max_retries=ATTEMPTS - 1)
    missing = set(range(len(items)))
    for row in data.iter_rows():
        missing.remove(row["index"])
        value, error = pickle.loads(row["result"])
        yield Done(items[row["index"]], value, error)
    yield from (Done(items[index], error=DIED, died=True) for index in sorted(missing))


def _join(ray: Any, workers: int) -> None:
    """Connects to the running cluster, or starts Ray on this machine with `workers` CPUs."""
    if ray.is_initialized():
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    _require_answer(os.environ.get("RAY_ADDRESS", ""))
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError:  # no cluster runs here
        ray.init(num_cpus=workers, include_dashboard=False, **quiet)


def _require_answer(address: str) -> None:
    """Raises InputError when no server listens at HOST:PORT or ray://HOST:PORT; Ray itself would retry for minutes."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.port is None:  # no address, or a special value of Ray such as `auto`
        return
    try:
        socket.create_connection((place.hostname, place.port), timeout=10).close()
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at RAY_ADDRESS={address} ({error}); start it or unset RAY_ADDRESS"
        ) from None
