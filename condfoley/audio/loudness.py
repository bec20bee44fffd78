"""Loudness as ITU-R BS.1770-4 defines it."""

from __future__ import annotations

import warnings

import numpy as np

BLOCK_SECONDS = 0.4  # gating block of the standard


def integrated_loudness(wav: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of mono sound (N,), LUFS (ITU-R BS.1770-4, pyloudnorm); -inf for silence.

    A sound shorter than a gating block is padded with silence. Raises ImportError without pyloudnorm.
    """
    from pyloudnorm import Meter

    samples = np.asarray(wav, np.float64)
    samples = np.pad(samples, (0, max(0, round(BLOCK_SECONDS * sample_rate) + 1 - len(samples))))
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")  # pyloudnorm warns of silence, for which -inf is the answer
        return float(Meter(sample_rate, block_size=BLOCK_SECONDS).integrated_loudness(samples))
