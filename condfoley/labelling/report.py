"""Contacts that were marked in the picture beside the onsets of the clip's sound and the impacts that are detected."""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import match
from condfoley.labelling.contacts import Contacts, differences, judged
from condfoley.results.tables import Table

WINDOWS = (0.1, 0.05)  # s


def report(name: str, contacts: Contacts, heard: np.ndarray | None, seen: np.ndarray) -> Table:
    """A row for each contact.

    heard: (E,) s, onsets of the clip's sound; None without sound. seen: (D,) s, impacts detected in the picture.
    """
    late = differences(contacts.times, np.zeros(0) if heard is None else heard)
    seen_late = differences(contacts.times, seen)
    rows = [
        (f"{time:.3f}", "" if sure else "doubtful", _ms(sound), _ms(picture))
        for time, sure, sound, picture in zip(contacts.times, contacts.sure, late, seen_late, strict=True)
    ]
    rows.append(("median", "", _ms(_median(late[contacts.sure])), _ms(_median(seen_late[contacts.sure]))))
    return Table(
        f"{name}: {contacts.sure.sum()} contacts marked in the picture, and {(~contacts.sure).sum()} doubtful ones",
        ("contact, s", "", "its sound, ms later", "as detected, ms later"),
        tuple(rows),
        tuple(_notes(contacts, heard, seen, _median(late[contacts.sure]))),
    )


def _notes(contacts: Contacts, heard: np.ndarray | None, seen: np.ndarray, late: float) -> list[str]:
    scores = [match(contacts.certain, judged(seen, contacts, window), window).f1 for window in WINDOWS]
    notes = [f"detected impacts: F1 {scores[0]:.2f} within 100 ms of the contacts, {scores[1]:.2f} within 50 ms"]
    if heard is None:
        return [*notes, "the clip has no sound"]
    if np.isfinite(late):
        side = "later" if late >= 0 else "earlier"
        notes.append(f"the clip's sound is {abs(late) * 1000:.0f} ms {side} than its picture (median)")
    return notes


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:+.0f}" if np.isfinite(seconds) else "-"
