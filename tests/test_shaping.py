"""The steps that bring a finished soundtrack to the reference, and what they may not cost."""

import numpy as np
import pytest

from condfoley.audio.onsets import detect_onsets
from condfoley.comping import takes as comping
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.matching import dynamics
from condfoley.matching.chain import Shares, shaped
from condfoley.soundtrack import CEILING, Candidate, finished
from tests.made_up import pulses
from tests.test_decay import STILL, noise
from tests.test_texture import bell, peakiness

G = Geometry()
SHOWN = np.array([0.3, 1.2])
HITS = Hits(SHOWN, np.zeros(2))  # nothing is known of how hard they strike


def made(wav):
    """A candidate that was listened to."""
    return Candidate(wav.copy(), 0, 0.0, 1.0, hits=detect_onsets(wav, G.sample_rate)[0])


@pytest.mark.parametrize("shares", [Shares(1.0, 1.0, 1.0, 1.0), Shares(0.0, 0.0, 1.0, 0.0), Shares(0.0, 1.0, 0.0, 0.0)])
def test_the_soundtrack_and_its_candidates_are_shaped_alike(shares):
    wav = noise(SHOWN, [30, 30])
    candidate = made(wav)
    out = shaped(wav, [candidate], bell([0.2, 1.0]), HITS, STILL, G, shares)
    assert not np.allclose(out, wav, atol=1e-2) and np.allclose(candidate.wav, out, atol=1e-5)
    if shares.texture_match:
        assert peakiness(out, 0.3) > peakiness(wav, 0.3) + 2
    assert len(comping.matched(SHOWN, detect_onsets(out, G.sample_rate)[0])) == 2


def test_hits_are_as_loud_as_they_look():
    wav = noise(SHOWN, [30, 30])
    hard = Hits(SHOWN, np.array([0.4, 0.8]))  # the second one harder
    out = shaped(wav, [made(wav)], wav, hard, STILL, G, Shares(0.0, 0.0, 0.0, 1.0))
    before, after = (np.diff(dynamics.levels(x, SHOWN, G.sample_rate))[0] for x in (wav, out))
    assert abs(before) < 1.5 and after == pytest.approx(dynamics.SLOPE * 20 * np.log10(2), abs=0.2)


def test_a_candidate_with_a_single_hit_has_nothing_to_be_louder_than():
    wav, hard = noise(SHOWN, [30, 30]), Hits(SHOWN, np.array([0.4, 0.8]))
    alone = made(noise(SHOWN[:1], [30]))
    alone.put_aside()  # as those of long targets are: read-only
    before = np.array(alone.wav)
    out = shaped(wav, [alone], wav, hard, STILL, G, Shares(0.0, 0.0, 0.0, 1.0))
    assert not np.array_equal(out, wav) and np.array_equal(alone.wav, before)


def test_nothing_is_done_without_hits_or_shares():
    wav, reference = noise(SHOWN, [30, 30]), bell([0.2])
    assert shaped(wav, [], reference, Hits(SHOWN[:0], SHOWN[:0]), STILL, G, Shares(1.0, 1.0, 1.0, 1.0)) is wav
    assert shaped(wav, [], reference, HITS, STILL, G, Shares(1.0, 0.0, 0.0, 0.0)) is wav
    assert shaped(wav, [], np.zeros(G.sample_rate, np.float32), HITS, STILL, G, Shares(1.0, 1.0, 1.0, 1.0)) is wav


def test_a_step_that_would_lose_hits_is_taken_less_far_or_not_at_all(monkeypatch):
    wav, tried = pulses([0.3, 1.2], 2.0), []

    def harmful(sound, hits, recorded, geometry, share):
        tried.append(share)
        return sound if share < limit else np.zeros_like(sound)

    monkeypatch.setattr("condfoley.matching.texture.textured", harmful)
    limit = 0.3
    assert np.allclose(shaped(wav, [], wav, HITS, STILL, G, Shares(0.0, 0.0, 1.0, 0.0)), wav, atol=1e-3)
    assert tried == [1.0, 0.5, 0.25]
    limit, candidate = 0.0, made(wav)
    assert shaped(wav, [candidate], wav, HITS, STILL, G, Shares(0.0, 0.0, 0.5, 0.0)) is wav
    assert tried[3:] == [0.5, 0.25, 0.125] and np.array_equal(candidate.wav, wav)


def test_finished_removes_dc_and_clipping():
    wav = np.array([3.0, -1.0, 0.5, -0.5], np.float32)
    out = finished(wav)
    assert abs(out.mean()) < 1e-6 and np.isclose(np.abs(out).max(), CEILING)
    quiet = np.array([0.1, -0.1], np.float32)
    assert np.array_equal(finished(quiet), quiet)
