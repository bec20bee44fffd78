"""Several processes, accumulated parts and one process take the same steps."""

import os
import shutil
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from condfoley.errors import InputError
from condfoley.training import run
from condfoley.training.loaders import iterate_batches
from condfoley.training.run import main
from tests.training.toy import LOSSES, config, logged

ROOT = Path(__file__).parents[2]
STEPS = 3


def settings(stage, clips, home, name, **changes):
    """Without the discriminator's BatchNorm, whose statistics are each process's own on a CPU."""
    loss = LOSSES[stage]
    if stage == "tokenizer":
        loss = type(loss)(perceptual=0, adversarial=0, codebook_update="ema")
    common = dict(out=str(home / name), weights=str(home / f"weights-{name}"), steps=STEPS, batch_size=4, loss=loss)
    return config(stage, clips, home, **(common | dict(evaluate_every=100, checkpoint_every=100) | changes))


def networks(run: Path) -> dict[str, torch.Tensor]:
    (last,) = (run / "checkpoints").iterdir()
    return {f"{p.name}/{k}": v for p in sorted(last.glob("model*.safetensors")) for k, v in load_file(p).items()}


def metrics(run: Path) -> list[dict[str, float]]:
    import json

    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines() if "val/" not in line]


def assert_the_same(one: Path, other: Path) -> None:
    for a, b in zip(metrics(one), metrics(other), strict=True):
        assert a == pytest.approx(b, rel=1e-3, abs=1e-5)
    a, b = networks(one), networks(other)
    assert a.keys() == b.keys()
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-2, atol=2e-4, msg=lambda text, k=key: f"{k}: {text}")


WORKER = """
import sys
from pathlib import Path
from condfoley.training.run import main
from tests.training.test_processes import STEPS, settings, shard_on_the_cpu
clips, home, kind = *map(Path, sys.argv[1:3]), sys.argv[3]
changes = {"checkpoint_every": 1, "keep": STEPS} if kind == "sharded" else {}
if kind == "sharded":
    shard_on_the_cpu()
for stage in sys.argv[4:]:
    weights = {} if stage == "tokenizer" else {"weights": str(home / "weights")}
    main(settings(stage, clips, home, f"two-{stage}", **weights, **changes))
"""
SHARDED = {  # what `accelerate launch` makes of configs/paper/fsdp.yaml
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "GPT2Block",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
}


def shard_on_the_cpu() -> None:
    """accelerate shards on accelerators only, torch on CPUs too: what accelerate does there it does here."""
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedType

    begin, plugins = AcceleratorState.__init__, []

    def sharded(self, *words, **settings):
        begin(self, *words, **settings)
        plugins.extend(filter(None, [settings.get("fsdp_plugin")]))
        if self.distributed_type == DistributedType.MULTI_CPU and plugins:
            self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, plugins[-1]

    AcceleratorState.__init__ = sharded


