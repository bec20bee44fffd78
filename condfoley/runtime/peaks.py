"""Onset times from the onset probability of each frame of the picture."""

from __future__ import annotations

import numpy as np

LABEL_WIDTH = 0.7  # frames, standard deviation of the soft label around an onset, whose peak is 1


def pick_onsets(probability: np.ndarray, fps: float, threshold: float = 0.5, gap: float = 0.15) -> np.ndarray:
    """Onset times, (K,) s, ascending, from the onset probability of each frame.

    Where the head is unsure of the frame, it spreads the probability of one onset over several frames. Peaks are
    therefore not picked by their height but by the expected number of onsets within three frames, which hold nearly all
    of an onset's label. A time is the mean of the three frames, weighted by the cube of their probability
    (docs/experiments, E16.2).

    probability: (T,) in [0, 1] at `fps` Hz. threshold: least expected number of onsets; 0.4 and 0.6 were no better
    (E16.2). gap: s, least distance of two peaks; other values were no better (E16.1).
    """
    padded = np.pad(np.asarray(probability, float), 2)
    triples = np.lib.stride_tricks.sliding_window_view(padded, 3)  # (T + 2, 3), frames -2 to 0 first
    expected = triples.sum(1) / (np.sqrt(2 * np.pi) * LABEL_WIDTH)
    expected += 1e-4 * triples[:, 1]  # of equal sums, the one centred on the likeliest frame
    peaks = find_peaks(expected, threshold, max(1, round(gap * fps)))
    weights = triples[peaks] ** 3
    shift = weights @ np.array([-1.0, 0.0, 1.0]) / weights.sum(1)
    return np.clip((peaks - 1 + shift) / fps, 0, None)


def find_peaks(values: np.ndarray, height: float, distance: int) -> np.ndarray:
    """Indices (K,), ascending, of local maxima of values (T,) that are at least `height`.

    Of two that are less than `distance` apart the higher one stays. The middle of a plateau counts, neither end of
    `values` does: as `scipy.signal.find_peaks`, of which the import takes as long as encoding a picture.
    """
    change = np.diff(values)
    steps = np.flatnonzero(change)  # between two of them, values are equal
    rise, fall = steps[:-1], steps[1:]
    tops = (change[rise] > 0) & (change[fall] < 0)
    peaks = (rise[tops] + 1 + fall[tops]) // 2
    peaks = peaks[values[peaks] >= height]
    kept = np.ones(len(peaks), bool)
    for i in np.argsort(values[peaks])[::-1]:
        if kept[i]:
            kept[(np.abs(peaks - peaks[i]) < distance) & (np.arange(len(peaks)) != i)] = False
    return peaks[kept]
