"""Contacts that someone marked in the frames of a clip: the file they are in, and how far other times are from them.

A mark is the first frame that shows the contact. The contact itself is later than the frame before, and at the latest as
much later than the marked one as that was exposed, so a mark is off by about a frame at most.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condfoley.audio.onsets import match_pairs
from condfoley.cues.files import read_cues
from condfoley.errors import InputError
from condfoley.files import atomic_file

SURE, DOUBTFUL = 1.0, 0.5  # confidence of a mark
APART = 0.2  # s by which a clip's sound and its picture may differ, and still be taken for the same event


@dataclass(frozen=True)
class Contacts:
    """times: (K,) s, ascending, of the first frame that shows each contact. sure: (K,) whether the frames leave no doubt."""

    times: np.ndarray
    sure: np.ndarray

    @property
    def certain(self) -> np.ndarray:
        """Those without doubt, s."""
        return self.times[self.sure]

    @property
    def doubtful(self) -> np.ndarray:
        """The others, s."""
        return self.times[~self.sure]


def parse_frames(text: str, option: str) -> list[int]:
    """Numbers of frames with commas between, ascending, each once. Raises InputError that names the option."""
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = [-1]
    if min(numbers) < 0:
        raise InputError(f"{option} {text}: it needs numbers of frames with commas between, such as 19,33,47")
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{option} {text}: a frame is there twice; leave one out")
    return sorted(numbers)


def write_contacts(path: Path, shown: np.ndarray, sure: Sequence[int], doubtful: Sequence[int]) -> None:
    """Writes marks as a cue file: time, s, number of the frame, and confidence.

    shown: (T,) s, when each frame is shown. sure, doubtful: numbers of frames. Raises InputError for a frame that is not
    there, or is in both, and where the file cannot be written.
    """
    last = len(shown) - 1
    for number in (*sure, *doubtful):
        if number > last:
            raise InputError(f"there is no frame {number}; the clip's last one is {last}")
    if both := sorted(set(sure) & set(doubtful)):
        raise InputError(f"frame {both[0]} is among --contacts and among --unsure; leave one out")
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("time", "frame", "confidence"))
    for number in sorted((*sure, *doubtful)):
        table.writerow((f"{shown[number]:.6f}", number, SURE if number in sure else DOUBTFUL))
    with atomic_file(path) as part:
        part.write_text(out.getvalue(), encoding="utf-8")


def read_contacts(path: Path) -> Contacts:
    """The marks of a file of `write_contacts`, or of any cue file. Raises InputError, see `cues.files.read_cues`."""
    rows = read_cues(path, "contacts").rows
    doubt = [row.confidence is not None and row.confidence < SURE for row in rows]
    return Contacts(np.array([row.time for row in rows]), ~np.array(doubt, bool))


def judged(found: np.ndarray, contacts: Contacts, window: float) -> np.ndarray:
    """Detected times (E,) s without those that may be a doubtful contact: such are neither right nor wrong.

    A time within `window` s of a doubtful contact is left out unless it is paired with a certain one.
    """
    paired = {j for _, j in match_pairs(contacts.certain, found, window)}
    near = [bool((np.abs(contacts.doubtful - time) <= window).any()) for time in found]
    return found[[j in paired or not near[j] for j in range(len(found))]]


def differences(contacts: np.ndarray, found: np.ndarray, window: float = APART) -> np.ndarray:
    """By how much times (E,) s are later than the contacts (K,) s that they belong to: (K,) s; nan where none is near.

    Both ascending. First the median difference of the nearest pairs is taken away, so that a late sound is not paired with the
    contact before; then they are paired one to one within `window` s of where they are expected.
    """
    out = np.full(len(contacts), np.nan)
    if not len(contacts) or not len(found):
        return out
    nearest = found[np.abs(found[None] - contacts[:, None]).argmin(1)] - contacts
    near = nearest[np.abs(nearest) <= window]
    late = float(np.median(near)) if len(near) else 0.0
    for i, j in match_pairs(contacts + late, found, window / 2):
        out[i] = found[j] - contacts[i]
    return out
