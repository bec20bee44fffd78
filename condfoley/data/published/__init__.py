"""The paper's splits of Greatest Hits: lists of videos and test pairs, without the videos themselves.

Condensed from CondFoleyGen (MIT), data/greatesthit/greatesthit_{train,val,test}.json and data/AMT_test_set*.json
(published_facts.md, section 13).
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Splits:
    """Names of the videos in the lists that the paper's training code reads: 873, 753 and 97 of 970.

    All validation videos are also training videos: only some of their clips are held out.
    """

    train: frozenset[str]
    validation: frozenset[str]
    test: frozenset[str]
    held_out: float
    """Mean share of a validation video's clips that are for validation, from the published numbers of clips."""


@dataclass(frozen=True)
class Moment:
    """Two seconds of a video."""

    video: str
    start: float
    """s from the start of the video."""


@dataclass(frozen=True)
class TestPairs:
    """One target of the paper's test set and its three references, all from test videos."""

    __test__ = False  # for pytest, which would take it for a test class

    target: Moment
    references: tuple[Moment, ...]
    action_matches: tuple[bool, ...]
    """For each reference, whether it has the same kinds of action as the target."""


def greatest_hits_splits() -> Splits:
    """The published lists of videos."""
    content = _content()
    train, validation, test = (frozenset(content[name]) for name in ("train", "validation", "test"))
    clips = content["clips"]  # assuming equally many for each video
    held_out = clips["validation"] / (clips["train"] + clips["validation"]) * len(train) / len(validation)
    return Splits(train, validation, test, held_out)


def greatest_hits_test_pairs() -> list[TestPairs]:
    """The 194 targets of the published test set with three references each, in the published order."""
    return [
        TestPairs(Moment(video, start), tuple(Moment(v, s) for v, s, _ in others), tuple(m for _, _, m in others))
        for video, start, others in _content()["pairs"]
    ]


@lru_cache(maxsize=1)
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        gzip.decompress((Path(__file__).parent / "greatest_hits.json.gz").read_bytes())
    )
    return content
