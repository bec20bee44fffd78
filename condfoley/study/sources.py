"""The clips of a study: pairs, and each system's sound for each pair, all checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from condfoley.errors import InputError
from condfoley.evaluation.pairs import require_file_name
from condfoley.media import probe, require_audio, require_video
from condfoley.pair_list import read_pairs
from condfoley.settings import Render

CLIPS = "clips"
"""Subfolder of a report of `condfoley evaluate` with clips cut from longer videos."""
LENGTH_TOLERANCE = 0.25
"""s: how much longer or shorter than the target's picture a sound may be; it is cut or padded with silence."""
MIN_SECONDS = 0.5
"""Minimum length of a clip, s: BS.1770 measures loudness in blocks of 0.4 s."""


@dataclass(frozen=True)
class StudyItem:
    """One target: its reference, its video, and the sound of each system (`sounds[k]` of the k-th system)."""

    name: str
    reference: Path
    target: Path
    sounds: tuple[Path, ...]
    seconds: float
    """Length of the target's picture."""
    has_sound: bool
    """Whether the target's file holds its true sound."""


Names = tuple[str, Path, Path]
"""Name, reference and target of a pair."""


def list_pairs(test: str, clips: Path) -> list[Names]:
    """The pairs of a test set of `condfoley evaluate`; targets of a CSV file may be silent.

    clips: folder for clips that have to be cut first. Raises InputError when the set cannot be read.
    """
    found = _pairs_of_csv(Path(test)) if Path(test).suffix.lower() == ".csv" else _pairs_of_test_set(test, clips)
    names = [name for name, _, _ in found]
    if duplicate := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{test} has two pairs named {duplicate}; give each its own name (column `name`)")
    return found


def generate_sounds(test: str, systems: str, home: Path, render: Render, force: bool) -> Path:
    """Generate the sounds of systems of `condfoley evaluate` in `home`, or only the missing ones; returns `home`.

    render: what makes those of our own systems. All are at the rate and with the channels that they have.
    force: sounds in it that were made with other settings are deleted.
    Raises InputError for a system that is unknown or fails on a pair.
    """
    from condfoley.evaluation import sounds, testsets
    from condfoley.evaluation.catalogue import parse_systems
    from condfoley.evaluation.systems import SystemContext

    context = SystemContext(testsets.load_pairs(test, home / CLIPS), render=render)
    built = sounds.build_systems(parse_systems(systems), context, home, force)
    sounds.claim_folder(home, sounds.sound_settings(context), force)
    for system, answers in sounds.generate_all(built, context, home).items():
        for pair, answer in answers.items():
            if answer.failure:
                raise InputError(f"system {system} has no sound for {pair}: {answer.failure}; leave the pair out")
    return home


def load_items(found: list[Names], sounds: Path, systems: list[str]) -> list[StudyItem]:
    """The study's targets, each with the sounds of `systems`.

    sounds: folder with SYSTEM/NAME.wav, or a report that holds it as `sounds`.
    Raises InputError for a clip or a sound that is missing, unreadable or of another length than its target.
    """
    folder = sounds / "sounds" if (sounds / "sounds").is_dir() else sounds
    for system in systems:
        if Path(system).name != system or not (folder / system).is_dir():
            present = sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
            known = f"it holds {', '.join(present)}" if present else "make them with `condfoley evaluate`"
            raise InputError(f"there are no sounds of system {system!r} in {folder}; {known}")
    return [_check_item(name, reference, target, folder, systems) for name, reference, target in found]


def _pairs_of_test_set(test: str, clips: Path) -> list[Names]:
    from condfoley.evaluation import testsets

    return [(pair.name, pair.reference.path, pair.target.path) for pair in testsets.load_pairs(test, clips)]


def _pairs_of_csv(path: Path) -> list[Names]:
    found = []
    for line in read_pairs(path):
        name = line.name or f"{line.target.stem}__{line.reference.stem}"
        found.append((require_file_name(name, line.where), line.reference, line.target))
    return found


def _check_item(name: str, reference: Path, target: Path, folder: Path, systems: list[str]) -> StudyItem:
    reference_info, target_info = probe(reference), probe(target)
    require_audio(reference_info)
    require_video(reference_info)
    require_video(target_info)
    if min(target_info.duration, reference_info.duration) < MIN_SECONDS:
        raise InputError(f"{name}: a clip is shorter than {MIN_SECONDS} s, too short to be rated; leave the pair out")
    paths = tuple(folder / system / f"{name}.wav" for system in systems)
    for system, path in zip(systems, paths, strict=True):
        if not path.is_file():
            raise InputError(
                f"{path} is missing: system {system} has no sound for {name}; generate it or leave the pair out"
            )
        info = probe(path)
        require_audio(info)
        if abs(info.duration - target_info.duration) > LENGTH_TOLERANCE:
            raise InputError(
                f"{path} lasts {info.duration:.2f} s but its target {target_info.duration:.2f} s; make a sound of the same length"
            )
    return StudyItem(name, reference, target, paths, target_info.duration, target_info.has_audio)
