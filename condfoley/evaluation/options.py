"""Options of `condfoley evaluate`. No heavy imports, so that `--help` is fast."""

from __future__ import annotations

from dataclasses import dataclass

from condfoley.errors import require_at_least

DEFAULT_SYSTEMS = "condfoley,onset-transfer,onset-transfer-strong,copy,truth,reconstruction,silence,noise"


@dataclass(kw_only=True)
class EvaluateOptions:
    """Measure systems on a test set and write a report; an interrupted run is resumed by the same command."""

    test: str
    """simulated[:N[:SEED]], greatest-hits:DIR (the published pairs), a folder of clips, or a CSV with reference,target."""
    out: str
    """Folder for the report: index.html, metrics.json, metrics.csv and sounds/SYSTEM/PAIR.wav."""
    systems: str = DEFAULT_SYSTEMS
    """Comma-separated systems: names (listed in docs/evaluation.md), all, [NAME=]FOLDER of sound files named by pair,
    [NAME=]module:function."""
    weights: str | None = None
    """Folder with other weights than those that ship with condfoley."""
    judges: str | None = None
    """Weights folder with the action and material classifiers (default: --weights, or else the shipped ones)."""
    embedding: str = "judge"
    """Embedding of the Fréchet distance: judge (the material classifier), timbre, clap:FOLDER or module:function."""
    synchroniser: str | None = None
    """Another measure of synchrony, such as Synchformer: module:function, from a video's path and a sound to its offset, s."""
    candidates: int = 8
    """Candidates that our model generates for each pair."""
    seed: int = 0
    """Seed of the first candidate."""
    sample: int = 4
    """Number of pairs with players on the page."""
    device: str = "cpu"
    """Where to compute: cpu, cuda, cuda:1, mps."""
    force: bool = False
    """Replace sounds in the report folder that were made with other settings."""
    quiet: bool = False
    """Show no progress."""

    def __post_init__(self) -> None:
        """Raise InputError for a number out of range."""
        for name, least in (("candidates", 1), ("seed", 0), ("sample", 0)):
            require_at_least(name, getattr(self, name), least)
