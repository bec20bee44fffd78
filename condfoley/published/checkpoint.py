"""Reads the tensors of an untrusted checkpoint, without executing code in it."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from condfoley.errors import InputError

# Lightning's `callbacks` have classes as keys, the classifiers' files contain scores as NumPy numbers, others settings of
# omegaconf; torch's safe loading rejects them. An empty class of ours replaces each of these.
FOREIGN = ("pytorch_lightning.", "numpy.", "omegaconf.")
WRAPPERS = ("state_dict", "model")  # keys of the weights in CondFoleyGen's files; the vocoder's file has none
GENERATOR = "best_netG.pt"  # in a SpecVQGAN vocoder folder


class _Placeholder:
    """Replaces a class named in a checkpoint; it is never used."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def checkpoint_file(path: str | Path) -> Path:
    """Path of the checkpoint; for a folder its best_netG.pt. Raises InputError when there is no such file."""
    path = Path(path) / GENERATOR if Path(path).is_dir() else Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}; give a checkpoint of CondFoleyGen")
    return path


def read_tensors(path: Path, system: str = "CondFoleyGen") -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU; no code in the file is run.

    system: whose it should be, for messages. Raises InputError for a file that is damaged, contains code, or has no weights.
    """
    try:
        stand_ins: list[Any] = [(_Placeholder, name) for name in _foreign_classes(path)]
        with torch.serialization.safe_globals(stand_ins), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that are rejected anyway
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise InputError(_refusal(path, str(error), system)) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise InputError(f"{path} is damaged or no checkpoint; get a fresh copy") from None
    return _tensors(path, content, system)


def _foreign_classes(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):
        return []
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return [name for name in names if name.startswith(FOREIGN)]


def _refusal(path: Path, message: str, system: str) -> str:
    if "GLOBAL" in message or "global" in message:
        return f"{path} holds more than numbers, which could be code, so it was not read; give a checkpoint of {system}"
    return f"{path} is damaged or no checkpoint; get a fresh copy"


def _tensors(path: Path, content: Any, system: str) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path} holds no weights by name; give a checkpoint of {system}")
    held = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), content)
    tensors = {str(name): value for name, value in held.items() if isinstance(value, Tensor)}
    if len(tensors) < len(held) or not tensors:
        raise InputError(f"{path} holds no weights, only {_listed(content)}; give a checkpoint of {system}")
    return tensors


def _listed(content: dict[Any, Any]) -> str:
    names = [str(name) for name in content]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
