"""What is written to look at says what it shows: its axes, its units, the clips."""

import json

import matplotlib.figure
import numpy as np
import pytest
import torch

from condfoley.training import plots


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were written, last one last."""
    figures, savefig = [], matplotlib.figure.Figure.savefig

    def kept(self, *args, **options):
        savefig(self, *args, **options)
        figures.append(self)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", kept)
    return figures


def test_curves_have_whole_steps(drawn, tmp_path):
    log = tmp_path / "metrics.jsonl"
    log.write_text("".join(json.dumps({"step": step, "loss": 1 / step}) + "\n" for step in (1, 2, 3)))
    plots.draw_curves(log, tmp_path / "curves.png")
    axis = drawn[-1].axes[0]
    assert axis.get_xlabel() == "step"
    assert all(tick == int(tick) for tick in axis.get_xticks())


def test_strips_and_spectrograms_are_in_seconds_and_name_their_clips(drawn, tmp_path):
    frames, curve = np.zeros((2, 30, 4, 4, 3), np.uint8), {"true": np.zeros(30)}
    plots.draw_film_strips(tmp_path / "a.png", frames, [curve, curve], 15.0, ["a.mp4", "b.mp4"])
    film, plot = drawn[-1].axes[2:4]
    assert film.get_title() == "b.mp4" and plot.get_xlabel() == "time, s"
    assert plot.get_lines()[0].get_xdata()[-1] == pytest.approx(29 / 15)
    plots.draw_spectrograms(
        tmp_path / "b.png", {"true": torch.zeros(2, 80, 100), "made": torch.zeros(2, 80, 100)}, 0.01, ["a", "b"]
    )
    first, *_, last = drawn[-1].axes
    assert first.get_title() == "a" and last.get_xlabel() == "time, s" and last.get_xlim() == pytest.approx((0, 1))


def test_offsets_are_in_seconds_and_no_match_is_marked(drawn, tmp_path):
    true = torch.eye(42)[[20, 41]]  # no shift, and no match
    plots.draw_distributions(tmp_path / "a.png", true, true, 10.0, ["a.mp4", "b.mp4"])
    axis = drawn[-1].axes[0]
    predicted, dotted = axis.get_lines()
    assert predicted.get_xdata()[np.argmax(predicted.get_ydata())] == 0 and dotted.get_linestyle() == ":"
    assert axis.get_xlabel() == "offset, s" and axis.get_title() == "a.mp4"
    assert [text.get_text() for text in axis.texts] == ["no match"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["predicted", "true"]
