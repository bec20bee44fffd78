"""Converts the published action and material classifiers, with the statistics of their input, to our `Judges`.

See published_facts.md, section 14. The input is standardised as in their training; the published test loader scales it
twice, which is a fault that is not reproduced.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.networks.judges import Judges, Vgg
from condfoley.published.infer import Shapes, count, shapes
from condfoley.sizes import JudgesConfig

GRID = (5, 10)
"""Rows (frequency) and columns (time) after the published network's pooling, which no tensor contains."""
ACTIONS = ("hit", "scratch")
MATERIALS = (
    "carpet", "ceramic", "cloth", "dirt", "drywall", "glass", "grass", "gravel", "leaf", "metal", "paper", "plastic",
    "plastic-bag", "rock", "tile", "water", "wood",
)  # fmt: skip
LINEAR = {"hidden.0": "classifier.0", "hidden.2": "classifier.2", "head": "classifier.4"}  # ours: theirs


def is_classifier(names: Mapping[str, object]) -> bool:
    """Whether these are the tensors of a classifier."""
    return "features.0.weight" in names and "classifier.4.weight" in names


def geometry() -> Geometry:
    """Geometry of the classifiers' spectrograms: variant B, the middle 160 frames of 173."""
    return dataclasses.replace(Geometry.published(), mel_scale="slaney")


def build_judges(action: Mapping[str, Tensor], material: Mapping[str, Tensor], statistics: np.ndarray) -> Judges:
    """Our network from the tensors of both classifiers. statistics: (n_mels, 2), mean and deviation of each band.

    Raises InputError when tensors are missing, unexplained or do not fit, or the labels are not the published ones.
    """
    config = _config(shapes(action, ""))
    if _config(shapes(material, "")) != config:
        raise InputError(
            "the two classifiers have different sizes; give the action and the material classifier of one training"
        )
    if statistics.shape != (config.n_mels, 2) or not (np.isfinite(statistics).all() and (statistics[:, 1] > 0).all()):
        raise InputError(f"--statistics needs {config.n_mels} lines of a mean and a deviation above 0")
    judges = Judges(config)
    for network, tensors, labels in ((judges.action, action, ACTIONS), (judges.material, material, MATERIALS)):
        _load_tensors(network, tensors, len(labels))
    columns = torch.from_numpy(statistics).float()
    judges.mean, judges.std = columns[:, 0].contiguous(), columns[:, 1].contiguous()
    return judges


def read_statistics(path: Path) -> np.ndarray:
    """Mean and deviation of each band, (n_mels, 2), from the published text file. Raises InputError."""
    try:
        return np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(f"--statistics {path} is no table of two columns ({error})") from None


def _config(found: Shapes) -> JudgesConfig:
    """Sizes of a classifier. Convolutions two indices apart belong to one stage, three apart have pooling between."""
    places = sorted(
        int(name.split(".")[1]) for name in found if name.startswith("features.") and name.endswith("weight")
    )
    widths, depths = [], []
    for place, before in zip(places, [-3, *places]):
        if place - before == 3:
            widths.append(found[f"features.{place}.weight"][0])
            depths.append(0)
        depths[-1] += 1
    if count(found, r"classifier\.(\d+)\.") != 1 or "classifier.0.weight" not in found:
        raise InputError("its last layers are not those of the published classifiers")
    return JudgesConfig(
        widths=tuple(widths),
        depths=tuple(depths),
        grid=GRID,
        hidden=found["classifier.0.weight"][0],
        actions=ACTIONS,
        materials=MATERIALS,
    )


def _load_tensors(network: Vgg, tensors: Mapping[str, Tensor], classes: int) -> None:
    """Copies a classifier's tensors into `network`. Raises InputError unless all names and shapes match."""
    wanted = {name: _published_name(name) for name in network.state_dict()}
    if odd := sorted(set(wanted.values()) ^ set(tensors)):
        raise InputError(f"tensors missing or without a place in the published classifiers: {', '.join(odd[:3])}")
    if (labels := len(tensors["classifier.4.bias"])) != classes:
        raise InputError(
            f"it has {labels} labels where the published classifier has {classes}; give action before material"
        )
    try:
        network.load_state_dict({ours: tensors[theirs] for ours, theirs in wanted.items()})
    except RuntimeError:
        raise InputError("its tensors do not fit each other; get a fresh copy") from None


def _published_name(name: str) -> str:
    layer, _, kind = name.rpartition(".")
    return f"{LINEAR.get(layer, layer)}.{kind}"
