"""Timecode and frame rates, in rational numbers: what a picture's start is in frames, seconds and samples.

A timecode numbers frames, it does not measure time: at 30000/1001 frames a second, 10:00:00:00 is 36,036 s after
00:00:00:00 where no number is dropped, and 36,000.036 s where numbers are (SMPTE ST 12-1).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

NTSC = Fraction(1000, 1001)
RATES = (*map(Fraction, (24, 25, 30, 48, 50, 60, 100, 120)), *(rate * NTSC for rate in (24, 30, 48, 60, 120)))
"""Frames a second that cameras and editors have."""
_SNAP = 4e-4  # by which a rate may be off, as 23.98 and the means of headers are; 24 and 23.976 are 1e-3 apart
_FORM = re.compile(r"(\d\d)[:;.,](\d\d)[:;.,](\d\d)([:;.,])(\d{2,3})")


class Timecode(NamedTuple):
    """The number of a frame, counted from 00:00:00:00.

    frames: frames since then. rate: exact frames a second. drop: whether its text leaves out numbers, so that it keeps
    up with the clock (29.97 and 59.94 frames a second only).
    """

    frames: int
    rate: Fraction
    drop: bool = False

    @classmethod
    def parse(cls, text: str, rate: Fraction) -> Timecode:
        """Of a text such as "10:00:00:00"; a ";", "." or "," before the frames means that numbers are dropped.

        Raises ValueError for another form, and for a number that does not exist at this rate.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no timecode; write hours:minutes:seconds:frames")
        hours, minutes, seconds, frame = (int(match[k]) for k in (1, 2, 3, 5))
        drop, count = match[4] != ":", counted(rate)
        if minutes > 59 or seconds > 59 or frame >= count:
            raise ValueError(f"{text} does not exist at {float(rate):g} frames a second")
        total = 60 * hours + minutes
        frames = (60 * total + seconds) * count + frame
        if drop:
            dropped = _dropped(rate)
            if minutes % 10 and not seconds and frame < dropped:
                raise ValueError(f"{text} does not exist: drop-frame timecode leaves it out")
            frames -= dropped * (total - total // 10)
        return cls(frames, rate, drop)

    @property
    def seconds(self) -> Fraction:
        """Exact s since 00:00:00:00."""
        return self.frames / self.rate

    def samples(self, sample_rate: int) -> int:
        """Samples at `sample_rate` Hz since 00:00:00:00, to the nearest one."""
        return round(self.seconds * sample_rate)

    def at(self, rate: Fraction) -> Timecode:
        """The frame at the same time where frames have another rate: the nearest one."""
        drop = self.drop and counted(rate) % 30 == 0
        return Timecode(round(self.seconds * rate), rate, drop)

    def __str__(self) -> str:
        count, frames = counted(self.rate), self.frames
        if self.drop:
            dropped = _dropped(self.rate)
            tens, rest = divmod(frames, 600 * count - 9 * dropped)  # frames of ten minutes, of which nine drop numbers
            minutes = max(0, (rest - dropped) // (60 * count - dropped))
            frames += dropped * (9 * tens + minutes)
        seconds, frame = divmod(frames, count)
        mark, digits = ";" if self.drop else ":", 3 if count > 100 else 2
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{frame:0{digits}d}"


def counted(rate: Fraction) -> int:
    """Frames that a timecode counts in a second: 30 for 29.97."""
    return -(-rate.numerator // rate.denominator)


def _dropped(rate: Fraction) -> int:
    """Numbers left out at the beginning of nine minutes of ten. Raises ValueError where none are."""
    count = counted(rate)
    if count % 30:
        raise ValueError(f"drop-frame timecode does not exist at {float(rate):g} frames a second")
    return count // 15


def exact_rate(fps: float) -> Fraction:
    """The rate that a measured or rounded one stands for: 24000/1001 for 23.98, one of RATES where one is that near."""
    nearest = min(RATES, key=lambda rate: abs(rate - Fraction(fps)))
    if abs(float(nearest) / fps - 1) < _SNAP:
        return nearest
    return Fraction(fps).limit_denominator(1001)


def editing_rate(fps: float) -> Fraction:
    """The frames a second of an editor's timeline for a picture of `fps`, above 0.

    The least of RATES in which each frame of the picture lasts whole frames. Where it goes into none (the mean of a
    varying rate), the nearest one, or 30 for a picture slower than all.
    """
    whole = [r for r in RATES if float(r) / fps > 0.5 and abs(float(r) / fps / round(float(r) / fps) - 1) < _SNAP]
    slowest = 23.5
    return min(whole) if whole else min(RATES, key=lambda rate: abs(rate - Fraction(fps if fps > slowest else 30)))


def nominal_rate(fps: float, variable: bool) -> Fraction:
    """The rate in which a picture's timecode counts: its exact one, that of an editor where frames come unevenly."""
    return editing_rate(fps) if variable else exact_rate(fps)
