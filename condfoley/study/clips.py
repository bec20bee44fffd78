"""All clips of a study: the references, each target with each system's sound, and the wrong sounds."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np

from condfoley.media import mux
from condfoley.study import media
from condfoley.study.assignment import ClipNames, Probe
from condfoley.study.options import ExportOptions
from condfoley.study.sources import StudyItem

WRONG_KINDS = ("silent", "shuffled", "late")
LATE_SECONDS = 1.0
"""Delay of a late sound, s, which everybody notices; at most half the clip."""


def random_name() -> str:
    """A random name that cannot be guessed."""
    return secrets.token_hex(8)


def heard_of(found: list[StudyItem]) -> list[Path]:
    """All files whose sound a participant may hear."""
    own = [item.target for item in found if item.has_sound]
    return [*own, *(path for item in found for path in (item.reference, *item.sounds))]


class ClipWriter:
    """Writes the clips into `folder`, those of one picture in random order.

    anchor: the system whose sound replaces a target's own sound where its file has none.
    """

    def __init__(self, options: ExportOptions, folder: Path, found: list[StudyItem], anchor: int) -> None:
        self.options, self.folder, self.found, self.anchor = options, folder, found, anchor
        self.rate, self.channels = media.common_form(heard_of(found))
        self.seconds: dict[str, float] = {}
        self.rng = np.random.default_rng(options.seed)

    def write(self) -> ClipNames:
        """Encode all clips; returns their random names. Raises InputError for clips that `media` cannot read."""
        references, shown = [], []
        picture = self.folder / "picture.mp4"
        for source in self.found:
            length = media.encode_silent_video(source.reference, picture, self.options.height, self.rate)
            references += self._clips(picture, [self._sound(source.reference, length)], length)
            length = media.encode_silent_video(source.target, picture, self.options.height, self.rate)
            shown.append(self._clips(picture, [self._sound(path, length) for path in source.sounds], length))
        probes = [self._probe(k, picture) for k in range(self.options.practice + self.options.sentinels)]
        picture.unlink(missing_ok=True)
        practice, sentinels = probes[: self.options.practice], probes[self.options.practice :]
        return ClipNames(references, shown, practice, sentinels, self.seconds)

    def _clips(self, picture: Path, sounds: list[np.ndarray], length: float) -> list[str]:
        """Names of the clips of one picture with these sounds, equally loud."""
        names = [random_name() for _ in sounds]
        loud, _ = media.match_loudness(sounds, self.rate, self.options.loudness)
        for index in self.rng.permutation(len(sounds)):
            video = self.folder / f"{names[index]}.mp4"
            mux(picture, loud[index], self.rate, video)
            media.write_poster(video, video.with_suffix(".jpg"))
            self.seconds[names[index]] = length
        return names

    def _probe(self, number: int, picture: Path) -> Probe:
        """The true sound of a target (or the anchor's, if its file has none) and a wrong one."""
        index = number % len(self.found)
        kinds = [kind for kind in WRONG_KINDS if kind != "shuffled" or len(self.found) > 1]
        kind = kinds[number % len(kinds)]
        length = media.encode_silent_video(self.found[index].target, picture, self.options.height, self.rate)
        right = self._true(index, length)
        wrong = np.zeros_like(right)
        if kind == "shuffled":
            wrong = self._true((index + 1) % len(self.found), length)
        elif kind == "late":
            late = min(round(LATE_SECONDS * self.rate), right.shape[1] // 2)
            wrong[:, late:] = right[:, : right.shape[1] - late]
        names = self._clips(picture, [right, wrong], length)
        return Probe(index, kind, *names)

    def _true(self, index: int, seconds: float) -> np.ndarray:
        source = self.found[index]
        return self._sound(source.target if source.has_sound else source.sounds[self.anchor], seconds)

    def _sound(self, path: Path, seconds: float) -> np.ndarray:
        return media.fit_sound(path, seconds, self.rate, self.channels)
