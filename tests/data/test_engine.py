"""Every item is done once, whatever happens to the processes that do it."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from condfoley.data.engine import ATTEMPTS, run
from condfoley.errors import InputError


def halved(number):
    if number % 2:
        raise InputError(f"{number} is odd; give an even number")
    return number // 2


def killed_once(folder: Path, number: int) -> int:
    """Item 1 kills its own worker process the first time."""
    mark = folder / str(number)
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * 10


def killed_always(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.fixture(scope="module")
def two_ray_workers():
    ray = pytest.importorskip("ray", reason="the engine ray needs Ray (pip install 'condfoley[cluster]')")
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}  # the workers import this module's functions
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error", runtime_env=here)
    yield
    ray.shutdown()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_items_error_is_its_own(workers):
    done = sorted(run(halved, [2, 3, 4], workers=workers), key=lambda d: d.item)
    assert [(d.item, d.value) for d in done] == [(2, 1), (3, None), (4, 2)]
    assert [d.error for d in done] == ["", "3 is odd; give an even number", ""]


def test_the_local_pool_gets_over_a_killed_worker(tmp_path):
    done = list(run(partial(killed_once, tmp_path), range(4), workers=2))
    assert sorted((d.item, d.value) for d in done) == [(0, 0), (1, 10), (2, 20), (3, 30)]


def test_an_item_that_always_kills_its_worker_is_given_up():
    done = {d.item: d for d in run(killed_always, range(3), workers=2)}
    assert done[1].died and str(ATTEMPTS) in done[1].error
    assert {i for i, d in done.items() if not d.died} == {0, 2}


def test_leaving_early_leaves_no_process_behind():
    import multiprocessing

    before = set(multiprocessing.active_children())
    made = run(halved, range(0, 8, 2), workers=2)
    next(made)
    made.close()
    assert set(multiprocessing.active_children()) == before


def test_ray_does_the_same_and_gets_over_a_killed_worker(two_ray_workers, tmp_path):
    done = list(run(partial(killed_once, tmp_path), range(4), engine="ray", workers=2))
    assert sorted((d.item, d.value) for d in done) == [(0, 0), (1, 10), (2, 20), (3, 30)]
    assert (tmp_path / "1").exists()  # it was killed indeed
    errors = {d.item: d.error for d in run(halved, [2, 3], engine="ray", workers=2)}
    assert errors == {2: "", 3: "3 is odd; give an even number"}


def test_a_missing_ray_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"condfoley\[cluster\]"):
        list(run(halved, [2], engine="ray"))
