"""The shipped weights' soundtracks stay as they were: onsets, levels, takes and length.

`python -m tests.test_shipped_golden` writes tests/golden/shipped.json anew; a commit that does so says why the
soundtracks are better.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condfoley import Foley
from condfoley.audio.levels import impact_levels
from condfoley.audio.onsets import detect_onsets
from condfoley.examples import REFERENCE, TARGET

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests/golden/shipped.json"
SCRATCHED = ROOT / "tests/golden/scratched.mp4"  # simulated by `condfoley simulate --seed 91004`, without sound
# Target, number of candidates, seed; with the last one two candidates follow one another.
PAIRS = {"struck": (TARGET, 2, 0), "scratched": (SCRATCHED, 2, 0), "spliced": (TARGET, 8, 24)}


def measured(target: Path, candidates: int, seed: int) -> dict[str, Any]:
    """What is compared of the soundtrack of a target."""
    made = foley().generate(REFERENCE, target, candidates=candidates, seed=seed, render="vocoder")
    onsets = detect_onsets(made.wav, made.sample_rate)[0]
    return {
        "samples": len(made.wav),
        "onsets": onsets.round(4).tolist(),
        "levels": impact_levels(made.wav, onsets, made.sample_rate).round(2).tolist(),
        "takes": [[take.start, take.candidate, take.moved] for take in made.takes],
        "chosen": made.chosen,
        "rms": [round(float(20 * np.log10(np.sqrt(np.square(c.wav).mean()))), 2) for c in made.candidates],
    }


@lru_cache(maxsize=1)
def foley() -> Foley:
    """Loaded once for all."""
    return Foley.load()


@pytest.mark.parametrize("name", PAIRS)
def test_a_soundtrack_of_the_shipped_weights_is_as_it_was(name):
    golden, made = json.loads(GOLDEN.read_text())[name], measured(*PAIRS[name])
    assert made["samples"] == golden["samples"]
    assert made["takes"] == golden["takes"] and made["chosen"] == golden["chosen"]
    assert made["onsets"] == pytest.approx(golden["onsets"], abs=0.01)  # s
    assert made["levels"] == pytest.approx(golden["levels"], abs=0.5)  # dB, of each onset
    assert made["rms"] == pytest.approx(golden["rms"], abs=0.5)  # dB, of each candidate


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({name: measured(*pair) for name, pair in PAIRS.items()}, indent=1) + "\n")
