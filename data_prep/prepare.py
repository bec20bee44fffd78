"""Converts a data set to shards: `python data_prep/prepare.py greatest-hits SRC OUT`, the same as `condfoley prepare`."""

import sys

from condfoley.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["prepare", *sys.argv[1:]]))
