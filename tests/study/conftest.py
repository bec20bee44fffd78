"""A small set of clips with sounds of three systems, and a study exported from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from condfoley.cli.commands import study
from tests.study.people import write_sources


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four targets with the sounds of three systems."""
    return write_sources(tmp_path_factory.mktemp("sources"), 4)


@pytest.fixture(scope="session")
def web() -> None:
    """Skips where the browser's library was not fetched."""
    from condfoley.errors import InputError
    from condfoley.study.page import page_files

    try:
        page_files()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def exported(
    sources: tuple[Path, Path], web: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """exported("--trials", "2", ...) -> (the study's folder, its key)."""
    pairs, made = sources

    def make(*words: str, systems: str = "ours,noise", sounds: Path = made) -> tuple[Path, dict[str, Any]]:
        out = tmp_path_factory.mktemp("study") / "out"
        command = ["--test", str(pairs), "--sounds", str(sounds), "--systems", systems, "--out", str(out), *words]
        assert study.run(["export", *command]) == 0
        return out, json.loads((out / "key.json").read_text())

    return make
