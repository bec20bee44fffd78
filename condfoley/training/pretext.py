"""The pretext task's control: the loss with the true reference and picture, and with those of other videos.

A model that ignores its reference (or the picture) is not worse with another video's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from condfoley.results.tables import Table, bootstrap, interval, number
from condfoley.training.batches import Batch

TRUE = "cross_entropy"  # key of the case without exchange: the transformer's loss
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

    pairs: tensors (reference frames, target frames, reference's sound, target's sound, ...); what follows stays with the
    target's sound. With a single video only unchanged.
    """
    reference, target, reference_sound, *rest = pairs.tensors
    out = {TRUE: pairs.tensors}
    other = other_videos(pairs.names)
    if other is not None:
        out["other_reference"] = (reference[other], target, reference_sound[other], *rest)
        out["other_picture"] = (reference, target[other], reference_sound, *rest)
        out["other_both"] = (reference[other], target[other], reference_sound[other], *rest)
    return out


def loss_of_videos(pairs: Batch, each_loss: Callable[..., Tensor]) -> dict[str, list[float]]:
    """Mean loss of each video by case, as in CASES; videos sorted by name. each_loss: of a pair's tensors, (B,)."""
    names, out = np.array(pairs.names), {}
    for case, pair in exchanged_pairs(pairs).items():
        each = each_loss(*pair).float().cpu().numpy()
        out[case] = [float(each[names == name].mean()) for name in sorted(set(pairs.names))]
    return out


CODES = "cross-entropy of the target's codes, nats per code"


def pretext_table(title: str, systems: dict[str, dict[str, list[float]]], measure: str = CODES) -> Table:
    """Table of the mean over the videos with its 95 % interval; rows are cases, columns are systems.

    systems: name -> case -> loss of each video. measure: what the loss is.
    """
    rows = []
    for case in next(iter(systems.values())):
        cells = []
        for measured in systems.values():
            low, high = bootstrap(measured[case], np.random.default_rng(0))
            cells.append(f"{number(float(np.mean(measured[case])), 3)} ({interval(low, high, 3)})")
        rows.append((CASES[case], *cells))
    videos = len(next(iter(systems.values()))[TRUE])
    note = f"{measure}; {videos} held-out videos, 95 % bootstrap intervals over them"
    return Table(title, ("", *systems), tuple(rows), (note,))
