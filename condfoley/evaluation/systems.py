"""The systems that are compared, each a function from a pair to a waveform.

`System` is the whole interface: `system(pair)` returns (N,) float32 at the metrics' rate, nominally [-1, 1], as long as
the target's picture; or, for people to hear, a track of any rate. External systems are given as a folder of sound files or
as `module:function`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.evaluation.clips import METRIC_GEOMETRY, AnnotatedClip, Pair
from condfoley.settings import Generator
from condfoley.weights import SHIPPED, read_card

if TYPE_CHECKING:
    from condfoley.foley import Foley
    from condfoley.settings import Render

System = Callable[[Pair], "np.ndarray | Track"]
Role = Literal["system", "opponent", "control", "bound"]
"""opponent: a baseline. control: should lose. bound: uses the target's true sound."""
RATE = METRIC_GEOMETRY.sample_rate
NOISE_RMS = 0.05
NO_REFERENCE: dict[str, Any] = {
    "withheld": "reference",
    "eq_match": 0.0,
    "decay_match": 0.0,
    "texture_match": 0.0,
    "render": "vocoder",
}  # settings of `foley_system` that use nothing of the reference's sound


@dataclass
class SystemContext:
    """What systems are built from. pairs: the whole test set. seed: of the first candidate of each pair.

    render: what makes our own systems' sounds, where those are for people to hear: then all systems keep the rate and
    channels that they have. None: for metrics, by the vocoder unless a system says otherwise.
    """

    pairs: Sequence[Pair]
    weights: str | None = None
    candidates: int = 8
    seed: int = 0
    device: str = "cpu"
    render: Render | None = None

    @cached_property
    def foley(self) -> Foley:
        """The model, loaded when the first system needs it. Raises InputError."""
        from condfoley.foley import Foley

        return Foley.load(self.weights, self.device)

    def require(self, generator: Generator) -> None:
        """Raises InputError for weights without a generator."""
        if generator not in generators_in(self.weights):
            raise InputError(
                f"the weights in {self.weights or SHIPPED} have no {generator}; give --weights that have it"
            )

    def random_stream(self, pair: Pair) -> np.random.Generator:
        """A random generator that depends on the seed and the pair's name only."""
        return np.random.default_rng([self.seed, zlib.crc32(pair.name.encode())])


def generators_in(weights: str | None) -> list[Generator]:
    """Which generators a weights folder has, None: the shipped one. Raises InputError for one that cannot be read."""
    from condfoley.runtime.engine import generators_of

    return generators_of(read_card(Path(weights) if weights else SHIPPED))


@dataclass(frozen=True)
class SystemSpec:
    """A system by name, and how to build it.

    cached: its sounds depend on the settings of the evaluation only, and are generated once. External systems are not
    cached: what their files or functions depend on is unknown. needs_model: it runs our model. generator: what the
    weights must have.
    """

    name: str
    role: Role
    description: str
    build: Callable[[SystemContext], System]
    cached: bool = True
    needs_model: bool = True
    generator: Generator | None = None


def own_reference(context: SystemContext, pair: Pair) -> AnnotatedClip:
    """The pair's reference."""
    return pair.reference


def distractor_reference(context: SystemContext, pair: Pair) -> AnnotatedClip:
    """Another pair's reference. Raises InputError when all pairs have the same reference."""
    if pair.distractor is None:
        raise InputError("all pairs have the same reference; there is none to exchange it for")
    return pair.distractor


def mismatched_reference(context: SystemContext, pair: Pair) -> AnnotatedClip:
    """A random reference of the set with other kinds of action than the target. Raises InputError when there is none."""
    clips = {p.reference.path: p.reference for p in context.pairs}
    other = [c for _, c in sorted(clips.items()) if c.actions and c.actions != pair.target.actions]
    other = [c for c in other if c.path != pair.target.path]
    if not pair.target.actions or not other:
        raise InputError("no reference of the set is known to hold another kind of action than the target")
    return other[int(context.random_stream(pair).integers(len(other)))]


def foley_system(
    context: SystemContext,
    choose: Callable[[SystemContext, Pair], AnnotatedClip] = own_reference,
    withheld: Literal["", "reference", "picture"] = "",
    **settings: Any,
) -> System:
    """Our model. withheld: which part of the reference it does not get. settings: of `Foley.generate`, which
    uses the vocoder unless they say otherwise."""

    def generate(pair: Pair) -> np.ndarray | Track:
        from condfoley.evaluation.baselines import without_reference

        foley = without_reference(context.foley, withheld == "picture") if withheld else context.foley
        merged: dict[str, Any] = {
            "candidates": context.candidates,
            "seed": context.seed,
            "render": context.render or "vocoder",
        } | settings
        track = foley.generate(choose(context, pair).path, pair.target.path, **merged).track
        return track if context.render else at_metric_rate(track.mono, track.rate)

    return generate


