"""A node for ComfyUI: two videos in, a soundtrack out, alone and beside the target's picture.

ComfyUI loads what a Python file of its folder `custom_nodes` names (docs/integrations.md has the line). Conventions are
those of its documentation (docs.comfy.org, custom nodes, data types): a VIDEO has `get_components()`, whose `images` are
(T, H, W, 3) float in [0, 1] at `frame_rate` frames a second, beside its `audio`; a sound is {"waveform": (batch, channels,
samples), "sample_rate": Hz}. A VIDEO that is a file gives it by `get_stream_source()`, and `VideoFromFile` makes one of a file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from condfoley.errors import InputError
from condfoley.hits import format_hits, parse_hits
from condfoley.inputs import Footage
from condfoley.settings import SEEDS

Sound = dict[str, Any]


class CondFoleySoundtrack:
    """The soundtrack of a silent target video, sounding like a reference."""

    CATEGORY = "audio"
    DESCRIPTION = "Writes the target's soundtrack: timed to its picture, sounding like the reference."
    FUNCTION = "generate"
    RETURN_TYPES = ("AUDIO", "STRING", "VIDEO")
    RETURN_NAMES = ("soundtrack", "hits", "video")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:
        """What ComfyUI draws: a socket or a widget for each."""
        hits = "When the target strikes, in place of what its picture shows: a time in seconds on each line."
        start = "Where in the reference to listen, in seconds; below 0: where its events are clearest."
        weights = "A folder with other weights than the shipped ones."
        return {
            "required": {
                "target": ("VIDEO",),
                "candidates": ("INT", {"default": 8, "min": 1, "max": 256}),
                "seed": ("INT", {"default": 0, "min": 0, "max": SEEDS - 1, "control_after_generate": True}),
            },
            "optional": {
                "reference": ("VIDEO", {"tooltip": "A clip with sound, at best a few clear events."}),
                "reference_sound": ("AUDIO", {"tooltip": "A sound without a picture, in place of a reference."}),
                "reference_start": ("FLOAT", {"default": -1.0, "min": -1.0, "max": 1e5, "step": 0.1, "tooltip": start}),
                "hits": ("STRING", {"default": "", "multiline": True, "tooltip": hits}),
                "weights": ("STRING", {"default": "", "tooltip": weights}),
            },
        }

    def generate(
        self,
        target: Any,
        candidates: int,
        seed: int,
        reference: Any = None,
        reference_sound: Sound | None = None,
        reference_start: float = -1.0,
        hits: str = "",
        weights: str = "",
    ) -> tuple[Sound, str, Any]:
        """The soundtrack, the hits that it follows as text that `hits` takes again, and the target with the soundtrack.

        Raises InputError, which ComfyUI shows, when something cannot be used.
        """
        if (reference is None) == (reference_sound is None):
            raise InputError("connect a reference, or a reference_sound, but not both")
        picture = _footage(target, "the target")
        made = _foley(weights.strip()).render(
            _footage(reference, "the reference") if reference_sound is None else _sound(reference_sound),
            picture,
            candidates=candidates,
            seed=seed,
            reference_start=None if reference_start < 0 else reference_start,
            hits=parse_hits(hits, "hits") if hits.strip() else None,
            progress=_progress(),
        )
        waveform = torch.from_numpy(np.array(made.track.samples))[None]
        video = _with_sound(target, picture, made.wav, made.sample_rate)
        return {"waveform": waveform, "sample_rate": made.sample_rate}, format_hits(made.cues), video


def _footage(video: Any, name: str) -> Footage:
    """A VIDEO as arrays. Raises InputError where it has no picture."""
    parts = video.get_components()
    count = len(parts.images)
    if not count:
        raise InputError(f"{name} has no picture; connect a video")
    rate = float(parts.frame_rate)
    pictures = (parts.images[..., :3].cpu() * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    sound = {} if parts.audio is None else _samples(parts.audio)
    return Footage(pictures, np.arange(count) / rate, length=count / rate, name=name, **sound)


def _sound(sound: Sound) -> Footage:
    return Footage(name="the reference_sound", **_samples(sound))


def _samples(sound: Sound) -> dict[str, Any]:
    """The first sound of a batch as `Footage` has it."""
    return {"samples": sound["waveform"][0].float().cpu().numpy(), "rate": int(sound["sample_rate"])}


def _with_sound(target: Any, picture: Footage, wav: np.ndarray, rate: int) -> Any:
    """A VIDEO with a sound, (N,) or (C, N) at `rate` Hz: the packets of the target's file, copied.

    picture: of the target. ComfyUI encodes only what is no file as it is: made-up frames, a part of one.
    """
    from condfoley.media import mux, mux_suffix

    folder = _temporary_folder()
    with tempfile.TemporaryDirectory(dir=folder, prefix="condfoley_") as work:
        source = _file_of(target, picture, Path(work))
        handle, name = tempfile.mkstemp(mux_suffix(source), "condfoley_", folder)
        os.close(handle)
        mux(source, wav, rate, name)
    try:
        from comfy_api.latest import InputImpl

        return InputImpl.VideoFromFile(name)
    except ImportError:  # older versions
        from comfy_api.input_impl import VideoFromFile

        return VideoFromFile(name)


def _file_of(target: Any, picture: Footage, work: Path) -> Path:
    """A file with the frames of a VIDEO: its own, or a new one in `work` where it is a part of one, or has none."""
    from condfoley.media import probe

    source = target.get_stream_source()
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
    else:
        path = work / "source"
        source.seek(0)
        with open(path, "wb") as file:
            shutil.copyfileobj(source, file)
    info, pictures = probe(path), picture.pictures
    if pictures is not None and (info.height, info.width) == pictures.shape[1:3]:
        if abs(info.duration - picture.duration) < picture.duration / len(pictures) / 2:
            return path
    target.save_to(str(work / "part.mp4"))
    return work / "part.mp4"


def _temporary_folder() -> str | None:
    """ComfyUI's own, which it empties; None: the system's."""
    try:
        from folder_paths import get_temp_directory
    except ImportError:
        return None
    os.makedirs(get_temp_directory(), exist_ok=True)
    return str(get_temp_directory())


@lru_cache(maxsize=1)
def _foley(weights: str) -> Any:
    """Loaded once for many soundtracks."""
    from condfoley.foley import Foley

    return Foley.load(weights or None)


def _progress() -> Callable[[str, float], None] | None:
    """ComfyUI's progress bar, where there is one."""
    try:
        from comfy.utils import ProgressBar
    except ImportError:
        return None
    bar = ProgressBar(100)

    def report(stage: str, share: float) -> None:
        bar.update_absolute(round(100 * share))

    return report


NODE_CLASS_MAPPINGS = {"CondFoleySoundtrack": CondFoleySoundtrack}
NODE_DISPLAY_NAME_MAPPINGS = {"CondFoleySoundtrack": "condfoley: soundtrack"}
