"""Figures and the examples page are built, with a toy system where sound is needed."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from benchmarks import diagrams, examples, figures
from benchmarks.demo_figures import describe_edits, draw_comping, draw_hits, draw_impacts, draw_matching, frame_times
from benchmarks.demo_result import DemoResult, Span, generate_demo
from benchmarks.fine_tuning_figure import draw_fine_tuning, read_lines
from benchmarks.results_figure import draw_results, read_results
from condfoley.foley import Foley
from condfoley.hits import Hits
from tests.documents import ROOT
from tests.tiny import write_tiny_weights


def demo(cues: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)) -> DemoResult:
    """A result whose sounds are noise."""
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 4 * 8000)).astype(np.float32)
    return DemoResult(
        wav=noise[0],
        rate=8000,
        duration=4.0,
        candidates=list(noise[1:]),
        spans=[Span(0.0, 2.2, 0, 0.0), Span(2.2, 4.0, 1, 0.1)],
        cues=np.array(cues),
        strengths=np.full(len(cues), 0.5),
        frames=np.zeros((60, 8, 8, 3), np.uint8),
        impact_probability=np.linspace(0, 1, 60),
        fps=15.0,
        reference=noise[2],
    )


@pytest.mark.parametrize("draw", [diagrams.system, diagrams.training])
def test_a_diagram_is_svg_whose_boxes_lie_inside_and_apart(draw):
    page = ElementTree.fromstring(draw())
    width, height = float(page.get("width")), float(page.get("height"))
    boxes = [[float(e.get(k)) for k in ("x", "y", "width", "height")] for e in page if e.tag.endswith("rect")]
    for i, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x and x + w <= width and 0 <= y and y + h <= height
        for left, top, across, down in boxes[:i]:
            assert x >= left + across or left >= x + w or y >= top + down or top >= y + h


def test_the_figures_in_the_documents_are_those_that_the_code_draws():
    for name, draw in (("system", diagrams.system), ("training_stages", diagrams.training)):
        assert (figures.OUT / f"{name}.svg").read_text(encoding="utf-8") == draw()
    assert {f"{name}.{suffix}" for name, (_, suffix) in figures.FIGURES.items()} <= {
        p.name for p in figures.OUT.iterdir()
    }
    assert sum(p.stat().st_size for p in figures.OUT.iterdir()) < 1.5e6


def test_the_curve_of_fine_tuning_has_every_line_of_its_table():
    """What the document says of each number of clips is in the table; draws lie beside each other."""
    lines = read_lines()
    text = (ROOT / "docs" / "experiments" / "28-fine-tuning.md").read_text(encoding="utf-8")
    assert {line.clips for line in lines} >= {5, 50, 100, 200} and sum(line.clips == 5 for line in lines) == 10
    for line in lines:
        assert line.low <= line.gain <= line.high and (line.written or line.gain == 0)
        if line.written:
            assert f"{line.f1[0]:.2f} | {line.f1[1]:.2f} |" in text and f"{100 * line.gain:.0f} %" in text
    loss, f1 = draw_fine_tuning(lines).axes
    for ax in (loss, f1):
        points = [tuple(*drawn.get_xydata()) for drawn in ax.lines if drawn.get_marker() == "o"]
        assert len(points) == len(lines) == len({x for x, _ in points})


def test_the_figures_numbers_are_those_of_the_results():
    """Each number stands with its interval in docs/results.md."""
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    rows = read_results()
    assert len(rows) == 29
    for row in rows:
        assert f"{row.value:.2f} ({row.low:.2f} .. {row.high:.2f})" in text, row
    draw_results(rows)


def test_an_interval_without_its_value_is_an_error(tmp_path):
    (tmp_path / "results.csv").write_text("measure,system,value,low,high\nF1,ours,0.5,0.6,0.7\n")
    with pytest.raises(ValueError, match="outside"):
        read_results(tmp_path / "results.csv")


def test_the_demos_figures_are_drawn(tmp_path):
    before = demo()
    after = demo((0.5, 1.0, 2.0, 2.7, 3.0, 3.25, 3.5))
    drawn = {
        "comping": draw_comping(before),
        "impacts": draw_impacts(before),
        "matching": draw_matching([(name, before) for name in figures.STEPS]),
        "hits": draw_hits(before, after),
    }
    for name, figure in drawn.items():
        figures.save(figure, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes()[1:4] == b"PNG"


def test_a_result_of_the_demo_has_what_the_figures_need(tmp_path):
    result = generate_demo(Foley.load(write_tiny_weights(tmp_path / "weights")), Hits.of([1.0, 2.0]), candidates=2)
    assert result.wav.ndim == 1 and len(result.wav) == round(result.duration * result.rate)
    assert len(result.candidates) == 2 and all(wav.shape == result.wav.shape for wav in result.candidates)
    assert result.spans[0].start == 0 and result.spans[-1].end == result.duration
    assert result.cues.tolist() == [1.0, 2.0] and result.strengths.shape == (2,)
    assert len(result.impact_probability) == len(result.frames) and result.reference.ndim == 1


def test_edits_are_described_line_by_line():
    before = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
    after = figures.edited(Hits(before, np.full(7, 0.5))).times
    edits = describe_edits(before, after)
    assert edits["before"] == {
        0.5: "kept",
        1.0: "kept",
        1.5: "removed",
        2.0: "kept",
        2.5: "moved",
        3.0: "kept",
        3.5: "kept",
    }
    assert sorted(edits["after"].values()) == ["added", "kept", "kept", "kept", "kept", "kept", "moved"]


def test_frames_are_shown_at_cues_where_there_are_some_near():
    assert frame_times(np.array([0.6]), 4.0, count=4) == [0.6, 1.5, 2.5, 3.5]
    assert frame_times(np.zeros(0), 4.0, count=2) == [1.0, 3.0]


def test_an_unknown_figure_is_refused(capsys):
    with pytest.raises(SystemExit):
        figures.main(["nothing"])
    assert "there is no figure nothing" in capsys.readouterr().err


def test_the_examples_page_is_built_and_names_only_files_that_are_there(tmp_path, capsys):
    weights, out = write_tiny_weights(tmp_path / "weights"), tmp_path / "page"
    words = ["--out", str(out), "--weights", str(weights), "--candidates", "2"]
    assert examples.main(words) == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 4 + 1 + 2 and all((out / source).is_file() for source in sources)
    assert "http" not in page.replace("<!doctype html>", "")
    assert examples.main(words) == 2 and "--force" in capsys.readouterr().err
