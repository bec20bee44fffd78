"""The bundled one-shot recordings (CC0, see sounds/LICENCES.md), split into training and held-out sounds."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from condfoley.errors import InputError, why

Split = Literal["train", "heldout", "all"]
SOUNDS = Path(__file__).parent / "sounds"

HELDOUT_MATERIALS = frozenset({"tin", "plank", "footstep_snow"})  # each is similar to a material that stays in training
HELDOUT_STEP = 8  # every 8th recording of the other materials is held out too

LEAD_IN = 0.0005  # s of the recording kept before the attack
MAX_PEAK_TIME = 0.06  # s; a recording with a later peak has more than one impact
MAX_RISE_TIME = 0.004  # s from 0.1 to 0.3 of the peak; slower attacks have no clear onset
MAX_SECONDS = 3.0  # s; longer tails are masked by the next hit


@dataclass(frozen=True)
class Recording:
    """One recording. wav: (N,) float32, peak 1; the attack of a hit starts LEAD_IN after the first sample."""

    name: str
    material: str
    wav: NDArray[np.float32]


@dataclass(frozen=True)
class SoundBank:
    """Recordings of one split. sample_rate: Hz. hits: by material, at least one each. scratches: rubbing sounds."""

    sample_rate: int
    hits: dict[str, tuple[Recording, ...]]
    scratches: tuple[Recording, ...]

    @classmethod
    def load(cls, split: Split = "train", folder: Path = SOUNDS) -> SoundBank:
        """Reads the recordings of one split; the split of a recording never changes.

        folder: with a manifest.csv like the bundled one's.
        Synthetic clicks (`ui*`), recordings of several impacts and other actions are left out.
        Raises InputError when `split` is no split or the recordings are missing or unreadable.
        """
        if split not in get_args(Split):
            raise InputError(f"there is no sound split {split!r}; choose train, heldout or all")
        hits: dict[str, list[Recording]] = {}
        scratches: list[Recording] = []
        sample_rate = 0
        for row, heldout in _read_manifest(folder):
            if split != "all" and heldout != (split == "heldout"):
                continue
            wav, sample_rate = _read(folder / row["file"])
            if row["action"] == "scratch":
                scratches.append(Recording(row["file"], row["material"], wav))
                continue
            hit = _trim_to_attack(wav, sample_rate)
            if hit is not None:
                hits.setdefault(row["material"], []).append(Recording(row["file"], row["material"], hit))
        return cls(sample_rate, {name: tuple(group) for name, group in hits.items()}, tuple(scratches))

    @property
    def materials(self) -> tuple[str, ...]:
        """Names of the materials of the hits, sorted."""
        return tuple(sorted(self.hits))


def _read_manifest(folder: Path) -> list[tuple[dict[str, str], bool]]:
    """The manifest's rows of usable recordings, each with whether it is held out."""
    path = folder / "manifest.csv"
    try:
        with path.open(newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    except OSError as error:
        raise InputError(f"cannot read {path} ({why(error)}); {_advice(folder)}") from error
    usable = [
        row
        for row in rows
        if row["action"] in ("hit", "scratch") and not (row["action"] == "hit" and row["material"].startswith("ui"))
    ]
    return [
        (row, row["material"] in HELDOUT_MATERIALS or index % HELDOUT_STEP == HELDOUT_STEP // 2)
        for index, row in enumerate(usable)
    ]


def _advice(folder: Path) -> str:
    return "reinstall condfoley" if folder == SOUNDS else "give a folder of recordings with their manifest.csv"


def _read(path: Path) -> tuple[NDArray[np.float32], int]:
    import soundfile

    try:
        wav, sample_rate = soundfile.read(path, dtype="float32")
    except (OSError, RuntimeError) as error:
        raise InputError(f"cannot read {path} ({why(error)}); {_advice(path.parent.parent)}") from error
    wav = wav - wav.mean()
    return wav / max(float(np.abs(wav).max()), 1e-6), sample_rate


def _trim_to_attack(wav: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32] | None:
    """The recording from LEAD_IN before its attack, or None when it is not one impact with a clear onset."""
    loud = np.abs(wav) > 0.1
    start = max(int(np.argmax(loud)) - round(LEAD_IN * sample_rate), 0)
    wav = wav[start : start + round(MAX_SECONDS * sample_rate)].copy()
    window = max(round(0.005 * sample_rate), 1)
    energy = np.convolve(wav * wav, np.ones(window, np.float32), "same")
    rise = int(np.argmax(np.abs(wav) > 0.3)) - round(LEAD_IN * sample_rate)
    if int(energy.argmax()) > MAX_PEAK_TIME * sample_rate or rise > MAX_RISE_TIME * sample_rate:
        return None
    fade = min(round(LEAD_IN * sample_rate), len(wav))
    wav[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    return wav
