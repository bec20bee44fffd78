"""The parts that can be fine-tuned: settings by the number of clips, and how the report speaks of each."""

from __future__ import annotations

from dataclasses import dataclass

AGREEMENT = ("agreement of candidates", "agreement")
ONSETS = ("onset F1 of the soundtracks", "f1")
FEW = 40  # clips below which all are held out in turn


@dataclass(frozen=True)
class Recipe:
    """Settings for at least `clips` clips. steps: at most. every: steps between two measurements on held-out clips.

    rank: of adapters; 0 where all weights learn. patience: measurements without a lower loss after which training stops.
    keep_init: see `LossConfig`. init_share: of the weights at the start, in the mean that is measured and
    written, so that less is forgotten.
    """

    clips: int
    rank: int
    lr: float
    steps: int
    keep_init: float
    every: int
    patience: int
    dropout: float = 0.1
    weight_decay: float = 0.01
    init_share: float = 0.0


@dataclass(frozen=True)
class Learner:
    """A part. name: in words. loss, unit: what is compared on held-out clips. curve: its name in the training's log.

    learned: what is trained where there are no adapters. heard: what is said of generated soundtracks, (label, field of
    `listening.Sound`). recipes: the first one is for any number of clips.
    """

    name: str
    loss: str
    unit: str
    curve: str
    learned: str
    heard: tuple[tuple[str, str], ...]
    recipes: tuple[Recipe, ...]

    def recipe(self, clips: int) -> Recipe:
        """The settings for a number of clips."""
        return max((r for r in self.recipes if r.clips <= clips), key=lambda r: r.clips)


LEARNERS = {
    "transformer": Learner(
        "transformer",
        "cross-entropy",
        "nats per code",
        "cross_entropy",
        "all weights of the transformer",
        (ONSETS, AGREEMENT),
        (
            Recipe(0, rank=4, lr=1e-3, steps=60, keep_init=0.5, every=5, patience=3),
            Recipe(FEW, rank=8, lr=1e-3, steps=200, keep_init=0.2, every=20, patience=3),
            Recipe(150, rank=16, lr=1e-3, steps=600, keep_init=0.1, every=40, patience=3),
        ),
    ),
    "events": Learner(
        "event head",
        "cross-entropy",
        "nats per frame",
        "cross_entropy",
        "all weights of the event head",
        (ONSETS,),  # candidates agree with the picture as the event head sees it, which is another one then
        (
            Recipe(
                0, rank=0, lr=3e-4, steps=120, keep_init=0.5, every=10, patience=3, weight_decay=0.02, init_share=0.5
            ),
            Recipe(
                FEW, rank=0, lr=5e-4, steps=300, keep_init=0.2, every=20, patience=3, weight_decay=0.02, init_share=0.5
            ),
        ),
    ),
    "tokenizer": Learner(
        "tokenizer",
        "distance of spectrograms",
        "of 2",
        "reconstruction",
        "the tokenizer's decoder",
        (ONSETS, AGREEMENT),
        (
            Recipe(0, rank=0, lr=1e-4, steps=100, keep_init=0.0, every=10, patience=3),
            Recipe(FEW, rank=0, lr=2e-4, steps=300, keep_init=0.0, every=20, patience=3),
        ),
    ),
}
"""By the value of `--part`."""
