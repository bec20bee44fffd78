"""What `Foley.generate` gives, and how each sound of it is finished."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from condfoley.comping.takes import Take
from condfoley.errors import UnwritableError
from condfoley.geometry import Geometry
from condfoley.hits import Hits

CEILING = 0.98  # peak of a finished soundtrack
EDGE = 0.003  # s of fade at its beginning and end


class Candidate:
    """One soundtrack. wav: (N,) float32. offset: s, positive when it is late. confidence: [0, 1].

    hits: (E,) s, when it is heard to strike. agreement: F1 of them against those the picture shows; both are left out
    when it shows none.
    """

    def __init__(
        self,
        wav: np.ndarray,
        seed: int,
        offset: float,
        confidence: float,
        agreement: float | None = None,
        hits: np.ndarray | None = None,
    ):
        self.seed, self.offset, self.confidence, self.agreement = seed, offset, confidence, agreement
        self.hits = np.zeros(0) if hits is None else hits
        self.wav = wav

    @property
    def wav(self) -> np.ndarray:
        """(N,) float32, nominally [-1, 1]; read-only once it was put aside."""
        return self._wav if self._file is None else np.memmap(self._file, np.float32, "r")

    @wav.setter
    def wav(self, wav: np.ndarray) -> None:
        self._wav = wav
        self._file: IO[bytes] | None = None

    def replace(self, wav: np.ndarray) -> None:
        """Another sound (N,) float32 in place of this one, kept where this one is."""
        aside = self._file is not None
        self.wav = wav
        if aside:
            self.put_aside()

    def put_aside(self) -> None:
        """Moves the sound to a temporary file; in memory is then only what is being looked at.

        Raises UnwritableError when there is no room for it.
        """
        if self._file is not None:
            return
        try:
            file: IO[bytes] = tempfile.TemporaryFile(buffering=0)
            self._wav.tofile(file)
        except OSError as error:
            place = tempfile.tempdir or "the temporary folder"
            raise UnwritableError(
                f"{place}: candidates of long targets are kept there, which cannot be written ({error.strerror or error}); "
                "make room there or set TMPDIR to a folder with more"
            ) from error
        self._wav, self._file = self._wav[:0].copy(), file


@dataclass
class Soundtrack:
    """What `generate` gives: the soundtrack, all candidates in order of generation, and how it came about.

    wav: (N,) float32 at sample_rate Hz, as long as the target's picture. geometry: that of the weights. chosen: index
    of the candidate that is heard most. takes: which candidates `wav` was put together from; a hit that none of them
    has was lent and is in none. hits: those that it follows; told: whether they were given or seen. reference_wav: the
    window that was listened to. *_frames: (T, S, S, 3) uint8 at the geometry's frame rate. picture_onsets: (T,) in
    [0, 1] at picture_fps, how likely something is struck in each frame of the target as the referee sees it. settings:
    what is needed to make it again.
    """

    wav: np.ndarray
    geometry: Geometry
    candidates: list[Candidate]
    chosen: int
    takes: list[Take]
    hits: Hits
    told: bool
    duration: float
    reference_start: float
    reference_duration: float
    reference_wav: np.ndarray
    reference_frames: np.ndarray
    target_frames: np.ndarray
    picture_onsets: np.ndarray
    picture_fps: float
    settings: dict[str, Any]
    weights: dict[str, Any]

    @property
    def sample_rate(self) -> int:
        """Hz, of all its sounds."""
        return self.geometry.sample_rate


def with_soft_edges(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """A soundtrack (N,) float32 that neither begins nor ends with a click; changed in place, as it may be long."""
    fade = min(round(EDGE * sample_rate), len(wav) // 2)
    rise = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    wav[:fade] *= rise
    wav[len(wav) - fade :] *= rise[::-1]
    return wav


def finished(wav: np.ndarray) -> np.ndarray:
    """A soundtrack (N,) float32 without DC and clipping, |x| <= CEILING; changed in place, as it may be long."""
    wav -= wav.mean()
    peak = float(max(wav.max(initial=0.0), -wav.min(initial=0.0)))
    if peak > CEILING:
        wav *= np.float32(CEILING / peak)
    return wav
