"""The pictures of the documents: `python -m benchmarks.figures [NAME ...] [--out docs/images]`.

Diagrams and results take no time; the others run the demo's job with the shipped weights, once for each matching step.
"""

from __future__ import annotations

import argparse
import io
import math
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import diagrams
from condfoley.hits import Hits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from condfoley.foley import Foley

OUT = Path(__file__).parents[1] / "docs" / "images"
DPI = 100
COLOURS = 64  # of a picture's palette
OVERVIEW_WIDTH = 1200  # pixels
NO_MATCHING = {"eq_match": 0.0, "decay_match": 0.0, "texture_match": 0.0, "dynamics": 0.0}
STEPS = {
    "as generated": None, "spectrum": "eq_match", "envelope": "decay_match", "texture": "texture_match",
    "dynamics": "dynamics",
}  # fmt: skip

SPLICED_SEED = 24  # with it two candidates follow one another


@lru_cache(maxsize=1)
def shipped() -> Foley:
    """The shipped weights, loaded once."""
    from condfoley.foley import Foley

    return Foley.load()


def system(path: Path) -> None:
    """system.svg: the stages of the system."""
    path.write_text(diagrams.system(), encoding="utf-8")


def training_stages(path: Path) -> None:
    """training_stages.svg: the order in which parts are trained."""
    path.write_text(diagrams.training(), encoding="utf-8")


def results(path: Path) -> None:
    """results.png: the numbers of docs/results.csv with their intervals."""
    from benchmarks.results_figure import draw_results, read_results

    save(draw_results(read_results()), path)


def fine_tuning(path: Path) -> None:
    """fine_tuning.png: what is gained by the number of clips, of docs/fine_tuning.csv."""
    from benchmarks.fine_tuning_figure import draw_fine_tuning, read_lines

    save(draw_fine_tuning(read_lines()), path)


def demo_overview(path: Path) -> None:
    """demo_overview.png: overview.png of the demo."""
    from PIL import Image

    from condfoley.cli.main import main
    from condfoley.examples import REFERENCE, TARGET

    with tempfile.TemporaryDirectory() as folder:
        words = [
            "generate",
            "--reference",
            str(REFERENCE),
            "--target",
            str(TARGET),
            "--out",
            f"{folder}/demo",
            "--quiet",
        ]
        if main(words):
            raise SystemExit("the demo failed")
        with Image.open(f"{folder}/demo/overview.png") as picture:
            height = round(picture.height * OVERVIEW_WIDTH / picture.width)
            small = picture.convert("RGB").resize((OVERVIEW_WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(2 * COLOURS).save(path, optimize=True)


def comping(path: Path) -> None:
    """comping.png: eight candidates and what was taken of each."""
    from benchmarks import demo_figures
    from benchmarks.demo_result import generate_demo

    save(demo_figures.draw_comping(generate_demo(shipped(), seed=SPLICED_SEED)), path)


def impacts(path: Path) -> None:
    """impacts.png: the target's frames and the probability of an impact in each."""
    from benchmarks import demo_figures
    from benchmarks.demo_result import generate_demo

    save(demo_figures.draw_impacts(generate_demo(shipped(), candidates=1)), path)


def matching(path: Path) -> None:
    """matching.png: spectrograms behind each matching step, of the first candidate."""
    from benchmarks import demo_figures
    from benchmarks.demo_result import generate_demo

    amounts, steps = dict(NO_MATCHING), []
    for name, option in STEPS.items():
        if option:
            amounts[option] = 1.0
        steps.append((name, generate_demo(shipped(), candidates=1, **amounts)))
    save(demo_figures.draw_matching(steps), path)


def hits(path: Path) -> None:
    """hits.png: the demo's soundtrack before and after hits.txt is edited."""
    from benchmarks import demo_figures
    from benchmarks.demo_result import generate_demo

    before = generate_demo(shipped())
    after = generate_demo(shipped(), edited(Hits(before.cues, before.strengths)))
    save(demo_figures.draw_hits(before, after), path)


def edited(hits: Hits) -> Hits:
    """What a user might do: the third line removed, the fifth moved by 0.2 s, and one added behind the sixth."""
    times, strengths = hits.times.copy(), hits.strengths
    times[4] += 0.2
    added = (times[5] + times[6]) / 2
    times, strengths = np.append(np.delete(times, 2), added), np.append(np.delete(strengths, 2), 0.9)
    order = np.argsort(times)
    return Hits(times[order], strengths[order])


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as a PNG with a palette, which takes a third of the room."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI, facecolor="white")
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)


FIGURES: dict[str, tuple[Callable[[Path], None], str]] = {
    "system": (system, "svg"),
    "training_stages": (training_stages, "svg"),
    "results": (results, "png"),
    "fine_tuning": (fine_tuning, "png"),
    "demo_overview": (demo_overview, "png"),
    "hits": (hits, "png"),
    "impacts": (impacts, "png"),
    "comping": (comping, "png"),
    "matching": (matching, "png"),
}


def main(words: list[str] | None = None) -> None:
    """Draws the figures that are named, or all."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__.splitlines()[0])
    p.add_argument("names", nargs="*", metavar="NAME", help=f"figures to draw, of {', '.join(FIGURES)} (default: all)")
    p.add_argument("--out", type=Path, default=OUT, help="folder to write them to (default: docs/images)")
    options = p.parse_args(words)
    if unknown := [name for name in options.names if name not in FIGURES]:
        p.error(f"there is no figure {unknown[0]}; give some of {', '.join(FIGURES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or FIGURES:
        draw, suffix = FIGURES[name]
        path = options.out / f"{name}.{suffix}"
        draw(path)
        print(f"{path} ({math.ceil(path.stat().st_size / 1000)} kB)")


if __name__ == "__main__":
    main()
