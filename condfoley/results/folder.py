"""The result folder: built aside, moved in place when complete, and never at a user's file's expense."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from condfoley.errors import InputError
from condfoley.files.partial import REPLACED, SET_ASIDE, clear_killed, move, owned_folder, partial_name
from condfoley.settings import Bits

if TYPE_CHECKING:
    import numpy as np
    from typing_extensions import Self

    from condfoley.media.wav import Subtype


SOUNDTRACK, OVERVIEW, PROVENANCE, HITS = "soundtrack.wav", "overview.png", "provenance.json", "hits.txt"
CANDIDATES, SCORES, STEMS = "candidates", "scores.csv", "stems"
VIDEO_STEM = "target_with_sound"
TIMELINE_MEDIA = "timeline_media"
SUBTYPES: dict[Bits, Subtype] = {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}
PCM: dict[Bits, str] = {"16": "pcm16", "24": "pcm", "32f": "pcm32f"}
TIMELINES = (
    "timeline.otio",
    "timeline_premiere.xml",
    "timeline_resolve.xml",
    "timeline.rpp",
)  # of no use without the rest
FOLDERS = (CANDIDATES, STEMS, "codes", "history", "sounds", TIMELINE_MEDIA, "variations")
# Everything a run may have left in its folder, relative to it. Nothing else is ever replaced.
FILES = "|".join(
    (SOUNDTRACK, OVERVIEW, PROVENANCE, HITS, "project.json", "cues.csv", "cues.json", "timeline.xml", *TIMELINES)
)
OURS = re.compile(
    rf"{FILES}|{VIDEO_STEM}\.\w+|{CANDIDATES}/([\w-]+/)?({SCORES}|\d{{2,}}_\d+(-\d+)?\.(flac|wav))"
    r"|history/\d{4,}\.json|codes/[\w-]+\.npz|sounds/[\w-]+\.flac|(stems|timeline_media|variations)/[\w-]+\.wav"
)


def results_in(folder: Path) -> list[Path]:
    """The files of an earlier run in `folder`, in a stable order; empty when there is no such folder.

    A sound among the stems that has no name of a layer or a cue is somebody else's.
    """
    found = [*folder.glob("*"), *(path for name in FOLDERS for path in (folder / name).rglob("*"))]
    ours = [path for path in found if path.is_file() and OURS.fullmatch(path.relative_to(folder).as_posix())]
    if stems := [path for path in ours if path.parent == folder / STEMS]:
        from condfoley.project.stems import own_stems

        ours = [path for path in ours if path not in stems] + own_stems(folder, stems)
    return sorted(ours)


class ResultFolder:
    """Context manager around a run: `work` is where to write; `commit()` moves everything in place.

    Leaving without `commit` (an error, Ctrl-C) removes all that was made and restores what was there.
    Entering raises InputError when `out` cannot be written to, holds results and `force` is not set, or
    holds one of the run's own `inputs` where a result would go.
    """

    def __init__(self, out: Path, force: bool = False, inputs: tuple[Path, ...] = ()) -> None:
        self.out = out
        self.force = force
        self.inputs = inputs
        self.work = Path()  # known once entered
        self._owned: AbstractContextManager[Path] = nullcontext(self.work)
        self._made: list[Path] = []  # parent folders that were not there before

    def __enter__(self) -> Self:
        clear_killed(self.out)
        self._refuse_to_overwrite()
        try:
            self._make_parents()
            # Inside an existing folder, since its parent may be another disk or not ours to write in.
            home = self.out if self.out.is_dir() else self.out.parent
            self._owned = owned_folder(home, partial_name(self.out))
            self.work = self._owned.__enter__()
        except OSError as error:
            self._remove_parents()
            raise InputError(
                f"cannot write to the output folder {self.out} ({error.strerror}); choose another --out"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._owned.__exit__(None, None, None)
        self._remove_parents()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While results are written: complaints about `work`, which nobody knows, become ones about `out`.

        Raises InputError when the disk is full, or anything else keeps a file from being written.
        """
        try:
            yield
        except (InputError, OSError) as error:
            about = str(error) if isinstance(error, InputError) else str(error.filename or self.work)
            if str(self.work) not in about:
                raise
            root = error.__cause__ or error
            why = (
                getattr(root, "strerror", None) or "no space left or file too large"
            ).lower()  # libsndfile tells none
            raise InputError(f"cannot write to {self.out} ({why}); make room there or choose another --out") from error

    def commit(self) -> None:
        """Move the finished results in place; on any interruption the earlier results are put back.

        Raises InputError when another process edits the earlier results, or has meanwhile written some.
        """
        self._refuse_to_overwrite()
        if not self.out.exists():
            self.work.rename(self.out)
            return
        from condfoley.project.store import LOCK, PROJECT, editing

        edited = (self.out / LOCK).exists()
        with editing(self.out) if (self.out / PROJECT).exists() else nullcontext():
            self._replace_earlier()
        if not edited:
            (self.out / LOCK).unlink(missing_ok=True)

    def _replace_earlier(self) -> None:
        new = [path.relative_to(self.work) for path in sorted(self.work.rglob("*")) if path.is_file()]
        backup = self.work / SET_ASIDE
        set_aside: list[Path] = []
        placed: list[Path] = []
        missing = [self.out / name for name in FOLDERS if not (self.out / name).exists()]
        try:
            for path in results_in(self.out):
                set_aside.append(path.relative_to(self.out))
                move(path, backup / set_aside[-1])
            backup.mkdir(exist_ok=True)
            backup = backup.rename(self.work / REPLACED)  # whoever is killed from here on has replaced them
            for name in new:
                placed.append(name)
                move(self.work / name, self.out / name)
        except BaseException:
            for name in placed:
                (self.out / name).unlink(missing_ok=True)
            for name in set_aside:
                if (backup / name).exists():
                    move(backup / name, self.out / name)
            for folder in missing:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        for home in FOLDERS:
            _remove_empty(self.out / home)

    def _refuse_to_overwrite(self) -> None:
        if os.path.lexists(self.out) and not self.out.is_dir():
            raise InputError(f"{self.out} is a file, not a folder; choose another --out")
        for home in (self.out / name for name in FOLDERS):
            if self.out.is_dir() and os.path.lexists(home) and not home.is_dir():
                raise InputError(f"{home} is a file where a folder must go; choose another --out")
        earlier = results_in(self.out)
        if earlier and not self.force:
            raise InputError(
                f"{self.out} already holds results ({earlier[0].name}, ...); "
                "choose another --out or give --force to replace them"
            )
        for path in self.inputs:
            if path.resolve() in {result.resolve() for result in earlier}:
                raise InputError(f"{path} is an input and would be overwritten; choose another --out")

    def _make_parents(self) -> None:
        missing = [folder for folder in self.out.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            self._made.append(folder)

    def _remove_parents(self) -> None:
        for folder in reversed(self._made):
            try:
                folder.rmdir()
            except OSError:  # holds the results, or something somebody else put there meanwhile
                return


def _remove_empty(folder: Path) -> None:
    """Removes a folder and those in it as far as they hold no file."""
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        with suppress(OSError):
            path.rmdir()
    with suppress(OSError):
        folder.rmdir()


def write_media(folder: Path, wav: np.ndarray, rate: int, picture: Path, codec: str, bits: Bits = "24") -> Path:
    """Writes soundtrack.wav and a video's picture with it; returns the path of the video in `folder`.

    wav: (N,) or (C, N) float at `rate` Hz. codec: `aac` or `pcm`. bits: of the WAV's samples, and of pcm. The WAV begins
    at the picture's timecode. Raises InputError.
    """
    from condfoley.media import mux, mux_suffix, probe, write_wav
    from condfoley.media.wav import dithered

    start = probe(picture).start
    kept, suffix = dithered(wav) if bits == "16" else wav, mux_suffix(picture, codec)
    write_wav(folder / SOUNDTRACK, kept, rate, subtype=SUBTYPES[bits], time_reference=start and start.samples(rate))
    if codec == "pcm":
        wav, codec = kept, PCM[bits]
    return mux(picture, wav, rate, folder / (VIDEO_STEM + suffix), codec=codec)
