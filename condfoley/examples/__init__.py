"""The example pair: two clips of six seconds that lie in the package. README.md beside them says whose they are."""

from pathlib import Path

REFERENCE = Path(__file__).parent / "hitting_metal.mp4"
TARGET = Path(__file__).parent / "hitting_bag_silent.mp4"