def in_two_processes(clips: Path, home: Path, kind: str, *stages: str) -> None:
    """Trains the stages in two processes over gloo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers, told = [], [home / f"stderr-{kind}-{rank}.txt" for rank in range(2)]
    for rank in range(2):
        ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
        environment = os.environ | {k: str(v) for k, v in ranks.items()} | {"MASTER_ADDR": "127.0.0.1"}
        environment |= {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"} | (SHARDED if kind == "sharded" else {})
        words = [sys.executable, "-c", WORKER, str(clips), str(home), kind, *stages]
        with told[rank].open("w") as stderr:  # a pipe that is read after the other's may be full, and both wait
            workers.append(subprocess.Popen(words, cwd=ROOT, env=environment, stderr=stderr))
    try:
        while None in (codes := [worker.poll() for worker in workers]) and not any(codes):
            time.sleep(0.1)
    finally:
        for worker in workers:  # one of which the other has failed waits for it
            worker.kill()
            worker.wait()
    assert codes == [0, 0], [path.read_text() for path in told]


def test_two_processes_take_the_steps_of_one(clips, copied):
    """DDP over gloo: a network with a moving codebook, one with two optimisers, and the transformer."""
    stages = ("tokenizer", "vocoder", "transformer")
    in_two_processes(clips, copied, "whole", *stages)
    for stage in stages:
        weights = {} if stage == "tokenizer" else {"weights": str(copied / "weights")}
        main(settings(stage, clips, copied, f"one-{stage}", **weights))
        assert_the_same(copied / f"one-{stage}", copied / f"two-{stage}")
        assert logged(copied / f"two-{stage}") == logged(copied / f"one-{stage}")


def test_sharded_processes_take_the_steps_of_one_and_resume(clips, copied):
    """FSDP over gloo: parameters, gradients, Adam's state and checkpoints in two halves."""
    shutil.copytree(copied / "weights", copied / "kept")
    main(settings("transformer", clips, copied, "one-transformer", weights=str(copied / "kept")))
    one = load_file(copied / "kept" / "transformer.safetensors")
    for _ in ("from the start", "from the checkpoint before the last"):
        in_two_processes(clips, copied, "sharded", "transformer")
        *_, before, last = sorted((copied / "two-transformer" / "checkpoints").iterdir())
        assert len(list((last / "optimizer_0").glob("*.distcp"))) == 2 and before.name == f"step-{STEPS - 1:06d}"
        for a, b in zip(metrics(copied / "one-transformer"), metrics(copied / "two-transformer"), strict=True):
            assert a == pytest.approx(b, rel=1e-3, abs=1e-5)
        two = load_file(copied / "weights" / "transformer.safetensors")
        for key in one:
            torch.testing.assert_close(two[key], one[key], rtol=1e-2, atol=1e-3)
        (copied / "weights" / "transformer.safetensors").unlink()
        shutil.rmtree(last)


@pytest.mark.parametrize("stage", ["vocoder", "transformer"])
def test_an_accumulated_batch_is_the_whole_batch(clips, copied, stage):
    for name, parts in (("whole", 1), ("parts", 2)):
        main(settings(stage, clips, copied, name, weights=str(copied / "weights"), accumulate=parts))
    assert_the_same(copied / "whole", copied / "parts")


def test_the_others_wait_for_the_first_to_fill_the_cache(clips, tmp_path):
    accelerator = run.make_accelerator(config("tokenizer", clips, tmp_path))
    assert accelerator.init_handler.timeout >= timedelta(days=7)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_drawn_batches_are_pinned_for_the_gpu(clips, tmp_path):
    settings = config("tokenizer", clips, tmp_path, device="auto")
    settings.data.loaders = 1
    batch = next(iterate_batches(run.build(settings), 0))
    assert all(tensor.is_pinned() for tensor in batch.tensors)
    assert all(tensor.is_cuda for tensor in batch.to(torch.device("cuda")).tensors)


def test_a_batch_that_cannot_be_shared_is_refused(clips, tmp_path):
    with pytest.raises(InputError, match="batch_size=3 cannot be shared .* give a multiple of 2"):
        main(config("tokenizer", clips, tmp_path, batch_size=3, accumulate=2))


def test_bf16_trains_and_fp16_without_a_gpu_is_refused(clips, tmp_path):
    main(config("video", clips, tmp_path, steps=2, precision="bf16"))
    assert all(v.dtype == torch.float32 for v in networks(tmp_path / "video").values() if v.is_floating_point())
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="precision=fp16 does not work here"):
            main(config("tokenizer", clips, tmp_path, precision="fp16"))


@pytest.mark.parametrize(("has_it", "chosen"), [(True, "bf16"), (False, "no")])
def test_bf16_is_chosen_where_the_processor_has_it(clips, tmp_path, monkeypatch, capsys, has_it, chosen):
    monkeypatch.setattr(run, "has_bf16", lambda device: has_it)
    given = {
        x: run.mixed_precision(config("video", clips, tmp_path, precision=x, device="cpu")) for x in ("auto", "fp32")
    }
    assert given == {"auto": chosen, "fp32": "no"} and not capsys.readouterr().err
    assert run.mixed_precision(config("video", clips, tmp_path, precision="bf16", device="cpu")) == "bf16"
    assert ("precision=auto" in capsys.readouterr().err) is not has_it
    assert (
        run.make_accelerator(config("video", clips, tmp_path, precision="auto", device="cpu")).mixed_precision == chosen
    )
