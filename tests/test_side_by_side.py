"""Calls in threads: values in order, errors raised; rows divided into blocks."""

import threading

import numpy as np
import pytest

from condfoley.runtime.side_by_side import blocks, each


@pytest.mark.parametrize("workers", [1, 3])
def test_values_come_in_the_order_of_the_items(workers):
    assert each(lambda x: x * x, range(7), workers) == [x * x for x in range(7)]
    assert each(str, [], workers) == []


def test_calls_run_at_the_same_time():
    together = threading.Barrier(3, timeout=60)
    each(lambda item: together.wait(), range(3), 3)  # each waits for the two others


def test_one_worker_stays_in_this_thread():
    assert set(each(lambda item: threading.get_ident(), range(3), 1)) == {threading.get_ident()}


@pytest.mark.parametrize("workers", [1, 2])
def test_after_an_error_the_rest_is_left_out(workers):
    begun = []

    def fail(item):
        begun.append(item)
        raise ValueError(str(item))

    with pytest.raises(ValueError, match="0"):
        each(fail, range(1000), workers)
    assert len(begun) < 1000


@pytest.mark.parametrize(("windows", "candidates", "workers"), [(4, 8, 2), (3, 8, 2), (1, 1, 2), (1, 2, 8), (6, 1, 4)])
def test_blocks_hold_each_row_once_and_whole_candidates(windows, candidates, workers):
    made = blocks(windows, candidates, workers)
    assert sorted(np.concatenate([block.ravel() for block in made])) == list(range(windows * candidates))
    assert 1 <= len(made) <= workers and all(block.size for block in made)
    for block in made:
        assert (np.diff(block // candidates, axis=1) == 0).all()  # a line of rows is of one window
        assert (np.diff(block % candidates, axis=0) == 0).all()  # with the same candidates for all
