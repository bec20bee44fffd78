"""When are impacts seen in real clips? `python -m benchmarks.seen FOLDER` prints a table; nothing is generated.

FOLDER: clips and a manifest.csv as in `benchmarks.real`. Impacts that are detected in the picture are compared with the onsets of
the clip's sound, and with the contacts that were marked in its frames (`benchmarks/contacts.csv`). Or clips of
`condfoley simulate`, with whose events they are compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.footage import DIFFICULTIES
from benchmarks.real import read_manifest, read_marked
from condfoley.audio.onsets import match, match_pairs
from condfoley.errors import InputError
from condfoley.evaluation.testsets import read_folder
from condfoley.foley import Foley
from condfoley.inputs import ClipFile, read_target
from condfoley.labelling.contacts import Contacts, differences, judged
from condfoley.results.tables import Table

WINDOWS = (0.1, 0.05)
BLANK = ("",) * 4
NOTES = (
    "later, ms: median by which impacts are seen later than the sound's onset, or than the marked contact; below 0: earlier",
    "sound later, ms: median by which the clip's sound is later than its marked contacts",
)
HEADER = (
    "clip", "onsets", "100 ms", "50 ms", "later, ms", "contacts", "100 ms", "50 ms", "later, ms", "sound later, ms",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """count: of true times. f1: at WINDOWS. late: by how much what is seen is later than the true time it belongs to, s."""

    count: int
    f1: tuple[float, ...]
    late: list[float]

    @property
    def cells(self) -> tuple[str, ...]:
        """As they are printed."""
        return str(self.count), *(f"{value:.2f}" for value in self.f1), _ms(self.late)


def against_sound(seen: np.ndarray, onsets: np.ndarray) -> Compared:
    """Impacts (D,) s beside the onsets of a clip's sound (K,) s."""
    late = [float(seen[j] - onsets[i]) for i, j in match_pairs(onsets, seen)]
    return Compared(len(onsets), tuple(match(onsets, seen, w).f1 for w in WINDOWS), late)


def against_contacts(seen: np.ndarray, contacts: Contacts) -> Compared:
    """Impacts (D,) s beside marked contacts; doubtful ones are neither right nor wrong."""
    late = differences(contacts.certain, seen)
    scores = tuple(match(contacts.certain, judged(seen, contacts, w), w).f1 for w in WINDOWS)
    return Compared(len(contacts.certain), scores, late[np.isfinite(late)].tolist())


def together(compared: Sequence[Compared]) -> Compared:
    """Mean F1 over clips, and all differences in time."""
    f1 = tuple(float(np.mean([c.f1[i] for c in compared])) for i in range(len(WINDOWS)))
    return Compared(sum(c.count for c in compared), f1, [late for c in compared for late in c.late])


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="clips and a manifest.csv, or simulated clips")
    parser.add_argument("--clips", type=int, default=30, help="of simulated clips, so many")
    parser.add_argument(
        "--uncorrected", action="store_true", help="times as in the frames (condfoley/runtime/exposure.py)"
    )
    parser.add_argument("--weights", type=Path, default=None, help="folder of the weights")
    options = parser.parse_args(argv)
    try:
        foley = Foley.load(options.weights)

        def look(path: Path) -> np.ndarray:
            return impacts(foley, path, not options.uncorrected)

        real = (options.folder / "manifest.csv").is_file()
        table = of_real(options.folder, look) if real else of_simulated(options.folder, options.clips, look)
        print(table.text())
    except InputError as error:
        print(f"benchmarks.seen: {error}", file=sys.stderr)
        return 2
    return 0


def impacts(foley: Foley, path: Path, correct: bool) -> np.ndarray:
    """Impacts that are detected in a file's picture, s."""
    if correct:
        return foley.impacts(ClipFile(path)).times
    duration, frames = read_target(clip := ClipFile(path), foley.geometry)
    pipeline = foley.pipeline(duration)
    return pipeline.find_cues(pipeline.encode_picture(frames, clip).events, None).times


def of_simulated(folder: Path, clips: int, look: Callable[[Path], np.ndarray]) -> Table:
    """One row, for the first clips of a folder that have events. look: path -> impacts, s."""
    found = [against_sound(look(clip.path), clip.onsets) for clip in read_folder(folder)[:clips]]
    if not found:
        raise InputError(f"{folder} has neither a manifest.csv nor simulated clips with events")
    header = ("clips", "events", "100 ms", "50 ms", "later, ms")
    return Table(
        "Impacts seen in simulated clips: F1, and error in time", header, ((str(len(found)), *together(found).cells),)
    )


def of_real(folder: Path, look: Callable[[Path], np.ndarray]) -> Table:
    """A row for each clip, and one for all."""
    onsets = {clip.path.name: clip.onsets for clip in read_manifest(folder, DIFFICULTIES)}
    marked = {name: contacts for name, contacts in read_marked().items() if (folder / name).is_file()}
    rows, of_sound, of_contacts, between = [], dict[str, Compared](), dict[str, Compared](), list[float]()
    for name in sorted({*onsets, *marked}):
        seen = look(folder / name)
        if name in onsets:
            of_sound[name] = against_sound(seen, onsets[name])
        if name in marked:
            of_contacts[name] = against_contacts(seen, marked[name])
        late = differences(marked[name].certain, onsets[name]) if name in onsets and name in marked else np.zeros(0)
        known = late[np.isfinite(late)].tolist()
        between += known
        cells = (found[name].cells if name in found else BLANK for found in (of_sound, of_contacts))
        rows.append((name, *(cell for part in cells for cell in part), _ms(known)))
    both = (together(list(found.values())).cells if found else BLANK for found in (of_sound, of_contacts))
    rows.append(("mean F1, median ms", *(cell for part in both for cell in part), _ms(between)))
    return Table("Impacts seen in real clips: F1, and error in time", HEADER, tuple(rows), NOTES)


def _ms(seconds: Sequence[float]) -> str:
    return f"{1000 * np.median(seconds):+.0f}" if len(seconds) else ""


if __name__ == "__main__":
    sys.exit(main())
