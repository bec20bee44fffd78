"""Where in the picture are impacts? `python -m benchmarks.contact` prints a table on held-out simulated clips.

Opponents: the middle of the picture, and the centre of what moves around the impact.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from condfoley.data.events import KINDS
from condfoley.errors import InputError
from condfoley.evaluation.held_out import ensure_folder
from condfoley.evaluation.testsets import read_folder
from condfoley.geometry import Geometry
from condfoley.inputs import read_picture
from condfoley.results.tables import Table
from condfoley.runtime.choice import load_engine
from condfoley.runtime.contacts import contact_places
from condfoley.training.stages.contact import visible
from condfoley.weights import SHIPPED

NOISE = 8.0  # grey levels of a difference that do not count as motion
AROUND = 2  # frames on either side of an impact in which motion counts
Finder = Callable[[np.ndarray, list[float]], np.ndarray]
"""Frames (T, S, S, 3) and K times, s -> places (K, 2)."""


def middle(frames: np.ndarray, times: list[float]) -> np.ndarray:
    """The middle of the picture, always."""
    return np.full((len(times), 2), 0.5)


def centre_of_motion(frames: np.ndarray, times: list[float]) -> np.ndarray:
    """Mean position of the differences between the frames around each impact."""
    moving = np.maximum(np.abs(np.diff(frames.mean(3), axis=0)) - NOISE, 0)
    grid = (np.arange(frames.shape[1]) + 0.5) / frames.shape[1]
    out = []
    for time in times:
        at = round(time * Geometry().fps)
        energy = moving[max(0, at - AROUND) : at + AROUND].sum(0)
        total = energy.sum()
        out.append((energy.sum(0) @ grid / total, energy.sum(1) @ grid / total) if total else (0.5, 0.5))
    return np.array(out)


def finders(weights: Path) -> dict[str, Finder]:
    """All that are compared, by name."""
    engine = load_engine(weights, required=("contact",))
    return {
        "middle of the picture": middle,
        "centre of motion": centre_of_motion,
        "contact map": lambda frames, times: contact_places(engine, frames, times, Geometry().fps),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200, help="the clips of as many held-out simulated pairs")
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="folder of the weights")
    parser.add_argument(
        "--distances", type=int, metavar="N", help="only how far away impacts are, in N simulated scenes"
    )
    options = parser.parse_args(argv)
    if options.distances:
        print(distances(options.distances).text())
        return 0
    kinds: list[str] = []
    true: list[tuple[float, float]] = []
    try:
        compared = finders(options.weights)
        found: dict[str, list[np.ndarray]] = {name: [] for name in compared}
        for clip in read_folder(ensure_folder(options.pairs)):
            events = visible(clip.events or ())
            frames = read_picture(clip.path, Geometry())
            kinds += [event.kind for event in events]
            true += [(event.x, event.y) for event in events]
            for name, find in compared.items():
                found[name] += list(find(frames, [event.time for event in events]))
    except InputError as error:
        print(f"benchmarks.contact: {error}", file=sys.stderr)
        return 2
    rows = []
    for kind in KINDS:
        chosen = np.array([k == kind for k in kinds])
        for name, places in found.items():
            rows.append((name, kind, str(chosen.sum()), *_numbers(np.array(places)[chosen], np.array(true)[chosen])))
    header = ("", "kind", "events", "median error across", "down", "within .1 across", "correlation across")
    print(Table("Place of impacts, as a share of the picture", header, tuple(rows)).text())
    return 0


def distances(count: int) -> Table:
    """What distance does to levels within simulated scenes, and what the height in the picture tells of it; none is drawn."""
    spread, explained, by_height, kept = [], [], [], 0
    for seed in range(800_000, 800_000 + count):
        depths, heights = scene_depths(seed)
        if len(depths) < 4:
            continue
        level = -20 * np.log10(depths / np.median(depths))  # of a point source, dB
        spread.append(float(np.ptp(level)))
        kept += 1
        if np.ptp(heights) > 0.02:
            slope, offset = np.polyfit(heights, level, 1)
            left = level - slope * heights - offset
            explained.append(1 - float(np.square(left).sum() / max(np.square(level - level.mean()).sum(), 1e-9)))
            by_height.append(float(slope))
    rows = (
        ("levels of a scene, dB from the nearest to the farthest: median, 90 %", *_two(spread)),
        ("share of that which the height in the picture explains: median, 10 %", *_two(explained, 10)),
        ("dB for the whole height of the picture: median, 90 %", *_two(by_height)),
    )
    return Table(f"Distance of impacts in {kept} simulated scenes", ("", "", ""), rows)


def _two(values: Sequence[float], percent: float = 90) -> tuple[str, str]:
    return f"{np.median(values):.2f}", f"{np.percentile(values, percent):.2f}"


def scene_depths(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Depths, m, of a simulated scene's contacts from the camera, and their heights in its picture, 0 at the top: (P,) each."""
    import mujoco

    from condfoley.data.simulation.clip import Probe, _Simulation
    from condfoley.data.simulation.plan import Action, Style, plan_actions
    from condfoley.data.simulation.scene import Scene
    from condfoley.data.simulation.timing import loose

    rng = np.random.default_rng([seed, 0x5EED])
    scene = Scene.draw(rng, distractor=False)
    style = Style.draw(rng, scene)

    def plan(probe: Probe) -> list[Action]:
        return plan_actions(rng, scene, style, 6.0, probe, loose)

    made = _Simulation(rng, scene, style, mujoco.MjModel.from_xml_string(scene.xml), 6.0, plan, gestures=False)
    hits = [made.probe(action.aim) for action in made.actions if 0 <= action.time < 6.0 and action.kind == "hit"]
    points = np.array([point for point in hits if point is not None]).reshape(-1, 3)
    view = made.camera.view
    places = np.array([view.project(point) for point in points]).reshape(-1, 2)
    seen = ((places > 0) & (places < 1)).all(1)
    return (-((points - view.eye) @ view.axes)[:, 2])[seen], places[seen, 1]


def _numbers(found: np.ndarray, true: np.ndarray) -> list[str]:
    error = np.abs(found - true)
    varies = np.ptp(found[:, 0]) > 0
    alike = f"{np.corrcoef(found[:, 0], true[:, 0])[0, 1]:.2f}" if varies else "-"
    return [*(f"{value:.3f}" for value in np.median(error, axis=0)), f"{np.mean(error[:, 0] <= 0.1):.2f}", alike]


if __name__ == "__main__":
    sys.exit(main())
