"""What `Foley.generate` gives, and how each sound of it is finished."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from condfoley.audio.limiter import limit_into
from condfoley.audio.splice import ramp
from condfoley.audio.track import Track
from condfoley.comping.ranking import Candidate
from condfoley.comping.takes import Take, dominant_candidate
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.memory import array_in_file, blocks, sound_copy
from condfoley.settings import CEILING_DBTP, Way

MAX_PEAK = 10 ** (CEILING_DBTP / 20)  # of a finished soundtrack
EDGE = 0.003  # s of fade at its beginning and end


Places = tuple[tuple[float, Way, tuple[int, float] | None], ...]
"""Where the references' own samples are wanted, of each impact: s of its sound; how it was made; the reference's number, and s in
it, where it is one moment."""


@dataclass(frozen=True)
class Soundtrack:
    """The soundtrack, all candidates in order of generation, and how it came about.

    track: as long as the target's picture. candidates: as loud as the soundtrack. geometry: that of the weights. takes:
    which candidates the soundtrack was put together from; an impact that none of them has was copied and is in none.
    cues: the times that it follows; cues_given: whether they were given or seen in the picture. duration: of the target,
    s. reference: the window that was used, and where it starts in the clip, s. *_frames: (T, S, S, 3) uint8 at the
    geometry's frame rate. impact_probability, sliding: (T,) in [0, 1] at picture_fps, in each frame of the target. settings: what
    is needed to make it again. weights: name and hashes. engine: name and version of what ran the
    networks. scene_cuts: s, of the target. codes: (N, columns * rows), the candidates', scene after
    scene. remarks: what a user should know. reference_number: of the
    reference that was listened to, where there are several. made_of: where it is made of the references' own samples, of each
    impact: s of the target; how it was made; the reference's number and s in it, where it is one moment.
    """

    track: Track
    geometry: Geometry
    candidates: list[Candidate]
    takes: list[Take]
    cues: Hits
    cues_given: bool
    duration: float
    reference: Track
    reference_start: float
    reference_frames: np.ndarray
    target_frames: np.ndarray
    impact_probability: np.ndarray
    sliding: np.ndarray
    picture_fps: float
    settings: dict[str, Any]
    weights: dict[str, Any]
    engine: dict[str, str] = field(default_factory=dict)
    scene_cuts: tuple[float, ...] = ()
    codes: np.ndarray | None = None
    remarks: tuple[str, ...] = ()
    reference_number: int = 0
    made_of: Places = ()

    @property
    def wav(self) -> np.ndarray:
        """(N,) float32 of one channel, (C, N) of more, at sample_rate Hz; read-only."""
        return self.track.wav

    @property
    def sample_rate(self) -> int:
        """Hz, of all its sounds."""
        return self.track.rate

    @property
    def chosen(self) -> int:
        """Index of the candidate that gives most of the soundtrack."""
        return dominant_candidate(self.takes, self.duration)


def finished(track: Track, gain: float = 1.0) -> Track:
    """The track `gain` times as loud, limited to true peaks of MAX_PEAK, and without a click at either end.

    Its onsets are taken to stay where they were.
    """
    samples = sound_copy(track.samples, gain)
    limit_into(samples, MAX_PEAK, track.rate)
    edge = min(round(EDGE * track.rate), len(track) // 2)
    samples[:, :edge] *= ramp(edge)
    samples[:, len(track) - edge :] *= ramp(edge)[::-1]
    return Track(samples, track.rate).with_onsets_of(track)


def spilled(track: Track) -> Track:
    """The same track with its samples in a temporary file, mapped into memory: only what is used of it takes memory.

    Raises UnwritableError when there is no room for it.
    """
    if isinstance(track.samples, np.memmap):
        return track
    mapped = array_in_file(track.samples.shape, np.float32)
    for part in blocks(len(track)):
        mapped[:, part] = track.samples[:, part]
    return Track(mapped, track.rate).with_onsets_of(track)
