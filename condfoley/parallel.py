"""One function over many items on the cores of this machine or of a Ray cluster; a killed worker loses nothing.

`local` is a pool of spawned processes (an OpenGL context does not survive a fork), or this process itself for one
worker. `ray` is Ray Data on the cluster that RAY_ADDRESS names or that runs here, else a Ray of its own; its machines
must see the same files at the same paths.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from condfoley.errors import InputError

Engine = Literal["local", "ray"]
Item = TypeVar("Item")
Value = TypeVar("Value")

ATTEMPTS = 3  # an item whose worker process dies this often is given up
DIED = f"its worker process died {ATTEMPTS} times"


@dataclass(frozen=True)
class Done(Generic[Item, Value]):
    """An item with what the function returned, or with the reason why it returned nothing."""

    item: Item
    value: Value | None = None
    error: str = ""
    """One line; empty when all went well."""
    died: bool = False
    """Whether the item killed its worker process, again and again."""


def run(
    function: Callable[[Item], Value], items: Iterable[Item], engine: Engine = "local", workers: int = 1
) -> Generator[Done[Item, Value]]:
    """Yields one `Done` for each item, in the order in which they finish; an exception is that item's error.

    function, items, values: picklable.   workers: processes; a Ray cluster uses all of its CPUs instead.
    Raises InputError when Ray is asked for and not installed.
    """
    queue = list(items)
    if not queue:
        return
    if engine == "ray":
        yield from _on_ray(function, queue, workers)
    elif workers == 1:
        yield from (_attempt(function, item) for item in queue)
    else:
        yield from _in_pool(function, queue, min(workers, len(queue)))


def reason(error: BaseException) -> str:
    """An exception in one line: the message of an InputError, else the type as well."""
    text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [""])[0]


def _attempt(function: Callable[[Item], Value], item: Item) -> Done[Item, Value]:
    try:
        return Done(item, function(item))
    except Exception as error:  # noqa: BLE001 - one bad item must not end a run of hours
        return Done(item, error=reason(error))


def _in_pool(function: Callable[[Item], Value], items: Sequence[Item], workers: int) -> Generator[Done[Item, Value]]:
    """As many items under way as there are workers; when one dies, those under way wait in line again.

    Which of them did it is not known, so from then on each of these is alone when it runs.
    """
    waiting, deaths = deque(range(len(items))), Counter[int]()
    while waiting:
        before = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
        running: dict[Future[Done[Item, Value]], int] = {}
        finished = False
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    if running and any(deaths[index] for index in (waiting[0], *running.values())):
                        break
                    running[pool.submit(_attempt, function, items[waiting[0]])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield future.result()
                    del running[future]
            finished = True
        except BrokenProcessPool:
            deaths.update(running.values())
            for index in running.values():
                if deaths[index] < ATTEMPTS:
                    waiting.append(index)
                else:
                    yield Done(items[index], error=DIED, died=True)
        finally:
            if not finished:  # broken, interrupted or abandoned: nobody waits for what is under way
                for process in set(multiprocessing.active_children()) - before:
                    process.terminate()
            pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """In a worker: leaves Ctrl-C to the parent, which ends its workers, and never outlives a parent that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_ray(function: Callable[[Item], Value], items: Sequence[Item], workers: int) -> Generator[Done[Item, Value]]:
    """One block and so one task for each item: Ray runs a task again when its process or machine dies."""
    try:
        import ray
        import ray.cloudpickle as pickle
        import ray.data
    except ImportError:
        raise InputError(
            "the engine ray needs Ray; run `pip install 'condfoley[cluster]'`, or use the engine local"
        ) from None
    _join(ray, workers)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # the caller has one
    context.max_errored_blocks = -1  # what cannot be done is missing among the rows
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # which it would tell at length

    def work(row: dict[str, Any]) -> dict[str, Any]:
        made = _attempt(function, pickle.loads(row["item"]))
        return {"index": row["index"], "made": pickle.dumps((made.value, made.error))}

    rows = [{"index": index, "item": pickle.dumps(item)} for index, item in enumerate(items)]
    data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(work, max_retries=ATTEMPTS - 1)
    missing = set(range(len(items)))
    for row in data.iter_rows():
        missing.remove(row["index"])
        value, error = pickle.loads(row["made"])
        yield Done(items[row["index"]], value, error)
    yield from (Done(items[index], error=DIED, died=True) for index in sorted(missing))


def _join(ray: Any, workers: int) -> None:
    """Connects to the cluster there is, or starts Ray here with `workers` CPUs."""
    if ray.is_initialized():
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    _require_answer(os.environ.get("RAY_ADDRESS", ""))
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError:  # no cluster runs here
        ray.init(num_cpus=workers, include_dashboard=False, **quiet)


def _require_answer(address: str) -> None:
    """Raises InputError when nobody listens at HOST:PORT or ray://HOST:PORT; Ray itself would try for minutes."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.port is None:  # none given, or one of Ray's words such as `auto`
        return
    try:
        socket.create_connection((place.hostname, place.port), timeout=10).close()
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at RAY_ADDRESS={address} ({error}); start it or unset RAY_ADDRESS"
        ) from None
