"""Embeddings of whole sounds for distances between sets: ours, or other people's by a path or a function.

Nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation.classifiers import Classifiers
from condfoley.evaluation.clips import JUDGE
from condfoley.evaluation.functions import imported

Embedder = Callable[[np.ndarray], np.ndarray]
"""A sound (N,) float32 at the judges' rate -> its embedding (D,)."""
RATE = JUDGE.sample_rate


def named(name: str, classifiers: Classifiers | None) -> tuple[str, Embedder | None]:
    """An embedding and what the report calls it: judge, timbre, clap:FOLDER, or module:function.

    judge: the material judge's last hidden layer; None when there is no judge. timbre: `timbre.embedding`.
    clap: a Hugging Face folder of CLAP, read by transformers. function: (N,) at the judges' rate -> (D,); so do
    VGGish, PANNs or PaSST come in, from whichever package you have.
    Raises InputError for anything else.
    """
    if name == "judge":
        return "judge", (lambda wav: classifiers.predict(wav).embedding) if classifiers else None
    if name == "timbre":
        from condfoley.evaluation.timbre import embedding

        return "timbre", lambda wav: embedding(wav, JUDGE)
    kind, _, place = name.partition(":")
    if kind == "clap" and place:
        return f"CLAP, {Path(place).name}", _clap(Path(place))
    if place:
        return name, imported(name, "--embedding")
    raise InputError(f"--embedding {name}: unknown; choose judge, timbre, clap:FOLDER or module:function")


def _clap(folder: Path) -> Embedder:
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} has no config.json; give a folder with a CLAP model as Hugging Face keeps it")
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    from condfoley.evaluation.systems import resampled

    try:
        model = ClapModel.from_pretrained(folder, local_files_only=True).eval()
        front_end = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"the CLAP model in {folder} cannot be read: {error}") from None
    wanted = front_end.sampling_rate

    @torch.inference_mode()
    def embed(wav: np.ndarray) -> np.ndarray:
        given = front_end(resampled(wav, RATE, wanted), sampling_rate=wanted, return_tensors="pt")
        made = model.get_audio_features(**given)
        return (made if torch.is_tensor(made) else made.pooler_output)[0].double().numpy()

    return embed
