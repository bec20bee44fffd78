"""Checkpoints: all state that the next step depends on, written atomically; the last few are kept.

Random streams are derived from (seed, step, position in the batch), so that only the number of steps is stored of them.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch

from condfoley.errors import InputError
from condfoley.lineage import lineage, require_lineage
from condfoley.training.config import TrainConfig
from condfoley.training.resume_settings import decisive_settings, require_same_settings
from condfoley.training.stage import Stage
from condfoley.weights import sha256

META = "meta.json"
CHECKPOINTS = "checkpoints"  # subfolder of the run's folder
SCRATCH = ".tmp"  # suffix of incomplete checkpoints
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL_MESSAGES = (
    "No space left",
    "quota exceeded",
    "iostream",
    "file write failed",
)  # of safetensors, then of torch


class Checkpoints:
    """The checkpoints of a run: folders `step-NNNNNN` as written by accelerate (networks, optimisers, scaler)."""

    def __init__(self, stage: Stage, folder: Path):
        """folder: of this run's checkpoints; created when the first one is written."""
        self.stage, self.folder = stage, folder

    def all(self) -> list[Path]:
        """All complete checkpoints, oldest first."""
        return list_checkpoints(self.folder)

    def clear(self) -> None:
        """Removes all checkpoints."""
        if self.stage.accelerator.is_main_process:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.stage.accelerator.wait_for_everyone()

    def save(self, step: int) -> None:
        """Writes the state after `step` steps. If this fails, the earlier checkpoints are unchanged."""
        a, final = self.stage.accelerator, self.folder / f"step-{step:06d}"
        scratch = final.with_suffix(SCRATCH)
        try:
            if a.is_main_process:
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir(parents=True)
            a.wait_for_everyone()
            a.save_state(str(scratch))
            a.wait_for_everyone()  # each process writes its own files
            if a.is_main_process:
                config = self.stage.config
                meta: dict[str, Any] = {"step": step, "stage": config.stage, "trained_with": self._lineage()}
                meta |= {"settings": decisive_settings(config), "sha256": hashes(scratch)}
                (scratch / META).write_text(json.dumps(meta) + "\n", encoding="utf-8")
                shutil.rmtree(final, ignore_errors=True)
                os.replace(scratch, final)
                self._prune()
        except Exception:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        a.wait_for_everyone()

    def describe_latest(self) -> str:
        """The checkpoint from which the run can be resumed, in words for messages."""
        found = self.all()
        return f"the checkpoint of step {_step(found[-1])} is kept" if found else "there is no checkpoint yet"

    def resume(self) -> int:
        """Loads the newest checkpoint, if there is one; returns the number of steps done.

        Raises InputError when it does not fit the networks or was trained with other earlier parts; see also
        `require_same_run`, which needs no networks.
        """
        if self.stage.accelerator.is_main_process:
            for torn in self.folder.glob(f"*{SCRATCH}"):  # left by a killed run
                shutil.rmtree(torn)
        found = self.all()
        if not found:
            return 0
        newest, config = found[-1], self.stage.config
        advice = "set resume=false or give another out folder"
        try:
            meta = json.loads((newest / META).read_text(encoding="utf-8"))
            require_hashes(newest, meta.get("sha256", {}))
            if meta["trained_with"]:
                require_lineage(meta["trained_with"], Path(config.weights), self.stage.part)
            require_data_only(newest)
            self.stage.accelerator.load_state(str(newest))
        except InputError:
            raise
        except Exception as error:  # files that do not fit cause various exceptions
            raise InputError(f"cannot resume from {newest}: {_cause(error)}; {advice}") from error
        return int(meta["step"])

    def _lineage(self) -> dict[str, str]:
        weights = Path(self.stage.config.weights)
        return lineage(weights, self.stage.part) if (weights / "card.json").exists() else {}

    def _prune(self) -> None:
        for old in self.all()[: -self.stage.config.keep]:
            leaving = old.with_suffix(SCRATCH)  # a partly deleted folder must not look like a checkpoint
            os.replace(old, leaving)
            shutil.rmtree(leaving)


def hashes(checkpoint: Path) -> dict[str, str]:
    """SHA-256 of each file of a checkpoint, by its path in it; but for random streams of processes, on which nothing depends."""
    files = (path for path in sorted(checkpoint.rglob("*")) if path.is_file() and not path.match("random_states_*"))
    return {path.relative_to(checkpoint).as_posix(): sha256(path) for path in files}


def require_hashes(checkpoint: Path, known: dict[str, str]) -> None:
    """Raises InputError for a file that is not as it was written. known: see `hashes`; {} for checkpoints without a record."""
    for name, digest in known.items():
        path = checkpoint / name
        if not path.is_file() or sha256(path) != digest:
            raise InputError(
                f"cannot resume from {path}: it is damaged; remove {checkpoint} to go on from the checkpoint before it, "
                "or set resume=false"
            )


def require_data_only(checkpoint: Path) -> None:
    """Raises pickle.UnpicklingError where a checkpoint holds more than tensors and plain values.

    accelerate reads all files of a checkpoint so (weights_only) but those of registered objects, which could run code.
    """
    for path in checkpoint.glob("custom_checkpoint_*.pkl"):
        torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))


def list_checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints in a folder, oldest first."""
    return sorted((p for p in folder.glob("step-*") if p.suffix != SCRATCH), key=_step)


def require_same_run(config: TrainConfig, restart_hint: str = "set resume=false") -> None:
    """Checks, before anything is built, that the run in `config.out` can be resumed with these settings.

    Raises InputError when its newest checkpoint is of another stage or has other decisive settings (see
    `resume_settings`); checkpoints without a record of them are accepted. restart_hint: how to start the run again
    from the beginning, for the message.
    """
    if not (checkpoints := list_checkpoints(Path(config.out) / CHECKPOINTS)):
        return
    try:
        meta = json.loads((checkpoints[-1] / META).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # `Checkpoints.resume` reports it
        return
    if (stage := meta.get("stage", config.stage)) != config.stage:
        raise InputError(f"{checkpoints[-1]} is of stage {stage}, not {config.stage}; give another out folder")
    require_same_settings(meta.get("settings", {}), config, restart_hint)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def disk_is_full(error: BaseException) -> bool:
    """Whether an error, or one in its chain of causes, means that the disk or the quota is full."""
    link: BaseException | None = error
    while link is not None:
        if (
            isinstance(link, OSError)
            and link.errno in DISK_FULL_ERRNOS
            or any(text in str(link) for text in DISK_FULL_MESSAGES)
        ):
            return True
        link = link.__cause__ or link.__context__
    return False


def _cause(error: BaseException) -> str:
    """The first line of an error's message, or its type."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
