"""A node for ComfyUI: two videos in, a soundtrack out.

ComfyUI loads what a Python file of its folder `custom_nodes` names; README.md says what to write there. Conventions are
those of its documentation (docs.comfy.org, custom nodes, data types): a VIDEO can `save_to` a file, a sound is
{"waveform": (batch, channels, samples), "sample_rate": Hz}.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from condfoley.errors import InputError
from condfoley.settings import SEEDS

Sound = dict[str, Any]


class CondFoleySoundtrack:
    """The soundtrack of a silent target video, sounding like a reference."""

    CATEGORY = "audio"
    DESCRIPTION = "Writes the target's soundtrack: timed to its picture, sounding like the reference."
    FUNCTION = "generate"
    RETURN_TYPES = ("AUDIO", "STRING")
    RETURN_NAMES = ("soundtrack", "hits")

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
    ) -> tuple[Sound, str]:
        """The soundtrack, and the hits that it follows as text that `hits` takes again.

        Raises InputError, which ComfyUI shows, when something cannot be used.
        """
        from condfoley.hits import read_hits, write_hits
        from condfoley.media import write_wav

        if (reference is None) == (reference_sound is None):
            raise InputError("connect a reference, or a reference_sound, but not both")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            model, silent, labels = folder / "reference.mp4", folder / "target.mp4", folder / "hits.txt"
            target.save_to(str(silent))
            if reference_sound is None:
                reference.save_to(str(model))
            else:
                model = folder / "reference.wav"
                mono = reference_sound["waveform"][0].float().mean(0).cpu().numpy()
                write_wav(model, mono, int(reference_sound["sample_rate"]))
            if hits.strip():
                labels.write_text(hits, encoding="utf-8")
            made = _foley(weights.strip()).generate(
                model,
                silent,
                candidates=candidates,
                seed=seed,
                reference_start=None if reference_start < 0 else reference_start,
                hits=read_hits(labels) if hits.strip() else None,
                progress=_progress(),
            )
            write_hits(labels, made.hits)
            waveform = torch.from_numpy(made.wav)[None, None]
            return {"waveform": waveform, "sample_rate": made.sample_rate}, labels.read_text(encoding="utf-8")


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

    def tell(stage: str, share: float) -> None:
        bar.update_absolute(round(100 * share))

    return tell


NODE_CLASS_MAPPINGS = {"CondFoleySoundtrack": CondFoleySoundtrack}
NODE_DISPLAY_NAME_MAPPINGS = {"CondFoleySoundtrack": "condfoley: soundtrack"}