def generator_system(context: SystemContext, generator: Generator, **settings: Any) -> System:
    """Our model with one of its generators. settings: as of `foley_system`. Raises InputError for weights without it."""
    context.require(generator)
    return foley_system(context, generator=generator, **settings)


def onset_transfer_system(context: SystemContext, published: bool) -> System:
    """Onset transfer, as published or as an improved baseline. Heard by people, the latter is mono at the reference's rate."""

    def generate(pair: Pair) -> np.ndarray | Track:
        from condfoley.evaluation.baselines import event_transfer, onset_probability, onset_transfer

        probability, fps = onset_probability(context.foley, pair.target.path)
        samples = len(pair.target.wav)
        if published:
            return onset_transfer(probability, fps, pair.reference.wav, samples, RATE)
        if not context.render:
            return event_transfer(probability, fps, pair.reference.wav, samples, RATE, context.random_stream(pair))
        heard = recording_of(pair.reference)
        count, stream = round(samples * heard.rate / RATE), context.random_stream(pair)
        return Track(event_transfer(probability, fps, heard.mono, count, heard.rate, stream), heard.rate)

    return generate


def style_transfer_system(context: SystemContext) -> System:
    """Our model's output without a reference, given the band statistics of the reference (AdaIN)."""
    content = foley_system(context, **NO_REFERENCE)

    def generate(pair: Pair) -> np.ndarray:
        from condfoley.audio.mel import spectrogram
        from condfoley.evaluation.baselines import adain, vocode

        g, made = context.foley.geometry, content(pair)
        wav = at_metric_rate(made.mono, made.rate) if isinstance(made, Track) else made
        sounds = [resample(w, RATE, g.sample_rate) for w in (wav, pair.reference.wav)]
        wav = vocode(context.foley, adain(*(spectrogram(w, g) for w in sounds)), len(sounds[0]))
        return at_metric_rate(wav, g.sample_rate)

    return generate


def reconstruction_system(context: SystemContext) -> System:
    """The target's true sound through tokenizer and vocoder."""

    def generate(pair: Pair) -> np.ndarray:
        from condfoley.evaluation.baselines import resynthesise

        rate = context.foley.geometry.sample_rate
        return at_metric_rate(resynthesise(context.foley, resample(pair.target.wav, RATE, rate)), rate)

    return generate


def copy_system(context: SystemContext) -> System:
    """The reference's sound from its start, looped if it is shorter than the target."""

    def generate(pair: Pair) -> np.ndarray | Track:
        from condfoley.evaluation.baselines import loop_reference

        if not context.render:
            return loop_reference(pair.reference.wav, len(pair.target.wav), RATE)
        heard = recording_of(pair.reference)
        count = round(len(pair.target.wav) * heard.rate / RATE)
        return Track(np.stack([loop_reference(c, count, heard.rate) for c in heard.samples]), heard.rate)

    return generate


def truth_system(context: SystemContext) -> System:
    """The target's own sound."""
    return lambda pair: recording_of(pair.target) if context.render else pair.target.wav


def recording_of(clip: AnnotatedClip) -> Track:
    """A clip's sound as it was recorded. Raises InputError for a clip without one."""
    from condfoley.media import read_sound

    samples, rate = read_sound(clip.path)
    return Track(samples, rate)


def silence_system(context: SystemContext) -> System:
    """Digital silence."""
    return lambda pair: np.zeros_like(pair.target.wav)


def noise_system(context: SystemContext) -> System:
    """White noise."""
    return lambda pair: (NOISE_RMS * context.random_stream(pair).standard_normal(len(pair.target.wav))).astype(
        np.float32
    )


def resample(wav: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """(N,) at `rate` Hz -> float32 at `new_rate` Hz."""
    import soxr

    return wav if rate == new_rate else soxr.resample(wav, rate, new_rate).astype(np.float32)


def at_metric_rate(wav: np.ndarray, rate: int) -> np.ndarray:
    """(N,) at `rate` Hz -> float32 at the metrics' rate."""
    return resample(wav, rate, RATE)
