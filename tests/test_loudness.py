"""Loudness and true peak: against pyloudnorm, against FFmpeg's meter, and signals whose values are known."""

import math
import warnings

import av
import numpy as np
import pytest
from scipy.signal import lfilter

from condfoley.audio.limiter import limit, region_gains
from condfoley.audio.loudness import integrated_loudness, k_weighting
from condfoley.audio.true_peak import BLOCK, WORST, true_peak_db, true_peaks


def swelling(rate, channels, seconds, seed=0):
    """Noise that comes and goes, so that the gates have something to leave out: (C, N) float32."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.1, (channels, len(time)))
    return (noise * np.abs(np.sin(0.9 * time)) ** 6).astype(np.float32)


def sine(hertz, rate, seconds=4.0, level=1.0, phase=0.0):
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate + phase)


def metered(sound, rate):
    """Integrated loudness, LUFS, and true peak, dBTP, by FFmpeg's `ebur128`. sound: (C, N)."""
    graph = av.filter.Graph()
    layout = ("mono", "stereo")[len(sound) - 1]
    source = graph.add_abuffer(format="flt", sample_rate=rate, layout=layout, time_base=f"1/{rate}")
    meter, sink = graph.add("ebur128", "peak=true:metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T.reshape(1, -1), np.float32), "flt", layout)
    frame.sample_rate, frame.pts = rate, 0
    source.push(frame)
    source.push(None)
    found = {}
    while True:
        try:
            found = sink.pull().metadata or found
        except (av.BlockingIOError, av.EOFError):
            break
    peaks = [float(value) for key, value in found.items() if key.startswith("lavfi.r128.true_peaks_ch")]
    return float(found["lavfi.r128.I"]), 20 * math.log10(max(peaks))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_loudness_is_pyloudnorms(rate, channels):
    from pyloudnorm import Meter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seconds in (0.4, 3.33, 20.0):
            sound = swelling(rate, channels, seconds)
            theirs = Meter(rate, filter_class="DeMan").integrated_loudness(sound.T.astype(float))
            assert integrated_loudness(sound, rate) == pytest.approx(theirs, abs=0.01)


def test_the_filters_at_48_khz_are_the_standards():
    shelf, highpass = k_weighting(48000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585], abs=1e-8
    )
    assert highpass[3:] == pytest.approx([1, -1.99004745483398, 0.99007225036621], abs=1e-8)


def test_loudness_of_known_signals():
    assert integrated_loudness(sine(997, 48000), 48000) == pytest.approx(-3.01, abs=0.01)  # of the standard
    both = np.stack([sine(997, 48000, level=0.1)] * 2)
    assert integrated_loudness(both, 48000) == pytest.approx(-20.0, abs=0.01)
    rests = np.concatenate([sine(997, 48000, 4.0, 0.1), np.zeros(48000 * 20)])
    assert integrated_loudness(rests, 48000) == pytest.approx(-23.01, abs=0.5)  # silence does not count
    assert integrated_loudness(np.zeros(48000), 48000) == -math.inf
    assert integrated_loudness(np.zeros(0), 48000) == -math.inf


def test_loudness_in_pieces_is_that_of_the_whole(monkeypatch):
    sound = swelling(48000, 2, 5.0)
    whole = integrated_loudness(sound, 48000)
    monkeypatch.setattr("condfoley.audio.loudness.PIECE", 10_007)
    assert integrated_loudness(sound, 48000) == pytest.approx(whole, abs=1e-9)


def test_a_true_peak_is_between_the_samples():
    wav = sine(12000, 48000, 0.1, phase=np.pi / 4)
    assert np.abs(wav).max() == pytest.approx(math.sqrt(0.5))
    assert true_peak_db(wav) == pytest.approx(0.0, abs=0.2)
    assert true_peak_db(sine(997, 48000, 0.1)) == pytest.approx(0.0, abs=0.05)
    assert true_peak_db(np.zeros(100)) == true_peak_db(np.zeros(0)) == -math.inf


@pytest.mark.parametrize("rate", [22050, 48000])
def test_ffmpegs_meter_reads_the_same(rate):
    sound = swelling(rate, 2, 6.0) * 3
    loudness, peak = metered(sound, rate)
    assert integrated_loudness(sound, rate) == pytest.approx(loudness, abs=0.1)  # which FFmpeg rounds to
    assert true_peak_db(sound) == pytest.approx(peak, abs=0.3)


def test_blocks_make_no_difference():
    sound = np.random.default_rng(0).normal(0, 0.2, (2, 3 * BLOCK + 17)).astype(np.float32)
    sound[:, BLOCK : 2 * BLOCK] *= 0.01
    assert np.array_equal(true_peaks(sound, 0.5).clip(0.5), true_peaks(sound).clip(0.5))
    assert true_peaks(sound).max() <= WORST * np.abs(sound).max()
    apart = np.array([true_peaks(sound[:, i : i + 400])[50:350].max() for i in (BLOCK - 200, 2 * BLOCK - 200)])
    assert apart == pytest.approx([true_peaks(sound)[i - 150 : i + 150].max() for i in (BLOCK, 2 * BLOCK)])


@pytest.mark.parametrize("level", [0.3, 1.0, 4.0])
def test_what_is_limited_is_within_the_ceiling_by_other_meters_too(level):
    time = np.arange(48000) / 48000 % 0.25
    noise = np.random.default_rng(0).normal(0, 1, (2, 48000))
    hits = np.stack([lfilter([0.3], [1, -0.7], channel) for channel in noise * np.exp(-20 * time)])  # less above 3 kHz
    sound = (level * hits).astype(np.float32)
    out = limit(sound, 10 ** (-1 / 20), 48000)
    assert true_peak_db(out) <= -1 + 1e-4 and metered(out, 48000)[1] <= -1 + 0.15
    white = limit((level * noise).astype(np.float32), 10 ** (-1 / 20), 48000)  # in which meters differ
    assert true_peak_db(white) <= -1 + 1e-4 and metered(white, 48000)[1] <= -1 + 0.5
    assert not region_gains(0.05 * sound / level, 10 ** (-1 / 20), 48000)
