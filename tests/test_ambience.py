"""A bed of ambience: from quiet parts only, of any length and level, and without seams."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from condfoley.audio.ambience import bed, best_entry, crossfaded, lay, looped, quiet_parts
from condfoley.audio.onsets import detect_onsets, mel_levels
from tests.made_up import RATE, pulses

HITS = np.array([1.0, 2.2, 4.0])


def room_tone(seconds: float, seed: int = 0, hum: float = 0.004) -> np.ndarray:
    """Noise that falls with frequency, and hum: (N,) float32, about -50 dBFS."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum /= np.sqrt(1 + np.arange(len(spectrum)) * RATE / count / 300)
    noise = np.fft.irfft(spectrum, count)
    t = np.arange(count) / RATE
    return (0.003 * noise / noise.std() + hum * np.sin(2 * np.pi * 50 * t)).astype(np.float32)


def recording(seconds: float = 6.0, **tone: float) -> np.ndarray:
    """Impacts in a room."""
    return room_tone(seconds, **tone) + pulses(HITS.tolist(), seconds, 500)


def level(wav: np.ndarray) -> float:
    return float(10 * np.log10(np.square(wav, dtype=float).mean()))


def test_the_bed_has_the_background_and_no_impact():
    made = bed(recording(), RATE, HITS, 20 * RATE)
    assert made.shape == (1, 20 * RATE) and made.dtype == np.float32
    assert level(made) == pytest.approx(level(room_tone(6.0)), abs=1.0)
    assert not len(detect_onsets(made[0], RATE)[0])
    assert level(bed(recording(), RATE, HITS, RATE, gain_db=-6.0)) == pytest.approx(
        level(bed(recording(), RATE, HITS, RATE)) - 6, abs=0.01
    )


def test_quiet_parts_begin_when_an_impact_has_decayed():
    parts = quiet_parts(recording()[None], RATE, HITS)
    assert sum(end - begin for begin, end in parts) > 2.0 * RATE
    for begin, end in parts:
        for hit in HITS * RATE:
            assert end <= hit or begin >= hit + 0.1 * RATE
    levels = [level(recording()[begin:end]) for begin, end in parts]
    assert max(levels) < level(room_tone(6.0)) + 1.5


@pytest.mark.parametrize(
    "sound",
    [
        pulses(HITS.tolist(), 6.0, 500),  # digital silence in between
        np.zeros(6 * RATE, np.float32),
        recording()[: RATE // 3],
        np.zeros(0, np.float32),
        pulses(np.arange(0.1, 6, 0.12).tolist(), 6.0, 500) + room_tone(6.0),  # no time to decay
    ],
)
def test_without_a_quiet_part_there_is_no_bed(sound):
    assert bed(sound, RATE, detect_onsets(sound, RATE)[0], RATE) is None


@given(seconds=st.floats(0.05, 3), wanted=st.integers(0, 5 * RATE), channels=st.integers(1, 2))
@settings(max_examples=30, deadline=None)
def test_any_length_is_made_of_any_recording(seconds, wanted, channels):
    sound = np.stack([room_tone(seconds, seed) for seed in range(channels)])
    made = looped(sound, RATE, wanted)
    assert made.shape == (channels, wanted) and np.isfinite(made).all()
    if wanted <= sound.shape[1]:
        assert np.array_equal(made, sound[:, :wanted])


@pytest.mark.parametrize("hum", [0.0, 0.02], ids=["noise", "hum"])
def test_at_the_seams_it_is_as_inside(hum):
    """Levels and spectral flux of 60 seams, of independent sounds, beside as many places without one."""
    at, inside, steps = [], [], []
    for seed in range(60):
        parts = [room_tone(1.0, 2 * seed + i, hum)[None] for i in range(2)]
        made, seams = lay(parts, RATE, 3 * RATE)
        length = seams[0][1] - seams[0][0]
        at.append(made[0, seams[0][0] : seams[0][1]])
        inside.append(parts[0][0, :length])
        steps.append(np.abs(np.diff(made[0])).max() / np.abs(np.diff(np.concatenate(parts, 1)[0])).max())
    for measure in (level, flux):
        assert ks_2samp([measure(wav) for wav in at], [measure(wav) for wav in inside]).pvalue > 0.05
    assert max(steps) < 1.5


def flux(wav: np.ndarray) -> float:
    return float(np.abs(np.diff(mel_levels(wav, RATE, 128, 1.0, 0, 4096), axis=1)).mean())


def test_nothing_comes_back_in_the_same_way():
    part = room_tone(1.5, hum=0.0)
    made, seams = lay([part[None]], RATE, 30 * RATE)
    lengths = np.diff([begin for begin, _ in seams])
    assert len(set(lengths.tolist())) > 0.8 * len(lengths)


def test_a_tone_goes_on_in_phase():
    tone = np.sin(2 * np.pi * 110.3 * np.arange(RATE) / RATE).astype(np.float32)
    made = looped(tone, RATE, 5 * RATE)[0]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made)))) ** 2
    assert spectrum[545:560].sum() > 0.999 * spectrum.sum()
    entry = best_entry(tone[None, -500:], tone[None, :1000])
    assert np.corrcoef(tone[entry : entry + 500], tone[-500:])[0, 1] > 0.99


@pytest.mark.parametrize("alike", [1.0, 0.5, 0.0])
def test_a_crossfade_keeps_the_level(alike):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 1, 20_000))
    mixed = crossfaded(a, alike * a + np.sqrt(1 - alike**2) * b)
    assert [level(part) for part in np.array_split(mixed[0], 5)] == pytest.approx([0.0] * 5, abs=0.3)
