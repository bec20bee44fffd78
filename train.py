"""`python train.py --config configs/small/STAGE.yaml`: the same door as `condfoley train`."""

import sys

from condfoley.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
