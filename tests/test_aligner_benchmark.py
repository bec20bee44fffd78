"""`benchmarks.aligner`: what its costs ask for, that steering lowers them, and its table at toy sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import aligner, flow
from tests.tiny import write_tiny_flow
from tests.training.toy import write_clips

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    out = tmp_path_factory.mktemp("aligner")
    (out / "clips").mkdir()
    write_clips(out / "clips")
    write_tiny_flow(out / "weights", "latents")
    return out


@pytest.fixture(scope="module")
def made(home):
    windows, _ = flow.read_windows(home / "clips", str(home / "cache"), home / "weights", 6)
    return aligner.Aligner(flow.Bench(home / "weights", windows), home / "weights")


def test_the_cost_of_cues_is_least_where_the_spectrum_rises_at_them_alone():
    at_cues = torch.zeros(1, 2, 100, dtype=torch.bool)
    at_cues[0, 0, 20:25] = at_cues[0, 1, 60:65] = True

    def spec(*rises):
        out = torch.zeros(1, 8, 100)
        for begin in rises:
            out[:, :, begin : begin + 10] = 0.5
        return out

    right, late, one, more = (
        float(aligner.cue_cost(spec(*r), at_cues)) for r in ((20, 60), (30, 70), (20,), (20, 40, 60))
    )
    assert right < one < more < late


@pytest.mark.parametrize("name", ["cues", "sync", "bind"])
def test_a_step_against_the_gradient_lowers_the_cost(made, name):
    rows = np.arange(3)
    cost = made.costs[name]
    made.at_cues[:] = False
    made.at_cues[:, 0, 30:35] = True
    tokens = np.random.default_rng(0).standard_normal(made.windows.sounds["tokens"][0][rows].shape).astype(np.float32)
    moved = tokens - 0.01 * made.gradient(tokens, rows, cost)
    with torch.no_grad():
        restore = made.bench.parts["flow"].restore
        before, after = (cost(made.specs(restore(torch.from_numpy(x))), rows) for x in (tokens, moved))
    assert (after < before).all()


def test_a_draft_that_is_not_steered_is_that_of_the_flow(made):
    rows = np.arange(3)
    c = made.bench.parts["flow"].config
    plain = made.bench.flow(rows, flow.of((c.steps, c.guidance, c.picture_guidance)))
    for cost in (None, made.sync):
        assert torch.allclose(made.draft(rows, cost=cost), ((plain + 1) / 2).clamp(0, 1), atol=1e-5)
    steered = made.draft(rows, cost=made.sync, strength=0.4)
    assert not torch.allclose(steered, made.draft(rows), atol=1e-3)


def test_the_best_of_several_costs_no_more_than_the_first(made):
    rows = np.arange(3)
    best, first = made.best(rows, made.bind, 3), made.draft(rows, 0)
    assert (made.bind(best, rows) <= made.bind(first, rows) + 1e-6).all()


def test_the_table(home, capsys, monkeypatch):
    monkeypatch.setattr(aligner, "STRENGTHS", (0.1,))
    words = ["--clips", str(home / "clips"), "--weights", str(home / "weights"), "--cache", str(home / "cache")]
    assert aligner.main([*words, "--windows", "6"]) == 0
    table = capsys.readouterr().out
    assert all(row in table for row in ("not steered", "steered by cues", "by sync", "steered by bind", "best of"))
