"""When the rows of a frame are exposed: all of them around the frame's time, or one after another from that time on.

A camera stamps a frame with the time at which the exposure of its first row begins (Android, `SENSOR_TIMESTAMP`), so that
what the frame shows is later than its stamp by half of the exposure and, in the middle of the picture, half of the readout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Capture = Literal["centred", "camera"]
CAPTURES: tuple[Capture, ...] = get_args(Capture)

EXPOSURES = (1 / 1000, 1 / 30)  # s, bright sun to a lit room at night
READOUTS = (0.008, 0.032)  # s; phones and action cameras of 2010 to 2014: 14 to 32 (Kalibr's table), newer ones less
BUSY = 0.98  # share of the time from frame to frame that an exposure, or a readout, takes at most


@dataclass(frozen=True)
class Shutter:
    """Rows that are exposed one after another. exposure: s, of each row. readout: s, from the first row to the last."""

    exposure: float
    readout: float

    @classmethod
    def draw(cls, rng: Rng, fps: float) -> Shutter:
        """A random camera's at a frame rate, Hz."""
        low, high = np.log(EXPOSURES)
        exposure, readout = float(np.exp(rng.uniform(low, high))), float(rng.uniform(*READOUTS))
        return cls(min(exposure, BUSY / fps), min(readout, BUSY / fps))

    @property
    def delay(self) -> float:
        """s by which what the middle row shows is later than the frame's time."""
        return (self.exposure + self.readout) / 2

    def weights(self, times: NDArray[np.float64], step: float, rows: int) -> NDArray[np.float32]:
        """How much each row sees of what is shown at some times from the frame's on: (N, rows), each row's sum is 1.

        times: (N,) s from the frame's time on, `step` s apart, each standing for the `step` s around it; they must cover
        all exposures.
        """
        begin = self.readout * (np.arange(rows) + 0.5) / rows
        first, last = (times[:, None] + side * step / 2 for side in (-1, 1))
        seen = np.minimum(last, begin + self.exposure) - np.maximum(first, begin)
        seen = np.maximum(seen, 0)
        return (seen / seen.sum(0)).astype(np.float32)
