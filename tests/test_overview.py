"""The overview picture is drawn for every shape of result."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from condfoley.audio.track import Track
from condfoley.comping.takes import Take
from condfoley.results.overview import compose, draw
from tests.made_up import soundtrack

NAN = float("nan")


def test_the_picture_is_1600_pixels_wide(tmp_path: Path) -> None:
    from PIL import Image

    draw(soundtrack([(0.04, 0.5), (0.3, 0.4), (-0.4, 0.9)]), tmp_path / "overview.png", "a title")
    with Image.open(tmp_path / "overview.png") as image:
        assert image.width == 1600 and image.height > 700


@pytest.mark.parametrize(
    "title",
    [
        "cost $5 and $6_x^2.mp4",
        r"bad $\frac{$",
        "ten bit \u00fcn\u00ef \u65e5\u672c",
        "latin\udce9.mp4",
        "new\nline\x01",
    ],
)
def test_any_file_name_is_drawn_as_it_is(title: str, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    made = soundtrack([(-0.001, 1.0)], note="$x$")
    figure = compose(made, title)
    figure.savefig(tmp_path / "overview.png")
    assert not [str(warning.message) for warning in recwarn]
    shown = "".join(c if c.isascii() and c.isprintable() else "." for c in figure.texts[0].get_text())
    assert shown == {"l": "latin..mp4", "n": "new line.", "t": "ten bit .n. .."}.get(title[0], title)
    assert any("$x$" in text.get_text() for text in figure.texts)
    assert [t.get_text() for t in figure.axes[-1].texts] == ["01  +0.00 s  1.00"]


@pytest.mark.parametrize(
    "scores",
    [[(0.0, 1.0)], [(NAN, NAN)] * 2, [(0.01 * i, i / 40) for i in range(40)]],
    ids=["one", "unscored", "many"],
)
def test_any_number_of_candidates(scores: list[tuple[float, float]]) -> None:
    figure = compose(soundtrack(scores), "")
    assert len(figure.axes) == 9 + min(len(scores), 12)  # two blocks of four, the choice, the list


def test_time_axes_are_in_seconds_of_each_clip() -> None:
    figure = compose(soundtrack([(0.0, 1.0)], duration=3.0), "")
    assert figure.axes[0].get_xlim() == (0.25, 1.75)
    assert figure.axes[7].get_xlim() == (0.0, 3.0)


def test_times_are_those_of_the_weights_own_frame_rate() -> None:
    track = soundtrack([(0.0, 1.0)], duration=2.0)
    slower = dataclasses.replace(track.geometry, fps=25.0)
    struck = np.eye(1, 50, 40)[0]  # an impact in frame 40: at 1.6 s
    track = dataclasses.replace(track, geometry=slower, picture_fps=25.0, impact_probability=struck)
    line = compose(track, "").axes[5].lines[0]
    times, chances = line.get_data()
    assert times[np.argmax(chances)] == pytest.approx(1.6)


def test_silence_and_a_very_short_reference() -> None:
    track = soundtrack([(0.0, 1.0)])
    silent = Track(np.zeros_like(track.wav), track.sample_rate)
    short = Track(np.zeros(300, np.float32), track.sample_rate)
    candidates = [dataclasses.replace(track.candidates[0], track=silent)]
    frames = track.reference_frames[:1]
    compose(
        dataclasses.replace(track, track=silent, candidates=candidates, reference=short, reference_frames=frames), ""
    )


def test_the_choice_is_shown_by_what_decided() -> None:
    track = soundtrack([(0.0, 0.5), (0.7, 0.9)])
    assert compose(track, "").axes[8].get_xlabel().startswith("offset in seconds")
    ax = compose(soundtrack([(0.0, 0.5), (0.7, 0.9)], agreements=[1.0, 1.0]), "").axes[8]
    assert ax.get_xlabel() == "confidence of the sync model"
    dots = {line.get_xdata()[0]: line.get_fillstyle() for line in ax.lines}
    assert dots == {0.5: "full", 0.9: "none"}  # the other is out of time, however confident
    worse = soundtrack([(0.0, 0.5), (0.7, 0.9)], agreements=[0.5, 1.0])
    dots = {line.get_xdata()[0]: line.get_fillstyle() for line in compose(worse, "").axes[8].lines}
    assert dots == {0.5: "full", 0.9: "none"}  # in time means one thing: near the smallest offset of all candidates


def test_comping_takes_all_that_are_in_time() -> None:
    track = soundtrack([(0.0, 0.5), (0.1, 0.7), (0.7, 0.9)], comp=True, agreements=[0.4, 0.5, 1.0])
    ax = compose(track, "").axes[8]
    assert {line.get_xdata()[0]: line.get_fillstyle() for line in ax.lines} == {0.5: "full", 0.7: "full", 0.9: "none"}
    assert ax.texts[0].get_text().startswith("each moment")


def test_takes_are_coloured_in_the_candidates_they_come_from() -> None:
    track = soundtrack([(0.0, 0.5), (0.7, 0.9), (0.1, 0.4)], takes=[Take(0.0, 0), Take(0.8, 1, 0.2)])
    figure = compose(track, "")
    assert figure.axes[4].get_title(loc="left") == "Target, its sound: candidates 01, 02 (2 takes)"
    rows = {ax.texts[0].get_text().split()[0]: ax for ax in figure.axes[9:]}
    taken = {n: [p.vertices[:, 0] for p in ax.collections[-1].get_paths()] for n, ax in rows.items()}
    assert max(taken["01"][0]) < 0.81 and 0.59 < min(taken["02"][0]) < 0.61 and not taken["03"]


def test_numbers_of_candidates_that_are_equally_good_do_not_hide_each_other() -> None:
    made = soundtrack([(0.01 * i, 0.7 + 0.01 * i) for i in range(4)], agreements=[1.0] * 4)
    figure = compose(made, "")
    figure.canvas.draw()
    choice = next(ax for ax in figure.axes if ax.get_xlabel().startswith("confidence"))
    boxes = [text.get_window_extent() for text in choice.texts if text.get_text().isdigit()]
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
