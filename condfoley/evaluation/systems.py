"""The systems that are compared, each a function from a pair to a waveform.

`System` is the whole interface: `system(pair)` gives (N,) float32 at the judges' rate, nominally [-1, 1], as long as
the target's picture. Other people's systems come as a folder of sound files or as `module:function`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from condfoley.cli.arguments import suggest
from condfoley.errors import InputError
from condfoley.evaluation.clips import JUDGE, Clip, Pair
from condfoley.evaluation.functions import imported
from condfoley.evaluation.pairs import require_file_name
from condfoley.media.formats import SOUND_SUFFIXES

if TYPE_CHECKING:
    from condfoley.foley import Foley

System = Callable[[Pair], np.ndarray]
Role = Literal["system", "opponent", "control", "bound"]  # controls should lose; bounds know the target's true sound
RATE = JUDGE.sample_rate
NOISE = 0.05  # RMS
UNHEARD: dict[str, Any] = {
    "withheld": "reference",
    "eq_match": 0.0,
    "decay_match": 0.0,
    "texture_match": 0.0,
}  # nothing of the reference's sound is used


@dataclass
class Workshop:
    """What the systems are built from. pairs: the whole test set. seed: of the first candidate of each pair."""

    pairs: Sequence[Pair]
    weights: str | None = None
    candidates: int = 8
    seed: int = 0
    device: str = "cpu"

    @cached_property
    def foley(self) -> Foley:
        """The model, loaded when the first system needs it. Raises InputError."""
        from condfoley.foley import Foley

        return Foley.load(self.weights, self.device)

    def stream(self, pair: Pair) -> np.random.Generator:
        """A random stream of the pair's own, whatever its place in the set."""
        return np.random.default_rng([self.seed, zlib.crc32(pair.name.encode())])


@dataclass(frozen=True)
class Entry:
    """A system by name. kept: its sounds depend on the settings of the evaluation only, and are made once.

    Other people's are not: nobody knows what their files or functions depend on. modelled: it needs our model.
    """

    name: str
    role: Role
    text: str
    build: Callable[[Workshop], System]
    kept: bool = True
    modelled: bool = True


def own(shop: Workshop, pair: Pair) -> Clip:
    """The pair's reference."""
    return pair.reference


def stranger(shop: Workshop, pair: Pair) -> Clip:
    """Another pair's reference. Raises InputError when all pairs have the same."""
    if pair.stranger is None:
        raise InputError("all pairs have the same reference; there is none to exchange it for")
    return pair.stranger


def mismatched(shop: Workshop, pair: Pair) -> Clip:
    """A reference of the set in which other kinds of action happen. Raises InputError when there is none."""
    clips = {p.reference.path: p.reference for p in shop.pairs}
    other = [c for _, c in sorted(clips.items()) if c.actions and c.actions != pair.target.actions]
    other = [c for c in other if c.path != pair.target.path]
    if not pair.target.actions or not other:
        raise InputError("no reference of the set is known to hold another kind of action than the target")
    return other[int(shop.stream(pair).integers(len(other)))]


def model(
    shop: Workshop,
    choose: Callable[[Workshop, Pair], Clip] = own,
    withheld: Literal["", "reference", "picture"] = "",
    **settings: Any,
) -> System:
    """Our model. withheld: what of the reference it is not told. settings: of `Foley.generate`."""

    def answer(pair: Pair) -> np.ndarray:
        from condfoley.evaluation.baselines import without_reference

        foley = without_reference(shop.foley, withheld == "picture") if withheld else shop.foley
        wished = {"candidates": shop.candidates, "seed": shop.seed} | settings
        made = foley.generate(choose(shop, pair).path, pair.target.path, **wished)
        return at_judges_rate(made.wav, made.sample_rate)

    return answer


def transfer(shop: Workshop, published: bool) -> System:
    """Onset transfer, as published or as well as it can be done."""

    def answer(pair: Pair) -> np.ndarray:
        from condfoley.evaluation.baselines import event_transfer, onset_transfer, picture_onsets

        seen = picture_onsets(shop.foley, pair.target.path)
        given = *seen, pair.reference.wav, len(pair.target.wav), RATE
        return onset_transfer(*given) if published else event_transfer(*given, shop.stream(pair))

    return answer


def style_transfer(shop: Workshop) -> System:
    """The sound that our model makes without a reference, with the reference's band statistics."""
    content = model(shop, **UNHEARD)

    def answer(pair: Pair) -> np.ndarray:
        from condfoley.evaluation.baselines import stylised, vocoded
        from condfoley.networks.mel import spectrogram

        g = shop.foley.geometry
        sounds = [resampled(w, RATE, g.sample_rate) for w in (content(pair), pair.reference.wav)]
        made = vocoded(shop.foley, stylised(*(spectrogram(w, g) for w in sounds)), len(sounds[0]))
        return at_judges_rate(made, g.sample_rate)

    return answer


def reconstruction(shop: Workshop) -> System:
    """The target's true sound through tokenizer and vocoder."""

    def answer(pair: Pair) -> np.ndarray:
        from condfoley.evaluation.baselines import resynthesised

        rate = shop.foley.geometry.sample_rate
        return at_judges_rate(resynthesised(shop.foley, resampled(pair.target.wav, RATE, rate)), rate)

    return answer


