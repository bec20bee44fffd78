"""Timecodes and rates: exact over hours, and the same as OpenTimelineIO counts."""

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condfoley.media.timecode import NTSC, RATES, Timecode, counted, editing_rate, exact_rate

SHOWN = [Fraction(24), 24 * NTSC, Fraction(25), 30 * NTSC, Fraction(30), Fraction(50), 60 * NTSC, Fraction(60)]
DROPPING = [30 * NTSC, 60 * NTSC]


@pytest.mark.parametrize(
    ("text", "rate", "frames", "seconds"),
    [
        ("00:00:00:00", Fraction(25), 0, Fraction(0)),
        ("10:00:00:00", Fraction(25), 900_000, Fraction(36_000)),
        ("10:00:00:00", 24 * NTSC, 864_000, Fraction(36_036)),
        ("01:00:00:00", 30 * NTSC, 108_000, Fraction(36_036, 10)),
        ("01:00:00;00", 30 * NTSC, 107_892, Fraction(35_999_964, 10_000)),
        ("01;00;00;00", 60 * NTSC, 215_784, Fraction(35_999_964, 10_000)),
        ("00:01:00;02", 30 * NTSC, 1_800, Fraction(6006, 100)),
        ("00:10:00.00", 30 * NTSC, 17_982, Fraction(5_999_994, 10_000)),
        ("23:59:59:49", Fraction(50), 4_319_999, Fraction(4_319_999, 50)),
        ("00:00:01:119", Fraction(120), 239, Fraction(239, 120)),
    ],
)
def test_a_timecode_is_a_number_of_frames(text: str, rate: Fraction, frames: int, seconds: Fraction) -> None:
    timecode = Timecode.parse(text, rate)
    assert timecode.frames == frames and timecode.seconds == seconds
    assert str(timecode).replace(";", ":") == text.replace(";", ":").replace(".", ":")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", Fraction(25)), ("1:00:00:00", Fraction(25)), ("10:00:00", Fraction(25)), ("10:00:00:25", Fraction(25)),
        ("10:60:00:00", Fraction(25)), ("10:00:60:00", Fraction(25)), ("00:01:00;01", 30 * NTSC),
        ("00:01:00;03", 60 * NTSC), ("01:00:00;00", Fraction(25)), ("01:00:00;00", 24 * NTSC),
    ],
)  # fmt: skip
def test_what_is_no_timecode_is_refused(text: str, rate: Fraction) -> None:
    with pytest.raises(ValueError, match="timecode|exist"):
        Timecode.parse(text, rate)


@given(st.sampled_from(SHOWN), st.integers(0, 24 * 3600 * 24 - 1))
def test_text_and_number_are_the_same(rate: Fraction, frames: int) -> None:
    assert Timecode.parse(str(Timecode(frames, rate)), rate) == (frames, rate, False)
    if rate in DROPPING:
        assert Timecode.parse(str(Timecode(frames, rate, True)), rate) == (frames, rate, True)


@given(st.sampled_from(DROPPING), st.integers(0, 24 * 3600 * 29))
def test_dropped_numbers_are_those_that_opentimelineio_drops(rate: Fraction, frames: int) -> None:
    text = str(Timecode(frames, rate, True))
    assert otio.opentime.RationalTime.from_timecode(text, float(rate)).value == frames
    assert otio.opentime.to_timecode(otio.opentime.RationalTime(frames, float(rate)), float(rate), True) == text


@given(st.sampled_from(DROPPING), st.integers(0, 2 * 3600 * 29))
def test_drop_frame_keeps_up_with_the_clock(rate: Fraction, frames: int) -> None:
    h, m, s, f = (int(part) for part in str(Timecode(frames, rate, True)).replace(";", ":").split(":"))
    shown = 3600 * h + 60 * m + s + Fraction(f, counted(rate))
    assert abs(shown - frames / rate) < Fraction(76, 1000)  # two numbers are left out at once, and 2 h are 7.2 ms off


@given(st.sampled_from(SHOWN), st.sampled_from([22_050, 44_100, 48_000]), st.integers(0, 2 * 3600 * 60))
def test_samples_and_frames_stay_together_for_two_hours(rate: Fraction, sample_rate: int, frame: int) -> None:
    frame = min(frame, int(2 * 3600 * rate))
    start = Timecode.parse("10:00:00:00", rate)
    sample = Timecode(start.frames + frame, rate).samples(sample_rate) - start.samples(sample_rate)
    assert abs(Fraction(sample, sample_rate) - frame / rate) <= Fraction(1, sample_rate)


@pytest.mark.parametrize("rate", SHOWN)
def test_a_running_sum_of_clips_drifts_by_less_than_a_millisecond(rate: Fraction) -> None:
    """As an editor lays out two hours of clips one after the other: frames of the picture, samples of the sound."""
    frames, samples, clip = 0, 0, 7
    while frames < 2 * 3600 * rate:
        samples += Timecode(frames + clip, rate).samples(48_000) - Timecode(frames, rate).samples(48_000)
        frames += clip
    assert abs(Fraction(samples, 48_000) - frames / rate) < Fraction(1, 1000)


@pytest.mark.parametrize("rate", RATES)
def test_rounded_and_measured_rates_are_recognised(rate: Fraction) -> None:
    for given_rate in (float(rate), round(float(rate), 3), round(float(rate), 2), float(rate) * 1.0001):
        assert exact_rate(given_rate) == rate
    assert Timecode(86_400, rate).at(rate).frames == 86_400


def test_other_rates_stay() -> None:
    assert exact_rate(15.0) == 15 and exact_rate(12.5) == Fraction(25, 2) and exact_rate(7.13) == Fraction(713, 100)
    assert editing_rate(15 * float(NTSC)) == 30 * NTSC
    start = Timecode.parse("01:00:00:00", Fraction(25, 2))
    assert start.at(Fraction(25)).seconds == start.seconds
