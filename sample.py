"""`python sample.py --reference A.mp4 --target B.mp4 --out DIR`: the same door as `condfoley generate`."""

import sys

from condfoley.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["generate", *sys.argv[1:]]))
