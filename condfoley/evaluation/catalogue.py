"""All systems of `condfoley evaluate` by name, and external ones given as a folder of sounds or as a function."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from condfoley.cli.arguments import suggest
from condfoley.errors import InputError
from condfoley.evaluation.clips import Pair
from condfoley.evaluation.functions import import_function
from condfoley.evaluation.pairs import require_file_name
from condfoley.evaluation.systems import (
    NO_REFERENCE,
    RATE,
    System,
    SystemContext,
    SystemSpec,
    copy_system,
    distractor_reference,
    foley_system,
    generator_system,
    generators_in,
    mismatched_reference,
    noise_system,
    onset_transfer_system,
    reconstruction_system,
    silence_system,
    style_transfer_system,
    truth_system,
)
from condfoley.media.formats import SOUND_SUFFIXES

SYSTEM_SPECS = (
    SystemSpec("condfoley", "system", "the model's own sound (--render vocoder)", foley_system),
    SystemSpec(
        "condfoley-no-rerank", "system", "its first candidate", partial(foley_system, rerank=False, candidates=1)
    ),
    SystemSpec(
        "condfoley-flow",
        "system",
        "drafted by the generator flow, where the weights have it",
        partial(generator_system, generator="flow"),
        generator="flow",
    ),
    SystemSpec(
        "condfoley-flow-no-rerank",
        "system",
        "the flow's first candidate",
        partial(generator_system, generator="flow", rerank=False, candidates=1),
        generator="flow",
    ),
    SystemSpec(
        "condfoley-no-comp",
        "system",
        "the best candidate unchanged, without comping",
        partial(foley_system, comp=False),
    ),
    SystemSpec(
        "condfoley-unguided",
        "system",
        "no classifier-free guidance at inference",
        partial(foley_system, guidance=1.0, picture_guidance=1.0),
    ),
    SystemSpec(
        "condfoley-no-eq", "system", "without matching the reference's spectrum", partial(foley_system, eq_match=0.0)
    ),
    SystemSpec(
        "condfoley-no-decay",
        "system",
        "without matching the reference's envelope",
        partial(foley_system, decay_match=0.0),
    ),
    SystemSpec(
        "condfoley-recorded",
        "system",
        "the default: the reference's own samples (--render recorded)",
        partial(foley_system, render="recorded"),
    ),
    SystemSpec(
        "condfoley-no-texture",
        "system",
        "without matching the reference's texture",
        partial(foley_system, texture_match=0.0),
    ),
    SystemSpec(
        "condfoley-no-dynamics",
        "system",
        "without matching the dynamics of the picture",
        partial(foley_system, dynamics=0.0),
    ),
    SystemSpec(
        "condfoley-no-reference-picture",
        "system",
        "gets the reference's sound without its picture",
        partial(foley_system, withheld="picture"),
    ),
    SystemSpec(
        "condfoley-no-reference",
        "opponent",
        "gets the target's picture and no reference",
        partial(foley_system, **NO_REFERENCE),
    ),
    SystemSpec(
        "unconditional",
        "opponent",
        "the model without reference and without picture",
        partial(foley_system, **NO_REFERENCE, picture_guidance=0.0),
    ),
    SystemSpec(
        "condfoley-mismatched-action",
        "control",
        "a reference with another action",
        partial(foley_system, choose=mismatched_reference),
    ),
    SystemSpec(
        "condfoley-shuffled-reference",
        "control",
        "another pair's reference",
        partial(foley_system, choose=distractor_reference),
    ),
    SystemSpec("onset-transfer", "opponent", "as published", partial(onset_transfer_system, published=True)),
    SystemSpec(
        "onset-transfer-strong",
        "opponent",
        "whole events of the reference, without overlap",
        partial(onset_transfer_system, published=False),
    ),
    SystemSpec("style-transfer", "opponent", "the model without reference, then AdaIN", style_transfer_system),
    SystemSpec("copy", "opponent", "the reference's sound unchanged", copy_system, needs_model=False),
    SystemSpec("truth", "bound", "the target's true sound", truth_system, needs_model=False),
    SystemSpec("reconstruction", "bound", "the true sound through tokenizer and vocoder", reconstruction_system),
    SystemSpec("silence", "control", "digital silence", silence_system, needs_model=False),
    SystemSpec("noise", "control", "white noise", noise_system, needs_model=False),
)
BY_NAME = {spec.name: spec for spec in SYSTEM_SPECS}


def parse_systems(text: str, weights: str | None = None) -> list[SystemSpec]:
    """Systems of a comma-separated list: names of SYSTEMS, `all`, [NAME=]FOLDER, [NAME=]module:function.

    weights: folder of the model, None: the shipped one; `all` leaves out what it has no generator for. Raises InputError for
    an unknown or repeated name.
    """
    out: list[SystemSpec] = []
    for word in filter(None, (w.strip() for w in text.split(","))):
        out += _all_systems(weights) if word == "all" else [_parse_system(word)]
    names = [spec.name for spec in out]
    if not names:
        raise InputError(f"--systems names no system; choose from {', '.join(BY_NAME)}")
    if duplicate := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"--systems names {duplicate} twice; write NAME=... to tell them apart")
    return out


def _all_systems(weights: str | None) -> list[SystemSpec]:
    there = generators_in(weights)
    return [spec for spec in SYSTEM_SPECS if spec.generator in (None, *there)]


def _parse_system(word: str) -> SystemSpec:
    if word in BY_NAME:
        return BY_NAME[word]
    label, _, location = word.rpartition("=")
    if Path(location).is_dir():
        name = require_file_name(label or Path(location).resolve().name, "--systems")
        build = partial(folder_system, Path(location))
        return SystemSpec(name, "system", "sound files", build, cached=False, needs_model=False)
    if ":" in location:
        name = require_file_name(label or location.rpartition(":")[2], "--systems")
        function: System = import_function(location, "--systems")
        return SystemSpec(name, "system", location, lambda context: function, cached=False, needs_model=False)
    if label or Path(location).name != location:
        raise InputError(
            f"--systems {word}: there is no folder {location}; give a folder of sounds, or module:function"
        )
    hint = suggest(word, BY_NAME) or f"choose from {', '.join(BY_NAME)}, a folder, or module:function"
    raise InputError(f"--systems: unknown system {word}; {hint}")


def folder_system(folder: Path, context: SystemContext) -> System:
    """Sound files in a folder, named by pair. Raises InputError when none belongs to a pair of the test set."""
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SOUND_SUFFIXES}
    if not files.keys() & {pair.name for pair in context.pairs}:
        raise InputError(
            f"{folder} has no sound of this test set; name them by pair, such as {context.pairs[0].name}.wav"
        )

    def generate(pair: Pair) -> np.ndarray:
        from condfoley.media import read_audio

        if pair.name not in files:
            raise InputError(f"{folder} has no {pair.name}.wav")
        return read_audio(files[pair.name], RATE)

    return generate
