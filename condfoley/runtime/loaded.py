"""A weights folder that was loaded: what runs its networks, its geometry and card, and what scores its sounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.lineage import require_matching
from condfoley.published.diffusion.systems import system_of
from condfoley.runtime.choice import load_engine
from condfoley.runtime.engine import Engine
from condfoley.runtime.scorer import Scorer
from condfoley.settings import EngineName, Generator, GeneratorName
from condfoley.weights import SHIPPED, card_geometry, read_card

if TYPE_CHECKING:
    from condfoley.encoded import Picture
    from condfoley.published.diffusion.system import DiffusionSystem


@dataclass
class Loaded:
    """One system, ready to run.

    card: as in the folder; empty for networks that come from none. engine_choice: as it was asked for; a scorer of other
    weights is run likewise. pictures: what was encoded, by a hash of its frames, while it is wanted again; else None.
    diffusion: an imported system that generates, in place of the engine's own networks, which are then the shipped ones.
    """

    engine: Engine
    geometry: Geometry
    card: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    engine_choice: EngineName = "auto"
    pictures: dict[str, Picture] | None = None
    diffusion: DiffusionSystem | None = None

    @classmethod
    def load(cls, path: str | Path | None = None, device: str = "cpu", engine: EngineName = "auto") -> Loaded:
        """The system of a weights folder; None: the weights in the package.

        engine: see `choice.load_engine`. Raises InputError for bad weights, and for an engine that cannot run them.
        """
        folder = Path(path) if path else SHIPPED
        card = read_card(folder)
        if system_of(card):
            from condfoley.published.diffusion.loading import load_system

            shipped = cls.load(None, device, engine)
            return replace(shipped, card=card, diffusion=load_system(folder, card, device))
        loaded = cls(load_engine(folder, device, engine), card_geometry(card), card, device, engine)
        require_matching(folder, card)
        if not loaded.engine.has_sync:
            Scorer.require_same_spectrograms(loaded.geometry)
        return loaded

    def generator(self, asked: GeneratorName = "auto") -> Generator:
        """The generator that is asked for; auto: the one that the card names (`generator`), or else what there is.

        Raises InputError where the weights have no such generator.
        """
        there, preferred = self.engine.generators, self.card.get("generator")
        there = there if self.diffusion is None else ["diffusion"]
        if asked == "auto" and there:
            return preferred if preferred in there else there[0]
        for name in there:
            if name == asked:
                return name
        wanted = "generator" if asked == "auto" else asked
        raise InputError(
            f"the weights {self.card.get('name', '')} have no {wanted}; "
            + (f"leave out --generator, or give {there[0]}" if there else "train one, or give complete weights")
        )

    @contextmanager
    def remembering_pictures(self) -> Iterator[None]:
        """Within it, a target's picture is encoded once, however many soundtracks it gets."""
        before = self.pictures
        self.pictures = {} if before is None else before
        try:
            yield
        finally:
            self.pictures = before

    @cached_property
    def scorer(self) -> Scorer:
        """The weights' own scorer, or the shipped one.

        Raises InputError when the shipped one cannot score these weights' sounds.
        """
        if self.engine.has_sync:
            return Scorer(self.engine, self.geometry)
        return Scorer.shipped(self.geometry, self.device, self.engine_choice)

    @property
    def identity(self) -> dict[str, Any]:
        """The weights' name and their parts' hashes, for the record."""
        parts = {name: part["sha256"] for name, part in self.card.get("parts", {}).items()}
        named = {"name": self.card.get("name"), "parts": parts}
        referee = self.scorer.borrowed if self.diffusion is None else str(read_card(SHIPPED)["name"])
        return named | ({"referee": referee} if referee else {})
