"""A value type for sound: samples that are never changed in place, and their onsets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from condfoley.audio.onsets import detect_onsets
from condfoley.memory import blocks, sound_array, sound_copy


@dataclass(frozen=True, eq=False)
class Track:
    """Sound. Its onsets are detected once, when they are first asked for.

    samples: (C, N) float32, nominally [-1, 1], read-only; a sound (N,) becomes one channel. rate: Hz.
    Raises ValueError for other shapes.
    """

    samples: np.ndarray
    rate: int
    known: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    """Onsets (E,) s and their rises (E,) dB, where they are known without listening."""

    def __post_init__(self) -> None:
        samples = np.asanyarray(self.samples, np.float32)  # a memory map stays one
        samples = (samples[None] if samples.ndim == 1 else samples).view()
        if samples.ndim != 2 or not len(samples):
            raise ValueError(f"a track needs samples (channels, N), not {samples.shape}")
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)

    def __len__(self) -> int:
        """Samples of each channel."""
        return self.samples.shape[1]

    @property
    def channels(self) -> int:
        """Number of channels, 1 or more."""
        return len(self.samples)

    @property
    def duration(self) -> float:
        """s."""
        return len(self) / self.rate

    @property
    def mono(self) -> np.ndarray:
        """The mean of all channels: (N,) float32."""
        return self.mono_between(0, len(self))

    def mono_between(self, begin: int, end: int) -> np.ndarray:
        """A part of `mono`, from a sample to another, without making the rest: (end - begin,) float32."""
        part = self.samples[:, begin:end]
        return part[0] if self.channels == 1 else part.mean(0)

    @property
    def wav(self) -> np.ndarray:
        """(N,) float32 where there is one channel, else (C, N): as files and players have it."""
        return self.samples[0] if self.channels == 1 else self.samples

    @cached_property
    def _detected(self) -> tuple[np.ndarray, np.ndarray]:
        return detect_onsets(self.mono, self.rate) if self.known is None else self.known

    @property
    def onsets(self) -> np.ndarray:
        """(E,) s, ascending, of the mean of all channels (`detect_onsets`)."""
        return self._detected[0]

    @property
    def rises(self) -> np.ndarray:
        """(E,) dB, by how much each onset rises."""
        return self._detected[1]

    def edited(self, samples: np.ndarray) -> Track:
        """Another sound at the same rate, (C, N) or (N,); its onsets are not known."""
        return Track(samples, self.rate)

    def scaled(self, gain: float) -> Track:
        """The same sound `gain` times as loud: its onsets stay, since their detection does not depend on the level."""
        return Track(sound_copy(self.samples, gain), self.rate, self._known_so_far)

    def with_onsets_of(self, other: Track) -> Track:
        """The same sound, whose onsets are taken to be those of another one, which it was made from."""
        return Track(self.samples, self.rate, other._detected)

    def delayed(self, seconds: float) -> Track:
        """The sound moved later, or earlier where `seconds` is below 0, in a track of the same length.

        What is left free is silent. Onsets move by `seconds`, also beyond the ends.
        """
        if not seconds:
            return self
        shift = min(max(round(seconds * self.rate), -len(self)), len(self))
        samples, moved = sound_array(self.samples.shape), len(self) - abs(shift)
        there, here = samples[:, max(0, shift) :], self.samples[:, max(0, -shift) :]
        for part in blocks(moved):
            there[:, part] = here[:, part]
        known = self._known_so_far
        return Track(samples, self.rate, known and (known[0] + seconds, known[1]))

    @property
    def _known_so_far(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Onsets and rises where they are known or were detected; None where nobody listened yet."""
        return self.__dict__.get("_detected", self.known)