def copy_of_reference(shop: Workshop) -> System:
    """The reference's sound from its beginning, repeated when it is shorter."""

    def answer(pair: Pair) -> np.ndarray:
        from condfoley.evaluation.baselines import copied

        return copied(pair.reference.wav, len(pair.target.wav), RATE)

    return answer


def truth(shop: Workshop) -> System:
    """The target's own sound."""
    return lambda pair: pair.target.wav


def silence(shop: Workshop) -> System:
    """Nothing."""
    return lambda pair: np.zeros_like(pair.target.wav)


def noise(shop: Workshop) -> System:
    """White noise."""
    return lambda pair: (NOISE * shop.stream(pair).standard_normal(len(pair.target.wav))).astype(np.float32)


ENTRIES = (
    Entry("condfoley", "system", "the model as it is used", model),
    Entry("condfoley-no-rerank", "system", "its first candidate", partial(model, rerank=False, candidates=1)),
    Entry("condfoley-no-comp", "system", "the candidate that fits best, whole", partial(model, comp=False)),
    Entry(
        "condfoley-unguided",
        "system",
        "no guidance but what is learned in",
        partial(model, guidance=1.0, picture_guidance=1.0),
    ),
    Entry("condfoley-no-eq", "system", "not equalised towards the reference", partial(model, eq_match=0.0)),
    Entry("condfoley-no-decay", "system", "its hits do not ring as the reference's", partial(model, decay_match=0.0)),
    Entry(
        "condfoley-no-texture", "system", "its hits are not made of the reference's", partial(model, texture_match=0.0)
    ),
    Entry("condfoley-no-dynamics", "system", "its hits are as loud as they were written", partial(model, dynamics=0.0)),
    Entry("condfoley-no-reference-picture", "system", "only hears the reference", partial(model, withheld="picture")),
    Entry("condfoley-no-reference", "opponent", "sees the target, no reference", partial(model, **UNHEARD)),
    Entry(
        "unconditional",
        "opponent",
        "the model without reference and picture",
        partial(model, **UNHEARD, picture_guidance=0.0),
    ),
    Entry("condfoley-mismatched-action", "control", "a reference of another action", partial(model, choose=mismatched)),
    Entry("condfoley-shuffled-reference", "control", "another pair's reference", partial(model, choose=stranger)),
    Entry("onset-transfer", "opponent", "as published", partial(transfer, published=True)),
    Entry("onset-transfer-strong", "opponent", "whole events, no overlap", partial(transfer, published=False)),
    Entry("style-transfer", "opponent", "no reference, then AdaIN", style_transfer),
    Entry("copy", "opponent", "the reference's sound as it is", copy_of_reference, modelled=False),
    Entry("truth", "bound", "the target's true sound", truth, modelled=False),
    Entry("reconstruction", "bound", "the true sound through tokenizer and vocoder", reconstruction),
    Entry("silence", "control", "nothing", silence, modelled=False),
    Entry("noise", "control", "white noise", noise, modelled=False),
)
BY_NAME = {entry.name: entry for entry in ENTRIES}


def named(words: str) -> list[Entry]:
    """Systems of a list with commas: names of ENTRIES, `all`, [NAME=]FOLDER, [NAME=]module:function.

    Raises InputError for an unknown or repeated name.
    """
    out: list[Entry] = []
    for word in filter(None, (w.strip() for w in words.split(","))):
        out += ENTRIES if word == "all" else [_named(word)]
    names = [entry.name for entry in out]
    if not names:
        raise InputError(f"--systems names no system; choose from {', '.join(BY_NAME)}")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"--systems names {twice} twice; write NAME=... to tell them apart")
    return out


def _named(word: str) -> Entry:
    if word in BY_NAME:
        return BY_NAME[word]
    label, _, place = word.rpartition("=")
    if Path(place).is_dir():
        name = require_file_name(label or Path(place).resolve().name, "--systems")
        return Entry(name, "system", "sound files", partial(from_folder, Path(place)), kept=False, modelled=False)
    if ":" in place:
        name = require_file_name(label or place.rpartition(":")[2], "--systems")
        function: System = imported(place, "--systems")
        return Entry(name, "system", place, lambda shop: function, kept=False, modelled=False)
    if label or Path(place).name != place:
        raise InputError(f"--systems {word}: there is no folder {place}; give a folder of sounds, or module:function")
    hint = suggest(word, BY_NAME) or f"choose from {', '.join(BY_NAME)}, a folder, or module:function"
    raise InputError(f"--systems: unknown system {word}; {hint}")


def from_folder(folder: Path, shop: Workshop) -> System:
    """A folder of sound files named by pair. Raises InputError when it has none of the set's."""
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SOUND_SUFFIXES}
    if not files.keys() & {pair.name for pair in shop.pairs}:
        raise InputError(f"{folder} has no sound of this test set; name them by pair, such as {shop.pairs[0].name}.wav")

    def answer(pair: Pair) -> np.ndarray:
        from condfoley.media import read_audio

        if pair.name not in files:
            raise InputError(f"{folder} has no {pair.name}.wav")
        return read_audio(files[pair.name], RATE)

    return answer


def resampled(wav: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(N,) at `rate` Hz as float32 at `wanted` Hz."""
    import soxr

    return wav if rate == wanted else soxr.resample(wav, rate, wanted).astype(np.float32)


def at_judges_rate(wav: np.ndarray, rate: int) -> np.ndarray:
    """(N,) at `rate` Hz as float32 at the judges'."""
    return resampled(wav, rate, RATE)
