"""A generation with onnxruntime imports neither PyTorch nor what is as slow to import."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "condfoley/examples"
HEAVY = [
    "torch",
    "torchvision",
    "transformers",
    "diffusers",
    "taming",
    "librosa",
    "numba",
    "scipy.signal",
    "scipy.stats",
    "onnx",
]
COMMAND = """
import sys
from condfoley.cli.main import main
words = ["--reference", sys.argv[1], "--target", sys.argv[2], "--out", sys.argv[3]]
assert main(["generate", *words, "--quiet", "--candidates", "2", "--engine", sys.argv[4]]) == 0
print(*(name for name in sys.argv[5:] if name in sys.modules))
"""


def loaded(tmp_path, engine):
    clips = EXAMPLES / "hitting_metal.mp4", EXAMPLES / "hitting_bag_silent.mp4"
    words = [sys.executable, "-c", COMMAND, *map(str, clips), str(tmp_path / "out"), engine, *HEAVY]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def test_a_whole_generation_imports_nothing_heavy(tmp_path):
    assert loaded(tmp_path, "onnx") == []


def test_nor_does_the_package():
    code = "import condfoley.foley, sys; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True)
    assert done.stdout.split() == []
