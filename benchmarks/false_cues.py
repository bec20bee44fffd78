"""How many cues are seen where nothing is struck? `python -m benchmarks.false_cues FOLDER` prints a table; nothing is generated.

FOLDER: videos in which nothing strikes, such as those of `condfoley simulate --silent`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from condfoley.data.sources.folder import find
from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.inputs import ClipFile
from condfoley.layers import watch
from condfoley.media import probe
from condfoley.media.formats import VIDEO_SUFFIXES
from condfoley.results.tables import Table
from condfoley.settings import Settings

LEAST = (0.0, 0.5, 0.7, 0.9)
"""Confidences from which on cues are counted."""


def counted(foley: Foley, clips: Sequence[Path]) -> Table:
    """Cues a minute by confidence, of all clips together, and how many clips have any."""
    found = [[row.confidence or 0.0 for row in watch(foley, ClipFile(path), Settings())] for path in clips]
    minutes = sum(probe(path).duration for path in clips) / 60
    rows = []
    for least in LEAST:
        counts = [sum(said >= least for said in clip) for clip in found]
        rows.append((f"{least:g} or more", f"{sum(counts) / minutes:.1f}", f"{sum(map(bool, counts))} of {len(clips)}"))
    return Table("Cues where nothing is struck", ("confidence", "cues a minute", "clips that have one"), tuple(rows))


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="videos in which nothing is struck")
    parser.add_argument("--weights", type=Path, default=None, help="folder of the weights")
    options = parser.parse_args(argv)
    try:
        clips = find(options.folder, VIDEO_SUFFIXES)
        if not clips:
            raise InputError(f"{options.folder} has no videos; give a folder of them")
        print(counted(Foley.load(options.weights), clips).text())
    except InputError as error:
        print(f"benchmarks.false_cues: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
