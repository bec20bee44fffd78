"""A project's bed: ambience beneath its other layers, from a reference's quiet parts or a file of one's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from condfoley import media
from condfoley.audio.ambience import bed, looped
from condfoley.audio.onsets import detect_onsets
from condfoley.audio.splice import faded
from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.project.create import described, unused
from condfoley.project.find_inputs import find_input, input_of
from condfoley.project.model import AMBIENCE, Excerpt, Layer, Opening, Project, Sound
from condfoley.project.store import SOUNDS, write_sound

AUTO, NONE = "auto", "none"
MOST = 300.0  # s of a reference, from its beginning, in which quiet parts are looked for
EDGE = 0.05  # s of fade at either end


def with_ambience(folder: Path, project: Project, source: str, gain: float | None = None) -> tuple[Project, list[str]]:
    """The project with a bed, in place of an earlier one, and remarks; its sound is written to the folder.

    source: AUTO: the quiet parts of the first layer's reference; NONE: no bed; else the path of a file that is one.
    gain: dB; None: as before, or 0. Raises InputError for a file that cannot be used.
    """
    others = tuple(layer for layer in project.layers if layer.name != AMBIENCE)
    former = next((layer for layer in project.layers if layer.name == AMBIENCE), Layer(AMBIENCE))
    if source == NONE:
        return dataclasses.replace(project, layers=others), []
    key, path = _source(folder, project, source)
    samples = _bed(path, project.rate, project.samples, source == AUTO)
    if samples is None:
        name = Path(path).name
        return project, [f"{name} has no quiet part that is long enough for a bed; give a file with --ambience FILE"]
    sound = Sound(
        name := unused(folder, project, SOUNDS, AMBIENCE), f"{SOUNDS}/{name}.flac", "ambience", AMBIENCE, 0, 0
    )
    edge = min(round(EDGE * project.rate), project.samples // 2)
    samples = faded(samples, edge, edge)
    write_sound(folder, sound.file, samples, project.rate)
    sound = dataclasses.replace(described(sound, Track(samples, project.rate)), onsets=(), levels=())
    opening = Opening(0, Excerpt(sound.key, 0, sound.length, 0))
    layer = dataclasses.replace(former, reference=key, openings=(opening,), gain=former.gain if gain is None else gain)
    inputs = project.inputs if key in project.inputs else project.inputs | {key: input_of(path)}
    return dataclasses.replace(project, inputs=inputs, layers=(*others, layer)).with_sounds(sound), []


def _source(folder: Path, project: Project, source: str) -> tuple[str, Path]:
    """Key of the input that the bed is from, and its path."""
    if source != AUTO:
        return AMBIENCE, Path(source)
    for layer in project.layers:
        if layer.reference and layer.name != AMBIENCE:
            return layer.reference, find_input(folder, project, layer.reference)
    raise InputError("the project has no reference whose quiet parts could be a bed; give a file with --ambience FILE")


def _bed(path: Path, rate: int, samples: int, quiet_parts: bool) -> np.ndarray | None:
    """(1, samples) float32; None where a recording has no quiet part that is long enough."""
    media.require_audio(media.probe(path))
    long = quiet_parts and media.probe(path).duration > MOST
    wav = media.read_audio(path, rate, 0.0, MOST) if long else media.read_audio(path, rate)
    if not wav.any():
        raise InputError(f"{path} is silent; give a recording of ambience")
    return bed(wav, rate, detect_onsets(wav, rate)[0], samples) if quiet_parts else looped(wav, rate, samples)
