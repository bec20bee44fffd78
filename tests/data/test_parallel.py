"""Every item is done once, whatever happens to the processes that do it."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from condfoley.data.prepare import PrepareOptions, _run_jobs
from condfoley.data.shards import ShardJob, ShardResult
from condfoley.data.simulation.write import SimulateOptions, write_clips
from condfoley.data.sources.listing import Video
from condfoley.errors import InputError
from condfoley.parallel import ATTEMPTS, run

REPOSITORY = Path(__file__).parents[2]


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


@pytest.mark.parametrize("workers", [1, 2])
def test_an_items_error_is_its_own(workers):
    done = sorted(run(halved, [2, 3, 4], workers=workers), key=lambda d: d.item)
    assert [(d.item, d.value) for d in done] == [(2, 1), (3, None), (4, 2)]
    assert [d.error for d in done] == ["", "3 is odd; give an even number", ""]


def test_the_local_pool_gets_over_a_killed_worker(tmp_path):
    done = list(run(partial(killed_once, tmp_path), range(4), workers=2))
    assert sorted((d.item, d.value) for d in done) == [(0, 0), (1, 10), (2, 20), (3, 30)]


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_an_item_that_always_kills_its_worker_is_given_up(engine, two_ray_workers):
    done = {d.item: d for d in run(killed_always, range(3), engine, workers=2)}
    assert done[1].died and str(ATTEMPTS) in done[1].error
    assert {i for i, d in done.items() if not d.died} == {0, 2}


def killed_late(number):
    """1 ends its worker while others are still under way."""
    time.sleep(1.0)
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1.0)
    return number


def test_what_runs_beside_a_killer_is_not_given_up():
    done = {d.item: d for d in run(killed_late, [1, 0], workers=2)}
    assert done[1].died and done[0].value == 0


def made_of(job: ShardJob) -> ShardResult:
    if any(video.name == "bad" for video in job.videos):
        os.kill(os.getpid(), signal.SIGKILL)
    return ShardResult(None, tuple((video.name, "fine") for video in job.videos))


def test_a_video_that_kills_its_worker_is_left_out_and_its_shard_goes_on():
    videos = [Video(name, Path(name), Path(name), "train") for name in ("one", "bad", "two")]
    made = _run_jobs(made_of, [ShardJob(0, tuple(videos))], PrepareOptions(workers=2), quiet=True)
    reasons = dict(pair for shard in made for pair in shard.rejected)
    assert reasons["one"] == reasons["two"] == "fine" and "died" in reasons["bad"]


def test_leaving_early_leaves_no_process_behind():
    import multiprocessing

    before = set(multiprocessing.active_children())
    made = run(halved, range(0, 8, 2), workers=2)
    next(made)
    made.close()
    assert set(multiprocessing.active_children()) == before


def noted(folder: Path, number: int) -> None:
    """Leaves the worker's process id behind, and takes its time."""
    (folder / f"{number}.part").write_text(str(os.getpid()))
    os.replace(folder / f"{number}.part", folder / f"{number}.pid")
    time.sleep(600)


PARENT = """
import sys
from functools import partial
from pathlib import Path
from condfoley.parallel import run
from tests.data.test_parallel import noted
list(run(partial(noted, Path(sys.argv[1])), range(2), workers=2))
"""


def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=REPOSITORY) as parent:
        while len(found := list(tmp_path.glob("*.pid"))) < 2:
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
    workers = [int(path.read_text()) for path in found]
    for _ in range(1000):
        alive = [pid for pid in workers if running(pid)]
        if not alive:
            break
        time.sleep(0.02)
    assert not alive


def running(pid: int) -> bool:
    """Whether a process is there and no zombie, which nobody may have buried yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ray_does_the_same_and_gets_over_a_killed_worker(two_ray_workers, tmp_path):
    done = list(run(partial(killed_once, tmp_path), range(4), engine="ray", workers=2))
    assert sorted((d.item, d.value) for d in done) == [(0, 0), (1, 10), (2, 20), (3, 30)]
    assert (tmp_path / "1").exists()  # it was killed indeed
    errors = {d.item: d.error for d in run(halved, [2, 3], engine="ray", workers=2)}
    assert errors == {2: "", 3: "3 is odd; give an even number"}


def test_simulation_runs_on_ray(two_ray_workers, tmp_path):
    pytest.importorskip("mujoco", reason="simulated clips need MuJoCo")
    recipe = SimulateOptions(out=tmp_path, clips=2, duration=0.5, size=32, engine="ray")
    failures = write_clips(recipe, quiet=True)
    if failures and "without a screen" in failures[0][1]:
        pytest.skip(f"no OpenGL here: {failures[0][1]}")
    assert failures == [] and len(list(tmp_path.glob("*.mp4"))) == 2


def test_a_cluster_that_does_not_answer_is_named_at_once(monkeypatch):
    pytest.importorskip("ray", reason="the engine ray needs Ray (pip install 'condfoley[cluster]')")
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(InputError, match="RAY_ADDRESS=127.0.0.1:9"):
        list(run(halved, [2], engine="ray"))


def test_a_missing_ray_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"condfoley\[cluster\]"):
        list(run(halved, [2], engine="ray"))
