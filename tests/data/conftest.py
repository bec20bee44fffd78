"""A small Ray for the tests that need one, started once."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def two_ray_workers():
    ray = pytest.importorskip("ray", reason="the engine ray needs Ray (pip install 'condfoley[cluster]')")
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}  # the workers import the tests' functions
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error", runtime_env=here)
    yield
    ray.shutdown()
