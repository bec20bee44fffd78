"""The golden weights as published checkpoints, and imported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from condfoley.foley import Foley
from condfoley.published.importer import import_checkpoint
from tests.golden_files import HEADS, lengthened, transformer_state, weights


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with transformer.ckpt, long.ckpt (192 frames), vqgan.ckpt and best_netG.pt in the published layout."""
    home = tmp_path_factory.mktemp("checkpoints")
    state = transformer_state()
    torch.save({"epoch": 3, "global_step": 7, "state_dict": state, "lr_schedulers": []}, home / "transformer.ckpt")
    torch.save({"state_dict": lengthened(state)}, home / "long.ckpt")
    torch.save({"state_dict": weights("vqgan")}, home / "vqgan.ckpt")
    torch.save(weights("melgan"), home / "best_netG.pt")
    return home


@pytest.fixture(scope="session")
def imported(checkpoints: Path) -> Path:
    """Weights folder of the whole golden system."""
    out = checkpoints / "imported"
    import_checkpoint(checkpoints / "transformer.ckpt", out, checkpoints, HEADS)
    return out


@pytest.fixture(scope="session")
def foley(imported: Path) -> Foley:
    """The golden system."""
    return Foley.load(imported)


@pytest.fixture(scope="session")
def long_foley(checkpoints: Path) -> Foley:
    """The same with windows of 192 spectrogram frames."""
    out = checkpoints / "imported-long"
    import_checkpoint(checkpoints / "long.ckpt", out, checkpoints / "best_netG.pt", HEADS)
    return Foley.load(out)
