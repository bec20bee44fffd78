"""The contract of a generator: from picture and reference to candidates' spectrograms, whatever generates them.

Letters in shapes: T frames of picture, D features, N candidates, M spectrogram frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from condfoley.audio import windows
from condfoley.audio.mel import window_spec
from condfoley.audio.splice import loop, segment
from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.memory import Limits
from condfoley.runtime.side_by_side import MOST, each

if TYPE_CHECKING:
    from condfoley.encoded import Exemplar
    from condfoley.inputs import Clip
    from condfoley.pipeline import Progress
    from condfoley.settings import GeneratorName, Settings

LOOP_CROSSFADE = 0.03  # s, of a short reference that is repeated


class Section(NamedTuple):
    """Columns [first, last) of a target that are computed; the first `known` and the last `known_after` are known."""

    first: int
    last: int
    known: int
    known_after: int = 0


@dataclass(frozen=True)
class Around:
    """A section of a target, and what is heard around what is drawn of it.

    heard: (N,) float32 from the target's beginning on, at the exemplar's level; None: nothing is known. frame: fractional
    number of the picture token that is shown where the section begins.
    """

    section: Section
    heard: np.ndarray | None
    frame: float


@dataclass(frozen=True)
class Source:
    """A sound that is changed in place of writing a new one.

    wav: (N,) float32, from where what is drafted begins, at the exemplar's level. strength: how far it is changed, 0 to 1.
    """

    wav: np.ndarray
    strength: float


@dataclass(frozen=True)
class Start:
    """A sound of the whole target that candidates start from, at any level. track: mono, at the geometry's rate.

    strength: see `Source`.
    """

    track: Track
    strength: float


class Drafts(Protocol):
    """Candidates of one target, of which spectrograms are made a few at a time."""

    @property
    def codes(self) -> np.ndarray | None:
        """What of them is kept with the results: (N, columns * rows) int64, column by column; None: nothing."""

    def __len__(self) -> int:
        """Number of candidates."""

    def spectrograms(self, part: slice) -> np.ndarray:
        """Of some of the candidates: (N', n_mels, M), in [0, 1]."""


class Drafter(Protocol):
    """One generator, for one target."""

    name: GeneratorName
    """As in `--generator`; auto: of a system that is imported, and has no other."""
    both_sides: bool
    """Whether it knows what is behind a section, or only what is before it."""

    def sampling(self, settings: Settings) -> dict[str, Any]:
        """How is drawn: what is asked for, or else what the weights recommend.

        Raises InputError for a setting that the generator does not have.
        """

    def encode(self, wav: np.ndarray) -> np.ndarray:
        """The first window of a reference's sound, (N,), as the generator knows it (`Exemplar.sound`)."""

    def look(self, target: Clip, tokens: np.ndarray) -> np.ndarray:
        """What it knows of a target's picture, (T', D'): its tokens, (T, D), or what it sees of the clip itself."""

    def draft(
        self,
        tokens: np.ndarray,
        exemplar: Exemplar,
        seeds: Sequence[int],
        sampling: dict[str, Any],
        report: Progress = lambda stage, share: None,
        around: Around | None = None,
        source: Source | None = None,
    ) -> Drafts:
        """All candidates.

        tokens: of `look`. seeds: of the candidates. sampling: see `sampling`. around: only a section is drawn. source: what
        they start from. Raises InputError for a source that the generator cannot start from.
        """


def reference_window(wav: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A sound's first window, which is repeated where it is shorter: (N,) -> (1, 1, n_mels, window) in [-1, 1]."""
    g = geometry
    window = loop(wav[: g.clip_samples], g.clip_samples, round(LOOP_CROSSFADE * g.sample_rate))
    return window_spec(window[None], g)


def window_before(heard: np.ndarray, column: int, geometry: Geometry) -> np.ndarray:
    """The window of a sound, (N,) from the target's beginning on, that ends where a column begins.

    Nothing behind that is in it. Returns (1, 1, n_mels, window) in [-1, 1].
    """
    g, end = geometry, column * geometry.column_samples
    begin = end - g.valid_columns * g.column_samples - g.sound_lag * g.hop
    return window_spec(segment(heard[:end], begin, begin + g.clip_samples)[None], g)


def decoded(
    make: Callable[[slice, slice], np.ndarray],
    candidates: int,
    columns: int,
    geometry: Geometry,
    limits: Limits,
    workers: int,
) -> np.ndarray:
    """Spectrograms (N, n_mels, M) in [0, 1], in few overlapping tiles as long as the decoder knows.

    make: called with some of the candidates and some of the columns; returns their spectrograms, about [-1, 1].
    """
    g = geometry
    starts, length = windows.tiles(columns, limits.tile_windows * g.valid_columns, max(1, g.valid_columns // 10))
    batches = range(0, candidates, limits.decode_batch)

    def tile(place: tuple[int, int]) -> np.ndarray:
        start, first = place
        return (make(slice(first, first + limits.decode_batch), slice(start, start + length)) + 1) / 2

    made = each(tile, [(start, first) for start in starts for first in batches], min(workers, MOST))
    tiles = [np.concatenate(made[i : i + len(batches)]) for i in range(0, len(made), len(batches))]
    places = [start * g.column_mel_frames for start in starts]
    specs = windows.crossfade_tiles(tiles, places, columns * g.column_mel_frames)
    return specs.clip(0, 1, out=specs)
