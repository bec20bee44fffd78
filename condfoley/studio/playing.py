"""Projects that are open: parsed, rendered and measured, as far as a number of bytes holds them.

A revision that was not rendered yet is made from the one that was asked for last (`mixing`), with all that was drawn and
measured of that.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from condfoley.project.model import Project
from condfoley.project.store import PROJECT, read_project, read_revision, read_sound, revision_path
from condfoley.studio.blocks import Blocks, Fill, merged
from condfoley.studio.meters import Meters, measured, pieces_to_measure
from condfoley.studio.mixing import Mix, mixed
from condfoley.studio.peaks import Peaks

BUDGET = 1 << 30  # bytes of rendered sound, of all projects together
VERSIONS, PARSED = 8, 32  # of one project that are kept as sound, and as dataclasses
AT_ONCE = 16  # pieces of 4 s that are measured with each edit; more only when somebody asks for it
Layers = tuple[str, ...]
"""Names of layers; () for all of them, the soundtrack."""
Stat = tuple[int, int, int]


@dataclass
class Version:
    """A revision as sound. sounds, peaks: of those layers that were asked for. meters: None where nobody measured it yet;
    then those of an earlier revision may be `known`.
    """

    project: Project
    mix: Mix
    meters: Meters | None = None
    known: Meters | None = None
    sounds: dict[Layers, Blocks] = field(default_factory=dict)
    peaks: dict[Layers, Peaks] = field(default_factory=dict)

    def sound(self, layers: Layers = ()) -> Blocks:
        """The soundtrack, or some of its layers alone, (C, N)."""
        if layers not in self.sounds:
            whole = self.mix.whole
            self.sounds[layers] = Blocks.filled(*whole.shape, _sum_of(self.mix, layers)) if layers else whole
        return self.sounds[layers]

    def peaks_of(self, layers: Layers = ()) -> Peaks:
        """Of the same."""
        if layers not in self.peaks:
            self.peaks[layers] = Peaks(self.sound(layers), self.project.rate)
        return self.peaks[layers]

    def measure(self) -> Meters:
        """Its loudness and peaks."""
        if self.meters is None:
            self.meters = measured(self.mix.whole, self.project.rate, self.known)
        return self.meters

    def arrays(self) -> Iterator[np.ndarray]:
        """All that takes much memory."""
        yield from (part.samples for part in self.mix.parts)
        for sound in (self.mix.raw, self.mix.whole, *self.sounds.values()):
            yield from sound.blocks


def _sum_of(mix: Mix, layers: Layers) -> Fill:
    return lambda begin, end: mix.sum(begin, end, lambda placed: placed.layer in layers)


def next_version(folder: Path, project: Project, former: Version | None = None) -> Version:
    """A revision as sound, made from a former one as far as that is the same. Raises InputError when a sound is missing."""
    mix = mixed(project, lambda sound: read_sound(folder, sound, project.rate), former.mix if former else None)
    new = Version(project, mix, known=(former.meters or former.known) if former else None)
    if len(pieces_to_measure(mix.whole, project.rate, new.known)) <= AT_ONCE:
        new.measure()
    if former and former.mix.raw.shape == mix.raw.shape and former.project.rate == project.rate:
        spans = merged([*mix.raw.other_blocks(former.mix.raw), *mix.whole.other_blocks(former.mix.whole)])
        for layers, sound in former.sounds.items():
            new.sounds[layers] = sound.replaced(spans, _sum_of(mix, layers)) if layers else mix.whole
        for layers, peaks in former.peaks.items():
            new.peaks[layers] = peaks.replaced(new.sound(layers), spans)
    return new


class Opened:
    """A project that is open. lock: held while it is read, rendered or edited in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lock = folder, threading.RLock()
        self.versions: OrderedDict[int, Version] = OrderedDict()  # the last used one is the last
        self.drawn: dict[object, Peaks] = {}  # of sounds that are no revision
        self._parsed: dict[Path, tuple[Stat, Project]] = {}
        self._counted: tuple[list[tuple[int, int]], int] = [], 0

    def current(self) -> Project:
        """The current revision, also after another process has edited it. Raises InputError when it cannot be read."""
        with self.lock:
            return self._read(self.folder / PROJECT, None)

    def revision(self, number: int | None) -> Project:
        """One of the revisions; None: the current one. Raises InputError when there is none of that number."""
        with self.lock:
            now = self.current()
            known = number is None or number == now.revision
            return now if known else self._read(revision_path(self.folder, number or 0), number)

    def version(self, number: int | None = None) -> Version:
        """A revision as sound; None: the current one. Raises InputError when it, or a sound of it, cannot be read."""
        with self.lock:
            project = self.revision(number)
            found = self.versions.get(project.revision)
            if found is None or found.project is not project:
                found = next_version(self.folder, project, next(reversed(self.versions.values()), None))
            self._keep(found)
            return found

    def adopt(self, project: Project, version: Version) -> Version:
        """Keeps a revision that was just written, which nobody needs to read and render again."""
        with self.lock:
            version.project = project
            self._parsed[self.folder / PROJECT] = _stat(self.folder / PROJECT), project
            self._keep(version)
            return version

    def _keep(self, version: Version) -> None:
        self.versions[version.project.revision] = version
        self.versions.move_to_end(version.project.revision)
        while len(self.versions) > VERSIONS:
            self.versions.popitem(last=False)

    def _read(self, path: Path, number: int | None) -> Project:
        with suppress(OSError):  # else reading it says what is wrong
            if path in self._parsed and self._parsed[path][0] == _stat(path):
                return self._parsed[path][1]
        read = read_project(self.folder) if number is None else read_revision(self.folder, number)
        self._parsed[path] = _stat(path), read
        while len(self._parsed) > PARSED:
            del self._parsed[next(iter(self._parsed))]
        return read

    def count_bytes(self) -> int:
        """Of all sound that is kept, which revisions share."""
        versions = list(self.versions.values())
        now = [(id(version), len(version.sounds)) for version in versions]
        if now != self._counted[0]:
            shared = {id(array): array.nbytes for version in versions for array in version.arrays()}
            self._counted = now, sum(shared.values())
        return self._counted[1]


class Player:
    """The projects that are open, by their folders, those used last as far as `budget` bytes hold their sound."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.budget = budget
        self._opened: OrderedDict[Path, tuple[Opened, int]] = OrderedDict()  # with the bytes of its sound
        self._lock = threading.Lock()

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Opened]:
        """A project while it is used; its lock is held. Raises nothing: what is wrong with a project shows when it is read."""
        with self._lock:
            project = self._opened.setdefault(folder, (Opened(folder), 0))[0]
            self._opened.move_to_end(folder)
        with project.lock:
            yield project
            self._make_room(project)

    def forget(self, folder: Path) -> None:
        """Keeps nothing of a project any more."""
        with self._lock:
            self._opened.pop(folder, None)

    @property
    def bytes(self) -> int:
        """Of all sound that is kept."""
        return sum(size for _, size in self._opened.values())

    def _make_room(self, used: Opened) -> None:
        with self._lock:
            if used.folder not in self._opened:  # forgotten meanwhile
                return
            self._opened[used.folder] = used, used.count_bytes()
            for folder in [folder for folder in self._opened if folder != used.folder]:
                if self.bytes > self.budget:
                    del self._opened[folder]
            while self.bytes > self.budget and len(used.versions) > 1:
                used.versions.popitem(last=False)
                self._opened[used.folder] = used, used.count_bytes()


def _stat(path: Path) -> Stat:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino
