"""Threads of numerical libraries that run in one process."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def single_threaded_blas() -> AbstractContextManager[object]:
    """While it is entered, numpy's matrix products take one thread.

    Those between the networks are small. Two pools of threads, numpy's and the networks', wait for each other otherwise:
    a soundtrack took a third longer.
    """
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited
