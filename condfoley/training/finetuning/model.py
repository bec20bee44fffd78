"""The fine-tuned model: as a weights folder, and in memory, to be listened to."""

from __future__ import annotations

import copy
import dataclasses
import os
import shutil
from pathlib import Path

from torch import nn

from condfoley.files import scratch_folder, write_json
from condfoley.foley import Foley
from condfoley.runtime.engine import GENERATING, OPTIONAL
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.torch import TorchEngine
from condfoley.training.distil import guided_part
from condfoley.training.finetuning.stage import FoldStage
from condfoley.training.run import export
from condfoley.weights import CARD, GUIDED, card_geometry, load_part, part_files, read_card


def write_model(stage: FoldStage, step: int, metrics: dict[str, float], start: Path, out: Path) -> None:
    """Writes the stage's present part and all other parts of `start` into a weights folder, the card last.

    step: after which the state was taken. metrics: for its record. Raises InputError when the folder cannot be written.
    """
    with scratch_folder(out) as work:
        _copy(start, work, out.name, stage.part)
        config = stage.config
        stage.config = dataclasses.replace(config, weights=str(work), steps=step)
        try:
            export(stage, metrics, step)
        finally:
            stage.config = config
        files = sorted(path.name for path in work.iterdir() if path.name != CARD)
        for name in (*files, CARD):
            os.replace(work / name, out / name)


def _copy(start: Path, work: Path, name: str, part: str) -> None:
    """Copies all parts and the card; for a new transformer without `guided`, whose weights it starts from."""
    card = read_card(start)
    if part == "transformer":
        card["parts"].pop(GUIDED, None)
    for entry in card["parts"].values():
        for file in part_files(entry):
            shutil.copyfile(start / file["file"], work / file["file"])
    if part == "transformer" and "generator" in card:  # another one than the transformer would be heard
        card["generator"] = "transformer"
    data = f"{card.get('training_data', 'not recorded')}; fine-tuned on clips of {name}'s owner"
    write_json(work / CARD, card | {"name": name, "training_data": data, "licence": "as its owner decides"})


def remove_model(folder: Path) -> None:
    """Removes the weights of a folder, the card first; all else stays."""
    if not (folder / CARD).exists():
        return
    parts = read_card(folder)["parts"]
    (folder / CARD).unlink()
    for entry in parts.values():
        for file in part_files(entry):
            (folder / file["file"]).unlink(missing_ok=True)


class Models:
    """Systems to listen to: that of a weights folder, and the same with another transformer or event head."""

    def __init__(self, start: Path, device: str):
        self.start, self.device, self.card = start, device, read_card(start)
        wanted = [name for name in (*GENERATING, *OPTIONAL) if name in self.card["parts"]]
        self.parts = {name: load_part(start, name, device) for name in wanted}

    def before(self) -> Foley:
        """The system as it is without fine-tuning."""
        return Foley.load(self.start, self.device)

    def after(self, part: str, trained: nn.Module) -> Foley:
        """The system with a fine-tuned part; a transformer is sampled as before guidance distillation."""
        geometry = card_geometry(self.card)
        engine = TorchEngine({**self.parts, part: trained.eval()}, geometry.code_rows, self.device)
        card = copy.deepcopy(self.card)
        if part == "transformer":
            card["sampling"] = guided_part(self.start)[1]
        return Foley(Loaded(engine, geometry, card, self.device))
