"""Background work: once for each key, in turns between owners, and one that fails ends no other."""

import threading
import time

from condfoley.errors import InputError, UnwritableError
from condfoley.studio.background import Background


def ended(background, key):
    end = time.monotonic() + 10
    while (state := background.ask("", key, lambda: None))[0] == "running":
        assert time.monotonic() < end
        time.sleep(0.005)
    return state


def test_owners_take_turns():
    background, go, order = Background(1), threading.Event(), []
    background.ask("first", "wait", go.wait)
    for owner, name in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")):
        background.ask(owner, name, lambda name=name: order.append(name))
    go.set()
    for name in ("a3", "b2"):
        ended(background, name)
    background.close()
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_task_is_done_once_and_a_failure_is_kept():
    background, done = Background(), []

    def fail():
        done.append(1)
        raise InputError("no way")

    def break_down():
        raise KeyError("x")

    assert background.ask("a", "fails", fail)[0] == "running"
    assert ended(background, "fails") == ("failed", "no way") == background.ask("a", "fails", fail)
    background.ask("a", "breaks", break_down)
    assert ended(background, "breaks")[1].startswith("internal error, ") and done == [1]

    def fill_up():
        raise UnwritableError("index.npz: cannot be written (no room); make room")

    background.ask("a", "fills", fill_up)
    assert ended(background, "fills") == ("failed", "index.npz: cannot be written (no room); make room")
    background.ask("a", "works", lambda: done.append(2))
    assert ended(background, "works") == ("done", "") and done == [1, 2]
    background.close()


def test_closing_does_not_wait_for_what_is_not_begun():
    background, go, done = Background(1), threading.Event(), []
    background.ask("a", "wait", go.wait)
    background.ask("a", "never", lambda: done.append(1))
    threading.Timer(0.05, go.set).start()
    background.close()
    assert done == []
