"""A checkpoint of somebody else's cannot run code when a training goes on from it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (pip install 'condfoley[train]')")

from condfoley.errors import InputError  # noqa: E402
from condfoley.training.checkpoint import META, Checkpoints, require_data_only  # noqa: E402


class Hostile:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class Accelerator:
    """Reads the files of registered objects as accelerate does."""

    is_main_process = True

    def load_state(self, folder: str) -> None:
        for path in Path(folder).glob("custom_checkpoint_*.pkl"):
            torch.load(path, weights_only=False)


class Stage:
    accelerator = Accelerator()
    config = type("Config", (), {"weights": ""})()


def checkpoint(folder: Path) -> Path:
    home = folder / "checkpoints" / "step-000007"
    home.mkdir(parents=True)
    (home / META).write_text('{"step": 7, "trained_with": {}}')
    return home


@pytest.mark.parametrize("form", ["zip", "pickle"])
def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, form):
    home, mark = checkpoint(tmp_path), tmp_path / "ran"
    path = home / "custom_checkpoint_0.pkl"
    if form == "zip":
        torch.save({"average": Hostile(mark)}, path)
    else:
        path.write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(InputError, match=r"cannot resume from .*step-000007.*resume=false"):
        Checkpoints(Stage(), home.parent).resume()
    assert not mark.exists()
    torch.load(path, weights_only=False) if form == "zip" else pickle.loads(path.read_bytes())
    assert mark.exists()  # it would have


def test_tensors_and_plain_values_are_read(tmp_path):
    home = checkpoint(tmp_path)
    torch.save(
        {"average": {"weight": torch.ones(3)}, "steps": 7, "seen": [1.5, None]}, home / "custom_checkpoint_0.pkl"
    )
    require_data_only(home)
    assert Checkpoints(Stage(), home.parent).resume() == 7
