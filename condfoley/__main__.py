"""`python -m condfoley`: the same door as the `condfoley` command."""

import sys

from condfoley.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
