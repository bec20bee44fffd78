"""Do onnxruntime and PyTorch make the same soundtracks? `python -m benchmarks.engines` prints a table.

Three pairs, 20 seeds each: the share of equal codes, whether the onsets are the same, and the greatest difference of an
impact's level; besides, what a warm generation of 8 candidates takes with each engine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from condfoley.audio.levels import impact_levels
from condfoley.examples import REFERENCE, TARGET
from condfoley.foley import Foley
from condfoley.geometry import Geometry
from condfoley.inputs import read_picture
from condfoley.media.write import write_clip
from condfoley.results.tables import Table, number
from condfoley.runtime.engine import Prompt
from condfoley.settings import Settings
from condfoley.soundtrack import Soundtrack

PAIRS = {"example": TARGET, "scratched": Path(__file__).parents[1] / "tests/golden/scratched.mp4"}
ONSET = 0.01  # s within which two onsets are the same


def moving_square(path: Path, seconds: float = 4.0, fps: float = 15.0) -> Path:
    """A video without sound: a bright square falls and stops every second."""
    frames = np.full((round(seconds * fps), 64, 64, 3), 40, np.uint8)
    for i, frame in enumerate(frames):
        top = min(40, round(60 * (i / fps % 1.0)))
        frame[top : top + 16, 24:40] = 220
    write_clip(path, frames, fps, None, Geometry().sample_rate)
    return path


def equal_codes(engines: dict[str, Foley], target: Path, seeds: int) -> float:
    """Share of codes that two engines sample alike, of one window of the target under `seeds` seeds."""
    drawn = []
    for foley in engines.values():
        engine, g = foley.loaded.engine, foley.geometry
        tokens = engine.encode_frames(read_picture(target, g))[: g.window_frames]
        reference = engine.encode_frames(read_picture(REFERENCE, g))[None, : g.window_frames]
        codes = np.arange(g.codes)[None] * 7 % engine.codebook_size
        sampling = foley.pipeline(2.0).sampling(Settings())
        streams = engine.random_streams(range(seeds))
        drawn.append(engine.generate_codes(Prompt(tokens[None], reference, codes), streams, sampling))
    return float((drawn[0] == drawn[1]).mean())


def compared(a: Soundtrack, b: Soundtrack) -> tuple[bool, float]:
    """Whether two soundtracks have the same onsets, and the greatest difference of their impacts' levels, dB."""
    first, second = a.track.onsets, b.track.onsets
    if len(first) != len(second) or np.abs(first - second).max(initial=0.0) > ONSET:
        return False, float("nan")
    levels = [impact_levels(track.samples, first, track.rate) for track in (a.track, b.track)]
    return True, float(np.abs(levels[0] - levels[1]).max(initial=0.0))


def measure(pairs: dict[str, Path], seeds: int, engines: dict[str, Foley]) -> list[tuple[str, ...]]:
    """One row a pair: share of equal codes, of seeds with the same onsets, greatest difference in dB, s of each engine."""
    rows = []
    for name, target in pairs.items():
        found = []
        for seed in range(seeds):
            made = [
                foley.generate(REFERENCE, target, candidates=1, seed=seed, render="vocoder")
                for foley in engines.values()
            ]
            found.append(compared(*made))
        spent = []
        for foley in engines.values():
            begin = perf_counter()
            foley.generate(REFERENCE, target, candidates=8, render="vocoder")
            spent.append(perf_counter() - begin)
        same, levels = zip(*found, strict=True)
        cells = [100 * equal_codes(engines, target, seeds), 100 * np.mean(same), np.nanmax(levels), *spent]
        rows.append((name, *(number(float(cell)) for cell in cells)))
        print(*rows[-1], file=sys.stderr)
    return rows


def main(words: list[str] | None = None) -> int:
    """Prints the table; returns 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds for each pair")
    options = parser.parse_args(words)
    engines = {"onnx": Foley.load(engine="onnx"), "torch": Foley.load(engine="torch")}
    with tempfile.TemporaryDirectory() as folder:
        pairs = PAIRS | {"falling square": moving_square(Path(folder) / "square.mp4")}
        rows = measure(pairs, options.seeds, engines)
    header = ("pair", "equal codes, %", "same onsets, %", "level difference, dB", *(f"{name}, s" for name in engines))
    print(Table("Engines", header, tuple(rows)).text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
