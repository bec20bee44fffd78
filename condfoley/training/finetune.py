"""Fine-tuning of trained weights on a folder of clips: the transformer or the event head is trained, the others are copied.

examine the clips -> folds by recording -> train each fold -> choose the step -> train on all, if it is better -> report
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from condfoley.cli.options import FinetuneOptions
from condfoley.data.store import CachedClip, ClipStore
from condfoley.errors import InputError
from condfoley.files import make_folder, write_json
from condfoley.results.tables import Table
from condfoley.training.config import TrainConfig
from condfoley.training.features import Features
from condfoley.training.finetuning.choice import Curves, Evaluations, Verdict, join, judge
from condfoley.training.finetuning.examine import ExaminedClip, clips_table, examine
from condfoley.training.finetuning.listening import Heard, choose_targets, listen, reference_for
from condfoley.training.finetuning.model import Models, remove_model, write_model
from condfoley.training.finetuning.parts import LEARNERS, Recipe
from condfoley.training.finetuning.plan import Fold, make_folds, plan_table, used_recordings
from condfoley.training.finetuning.report import PAGE, REPORT, RESULT, Outcome, write_report
from condfoley.training.finetuning.settings import RUN_FOLDER, finetune_config, start_of
from condfoley.training.finetuning.stage import (
    F1,
    FinetuneEvents,
    FinetuneTokenizer,
    FinetuneTransformer,
    FoldStage,
    evaluations,
)
from condfoley.training.resume_settings import decisive_settings, require_same_settings
from condfoley.training.run import make_accelerator, train
from condfoley.weights import CARD

BACKWARD = 3.0  # cost of a training step relative to measuring as many pairs
STAGES: dict[str, type[FoldStage]] = {
    "transformer": FinetuneTransformer,
    "events": FinetuneEvents,
    "tokenizer": FinetuneTokenizer,
}
PLAN = "plan.json"  # in RUN_FOLDER


def check(clips: str, options: FinetuneOptions) -> list[Table]:
    """What `--check` prints: the clips one by one, and what fine-tuning on them would do.

    clips: folder. Raises InputError for clips or weights that cannot be used.
    """
    config = finetune_config(clips, options)
    _, rows = _open(config, options)
    try:
        recordings = used_recordings(rows, clips)
    except InputError as error:
        return [clips_table(rows), Table("Not enough", ("",), ((str(error),),))]
    recipe = LEARNERS[options.part].recipe(len(recordings))
    steps = options.steps or recipe.steps
    return [clips_table(rows), plan_table(recordings, make_folds(recordings), recipe, steps, _learned(recipe, options))]


def finetune(clips: str, options: FinetuneOptions) -> Outcome:
    """Fine-tunes into `options.out`, resuming a stopped run, if held-out clips get better; writes the report in any case.

    clips: folder. Raises InputError for clips or weights that cannot be used, when the folder has other or finished
    weights, or a run that was started with other options or clips.
    """
    out = Path(options.out or "")
    config = finetune_config(clips, options)
    _require_free(out, options)
    store, rows = _open(config, options)
    recordings = used_recordings(rows, clips)
    recipe, folds = LEARNERS[options.part].recipe(len(recordings)), make_folds(recordings)
    config = finetune_config(clips, options, len(recordings))
    _begin(config, options, store, recordings)
    print(
        f"condfoley: {plan_table(recordings, folds, recipe, config.steps, _learned(recipe, options)).text()}",
        file=sys.stderr,
    )
    stages = [_run_fold(config, store, folds, number, recipe) for number in range(len(folds))]
    curves = join([evaluations(Path(stage.config.out)) for stage in stages], recordings)
    verdict = judge(curves)
    heard = _listen(stages, curves, recordings, options)
    if verdict.better:
        _write(stages, verdict, config, store, recordings)
    outcome = Outcome(
        part=options.part,
        clips=clips,
        out=str(out),
        curves=curves,
        verdict=verdict,
        rows=tuple(rows),
        folds=len(folds),
        fits=tuple(_fit(Path(stage.config.out), LEARNERS[options.part].curve) for stage in stages),
        settings=_settings(config, recipe, options),
        heard=tuple(heard),
        back="condfoley generate" + (f" --weights {options.weights}" if options.weights else ""),
        f1=_picture_f1(stages, curves, verdict, recordings) if options.part == "events" else (),
    )
    write_report(outcome, config.geometry)
    shutil.rmtree(out / RUN_FOLDER, ignore_errors=True)
    return outcome


def _require_free(out: Path, options: FinetuneOptions) -> None:
    """Raises InputError when `out` has weights that are not an unfinished fine-tuning's; with --force clears the latter's."""
    finished, running = out / REPORT / RESULT, out / RUN_FOLDER / PLAN
    if (out / CARD).exists() and not (finished.exists() or running.exists()):
        raise InputError(f"{out} holds other weights; give another --out")
    if finished.exists() and not options.force:
        raise InputError(
            f"{out} is already finished ({out / REPORT / PAGE}); give another --out, or --force to do it again"
        )


def _open(config: TrainConfig, options: FinetuneOptions) -> tuple[ClipStore, list[ExaminedClip]]:
    """The clips of the folder, decoded, and what they are like; their picture tokens are then in the cache. Raises InputError."""
    d = config.data
    store = ClipStore.open(
        d.folder, config.geometry, cache=d.cache, frame_size=d.frame_size, validation=d.validation, workers=d.workers
    )
    features = Features(config, store.cache, "cuda" if torch.cuda.is_available() else "cpu")
    tokens = [views for (views,) in features.load(store.train + store.validation, features.picture_tokens())]
    return store, examine(store, tokens, config, options.keep_faulty)


def _begin(config: TrainConfig, options: FinetuneOptions, store: ClipStore, recordings: dict[str, str]) -> None:
    """Notes what the run is of, or checks that a stopped one can be resumed. Raises InputError."""
    run = Path(config.out)
    digests = {clip.name: clip.digest for clip in store.train + store.validation}
    plan = {
        "settings": decisive_settings(config),
        "clips": {name: [digests[name], recording] for name, recording in sorted(recordings.items())},
    }
    if options.force:
        shutil.rmtree(run, ignore_errors=True)
        (run.parent / REPORT / RESULT).unlink(missing_ok=True)
        remove_model(run.parent)
    if (run / PLAN).exists():
        before = json.loads((run / PLAN).read_text(encoding="utf-8"))
        require_same_settings(before["settings"], config, "give --force")
        if before["clips"] != plan["clips"]:
            raise InputError(f"the clips in {config.data.folder} or their recordings have changed since; give --force")
        return
    make_folder(run)
    write_json(run / PLAN, plan)


def build_fold(config: TrainConfig, store: ClipStore, fold: Fold, patience: int) -> FoldStage:
    """The stage of one fold, ready to train. Raises InputError."""
    accelerator = make_accelerator(config)
    torch.manual_seed(config.seed)
    stage = STAGES[config.stage](config, accelerator, store, fold, patience)
    stage.prepare()
    return stage


def _run_fold(config: TrainConfig, store: ClipStore, folds: tuple[Fold, ...], number: int, recipe: Recipe) -> FoldStage:
    """Trains one fold, or what is left of it. The stage then has the last state."""
    fold_config = dataclasses.replace(config, out=str(Path(config.out) / f"fold-{number + 1}"))
    stage = build_fold(fold_config, store, folds[number], recipe.patience)
    begin = perf_counter()
    stage.measure_start()
    seconds = perf_counter() - begin
    if number == 0 and seconds > 0:  # a fold that is resumed measures nothing
        each = BACKWARD * seconds / stage.measured * config.batch_size + seconds / recipe.every
        told = f"at most about {max(1, round(each * config.steps * len(folds) / 60))} minutes"
        print(f"condfoley: {told}, less where held-out clips stop getting better", file=sys.stderr)
    train(stage)
    return stage


def _listen(
    stages: list[FoldStage], curves: Curves, recordings: dict[str, str], options: FinetuneOptions
) -> list[Heard]:
    """Held-out clips before and after; where the start is best, after the step that is next best."""
    targets = choose_targets([stage.fold.held_out for stage in stages], options.listen)
    if not targets or len(curves.steps) < 2:
        return []
    step = curves.steps[1 + int(curves.mean[1:].argmin())]
    models = Models(start_of(options), str(stages[0].device))
    before = models.before()
    heard: list[Heard] = []
    for fold, clip in sorted(targets):
        stage = stages[fold]
        clips: dict[str, CachedClip] = {c.name: c for c in stage.opened.train + stage.opened.validation}
        stage.load_state(step)
        reference = clips[reference_for(clip, recordings)]
        heard.append(
            listen(clips[clip], reference, before, models.after(stage.part, stage.whole_model()), options.seed)
        )
    return heard


def _write(
    stages: list[FoldStage], verdict: Verdict, config: TrainConfig, store: ClipStore, recordings: dict[str, str]
) -> None:
    """Writes the model: with several folds one that is trained on all clips for as many steps, else the fold's own."""
    stage, out = stages[0], Path(config.out).parent
    if len(stages) > 1:
        out_of_run = str(Path(config.out) / "all")
        whole = dataclasses.replace(config, out=out_of_run, steps=verdict.step, warmup=min(config.warmup, verdict.step))
        stage = build_fold(whole, store, Fold(tuple(sorted(recordings)), ()), 0)
        train(stage)
    else:
        stage.load_state(verdict.step)
    metrics = {f"val/{LEARNERS[stage.part].curve}": float(verdict.after.mean())}
    write_model(stage, verdict.step, metrics, Path(config.weights), out)


