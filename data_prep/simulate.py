"""Make simulated videos with sound and ground truth: python data_prep/simulate.py --out DIR --clips 2000"""

from __future__ import annotations

import sys

from condfoley.arguments import parse_options
from condfoley.data.simulation.write import Recipe, write_clips
from condfoley.errors import InputError


def main(words: list[str]) -> int:
    """Run from command-line words; 0 when all clips are there, 1 when some failed, 2 for a wrong call."""
    try:
        failures = write_clips(parse_options("simulate.py", Recipe, words))
    except InputError as error:
        print(f"simulate.py: {error}", file=sys.stderr)
        return 2
    if failures:
        print(f"simulate.py: {len(failures)} clips failed; run again to retry them", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
