"""Hits fade as the reference's do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from condfoley.audio import bands
from condfoley.audio.bands import Bands
from condfoley.geometry import Geometry
from condfoley.matching import envelope as decay
from condfoley.matching.envelope import ATTACK, STRIKE, Ring, faded, fallen, ring

G = Geometry()
RATE, FRAMES = G.sample_rate, G.sample_rate / G.hop
STILL = np.zeros(30, np.float32)


def noise(hits, decays, duration=2.0, floor=1e-4):
    """Bursts of noise at `hits`, s, that fall by `decays` dB a second: (N,) float32."""
    t, rng = np.arange(round(duration * RATE)) / RATE, np.random.default_rng(0)
    level = np.full(len(t), floor)
    for hit, speed in zip(hits, decays, strict=True):
        after = t - hit
        level = np.where(after >= 0, np.maximum(level, 0.3 * 10 ** (-speed * after.clip(0) / 20)), level)
    return (level * rng.standard_normal(len(t))).astype(np.float32)


def speed(wav, hit, first=0.1, last=0.4):
    """How fast a sound falls from `first` to `last` s after a hit, dB a second."""
    spans = [wav[round((hit + at - 0.03) * RATE) :][: round(0.06 * RATE)] for at in (first, last)]
    loud = [10 * np.log10(np.square(span).mean()) for span in spans]
    return (loud[0] - loud[1]) / (last - first)


def test_the_fall_is_the_mean_of_the_hits():
    falling = ring(noise([0.3, 1.2], [40, 60]), np.array([0.3, 1.2]), G).falling
    assert falling.shape[0] == G.n_mels and falling.max() == 0 and (falling.diff(dim=1) <= 0).all()
    half_a_second = falling[:, round(0.5 * FRAMES)].mean()
    assert half_a_second == pytest.approx(-25, abs=4)  # below the crest, which noise has above its mean


def test_hits_without_a_tail_say_nothing():
    wav = noise([0.3], [40], 0.5)
    assert ring(wav, np.zeros(0), G) is None
    assert ring(wav, np.array([0.5 - ATTACK / 2]), G) is None
    assert ring(wav, np.array([0.3]), G) is not None


def test_beyond_what_was_heard_it_goes_on():
    falling = torch.stack([-torch.arange(12.0), torch.cat([-torch.arange(6.0), torch.full((6,), -5.0)])])
    after = torch.tensor([0, 5, 11, 14])
    assert fallen(falling, after).tolist() == [[0, -5, -11, -14], [0, -5, -5, -5]]
    assert fallen(falling[:, :1], after).tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(("own", "other", "comes_to"), [(20, 60, 60), (60, 50, 50), (20, 20, 20)])
def test_a_soundtrack_fades_as_it_should(own, other, comes_to):
    hits = np.array([0.3, 1.2])
    wanted = ring(noise([0.2], [other]), np.array([0.2]), G)
    wav = noise(hits, [own, own])
    made = faded(wav, hits, wanted, G, 1.0, STILL)
    assert made.shape == wav.shape and made.dtype == np.float32
    for hit in hits:
        assert speed(made, hit) == pytest.approx(comes_to, abs=8)
        attack = slice(round((hit - 0.02) * RATE), round((hit + 0.03) * RATE))
        assert made[attack].std() == pytest.approx(wav[attack].std(), rel=0.12)  # 1 dB: an analysis window is 46 ms


def test_half_the_way():
    hits, wanted = np.array([0.3]), ring(noise([0.2], [60]), np.array([0.2]), G)
    wav = noise([0.3], [20])
    assert speed(faded(wav, hits, wanted, G, 0.5, STILL), 0.3) == pytest.approx(40, abs=8)
    assert faded(wav, hits, wanted, G, 0.0, STILL) is wav and faded(wav, hits[:0], wanted, G, 1.0, STILL) is wav


def test_what_slides_does_not_fade():
    hits, wanted = np.array([0.3]), ring(noise([0.2], [60]), np.array([0.2]), G)
    wav = noise([0.3], [5])
    slides = faded(wav, hits, wanted, G, 1.0, np.ones(30, np.float32))
    assert np.allclose(slides, wav, atol=1e-4)
    assert speed(faded(wav, hits, wanted, G, 1.0, STILL), 0.3) > 40


def test_a_tail_goes_on_under_a_softer_hit():
    """A soft hit does not cut off the ring of a loud one."""
    loud, soft = noise([0.3], [20]), 0.03 * noise([0.8], [20])
    wanted = ring(noise([0.2], [20]), np.array([0.2]), G)
    made = faded(loud + soft, np.array([0.3, 0.8]), wanted, G, 1.0, STILL)
    tail = slice(round(1.0 * RATE), round(1.6 * RATE))
    assert np.abs(made[tail]).std() > 0.5 * np.abs(loud[tail]).std()


def test_long_sounds_are_done_by_and_by(monkeypatch):
    hits, wanted = np.array([0.3, 1.2]), ring(noise([0.2], [60]), np.array([0.2]), G)
    wav = noise(hits, [20, 20])[:-77]
    levels, whole = Bands(wav, G).powers(), faded(wav, hits, wanted, G, 1.0, STILL)
    monkeypatch.setattr(bands, "CHUNK", 50)
    assert torch.allclose(Bands(wav, G).powers(), levels, rtol=1e-3, atol=1e-9)
    assert np.allclose(faded(wav, hits, wanted, G, 1.0, STILL), whole, atol=1e-4)
    monkeypatch.setattr(decay, "AT_ONCE", 0.1)  # one part at a time
    assert np.allclose(faded(wav, hits, wanted, G, 1.0, STILL), whole, atol=1e-4)


@given(gaps=st.lists(st.integers(0, 50), min_size=1, max_size=20), most=st.integers(1, 100))
def test_parts_that_are_done_together_are_all_parts(gaps, most):
    edges = [0, *np.cumsum(gaps).tolist()]
    groups = list(decay._together(edges, most))
    assert [number for number, _ in groups] == np.cumsum([0, *(len(some) - 1 for _, some in groups[:-1])]).tolist()
    assert [edge for _, some in groups for edge in some[1:]] == edges[1:] and groups[0][1][0] == 0
    assert all(len(some) == 2 or some[-1] - some[0] <= most for _, some in groups)


def test_a_sound_shorter_than_an_analysis_window():
    wav = np.full(400, 0.1, np.float32)
    made = faded(wav, np.zeros(1), Ring(torch.zeros(G.n_mels), torch.zeros(G.n_mels, 3)), G, 1.0, STILL)
    assert made.shape == wav.shape and np.isfinite(made).all()
    assert Bands(np.zeros(400, np.float32), G).powers().max() == 0


def test_attacks_come_nearer_to_the_references_bands_and_keep_their_level():
    hits = np.array([0.3, 1.2])
    wav = noise(hits, [50, 50])
    dull = lfilter([1.0], [1.0, -0.9], noise([0.4], [50])).astype(np.float32)  # a reference with less treble
    wanted = ring(dull, np.array([0.4]), G)
    made = faded(wav, hits, wanted, G, 1.0, STILL)
    before, after = ((ring(x, hits, G).crest - wanted.crest).abs().mean().item() for x in (wav, made))
    assert after == pytest.approx(before * (1 - STRIKE), abs=1.5)
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
    made = faded(smeared, hits, ring(noise([0.2], [60]), np.array([0.2]), G), G, 1.0, STILL)
    for hit in hits:
        assert rise(smeared, hit) < 8 and rise(made, hit) > rise(smeared, hit) + 10


def test_parts_make_up_the_whole():
    """Where nothing is to change, nothing changes, whatever the hits are."""
    wav = noise([0.3, 1.2], [20, 50])
    for hits in ([0.0, 0.001, 0.3], [0.3, 1.2], [1.999], [0.5, 0.502, 0.504]):
        made = faded(wav, np.array(hits), Ring(torch.zeros(G.n_mels), torch.zeros(G.n_mels, 3)), G, 1.0, STILL + 1)
        assert np.allclose(made, wav, atol=1e-4), hits


@given(st.lists(st.floats(-0.2, 1.2), max_size=6), st.integers(1, RATE), st.integers(0, 2**32 - 1))
def test_any_hits_of_any_sound(hits, samples, seed):
    """A candidate that was moved may have hits before its beginning and behind its end."""
    wav = np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)
    wanted = ring(noise([0.2], [60]), np.array([0.2]), G)
    made = faded(wav, np.sort(hits), wanted, G, 1.0, STILL)
    assert made.shape == wav.shape and np.isfinite(made).all()
