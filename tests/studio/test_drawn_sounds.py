"""Peaks and spectrograms: against the samples that they are of."""

import io

import numpy as np
import pytest
from PIL import Image

from condfoley.audio.mel import hz_to_mel
from condfoley.errors import InputError
from condfoley.studio.peaks import BUCKET, STEP, Peaks, peaks_json, span_in_samples
from condfoley.studio.spectrogram import TOP_DB, mel_levels, palette, spectrogram_png

RATE = 22050


def noise(seconds=3.0, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (channels, round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("first, last, points", [(0, 66150, 300), (1000, 1500, 500), (17, 60000, 1), (5, 25, 400)])
def test_peaks_are_those_of_the_samples(first, last, points):
    samples = noise()
    lowest, highest = Peaks(samples, RATE).between(first, last, points)
    count = min(points, last - first)
    assert lowest.shape == highest.shape == (2, count)
    size = (last - first) / count
    for part in (0, count // 2, count - 1):
        begin, end = first + part * size, first + (part + 1) * size
        reach = size / 5 + 1  # ends are rounded to buckets
        inner = samples[:, int(np.ceil(begin + reach)) : int(end - reach)]
        outer = samples[:, max(0, int(begin - reach)) : int(end + reach) + 1]
        assert (outer.min(1) <= lowest[:, part]).all() and (highest[:, part] <= outer.max(1)).all()
        if inner.size:
            assert (lowest[:, part] <= inner.min(1)).all() and (inner.max(1) <= highest[:, part]).all()


def test_all_peaks_together_have_the_extremes():
    samples = noise(20.0, 1)
    samples[0, 123456] = 3.0
    for points in (1, 7, 100, 8000):
        lowest, highest = Peaks(samples, RATE).between(0, samples.shape[1], points)
        assert highest.max() == 3.0 and lowest.min() == samples.min()
        assert abs(int(highest.argmax()) - 123456 * points / samples.shape[1]) <= 1.2


@pytest.mark.parametrize("spans", [[(0, 1)], [(1000, 5000), (60000, 66150)], [(66149, 66150)], []])
def test_replaced_spans_give_the_same_as_all_anew(spans):
    before, after = noise(), noise()
    for begin, end in spans:
        after[:, begin:end] *= 0.25
    found, anew = Peaks(before, RATE).replaced(after, spans), Peaks(after, RATE)
    assert len(found._levels) == len(anew._levels) > 2
    for one, other in zip(found._levels, anew._levels):
        assert np.array_equal(one, other)
    assert np.array_equal(Peaks(before, RATE).replaced(after[:, :-BUCKET], []).samples, after[:, :-BUCKET])


def test_the_answer_has_three_digits_and_the_span_that_there_is():
    samples = noise(1.0, 1)
    answer = peaks_json(Peaks(samples, RATE), 0.5, 7.0, 10)
    assert answer["begin"] == 0.5 and answer["end"] == 1.0 and len(answer["min"][0]) == 10
    assert all(round(value, 3) == value for value in answer["min"][0] + answer["max"][0])
    for begin, end, points in [(1.5, 2.0, 10), (0.5, 0.5, 10), (float("nan"), 1, 10), (0, 1, 0), (0, 1, 10**6)]:
        with pytest.raises(InputError):
            peaks_json(Peaks(samples, RATE), begin, end, points)
    assert span_in_samples(None, None, RATE, 100) == (0, 100)
    assert Peaks(np.zeros((1, STEP), np.float32), RATE).between(0, 4, 2)[0].shape == (1, 2)


@pytest.mark.parametrize("pitch", [110.0, 1000.0, 8000.0])
def test_a_tone_is_at_its_pitch_and_level(pitch):
    tone = (0.5 * np.sin(2 * np.pi * pitch * np.arange(2 * RATE) / RATE)).astype(np.float32)[None]
    levels = mel_levels(tone, RATE, 0, tone.shape[1], 40, 128)
    assert levels.shape == (128, 40)
    row = round(float(hz_to_mel(pitch, "htk") / hz_to_mel(RATE / 2, "htk")) * 128)
    assert abs(int(levels[:, 20].argmax()) - row) <= 2
    assert levels[:, 20].max() == pytest.approx(20 * np.log10(0.5), abs=12)  # the mean of all the bins of its window


@pytest.mark.parametrize("span", [(0, 2 * RATE), (RATE // 2, RATE)])
def test_a_click_is_in_its_column(span):
    samples = np.zeros((1, 2 * RATE), np.float32)
    place = span[0] + (span[1] - span[0]) // 4
    samples[0, place] = 1.0
    levels = mel_levels(samples, RATE, *span, 100, 64).mean(0)
    assert abs(int(levels.argmax()) - 25) <= 4 and levels[70:].max() < -110


def test_the_picture_has_its_size_and_colours():
    with Image.open(io.BytesIO(spectrogram_png(noise(), RATE, 100, 50000, 321, 77))) as image:
        assert image.size == (321, 77) and image.mode == "P"
        assert bytes(image.getpalette()[:768]) == palette()
    light = np.frombuffer(palette(), np.uint8).reshape(256, 3) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) > -0.5).all() and TOP_DB < 0
    long = np.zeros((1, 100 * RATE), np.float32)
    assert mel_levels(long, RATE, 0, long.shape[1], 30, 20).max() < -100
    for size in [(0, 10), (10**5, 10), (10, 10**5)]:
        with pytest.raises(InputError):
            spectrogram_png(noise(), RATE, 0, 100, *size)
    with pytest.raises(ValueError, match="empty"):
        mel_levels(noise(), RATE, 5, 5, 10, 10)
