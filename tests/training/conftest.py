"""All stages trained once at toy sizes, one after the other, each reading what the earlier ones wrote."""

from pathlib import Path

import pytest

from condfoley.training.run import main
from tests.training.toy import ORDER, config, write_clips


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def trained(clips, tmp_path_factory) -> Path:
    """A folder with `weights` and each stage's run; not to be written to."""
    home = tmp_path_factory.mktemp("run")
    for stage in ORDER:
        main(config(stage, clips, home))
    return home


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    """A folder with a copy of the trained weights, to be written to."""
    (tmp_path / "weights").mkdir()
    for file in (trained / "weights").iterdir():
        (tmp_path / "weights" / file.name).write_bytes(file.read_bytes())
    return tmp_path
