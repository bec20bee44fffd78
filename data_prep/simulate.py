"""`python data_prep/simulate.py --out DIR --clips 2000`: the same as `condfoley simulate`."""

import sys

from condfoley.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["simulate", *sys.argv[1:]]))