def _picture_f1(
    stages: list[FoldStage], curves: Curves, verdict: Verdict, recordings: dict[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """F1 of the picture's onsets in each held-out recording: at the start, and at the step at which it was measured."""
    found: list[Evaluations] = [evaluations(Path(stage.config.out), F1) for stage in stages]
    values = join(found, recordings).values[:, : len(curves.steps)]
    return values[:, 0], values[np.arange(len(values)), verdict.chosen]


def _fit(run: Path, curve: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Steps and training losses in the log of a fold's run. curve: name of the loss there."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    found = [(row["step"], row[curve]) for row in rows if curve in row]
    return tuple(step for step, _ in found), tuple(loss for _, loss in found)


def _learned(recipe: Recipe, options: FinetuneOptions) -> str:
    """What is trained, in words."""
    adapters = options.part == "transformer" and not options.whole
    return f"adapters of rank {recipe.rank}" if adapters else LEARNERS[options.part].learned


def _settings(config: TrainConfig, recipe: Recipe, options: FinetuneOptions) -> dict[str, object]:
    """What the report says of the training."""
    return {
        "trained": _learned(recipe, options),
        "learning rate": config.lr,
        "steps at most": config.steps,
        "batch size": config.batch_size,
        "weight of staying near the start": config.loss.keep_init,
        "share of the start's weights": config.init_share,
        "rehearsed": options.rehearse or "nothing",
        "patience, measurements": recipe.patience,
        "seed": config.seed,
    }
