"""The steps that bring a soundtrack to the reference, and what they may not cost."""

import numpy as np
import pytest

from condfoley.audio.levels import impact_levels
from condfoley.audio.onsets import detect_onsets, matched_onsets
from condfoley.audio.track import Track
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.matching.chain import MatchAmounts, match_candidate, match_track
from condfoley.matching.dynamics import LEVEL_PER_STRENGTH
from tests.sounds import RATE, STILL, bell, noise_bursts, peakiness, pulses

G = Geometry()
TIMES = np.array([0.3, 1.2])
CUES = Hits(TIMES, np.zeros(2))  # nothing is known of how hard they are
NONE, ALL, DYNAMICS = (
    MatchAmounts(1.0, 0.0, 0.0, 0.0),
    MatchAmounts(1.0, 1.0, 1.0, 1.0),
    MatchAmounts(0.0, 0.0, 0.0, 1.0),
)
TEXTURE, DECAY = MatchAmounts(0.0, 0.0, 1.0, 0.0), MatchAmounts(0.0, 1.0, 0.0, 0.0)


def track(wav):
    return Track(wav, RATE)


def matched(sound, candidates, exemplar, cues, amounts):
    """Soundtrack and candidates after the chain."""
    sound, taken = match_track(sound, exemplar, cues, STILL, G, amounts)
    return sound, [match_candidate(candidate, taken, cues.times) for candidate in candidates]


@pytest.mark.parametrize("amounts", [ALL, TEXTURE, DECAY])
def test_the_soundtrack_and_its_candidates_are_matched_alike(amounts):
    wav, exemplar = noise_bursts(TIMES, [30, 30]), track(bell([0.2, 1.0]))
    candidate = track(wav)
    out, (same,) = matched(track(wav), [candidate], exemplar, CUES, amounts)
    assert not np.allclose(out.samples, wav, atol=1e-2) and np.allclose(same.samples, out.samples, atol=1e-5)
    assert same.onsets is candidate.onsets and same.rises is candidate.rises
    assert np.array_equal(candidate.samples[0], wav)
    if amounts.texture_match:
        assert peakiness(out.mono, 0.3) > peakiness(wav, 0.3) + 2
    assert len(matched_onsets(TIMES, detect_onsets(out.mono, RATE)[0])) == 2


def test_impacts_are_as_loud_as_they_look():
    sound = track(noise_bursts(TIMES, [30, 30]))
    hard = Hits(TIMES, np.array([0.4, 0.8]))  # the second one harder
    out, _ = matched(sound, [sound], sound, hard, DYNAMICS)
    before, after = (np.diff(impact_levels(x.samples, TIMES, RATE))[0] for x in (sound, out))
    assert abs(before) < 1.5 and after == pytest.approx(LEVEL_PER_STRENGTH * 20 * np.log10(2), abs=0.2)


def test_a_candidate_with_a_single_impact_has_nothing_to_be_louder_than():
    sound, hard = track(noise_bursts(TIMES, [30, 30])), Hits(TIMES, np.array([0.4, 0.8]))
    alone = track(noise_bursts(TIMES[:1], [30]))
    out, (same,) = matched(sound, [alone], sound, hard, DYNAMICS)
    assert out is not sound and same is alone


def test_nothing_is_done_without_cues_or_amounts():
    sound, exemplar = track(noise_bursts(TIMES, [30, 30])), track(bell([0.2]))
    silence, nothing = track(np.zeros(RATE, np.float32)), Hits(TIMES[:0], TIMES[:0])
    for reference, cues, amounts in ((exemplar, nothing, ALL), (exemplar, CUES, NONE), (silence, CUES, ALL)):
        out, (same,) = matched(sound, [sound], reference, cues, amounts)
        assert out is sound and same is sound


def test_a_step_that_would_lose_impacts_is_taken_less_far_or_not_at_all(monkeypatch):
    sound, tried = track(pulses([0.3, 1.2], 2.0)), []

    def harmful(track, onsets, shots, geometry, amount):
        tried.append(amount)
        return track.edited(track.samples if amount < limit else 0 * track.samples)

    monkeypatch.setattr("condfoley.matching.chain.cross_synthesise", harmful)
    limit = 0.3
    out, _ = matched(sound, [], sound, CUES, TEXTURE)
    assert out is not sound and np.array_equal(out.samples, sound.samples)
    assert tried == [1.0, 0.5, 0.25]
    limit = 0.0
    out, (same,) = matched(sound, [sound], sound, CUES, MatchAmounts(0.0, 0.0, 0.5, 0.0))
    assert out is sound and same is sound and tried[3:] == [0.5, 0.25, 0.125]


def test_onsets_are_detected_once_for_each_sound(monkeypatch):
    heard = []

    def detect(wav, rate):
        heard.append(wav.tobytes())
        return detect_onsets(wav, rate)

    monkeypatch.setattr("condfoley.audio.track.detect_onsets", detect)
    sound, exemplar = track(noise_bursts(TIMES, [30, 30])), track(bell([0.2, 1.0]))
    candidate = track(noise_bursts(TIMES, [30, 30], seed=1))
    out, (other,) = matched(sound, [candidate], exemplar, Hits(TIMES, np.array([0.4, 0.8])), ALL)
    assert len(out.onsets) == len(other.onsets) == 2
    assert (
        len(heard) == len(set(heard)) == 6
    )  # soundtrack, exemplar and candidate, and the soundtrack after three steps


def test_two_channels_stay_two_channels():
    left, right = noise_bursts(TIMES, [30, 30]), 0.5 * noise_bursts(TIMES, [30, 30], seed=1)
    sound = track(np.stack([left, right]))
    before = sound.samples.copy()
    hard = Hits(TIMES, np.array([0.4, 0.8]))
    out, (other,) = matched(sound, [sound], track(bell([0.2, 1.0])), hard, ALL)
    assert out.samples.shape == other.samples.shape == before.shape and np.array_equal(sound.samples, before)
    assert np.allclose(out.samples, other.samples, atol=1e-5) and len(matched_onsets(TIMES, out.onsets)) == 2
    assert np.abs(out.samples[0] - out.samples[1]).max() > 0.01
