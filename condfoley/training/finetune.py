"""Fine-tuning of trained weights on a folder of clips: the transformer is trained, the other parts are copied."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from condfoley.cli.options import FinetuneOptions
from condfoley.errors import InputError
from condfoley.files import write_json
from condfoley.results.tables import Table
from condfoley.sizes import TransformerConfig
from condfoley.training import pretext
from condfoley.training.checkpoint import require_same_run
from condfoley.training.config import DataConfig, LossConfig, TrainConfig
from condfoley.training.distil import guided_part
from condfoley.training.run import build, train
from condfoley.training.stages.transformer import TransformerStage
from condfoley.weights import CARD, GUIDED, SHIPPED, card_geometry, read_card

LORA_RANK = 8  # of the adapters
LEARNING_RATES = {"adapters": 1e-3, "whole": 1e-4}  # maximum learning rates
VALIDATION_SHARE = 0.2  # share of the videos on which the table is measured
RUN_FOLDER, RESULT_FILE = "training", "finetune.json"  # in the new weights folder


def finetune(clips: str, options: FinetuneOptions) -> Table:
    """Fine-tunes into `options.out`, resuming a stopped run; returns the table of cross-entropies before and after.

    clips: folder. Raises InputError for clips or weights that cannot be used, when the folder has other or finished
    weights, or a run that was started with other options.
    """
    start, out = Path(options.weights) if options.weights else SHIPPED, Path(options.out)
    config = finetune_config(clips, start, options)
    if (out / CARD).exists() and not (out / RUN_FOLDER).is_dir():
        raise InputError(f"{out} holds other weights; give another --out")
    if (out / RESULT_FILE).exists() and not options.force:
        raise InputError(f"{out} is already finished; give another --out, or --force to do it again")
    if not options.force:
        require_same_run(config, restart_hint="give --force")
    before = measure(dataclasses.replace(config, weights=str(start)))
    if options.force:
        shutil.rmtree(out / RUN_FOLDER, ignore_errors=True)
        for finished in (out / RESULT_FILE, out / CARD):
            finished.unlink(missing_ok=True)
    if not (out / CARD).exists():
        _copy(start, out)
    train(build(config))
    after = measure(dataclasses.replace(config, weights=str(out), init=str(out), from_guided=False, lora=0))
    table = pretext.pretext_table("Fine-tuning", {"before": before, "after": after})
    write_json(out / RESULT_FILE, {"before": before, "after": after})
    return table


def _copy(start: Path, out: Path) -> None:
    """Copies all parts except `guided`, whose weights the transformer starts from, and writes the card last."""
    (out / RUN_FOLDER).mkdir(parents=True, exist_ok=True)
    card = read_card(start)
    card["parts"].pop(GUIDED, None)
    for entry in card["parts"].values():
        shutil.copy2(start / entry["file"], out / entry["file"])
    data = f"{card.get('training_data', 'not recorded')}; fine-tuned on clips of {out.name}'s owner"
    write_json(out / CARD, card | {"name": out.name, "training_data": data, "licence": "as its owner decides"})


def finetune_config(clips: str, start: Path, options: FinetuneOptions) -> TrainConfig:
    """The training configuration: sizes and geometry of the weights to start from. Raises InputError.

    clips: folder. start: weights folder.
    """
    if start.resolve() == Path(options.out).resolve():
        raise InputError("--out is the folder of the weights to start from; give another one")
    card = read_card(start)
    if "transformer" not in card["parts"]:
        raise InputError(f"the weights in {start} have no transformer; give complete weights")
    initial_part, _ = guided_part(start)
    sizes = card["parts"][initial_part]["config"]
    geometry = card_geometry(card)
    size = geometry.frame_size * 5 // 4  # pixels, larger for crops
    cache = str(Path(clips) / ".cache" / f"finetune-{size}")  # not that of training from scratch
    return TrainConfig(
        stage="transformer",
        out=str(Path(options.out) / RUN_FOLDER),
        weights=options.out,
        init=str(start),
        from_guided=initial_part == GUIDED,
        data=DataConfig(folder=clips, cache=cache, frame_size=size, validation=VALIDATION_SHARE),
        geometry=geometry,
        transformer=TransformerConfig(**sizes),
        loss=LossConfig(drop_reference=0.1, drop_all=0.1, drop_picture=0.3, feature_noise=0.1),
        lora=0 if options.whole else LORA_RANK,
        lr=LEARNING_RATES["whole" if options.whole else "adapters"],
        steps=options.steps,
        batch_size=options.batch_size,
        warmup=min(20, options.steps),
        log_every=max(1, options.steps // 20),
        evaluate_every=max(1, options.steps // 4),
        checkpoint_every=max(1, options.steps // 4),
        seed=options.seed,
    )


def measure(config: TrainConfig) -> dict[str, list[float]]:
    """Cross-entropies of the transformer in `config.init` on the held-out videos; see `TransformerStage.pretext`."""
    stage = build(config)
    assert isinstance(stage, TransformerStage)
    return stage.pretext()
