"""The training configuration of a fine-tuning, from its options, the weights to start from and the number of clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from condfoley.cli.options import FinetuneOptions
from condfoley.errors import InputError
from condfoley.sizes import EventsConfig, TokenizerConfig, TransformerConfig
from condfoley.training.config import DataConfig, LossConfig, TrainConfig
from condfoley.training.distil import guided_part
from condfoley.training.finetuning.parts import LEARNERS, Recipe
from condfoley.weights import GUIDED, SHIPPED, card_geometry, read_card

RATE_OF_WHOLE = 0.1  # learning rate without adapters, relative to that of adapters
REHEARSED = 0.5  # share of examples from the folder to rehearse
RUN_FOLDER = "training"  # in the new weights folder until it is finished


def start_of(options: FinetuneOptions) -> Path:
    """The folder of the weights to start from."""
    return Path(options.weights) if options.weights else SHIPPED


def finetune_config(clips: str, options: FinetuneOptions, count: int = 0) -> TrainConfig:
    """The training configuration: sizes and geometry of the weights to start from, settings for `count` clips.

    clips: folder. Raises InputError.
    """
    start = start_of(options)
    if options.out is not None and start.resolve() == Path(options.out).resolve():
        raise InputError("--out is the folder of the weights to start from; give another one")
    card = read_card(start)
    if options.part not in card["parts"]:
        raise InputError(f"the weights in {start} have no {LEARNERS[options.part].name}; give complete weights")
    geometry = card_geometry(card)
    size = geometry.frame_size * 5 // 4  # pixels, larger for crops
    cache = str(Path(clips) / ".cache" / f"finetune-{size}")  # not that of training from scratch
    recipe = LEARNERS[options.part].recipe(count)
    steps = options.steps or recipe.steps
    return TrainConfig(
        **SETTINGS[options.part](card, recipe, options),
        out=str(Path(options.out or "") / RUN_FOLDER),
        weights=str(start),
        init=str(start),
        data=DataConfig(
            folder=clips,
            cache=cache,
            frame_size=size,
            rehearse=options.rehearse,
            rehearsed=REHEARSED if options.rehearse else 0.0,
            validation=0.2,
        ),
        geometry=geometry,
        lr=recipe.lr * (RATE_OF_WHOLE if options.whole else 1),
        weight_decay=recipe.weight_decay,
        schedule="constant",
        init_share=recipe.init_share,
        steps=steps,
        batch_size=options.batch_size,
        warmup=min(recipe.every, steps),
        log_every=recipe.every,
        evaluate_every=recipe.every,
        checkpoint_every=recipe.every,
        keep=1,
        seed=options.seed,
    )


def _transformer(card: dict[str, Any], recipe: Recipe, options: FinetuneOptions) -> dict[str, Any]:
    """What only the transformer's configuration has."""
    initial_part, _ = guided_part(start_of(options))
    keep = recipe.keep_init
    return {
        "stage": "transformer",
        "from_guided": initial_part == GUIDED,
        "transformer": TransformerConfig(**card["parts"][initial_part]["config"]),
        "loss": LossConfig(drop_reference=0.1, drop_all=0.1, drop_picture=0.3, feature_noise=0.1, keep_init=keep),
        "lora": 0 if options.whole else recipe.rank,
        "lora_dropout": 0.0 if options.whole else recipe.dropout,
    }


def _events(card: dict[str, Any], recipe: Recipe, options: FinetuneOptions) -> dict[str, Any]:
    """What only the event head's configuration has."""
    return {
        "stage": "events",
        "events": EventsConfig(**card["parts"]["events"]["config"]),
        "loss": LossConfig(feature_noise=0.1, keep_init=recipe.keep_init),
    }


def _tokenizer(card: dict[str, Any], recipe: Recipe, options: FinetuneOptions) -> dict[str, Any]:
    """What only the tokenizer's configuration has: its decoder learns, so that codes stay what they are."""
    return {
        "stage": "tokenizer",
        "tokenizer": TokenizerConfig(**card["parts"]["tokenizer"]["config"]),
        "loss": LossConfig(reconstruction="both", decoder_only=True, perceptual=0, adversarial=0, feature_matching=0),
    }


SETTINGS = {"transformer": _transformer, "events": _events, "tokenizer": _tokenizer}
"""What only a part's configuration has, from the card of the weights to start from."""
