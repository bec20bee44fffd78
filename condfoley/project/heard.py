"""What an excerpt in its place adds to a soundtrack, by itself and in a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from condfoley.audio.rooms import echo
from condfoley.audio.splice import ramp
from condfoley.project.model import AMBIENCE, Excerpt, Project
from condfoley.project.store import quantised

CUT = 0.01  # s over which an echo ends at a scene cut


@dataclass(frozen=True)
class Placed:
    """An excerpt in its place. cue: id; None for what is before a layer's first cue.

    begin, stop: samples of the target, [begin, stop). follows, leads: samples before `begin` and `stop` over which it is
    shared with the one before and the next one; 0 where it begins or ends by itself.
    gain: factor. pan: from -1 to 1. skip: samples of the excerpt that are not heard, at its beginning. fade: samples over
    which it is shared with the one before, whatever that is of. unlike: whether the one before, and the next one, is another
    sound: then it is the power that the two share, else the amplitude.
    """

    cue: int | None
    layer: str
    excerpt: Excerpt
    begin: int
    stop: int
    gain: float = 1.0
    pan: float = 0.0
    follows: int = 0
    leads: int = 0
    skip: int = 0
    fade: int = 0
    unlike: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Heard:
    """What an excerpt adds to the soundtrack. samples: (C, N) float32, of the target from `begin` on."""

    placed: Placed
    begin: int
    samples: np.ndarray


def in_room(project: Project, heard: Heard) -> list[Heard]:
    """An excerpt, and where the project is in a room, its echo there, which ends at a scene cut. A bed has none.

    The echo is of the excerpt alone, and quantised as it is, so that stems add up with it too.
    """
    master, rate = project.master, project.rate
    if master.room == "dry" or heard.placed.layer == AMBIENCE:
        return [heard]
    wet = echo(heard.samples, master.room, rate) * 10 ** (master.room_gain / 20)
    cuts = [round(cut * rate) for cut in project.scene_cuts]
    end = min([project.samples, *(cut for cut in cuts if cut >= heard.placed.stop)]) - heard.begin
    if end < wet.shape[1]:
        wet, fade = wet[:, :end], min(round(CUT * rate), end)
        wet[:, end - fade :] *= ramp(fade)[::-1]
    return [heard, Heard(heard.placed, heard.begin, quantised(wet))]
