"""A small set of clips with sounds of three systems, and a study exported from it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condfoley.cli.commands import study
from condfoley.media import write_clip, write_wav
from tests.made_up import FPS, RATE, frames, pulses

SYSTEMS = ("ours", "onset-transfer", "noise")


def write_sources(folder: Path, targets: int, seconds: float = 1.0) -> tuple[Path, Path]:
    """(pairs.csv, sounds/) of made-up clips; the sounds of systems differ in pitch and level."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("reference", "target", "name")]
    for number in range(targets):
        times = [0.1 + 0.02 * number, 0.45]
        for kind in ("reference", "target"):
            wav = pulses(times, seconds, 300 + 50 * number)
            write_clip(folder / f"{kind}{number}.mp4", frames(seconds, 48), FPS, wav, RATE)
        rows.append((f"reference{number}.mp4", f"target{number}.mp4", f"pair{number}"))
        for place, system in enumerate(SYSTEMS):
            (folder / "sounds" / system).mkdir(parents=True, exist_ok=True)
            sound = pulses(times, seconds, 500 + 200 * place) * (0.2 + 0.3 * place)
            write_wav(folder / "sounds" / system / f"pair{number}.wav", sound.astype(np.float32), RATE)
    with open(folder / "pairs.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "pairs.csv", folder / "sounds"


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four targets with the sounds of three systems."""
    return write_sources(tmp_path_factory.mktemp("sources"), 4)


@pytest.fixture(scope="session")
def web() -> None:
    """Skips where the browser's library was not fetched."""
    from condfoley.errors import InputError
    from condfoley.study.page import files

    try:
        files()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def exported(
    sources: tuple[Path, Path], web: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """exported("--trials", "2", ...) -> (the study's folder, its key)."""
    pairs, sounds = sources

    def make(*words: str, systems: str = "ours,noise") -> tuple[Path, dict[str, Any]]:
        out = tmp_path_factory.mktemp("study") / "out"
        command = ["--test", str(pairs), "--sounds", str(sounds), "--systems", systems, "--out", str(out), *words]
        assert study.run(["export", *command]) == 0
        return out, json.loads((out / "key.json").read_text())

    return make
