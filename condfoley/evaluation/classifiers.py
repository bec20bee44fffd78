"""The action and the material classifier of a weights folder, applied to sounds of any length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.audio.windows import segments
from condfoley.data.materials import label_of
from condfoley.evaluation.impacts import impact_spectrograms, impact_times
from condfoley.geometry import Geometry
from condfoley.networks.judges import PART, Judges
from condfoley.networks.mel import window_spec
from condfoley.weights import SHIPPED, card_geometry, load_part, read_card

TARGET_RMS = 0.1  # of every window
SHARE = 0.7  # of the classifier of impacts in the answer (E19.4)
DOUBT = 1e-3  # added to each probability, so that neither classifier of the material excludes a label alone
MIN_RMS = 1e-4  # quieter windows are amplified no further, so that silence stays silent


def classifier_input(wav: Tensor, geometry: Geometry) -> Tensor:
    """Windows of sound (B, N) as the classifiers take them: RMS scaled to TARGET_RMS, clipped to +-1, log-mel.

    Returns (B, 1, n_mels, window_mel_frames) in [-1, 1].
    """
    rms = wav.square().mean(1, keepdim=True).sqrt()
    return window_spec((wav * TARGET_RMS / rms.clamp(min=MIN_RMS)).clamp(-1, 1), geometry)


@dataclass(frozen=True)
class Prediction:
    """Output of both classifiers for one sound.

    actions (A,) and materials (M,): probabilities, in the order of the classifiers' labels. embedding: (D,), the last
    hidden layer of the material classifier of windows.
    """

    actions: np.ndarray
    materials: np.ndarray
    embedding: np.ndarray


class Classifiers:
    """Both classifiers of a weights folder. identity: SHA-256 of their file."""

    def __init__(self, network: Judges, geometry: Geometry, identity: str = ""):
        self.network, self.geometry, self.identity = network, geometry, identity

    @classmethod
    def load(cls, folder: str | Path | None, device: str = "cpu") -> Classifiers | None:
        """The classifiers of a weights folder (None: the shipped one); None when it has none. Raises InputError."""
        home = Path(folder) if folder else SHIPPED
        card: dict[str, Any] = read_card(home)
        if PART not in card["parts"]:
            return None
        return cls(load_part(home, PART, device), card_geometry(card), card["parts"][PART]["sha256"])

    @property
    def actions(self) -> tuple[str, ...]:
        """Labels of the action classifier."""
        return self.network.config.actions

    @property
    def materials(self) -> tuple[str, ...]:
        """Labels of the material classifiers: those of the second one where there are two."""
        config = self.network.config
        return config.impact_materials if config.impact_frames else config.materials

    @torch.inference_mode()
    def predict(self, wav: np.ndarray) -> Prediction:
        """Mean prediction over the windows of a sound (N,) at `geometry.sample_rate` Hz; the last one is padded.

        Materials, where a second classifier hears impacts: the normalised product of both.
        """
        size = self.geometry.clip_samples
        starts = segments(len(wav), size)
        windows = [torch.from_numpy(np.asarray(wav[s : s + size], np.float32)) for s in starts]
        batch = torch.stack([F.pad(w, (0, size - len(w))) for w in windows])
        actions, materials, embedding = self.network(
            classifier_input(batch.to(self.network.mean.device), self.geometry)
        )
        parts = (actions.softmax(1), materials.softmax(1), embedding)
        found = Prediction(*(part.mean(0).double().cpu().numpy() for part in parts))
        if self.network.impacts is None:
            return found
        return replace(found, materials=self._both(found.materials, self._impact_materials(wav)))

    def _impact_materials(self, wav: np.ndarray) -> np.ndarray:
        """Probabilities (M,) of the second classifier: the normalised product over the impacts of a sound (N,)."""
        frames, g = self.network.config.impact_frames, self.geometry
        padded = np.pad(
            np.asarray(wav, np.float32), (0, g.n_fft)
        )  # of a sound shorter than a spectrogram's window, too
        impacts = impact_spectrograms(padded, impact_times(padded, g), frames, g)
        if not len(impacts):
            impacts = np.full((1, g.n_mels, frames), -1, np.float32)
        assert self.network.impacts is not None
        logits = self.network.impacts(torch.from_numpy(impacts)[:, None].to(self.network.mean.device))
        mean: Tensor = logits.log_softmax(1).mean(0).softmax(0)
        return mean.double().cpu().numpy()

    def _both(self, of_windows: np.ndarray, of_impacts: np.ndarray) -> np.ndarray:
        """Normalised product of the classifiers' probabilities, with powers of SHARE and 1 - SHARE.

        of_windows: in the order of the first classifier's labels; added up by group first. of_impacts: (M,).
        """
        grouped = np.zeros(len(self.materials))
        for name, probability in zip(self.network.config.materials, of_windows):
            if label := label_of(name, self.materials):
                grouped[self.materials.index(label)] += probability
        grouped /= max(grouped.sum(), DOUBT)
        product = (grouped + DOUBT) ** (1 - SHARE) * (of_impacts + DOUBT) ** SHARE
        return product / product.sum()

    def label_of(self, kind: str, label: str) -> str:
        """A clip's action or material as one of these classifiers' labels; empty when they know none for it.

        kind: `action` or `material`.
        """
        return label_of(label, self.actions if kind == "action" else self.materials)

    def predict_labels(self, wav: np.ndarray) -> tuple[str, str]:
        """The most probable action and material of a sound (N,) at `geometry.sample_rate` Hz."""
        prediction = self.predict(wav)
        return self.actions[int(prediction.actions.argmax())], self.materials[int(prediction.materials.argmax())]


def confusion_matrix(predicted: list[str], true: list[str], labels: tuple[str, ...]) -> np.ndarray:
    """How often each label was predicted (column) for sounds of each true label (row): (L, L) int64.

    Raises ValueError for a label that is not among `labels`, or lists of different length.
    """
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for a, b in zip(predicted, true, strict=True):
        counts[labels.index(b), labels.index(a)] += 1
    return counts
