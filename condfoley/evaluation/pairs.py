"""Which clips of a test set are paired. Pure functions of indices and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation.clips import AnnotatedClip, Pair


def draw_triples(count: int, videos: int, seed: int) -> list[tuple[int, int, int]]:
    """Indices of target, reference and distractor, three different videos each.

    Every video is a target once, in random order, before any is a target again.
    """
    rng = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < count:
        order += [int(i) for i in rng.permutation(videos)]
    triples = []
    for target in order[:count]:
        others = [i for i in range(videos) if i != target]
        reference, distractor = rng.choice(others, 2, replace=False)
        triples.append((target, int(reference), int(distractor)))
    return triples


def draw_pairs(clips: Sequence[AnnotatedClip], count: int, seed: int) -> list[Pair]:
    """`count` random pairs of different clips; every clip is a target once before any is a target again.

    Raises InputError when there are fewer than 3 clips or fewer than `count`.
    """
    if len(clips) < max(3, count):
        raise InputError(f"{len(clips)} clips with sound and events are too few; the set needs {max(3, count)}")
    return [
        Pair(f"{clips[t].path.stem}__{clips[r].path.stem}", clips[t], clips[r], clips[d])
        for t, r, d in draw_triples(count, len(clips), seed)
    ]


def add_distractors(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs sorted by name; the distractor of each is the next pair's reference that is another clip.

    Raises InputError without any pair, or when two pairs have the same name.
    """
    if not pairs:
        raise InputError("the test set has no pairs; give at least one")
    ordered = sorted(pairs, key=lambda pair: pair.name)
    for a, b in zip(ordered, ordered[1:]):
        if a.name == b.name:
            raise InputError(f"two pairs are called {a.name}; give each its own name")
    out = []
    for i, pair in enumerate(ordered):
        later = (other.reference for other in (*ordered[i + 1 :], *ordered[:i]))
        own = {pair.reference.path, pair.target.path}
        distractor = next((clip for clip in later if clip.path not in own), None)
        out.append(replace(pair, distractor=pair.distractor or distractor))
    return out


def require_file_name(name: str, where: str) -> str:
    """Returns the name. Raises InputError when it is no valid file name on every operating system."""
    if not re.fullmatch(r"[\w][\w.+-]*", name):
        raise InputError(f"{where}: {name!r} cannot name a file; use letters, digits, dots, dashes and underscores")
    return name
