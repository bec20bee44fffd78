"""A run that was stopped, however, leaves no trace in what it makes; checkpoints survive a full disk."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from condfoley.errors import InputError
from condfoley.sizes import VocoderConfig
from condfoley.training.checkpoint import Checkpoints
from condfoley.training.config import TrainConfig
from condfoley.training.run import main
from tests.tiny import GEOMETRY, TOKENIZER
from tests.training.toy import config, logged

STEPS = 12
PROCESSES = multiprocessing.get_context("forkserver")  # a fresh process without a fresh import of torch
PROCESSES.set_forkserver_preload(["condfoley.training.run", "condfoley.training.stages.tokenizer", "transformers"])


def state(settings: TrainConfig) -> dict[str, bytes]:
    """Every file of the last checkpoint and of the exported weights (not the card), but for streams nobody reads."""
    (*_, last) = sorted((Path(settings.out) / "checkpoints").iterdir())
    files = [p for p in last.iterdir() if not p.name.startswith("random_states")]
    files += Path(settings.weights).glob("*.safetensors")
    return {p.name: p.read_bytes() for p in files}


def kill_at(settings: TrainConfig, step: int) -> None:
    """Starts or resumes a run in its own process, and kills it once its log has reached a step."""
    process = PROCESSES.Process(target=main, args=(settings,))
    process.start()
    reached = b'"step": %d,' % step
    log = Path(settings.out) / "metrics.jsonl"
    while process.is_alive() and not (log.exists() and reached in log.read_bytes()):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_a_run_killed_at_five_points_is_the_same_to_the_bit(clips, tmp_path):
    """Two optimisers, moving averages of codebook and weights, a schedule: all must come back."""
    often = dict(steps=STEPS, checkpoint_every=1, evaluate_every=100, ema=0.9, warmup=3)
    whole, killed = (config("tokenizer", clips, tmp_path / name, **often) for name in ("whole", "killed"))
    main(whole)
    points = sorted(random.sample(range(1, STEPS), 5))
    for point in points:
        kill_at(killed, point)
    main(killed)
    expected, found = state(whole), state(killed)
    assert expected.keys() == found.keys() and "optimizer_1.bin" in expected
    assert [name for name in expected if expected[name] != found[name]] == [], f"killed at {points}"
    assert logged(Path(whole.out)) == logged(Path(killed.out))


@pytest.mark.parametrize(
    "stage", ["vocoder", "video", "transformer", "flow", "sync", "events", "contact", "bind", "judges"]
)
def test_a_resumed_run_is_the_same_to_the_bit(copied, clips, stage):
    """Whoever draws its batches."""
    changes = dict(schedule="constant", steps=3, evaluate_every=100)
    whole = config(stage, clips, copied, out=str(copied / "whole"), **changes)
    parts = config(stage, clips, copied, out=str(copied / "parts"), **changes)
    parts.data.loaders = 2
    main(whole)
    expected = state(whole)
    main(replace(parts, steps=2))
    with open(Path(parts.out) / "metrics.jsonl", "a") as file:
        file.write('{"step": 3, "made_up": 0}\n{"step": ')  # after the checkpoint, and cut off
    main(parts)
    found = state(parts)
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    assert sorted(set(logged(Path(parts.out)))) == sorted(set(logged(Path(whole.out)))) == [1, 2, 3]
    assert logged(Path(parts.out)).count(3) == logged(Path(whole.out)).count(3)


def test_a_finished_run_that_was_killed_before_it_wrote_its_part_writes_it(clips, tmp_path):
    settings = config("tokenizer", clips, tmp_path, steps=1)
    main(settings)
    written = tmp_path / "weights" / "tokenizer.safetensors"
    before = written.read_bytes()
    written.unlink()
    main(settings)
    assert written.read_bytes() == before


def test_the_last_checkpoints_are_kept(clips, tmp_path):
    main(config("tokenizer", clips, tmp_path, steps=5, checkpoint_every=1, keep=3, evaluate_every=100))
    kept = sorted(p.name for p in (tmp_path / "tokenizer" / "checkpoints").iterdir())
    assert kept == ["step-000003", "step-000004", "step-000005"]


def test_checkpoints_are_in_the_order_of_their_steps(tmp_path):
    for step in (1_000_200, 999_800, 1_000_000):
        (tmp_path / f"step-{step:06d}").mkdir()
    checkpoints = Checkpoints(SimpleNamespace(config=SimpleNamespace(keep=2)), tmp_path)
    assert [p.name for p in checkpoints.all()] == ["step-999800", "step-1000000", "step-1000200"]
    assert "step 1000200 is kept" in checkpoints.describe_latest()


def test_fewer_steps_than_were_taken_are_refused(clips, tmp_path):
    main(config("tokenizer", clips, tmp_path, steps=2))
    with pytest.raises(InputError, match="has taken 2 steps, not 1; give more steps, or another out folder"):
        main(config("tokenizer", clips, tmp_path, steps=1))


def by_python(state, path, **options):
    with open("/dev/full", "wb") as file:
        file.write(bytes(2**20))


def by_torch(state, path, **options):
    torch.save({"a": torch.zeros(2**20)}, "/dev/full")


@pytest.mark.parametrize("to_a_full_device", [by_python, by_torch])
def test_a_full_disk_leaves_the_checkpoint_before(clips, tmp_path, monkeypatch, to_a_full_device):
    import accelerate.checkpointing

    settings = config("tokenizer", clips, tmp_path, steps=2, checkpoint_every=1)
    main(settings)
    with monkeypatch.context() as patch:
        patch.setattr(accelerate.checkpointing, "save", to_a_full_device)
        with pytest.raises(InputError, match="no space left on the device of .* step 2 is kept: make room"):
            main(config("tokenizer", clips, tmp_path, steps=4, checkpoint_every=1))
    checkpoints = tmp_path / "tokenizer" / "checkpoints"
    assert sorted(p.name for p in checkpoints.iterdir()) == ["step-000001", "step-000002"]
    main(config("tokenizer", clips, tmp_path, steps=3))  # and goes on
    assert logged(tmp_path / "tokenizer")[-1] == 3


def test_what_else_stops_a_checkpoint_is_not_taken_for_a_full_disk(clips, tmp_path, monkeypatch):
    import accelerate.checkpointing

    def broken(state, path, **options):
        raise RuntimeError("of another kind")

    settings = config("tokenizer", clips, tmp_path, steps=1)
    monkeypatch.setattr(accelerate.checkpointing, "save", broken)
    with pytest.raises(RuntimeError, match="of another kind"):
        main(settings)
    assert not list((tmp_path / "tokenizer" / "checkpoints").iterdir())


def test_a_full_disk_beside_the_checkpoints_stops_the_run_as_clearly(clips, tmp_path):
    settings = config("tokenizer", clips, tmp_path, steps=2, checkpoint_every=1, evaluate_every=2)
    run = Path(settings.out)
    run.mkdir()
    (run / "curves.png").symlink_to("/dev/full")
    with pytest.raises(InputError, match=f"no space left on the device of {run} .*step 1 is kept: make room"):
        main(settings)
    (run / "curves.png").unlink()
    main(settings)
    assert sorted(set(logged(run))) == [1, 2]
    assert (run / "curves.png").stat().st_size > 1000


def test_a_fresh_start_forgets_the_old_checkpoints(clips, tmp_path):
    main(config("tokenizer", clips, tmp_path, steps=3))
    main(config("tokenizer", clips, tmp_path, steps=1, resume=False))
    assert [p.name for p in (tmp_path / "tokenizer" / "checkpoints").iterdir()] == ["step-000001"]


@pytest.fixture(scope="module")
def started(clips, tmp_path_factory) -> TrainConfig:
    """A run that has taken a step; resume a copy of it only."""
    settings = config("tokenizer", clips, tmp_path_factory.mktemp("started"), steps=1)
    main(settings)
    return settings


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (dict(lr=0.0), "lr=0.0003, now 0.0; give the earlier value"),
        (dict(lr=0.0, seed=1), "lr=0.0003, now 0.0, seed=0, now 1; give the earlier values"),
        (dict(window=30), "window=0, now 30"),
        (dict(batch_size=4), "batch_size=2, now 4"),
        (dict(betas=(0.8, 0.9)), r"betas=\[0.9, 0.95\], now \[0.8, 0.9\]"),
        (dict(geometry=replace(GEOMETRY, fps=30.0)), "geometry.fps=15.0, now 30.0"),
        (dict(tokenizer=replace(TOKENIZER, z_channels=16)), "tokenizer.z_channels=8, now 16"),
        (dict(init="elsewhere"), "init=null, now elsewhere"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_run_is_not_resumed_with_other_settings(started, changes, told):
    before = {
        p: p.read_bytes() for place in (started.out, started.weights) for p in Path(place).rglob("*") if p.is_file()
    }
    with pytest.raises(
        InputError, match=f"started with {told}.* to resume it, set resume=false to start again, or .* out"
    ):
        main(replace(started, **changes))
    assert {p: p.read_bytes() for p in before} == before


def test_a_run_is_not_resumed_with_other_clips_which_are_not_decoded(started, clips, tmp_path):
    other = shutil.copytree(clips, tmp_path / "other", ignore=shutil.ignore_patterns(".cache"))
    with pytest.raises(InputError, match=f"data.folder={clips}, now {other}"):
        main(replace(started, data=replace(started.data, folder=str(other))))
    assert not (other / ".cache").exists()
    main(replace(started, data=replace(started.data, folder=str(other)), out=str(tmp_path / "new"), dry_run=True))


def test_a_run_is_resumed_for_longer_elsewhere_and_on_another_machine(started, clips, tmp_path, monkeypatch):
    for place in ("out", "weights"):
        shutil.copytree(getattr(started, place), tmp_path / place)
    monkeypatch.chdir(clips.parent)
    data = replace(started.data, folder=clips.name, cache=str(tmp_path / "cache"), workers=2)
    moved = dict(out=str(tmp_path / "out"), weights=str(tmp_path / "weights"), data=data, vocoder=VocoderConfig())
    rhythm = dict(steps=2, log_every=2, evaluate_every=1, checkpoint_every=1, keep=1, accumulate=2, threads=0)
    main(replace(started, **moved, **rhythm))
    assert logged(tmp_path / "out")[-1] == 2


@pytest.mark.parametrize("known", [{}, {"settings": {"lr": 3e-4, "of_another_version": 1}}])
def test_a_checkpoint_of_an_earlier_version_is_resumed(started, tmp_path, known):
    for place in ("out", "weights"):
        shutil.copytree(getattr(started, place), tmp_path / place)
    meta = tmp_path / "out" / "checkpoints" / "step-000001" / "meta.json"
    written = json.loads(meta.read_text())
    del written["settings"]
    meta.write_text(json.dumps(written | known))
    main(replace(started, out=str(tmp_path / "out"), weights=str(tmp_path / "weights"), steps=2, seed=1))
    assert logged(tmp_path / "out")[-1] == 2


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.bin"])
def test_one_bit_of_a_checkpoint_that_has_turned_is_told(file, started, tmp_path):
    """It would be read without complaint, and spoil the training at some later step."""
    shutil.copytree(started.out, tmp_path / "out")
    path = tmp_path / "out" / "checkpoints" / "step-000001" / file
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x40
    path.write_bytes(content)
    again = replace(started, out=str(tmp_path / "out"), weights=str(tmp_path / "weights"), steps=2)
    with pytest.raises(
        InputError, match=f"{file}: it is damaged; remove .*step-000001 to go on from the checkpoint before"
    ):
        main(again)
    path.unlink()
    with pytest.raises(InputError, match=f"{file}: it is damaged"):
        main(again)


def test_a_checkpoint_that_does_not_fit_says_what_to_do(started, tmp_path):
    shutil.copytree(started.out, tmp_path / "out")
    checkpoint = tmp_path / "out" / "checkpoints" / "step-000001"
    state, meta = checkpoint / "model.safetensors", checkpoint / "meta.json"
    state.write_bytes(state.read_bytes()[:100])
    for known in (True, False):  # whether hashes are recorded, which older checkpoints lack
        if not known:
            meta.write_text(json.dumps({k: v for k, v in json.loads(meta.read_text()).items() if k != "sha256"}))
        with pytest.raises(InputError, match="cannot resume from .*resume=false"):
            main(replace(started, out=str(tmp_path / "out")))
