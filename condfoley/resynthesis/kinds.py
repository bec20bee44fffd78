"""Whether something is struck or slides at an event, from the picture and from what is heard there: the one rule for both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condfoley.audio.splice import until_next
from condfoley.resynthesis.bands import FRAME, band_powers, hop

# Chosen in E26.2.
CERTAIN = 0.5  # probability of sliding above which the picture alone decides
LIKELY = 0.2  # the same where what is heard goes on, too
GOES_ON = 0.3  # share of an event's first moments that is loud; what is struck is loud at its beginning only
ALONE = 0.5  # the same where there is no picture
HEARD = 0.5  # s of an event that are listened to
NEAR_DB = 10.0  # below its loudest moment, down to which it is loud
SHORTEST = 0.2  # s of a slide
BEFORE, AFTER = 1, 4  # frames of the picture around an event


def slides(seen: float | None, loud: float | None) -> bool:
    """Whether something slides at an event.

    seen: see `seen_sliding`; None without a picture. loud: see `loud_share`; None where nothing is heard yet.
    """
    if seen is None:
        return loud is not None and loud >= ALONE
    return seen > CERTAIN or (seen > LIKELY and loud is not None and loud >= GOES_ON)


def slide_seconds(sliding: np.ndarray, fps: float, time: float, loud: float | None = None) -> float | None:
    """How long, s, something slides from an event on, SHORTEST or more; None where it is struck.

    sliding: (T,) in [0, 1] at `fps`, of the picture. time: s, of the event. loud: see `slides`.
    """
    if not len(sliding) or not slides(seen_sliding(sliding, fps, time), loud):
        return None
    first = max(0, round(time * fps) - BEFORE)
    begin = first + int(sliding[first : first + BEFORE + AFTER].argmax())
    below = np.flatnonzero(sliding[begin:] <= LIKELY)
    end = begin + (int(below[0]) if len(below) else len(sliding) - begin)
    return max(SHORTEST, end / fps - time)


def seen_sliding(sliding: np.ndarray, fps: float, time: float) -> float:
    """Highest probability that something slides in the picture around a time, s. sliding: (T,) in [0, 1] at `fps`."""
    frame = round(time * fps)
    return float(sliding[max(0, frame - BEFORE) : frame + AFTER].max(initial=0.0))


def loud_share(samples: np.ndarray, rate: int, begin: float, end: float) -> float:
    """Share of the first HEARD s of an event that is nearly as loud as its loudest moment: in [0, 1].

    samples: (C, N) at `rate` Hz. begin, end: s, of the event.
    """
    first = max(0, round(begin * rate))
    last = max(first + 3 * hop(rate), min(round(end * rate), first + round(2 * HEARD * rate)))
    return loud_share_of(10 * np.log10(band_powers(samples[:, first:last], rate, model_only=True).sum(0)))


def loud_share_of(level: np.ndarray) -> float:
    """The same of an event's level, (M,) dB, one every half FRAME from its onset on, twice HEARD s at most."""
    return float(np.mean(level[: round(2 * HEARD / FRAME)] > level.max() - NEAR_DB))


def kinds_of(
    samples: np.ndarray, rate: int, onsets: Sequence[float] | np.ndarray, sliding: np.ndarray | None, fps: float
) -> list[bool]:
    """Whether something slides at each of a sound's events, (E,) s, each until the next one.

    samples: (C, N) at `rate` Hz. sliding: (T,) in [0, 1] at `fps`, of its picture; None or empty without one.
    """
    shown = sliding is not None and len(sliding) > 0
    return [
        slides(
            seen_sliding(sliding, fps, float(begin)) if shown and sliding is not None else None,
            loud_share(samples, rate, float(begin), float(end)),
        )
        for begin, end in until_next(onsets, samples.shape[1] / rate)
    ]
