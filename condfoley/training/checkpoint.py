"""Checkpoints: everything that the next step depends on, written atomically, the last few kept.

Random streams are drawn from (seed, step, place in the batch), so the number of steps done is all that is kept of them.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

from condfoley.errors import InputError
from condfoley.lineage import lineage, require_lineage
from condfoley.training.config import TrainConfig
from condfoley.training.same_run import deciding, require_same
from condfoley.training.stage import Stage

META = "meta.json"
CHECKPOINTS = "checkpoints"  # in the run's folder
SCRATCH = ".tmp"
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_IN_WORDS = ("No space left", "quota exceeded", "iostream", "file write failed")  # of safetensors, then of torch


class Checkpoints:
    """The checkpoints of a run, each a folder `step-NNNNNN` as accelerate writes it (networks, optimisers, scaler)."""

    def __init__(self, stage: Stage, folder: Path):
        """folder: of this run's checkpoints; made when the first one is written."""
        self.stage, self.folder = stage, folder

    def present(self) -> list[Path]:
        """The whole ones, oldest first."""
        return present(self.folder)

    def clear(self) -> None:
        """Removes those of an earlier run."""
        if self.stage.accelerator.is_main_process:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.stage.accelerator.wait_for_everyone()

    def save(self, step: int) -> None:
        """Writes the state after `step` steps. When it cannot be written, the earlier checkpoints are as they were."""
        a, final = self.stage.accelerator, self.folder / f"step-{step:06d}"
        scratch = final.with_suffix(SCRATCH)
        try:
            if a.is_main_process:
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir(parents=True)
            a.wait_for_everyone()
            a.save_state(str(scratch))
            a.wait_for_everyone()  # each process writes files of its own
            if a.is_main_process:
                config = self.stage.config
                meta = {"step": step, "stage": config.stage, "trained_with": self._lineage()}
                meta["settings"] = deciding(config)
                (scratch / META).write_text(json.dumps(meta) + "\n", encoding="utf-8")
                shutil.rmtree(final, ignore_errors=True)
                os.replace(scratch, final)
                self._prune()
        except Exception:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        a.wait_for_everyone()

    def kept(self) -> str:
        """What there is to go on from, in words."""
        found = self.present()
        return f"the checkpoint of step {_step(found[-1])} is kept" if found else "there is no checkpoint yet"

    def resume(self) -> int:
        """Loads the newest checkpoint, if any; returns the number of steps done.

        Raises InputError when it does not fit the networks or was trained with other earlier parts; see also
        `require_same_run`, which needs no networks.
        """
        if self.stage.accelerator.is_main_process:
            for torn in self.folder.glob(f"*{SCRATCH}"):  # a killed run's
                shutil.rmtree(torn)
        found = self.present()
        if not found:
            return 0
        newest, config = found[-1], self.stage.config
        advice = "set resume=false or give another out folder"
        try:
            meta = json.loads((newest / META).read_text(encoding="utf-8"))
            if meta["trained_with"]:
                require_lineage(meta["trained_with"], Path(config.weights), self.stage.part)
            self.stage.accelerator.load_state(str(newest))
        except InputError:
            raise
        except Exception as error:  # many kinds for files that do not fit
            raise InputError(f"cannot resume from {newest}: {_cause(error)}; {advice}") from error
        return int(meta["step"])

    def _lineage(self) -> dict[str, str]:
        weights = Path(self.stage.config.weights)
        return lineage(weights, self.stage.part) if (weights / "card.json").exists() else {}

    def _prune(self) -> None:
        for old in self.present()[: -self.stage.config.keep]:
            leaving = old.with_suffix(SCRATCH)  # a folder half deleted must not look like a checkpoint
            os.replace(old, leaving)
            shutil.rmtree(leaving)


def present(folder: Path) -> list[Path]:
    """The whole checkpoints of a run's folder of checkpoints, oldest first."""
    return sorted((p for p in folder.glob("step-*") if p.suffix != SCRATCH), key=_step)


def require_same_run(config: TrainConfig, anew: str = "set resume=false") -> None:
    """Before anything is built: that what `config.out` has done so far was done with the settings of now.

    Raises InputError when its newest checkpoint is of another stage or of settings that decided other steps; those of
    checkpoints without a record of them are not compared. anew: how to begin anew, in the message.
    """
    if not (checkpoints := present(Path(config.out) / CHECKPOINTS)):
        return
    try:
        meta = json.loads((checkpoints[-1] / META).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # `Checkpoints.resume` says what is wrong with it
        return
    if (stage := meta.get("stage", config.stage)) != config.stage:
        raise InputError(f"{checkpoints[-1]} is of stage {stage}, not {config.stage}; give another out folder")
    require_same(meta.get("settings", {}), config, anew)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def disk_is_full(error: BaseException) -> bool:
    """Whether a full disk or a used up quota is behind an error of writing, however deep it is hidden."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in FULL or any(said in str(link) for said in FULL_IN_WORDS):
            return True
        link = link.__cause__ or link.__context__
    return False


def _cause(error: BaseException) -> str:
    """Why, in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
