"""Which generator drafts the candidates of a target."""

from __future__ import annotations

from condfoley.drafting.codes import CodeDrafter
from condfoley.drafting.drafter import Drafter
from condfoley.drafting.flow import FlowDrafter
from condfoley.geometry import Geometry
from condfoley.memory import Limits
from condfoley.runtime.loaded import Loaded
from condfoley.settings import Generator, GeneratorName

DRAFTERS: dict[Generator, type[CodeDrafter] | type[FlowDrafter]] = {"transformer": CodeDrafter, "flow": FlowDrafter}


def drafter_of(
    loaded: Loaded, geometry: Geometry, duration: float, limits: Limits, asked: GeneratorName = "auto"
) -> Drafter:
    """The generator that is asked for; auto: see `Loaded.generator`. duration: of the target, s.

    Raises InputError where the weights have no such generator.
    """
    name = loaded.generator(asked)
    if loaded.diffusion is not None:
        from condfoley.published.diffusion.drafter import DiffusionDrafter

        return DiffusionDrafter(loaded.diffusion, geometry, duration, limits)
    return DRAFTERS[name](loaded, geometry, duration, limits)
