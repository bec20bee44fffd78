"""The parts that can be fine-tuned, and how the report speaks of each."""

from __future__ import annotations

from dataclasses import dataclass

AGREEMENT = ("agreement of candidates", "agreement")
ONSETS = ("onset F1 of the soundtracks", "f1")


@dataclass(frozen=True)
class Learner:
    """A part. name: in words. loss, unit: what is compared on held-out clips. curve: its name in the training's log.

    learned: what is trained where there are no adapters. heard: what is said of generated soundtracks, (label, field of
    `listening.Sound`).
    """

    name: str
    loss: str
    unit: str
    curve: str
    learned: str
    heard: tuple[tuple[str, str], ...]


LEARNERS = {
    "transformer": Learner(
        "transformer",
        "cross-entropy",
        "nats per code",
        "cross_entropy",
        "all weights of the transformer",
        (ONSETS, AGREEMENT),
    ),
    # Candidates agree with the picture as the event head sees it, which is another one then.
    "events": Learner(
        "event head", "cross-entropy", "nats per frame", "cross_entropy", "all weights of the event head", (ONSETS,)
    ),
    "tokenizer": Learner(
        "tokenizer",
        "distance of spectrograms",
        "of 2",
        "reconstruction",
        "the tokenizer's decoder",
        (ONSETS, AGREEMENT),
    ),
}
"""By the value of `--part`."""
