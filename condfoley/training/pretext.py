"""The pretext task's control: cross-entropy with the true reference and picture, and with those of other videos.

A transformer that ignores its reference (or the picture) is not worse with another video's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from condfoley.results.tables import Table, bootstrap, interval, number
from condfoley.training.batches import Batch

TRUE = "cross_entropy"
CASES = {
    TRUE: "true reference, true picture",
    "other_reference": "another video's reference, true picture",
    "other_picture": "true reference, another video's picture",
    "other_both": "another video's reference and picture",
}


def other_videos(names: Sequence[str]) -> list[int] | None:
    """Index of the next example, cyclically, that is of another video; None when there is only one video.

    names: video of each example.
    """
    if len(set(names)) < 2:
        return None
    count = len(names)
    return [next((i + k) % count for k in range(1, count) if names[(i + k) % count] != names[i]) for i in range(count)]


def exchanged_pairs(pairs: Batch) -> dict[str, tuple[Tensor, ...]]:
    """The pairs, unchanged and with reference, target picture or both exchanged between videos; keys as in CASES.

    pairs: tensors (reference frames, target frames, reference codes, target codes). With a single video only unchanged.
    """
    reference, target, reference_codes, target_codes = pairs.tensors
    out = {TRUE: pairs.tensors}
    other = other_videos(pairs.names)
    if other is not None:
        out["other_reference"] = (reference[other], target, reference_codes[other], target_codes)
        out["other_picture"] = (reference, target[other], reference_codes, target_codes)
        out["other_both"] = (reference[other], target[other], reference_codes[other], target_codes)
    return out


def pretext_table(title: str, systems: dict[str, dict[str, list[float]]]) -> Table:
    """Table of the mean over the videos with its 95 % interval, nats per code; rows are cases, columns are systems.

    systems: name -> case -> cross-entropy of each video.
    """
    rows = []
    for case in next(iter(systems.values())):
        cells = []
        for measured in systems.values():
            low, high = bootstrap(measured[case], np.random.default_rng(0))
            cells.append(f"{number(float(np.mean(measured[case])), 3)} ({interval(low, high, 3)})")
        rows.append((CASES[case], *cells))
    videos = len(next(iter(systems.values()))[TRUE])
    note = f"cross-entropy of the target's codes, nats per code; {videos} held-out videos, 95 % bootstrap intervals over them"
    return Table(title, ("", *systems), tuple(rows), (note,))
