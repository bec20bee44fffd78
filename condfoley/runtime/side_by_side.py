"""Calls that run at the same time, in threads of this process: numpy and the networks compute outside of Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Value = TypeVar("Value")

MOST = 8  # calls at the same time: each has arrays of its own in memory


def each(function: Callable[[Item], Value], items: Iterable[Item], workers: int) -> list[Value]:
    """The function's values for all items, in their order. workers: calls at the same time; 1: no threads are used.

    After an error the calls that have not begun are left out, and it is raised.
    """
    queue = list(items)
    if min(workers, len(queue)) <= 1:
        return [function(item) for item in queue]
    with ThreadPoolExecutor(min(workers, len(queue))) as pool:
        calls = [pool.submit(function, item) for item in queue]
        try:
            return [call.result() for call in calls]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def blocks(windows: int, candidates: int, workers: int) -> list[np.ndarray]:
    """The rows of some windows, each with all candidates, in blocks to be computed side by side.

    Each block has the same candidates of its windows: indices of rows (windows, candidates). Windows are divided among
    the workers where that comes out even, since all of one share their beginning; else the candidates are.
    """
    rows = np.arange(windows * candidates).reshape(windows, candidates)
    whole = windows % workers == 0
    return np.array_split(rows, workers if whole else min(workers, candidates), axis=0 if whole else 1)
