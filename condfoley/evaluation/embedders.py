"""Embeddings of whole sounds for distances between sets: our own, a CLAP model on disk, or an external function.

Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation.classifiers import Classifiers
from condfoley.evaluation.clips import METRIC_GEOMETRY
from condfoley.evaluation.functions import import_function

Embedder = Callable[[np.ndarray], np.ndarray]
"""A sound (N,) float32 at the metrics' rate -> its embedding (D,)."""
RATE = METRIC_GEOMETRY.sample_rate


def parse_embedder(name: str, classifiers: Classifiers | None) -> tuple[str, Embedder | None]:
    """(name in the report, embedding) of an option's value: judge, timbre, clap:FOLDER, or module:function.

    judge: the material classifier's last hidden layer; None without classifiers. timbre: `timbre.embed_timbre`.
    clap: a CLAP model in a Hugging Face folder, loaded with transformers. module:function: (N,) at the metrics' rate ->
    (D,), for VGGish, PANNs or PaSST from any package.
    Raises InputError for anything else.
    """
    if name == "judge":
        return "judge", (lambda wav: classifiers.predict(wav).embedding) if classifiers else None
    if name == "timbre":
        from condfoley.evaluation.timbre import embed_timbre

        return "timbre", lambda wav: embed_timbre(wav, METRIC_GEOMETRY)
    kind, _, location = name.partition(":")
    if kind == "clap" and location:
        return f"CLAP, {Path(location).name}", _load_clap(Path(location))
    if location:
        return name, import_function(name, "--embedding")
    raise InputError(f"--embedding {name}: unknown; choose judge, timbre, clap:FOLDER or module:function")


def _load_clap(folder: Path) -> Embedder:
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} has no config.json; give a folder with a CLAP model in the Hugging Face layout")
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    from condfoley.evaluation.systems import resample

    try:
        model = ClapModel.from_pretrained(folder, local_files_only=True).eval()
        front_end = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"the CLAP model in {folder} cannot be read: {error}") from None
    rate = front_end.sampling_rate

    @torch.inference_mode()
    def embed(wav: np.ndarray) -> np.ndarray:
        features = front_end(resample(wav, RATE, rate), sampling_rate=rate, return_tensors="pt")
        found = model.get_audio_features(**features)
        return (found if torch.is_tensor(found) else found.pooler_output)[0].double().numpy()

    return embed
