"""Impacts attack and decay as the reference's do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from condfoley.audio.bands import Bands
from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.matching.envelope import (
    ATTACK,
    ATTACK_AMOUNT,
    EnvelopeProfile,
    decay_at,
    match_envelope,
    measure_envelope,
    window_coverage,
)
from tests.sounds import RATE, STILL, noise_bursts

G = Geometry()
FRAMES = G.sample_rate / G.hop
FLAT = EnvelopeProfile(np.zeros(G.n_mels, np.float32), np.zeros((G.n_mels, 3), np.float32))


def measured(wav, *onsets):
    return measure_envelope(Track(wav, RATE), np.array(onsets), G)


def matched(wav, hits, profile, amount=1.0, sliding=STILL):
    """The sound (..., N) after `match_envelope`."""
    made = match_envelope(Track(wav, RATE), np.asarray(hits), profile, G, amount, sliding).samples
    return made if wav.ndim == 2 else made[0]


def speed(wav, hit, first=0.1, last=0.4):
    """How fast a sound falls from `first` to `last` s after a hit, dB a second."""
    spans = [wav[round((hit + at - 0.03) * RATE) :][: round(0.06 * RATE)] for at in (first, last)]
    loud = [10 * np.log10(np.square(span).mean()) for span in spans]
    return (loud[0] - loud[1]) / (last - first)


def test_the_fall_is_the_mean_of_the_hits():
    decay = measured(noise_bursts([0.3, 1.2], [40, 60]), 0.3, 1.2).decay_db
    assert decay.shape[0] == G.n_mels and decay.max() == 0 and (np.diff(decay) <= 0).all()
    half_a_second = decay[:, round(0.5 * FRAMES)].mean()
    assert half_a_second == pytest.approx(-25, abs=4)  # below the crest, which noise has above its mean


def test_hits_without_a_tail_say_nothing():
    wav = noise_bursts([0.3], [40], 0.5)
    assert measured(wav) is None
    assert measured(wav, 0.5 - ATTACK / 2) is None
    assert measured(wav, 0.3) is not None


def test_beyond_what_was_heard_it_goes_on():
    decay = np.stack([-np.arange(12.0), -np.arange(12.0).clip(max=5)])
    after = np.array([0, 5, 11, 14])
    assert decay_at(decay, after).tolist() == [[0, -5, -11, -14], [0, -5, -5, -5]]
    assert decay_at(decay[:, :1], after).tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(("own", "other", "comes_to"), [(20, 60, 60), (60, 50, 50), (20, 20, 20)])
def test_a_soundtrack_fades_as_it_should(own, other, comes_to):
    hits = np.array([0.3, 1.2])
    wanted = measured(noise_bursts([0.2], [other]), 0.2)
    wav = noise_bursts(hits, [own, own])
    made = matched(wav, hits, wanted)
    assert made.shape == wav.shape and made.dtype == np.float32
    for hit in hits:
        assert speed(made, hit) == pytest.approx(comes_to, abs=8)
        attack = slice(round((hit - 0.02) * RATE), round((hit + 0.03) * RATE))
        assert made[attack].std() == pytest.approx(wav[attack].std(), rel=0.12)  # 1 dB: an analysis window is 46 ms


def test_half_the_way():
    hits, wanted = np.array([0.3]), measured(noise_bursts([0.2], [60]), 0.2)
    wav = noise_bursts([0.3], [20])
    assert speed(matched(wav, hits, wanted, 0.5), 0.3) == pytest.approx(40, abs=8)
    track = Track(wav, RATE)
    assert match_envelope(track, hits, wanted, G, 0.0, STILL) is track
    assert match_envelope(track, hits[:0], wanted, G, 1.0, STILL) is track


def test_what_slides_does_not_fade():
    hits, wanted = np.array([0.3]), measured(noise_bursts([0.2], [60]), 0.2)
    wav = noise_bursts([0.3], [5])
    slides = matched(wav, hits, wanted, sliding=STILL + 1)
    assert np.allclose(slides, wav, atol=1e-4)
    assert speed(matched(wav, hits, wanted), 0.3) > 40


def test_a_tail_goes_on_under_a_softer_hit():
    """A soft hit does not cut off the ring of a loud one."""
    loud, soft = noise_bursts([0.3], [20]), 0.03 * noise_bursts([0.8], [20])
    wanted = measured(noise_bursts([0.2], [20]), 0.2)
    made = matched(loud + soft, [0.3, 0.8], wanted)
    tail = slice(round(1.0 * RATE), round(1.6 * RATE))
    assert np.abs(made[tail]).std() > 0.5 * np.abs(loud[tail]).std()


def test_long_sounds_are_measured_in_chunks():
    wav = noise_bursts([0.3, 1.2], [20, 20])[:-77]
    whole, chunks = Bands(wav, G), Bands(wav, G, chunk=50)
    assert np.allclose(chunks.powers(), whole.powers(), rtol=1e-3, atol=1e-9)
    gain = np.random.default_rng(0).uniform(0, 1, whole.powers().shape).astype(np.float32)
    assert np.allclose(chunks.filtered(gain), whole.filtered(gain), atol=1e-4)


def test_coverage_is_the_share_of_a_windows_power():
    window, centres = np.square(np.hanning(G.n_fft + 1)[:-1]), np.arange(-4, 14) * G.hop
    inside = np.zeros(16 * G.n_fft)
    inside[8 * G.n_fft + 100 : 8 * G.n_fft + 1500] = 1
    starts = 8 * G.n_fft + centres - G.n_fft // 2
    shares = [(window * inside[start : start + G.n_fft]).sum() / window.sum() for start in starts]
    assert window_coverage(100, 1500, centres, G) == pytest.approx(np.array(shares), abs=1e-3)
    assert not window_coverage(100, 50, centres, G).any()


def test_a_sound_shorter_than_an_analysis_window():
    wav = np.full(400, 0.1, np.float32)
    made = matched(wav, [0.0], FLAT)
    assert made.shape == wav.shape and np.isfinite(made).all()
    assert Bands(np.zeros(400, np.float32), G).powers().max() == 0


def test_attacks_come_nearer_to_the_references_bands_and_keep_their_level():
    hits = np.array([0.3, 1.2])
    wav = noise_bursts(hits, [50, 50])
    dull = lfilter([1.0], [1.0, -0.9], noise_bursts([0.4], [50])).astype(np.float32)  # a reference with less treble
    wanted = measured(dull, 0.4)
    made = matched(wav, hits, wanted)
    before, after = (np.abs(measured(x, *hits).attack_peak_db - wanted.attack_peak_db).mean() for x in (wav, made))
    assert after == pytest.approx(before * (1 - ATTACK_AMOUNT), abs=1.5)
    for hit in hits:
        attack = slice(round((hit - 0.02) * RATE), round((hit + 0.03) * RATE))
        assert made[attack].std() == pytest.approx(wav[attack].std(), rel=0.4)


def rise(wav, hit):
    """How much louder the 20 ms after a hit are than the 20 ms before it, dB."""
    around = [wav[round((hit + at) * RATE) :][: round(0.02 * RATE)] for at in (0.0, -0.025)]
    after, before = (10 * np.log10(np.square(piece).mean()) for piece in around)
    return after - before


def test_a_smeared_attack_begins_at_once():
    """A codec lets hits swell for a tenth of a second; what comes before a hit, other than tails, is taken away."""
    hits, t = np.array([0.5, 1.3]), np.arange(2 * RATE) / RATE
    level = sum(np.exp(-0.5 * np.square((t - hit - 0.03) / 0.04)) for hit in hits)
    smeared = (0.2 * level * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)
    made = matched(smeared, hits, measured(noise_bursts([0.2], [60]), 0.2))
    for hit in hits:
        assert rise(smeared, hit) < 8 and rise(made, hit) > rise(smeared, hit) + 10


def test_parts_make_up_the_whole():
    """Where nothing is to change, nothing changes, whatever the hits are."""
    wav = noise_bursts([0.3, 1.2], [20, 50])
    for hits in ([0.0, 0.001, 0.3], [0.3, 1.2], [1.999], [0.5, 0.502, 0.504], [0.3, 2.0, 2.5], [-1.0, 0.5]):
        made = matched(wav, hits, FLAT, sliding=STILL + 1)
        assert np.allclose(made, wav, atol=1e-4), hits


@given(st.lists(st.floats(-0.2, 1.2), max_size=6), st.integers(1, RATE), st.integers(0, 2**32 - 1))
def test_any_hits_of_any_sound(hits, samples, seed):
    """A candidate that was moved may have hits before its beginning and behind its end."""
    wav = np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)
    wanted = measured(noise_bursts([0.2], [60]), 0.2)
    made = matched(wav, np.sort(hits), wanted)
    assert made.shape == wav.shape and np.isfinite(made).all()


def test_two_channels_get_the_same_gains_and_the_input_stays():
    hits, wanted = np.array([0.3, 1.2]), measured(noise_bursts([0.2], [60]), 0.2)
    left, right = noise_bursts(hits, [20, 20]), 0.5 * noise_bursts(hits, [20, 20], seed=1)
    samples = np.stack([left, right])
    before = samples.copy()
    made = matched(samples, hits, wanted)
    assert made.shape == samples.shape and np.array_equal(samples, before)
    assert all(speed(channel, hit) == pytest.approx(60, abs=8) for channel in made for hit in hits)
    same = matched(np.stack([left, left]), hits, wanted)
    assert np.allclose(same, matched(left, hits, wanted), atol=1e-5)
