"""The log of a run: metrics.jsonl, curves.png, lines on stderr and, optionally, Weights & Biases."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from condfoley.errors import require_extra
from condfoley.files import make_folder, open_atomic, write_json
from condfoley.training.config import TrainConfig
from condfoley.training.plots import draw_curves

WANDB_TIMEOUT = 60.0  # s to wait for Weights & Biases


class Log(contextlib.AbstractContextManager["Log"]):
    """The log of one run. latest: the newest value of each metric."""

    def __init__(self, config: TrainConfig, start: int, main: bool = True):
        """start: steps already done. main: False in processes that write nothing and only update `latest`."""
        run = Path(config.out)
        self.path, self.config, self.start, self.main = run / "metrics.jsonl", config, start, main
        self.started = time.monotonic()
        self.latest: dict[str, float] = {}
        self.wandb: Any = None
        if main:
            make_folder(run)
            self._truncate_after(start)
            write_json(run / "config.json", dataclasses.asdict(config))
            self.wandb = _start_wandb(config)

    def _truncate_after(self, step: int) -> None:
        """Removes lines after the checkpoint, and an incomplete line: a resumed run writes these steps again."""
        rows = []
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []:
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
        rows = [row for row in rows if row["step"] <= step]
        for row in rows:
            self.latest.update({k: v for k, v in row.items() if k != "step"})
        with open_atomic(self.path) as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows).encode())

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Writes one line of metrics at a step."""
        self.latest.update(metrics)
        if not self.main:
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
        seconds = (time.monotonic() - self.started) / max(1, step - self.start)
        left = seconds * (self.config.steps - step)
        shown = " ".join(f"{k} {v:.4g}" for k, v in metrics.items())
        print(
            f"{self.config.stage} {step}/{self.config.steps} {seconds:.2f} s/step {left / 60:.0f} min left  {shown}",
            file=sys.stderr,
            flush=True,
        )
        if self.wandb is not None:
            self.wandb.log(metrics, step=step)
        if any(k.startswith("val/") for k in metrics):
            draw_curves(self.path, self.path.with_name("curves.png"))

    def __exit__(self, *error: object) -> None:
        if self.wandb is not None:
            self.wandb.finish(exit_code=int(error[0] is not None))


def _start_wandb(config: TrainConfig) -> Any:
    """Starts a run of Weights & Biases, or returns None. Never prompts; logs offline when it cannot connect."""
    if config.wandb == "disabled":
        return None
    require_extra("train", "logging to Weights & Biases", ("wandb",), "set wandb=disabled")
    import wandb

    run: dict[str, Any] = {
        "project": config.wandb_project,
        "name": f"{config.stage} {Path(config.out).name}",
        "dir": config.out,
        "config": dataclasses.asdict(config),
    }
    if config.wandb == "online":
        why = "no API key (WANDB_API_KEY or `wandb login`)"
        try:
            if wandb.login(prompt=False):
                return wandb.init(mode="online", settings=wandb.Settings(init_timeout=WANDB_TIMEOUT), **run)
        except wandb.errors.Error as error:  # a wrong key, no network, a server that does not answer
            why = str(error).splitlines()[0]
        print(
            f"condfoley: Weights & Biases: {why}: logging offline; "
            f"`wandb sync {config.out}/wandb/offline-run-*` uploads it later",
            file=sys.stderr,
        )
    return wandb.init(mode="offline", **run)
