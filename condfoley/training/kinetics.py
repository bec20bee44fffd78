"""Initial weights of the paper's video encoder: torchvision's R(2+1)D-18 trained on Kinetics-400, from a local file."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from condfoley.errors import InputError
from condfoley.networks.video_encoder import VideoEncoder


def load_kinetics(encoder: VideoEncoder, path: Path) -> None:
    """Loads torchvision's `r2plus1d_18` tensors into an encoder of the published sizes, in place.

    Strides have no weights, so all convolutions fit although the encoder has no temporal stride. (The published code
    replaces the three convolutions and three shortcuts whose stride it removes by random ones; here they keep their
    trained weights. published_facts.md, section 7.) The classifier `fc` is left out.
    Raises InputError when the file cannot be read or holds another network.
    """
    if not path.is_file():
        raise InputError(
            f"no file {path}: set pretrained to torchvision's R(2+1)D-18 weights (R2Plus1D_18_Weights.KINETICS400_V1)"
        )
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        encoder.model.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("fc.")})
    except (RuntimeError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{path} is not torchvision's R(2+1)D-18 for these video sizes ({first}); give its state dict"
        ) from None
