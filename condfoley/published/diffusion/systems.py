"""What is known of the published diffusion systems, and what they need. No torch is imported.

Sources: VTA-LDM is ariesssxu/vta-ldm at commit 69f7c779 and its checkpoint vta-ldm-clip4clip-v-large; Seeing and Hearing is
yzxing87/Seeing-and-Hearing at 75cdbbc2, which steers AudioLDM (cvssp/audioldm-m-full) by ImageBind. File names in comments
are theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal, get_args

from condfoley.errors import InputError, require_extra

System = Literal["vta-ldm", "audioldm"]
SYSTEMS: tuple[System, ...] = get_args(System)

RATE = 16_000
"""Hz, mono, of both systems' sound."""
HOP = 160
"""Samples between two frames of the spectrograms that the vocoder reads."""
ROWS = 256
"""Rows of a latent over time of 10.24 s, with which both UNets were trained; that of VTA-LDM knows no other (models.py:463)."""
VISION_FPS = 2.0
"""Pictures a second that VTA-LDM sees (inference_from_video.py:167), and Seeing and Hearing's ImageBind."""
VISION_SIZE = 224
"""Pixels of their sides."""
POSITIONS = 30
"""Pictures for which a VTA-LDM that was trained with positions has one (models.py:103)."""

VTA_SCHEDULER: dict[str, Any] = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
"""Of stabilityai/stable-diffusion-2-1, which the checkpoint names and does not hold."""
VTA_SCHEDULER_NAME = "stabilityai/stable-diffusion-2-1"

SAMPLING: dict[System, dict[str, float]] = {
    "vta-ldm": {"steps": 25, "published_steps": 300, "guidance": 3.0},  # inference_from_video.sh
    "audioldm": {"steps": 30, "published_steps": 30, "guidance": 2.5},  # video2audio.py:94, pipeline_audioldm.py:873
}
"""Steps in both modes, and classifier-free guidance: on the picture, or on the caption."""

LICENCES: dict[System, str] = {
    "vta-ldm": "CC-BY-4.0, with a VAE and a vocoder of CC-BY-NC-SA-4.0",
    "audioldm": "CC-BY-NC-SA-4.0",
}
IMAGEBIND_LICENCE = "CC-BY-NC-SA-4.0"


def system_of(card: Mapping[str, Any]) -> System | None:
    """Which of these systems a weights folder has, by its card; None: it is not one of them."""
    named = card.get("system")
    return next((name for name in SYSTEMS if name == named), None)


def require_diffusion(purpose: str) -> None:
    """Raises InputError, with what to do, where the extra `diffusion` is missing or cannot be installed."""
    if sys.version_info < (3, 11):
        raise InputError(f"{purpose} needs Python 3.11 or newer, as diffusers does; make an environment with it")
    require_extra("diffusion", purpose)
