"""Soundtracks of a reference's own samples: at its rate, with its channels, in the model's time and at its levels."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from condfoley.audio.levels import impact_levels
from condfoley.audio.onsets import detect_onsets
from condfoley.audio.rates import converted
from condfoley.audio.track import Track
from condfoley.resynthesis.background import background_powers, with_gains, without_background
from condfoley.resynthesis.bands import band_powers
from condfoley.resynthesis.choose import choose_shots, distance, distances
from condfoley.resynthesis.grains import follow, grain_places, granulated
from condfoley.resynthesis.laying import GRAINS, RECORDED, VOCODER
from condfoley.resynthesis.library import library_of
from condfoley.resynthesis.place import varied
from condfoley.resynthesis.recorded import events_at, events_of, render_events
from condfoley.resynthesis.soundtrack import told_ways
from condfoley.resynthesis.usable import usable_channels
from tests.sounds import RATE

FULL = 48_000
HITS = [0.5, 1.3, 2.1, 2.9, 3.6]


def bursts(times, duration=4.5, rate=FULL, decay=60.0, tone=0.0, floor=0.0, seed=0):
    """Bursts of noise, with a tone if wanted, that decay by `decay` dB a second: (N,) float32."""
    t, random = np.arange(round(duration * rate)) / rate, np.random.default_rng(seed)
    out = floor * random.standard_normal(len(t))
    for time in times:
        after = t - time
        level = np.where(after >= 0, 10 ** (-decay * after.clip(0) / 20), 0)
        out += level * (0.15 * random.standard_normal(len(t)) + 0.3 * np.sin(2 * np.pi * tone * after) * bool(tone))
    return out.astype(np.float32)


def stereo(wav, balance=0.5):
    return np.stack([wav, balance * wav])


def model_track(times, duration=4.0, **how):
    """What the model might have written: at its rate, one channel."""
    return Track(soxr.resample(bursts(times, duration, **how), FULL, RATE).astype(np.float32), RATE)


def rendered(times, library, slides=None, **how):
    track = model_track(times, **how)
    events = events_at(track, track.onsets, slides or [False] * len(track.onsets))
    return track, *render_events(track, events, library)[:2]


def test_impacts_are_the_references_at_its_rate_and_with_its_channels():
    library = library_of(stereo(bursts(HITS, tone=3000.0, seed=1)), FULL)
    assert [shot.time for shot in library.shots] == pytest.approx(HITS, abs=0.01)
    track, made, ways = rendered([0.3, 1.1, 1.7, 2.6], library, tone=3000.0, seed=2)
    assert ways == [RECORDED] * 4 and (made.rate, made.channels) == (FULL, 2)
    assert len(made) == round(track.duration * FULL)
    assert np.abs(detect_onsets(made.mono, FULL)[0] - [0.3, 1.1, 1.7, 2.6]).max() < 0.01
    assert np.abs(made.samples[1] - 0.5 * made.samples[0]).max() < 1e-3  # the stereo image stays
    high = np.abs(np.fft.rfft(made.mono))[round(12_000 * made.duration) : round(20_000 * made.duration)]
    assert high.mean() > 0.1 * np.abs(np.fft.rfft(made.mono)).mean()  # which the model's sound lacks


def test_levels_are_the_models():
    library = library_of(bursts(HITS, seed=1)[None], FULL)
    quiet, times = bursts([0.3], 4.0, seed=2) * 0.25, [0.3, 1.3, 2.3]
    whole = quiet + bursts([1.3], 4.0, seed=3) + bursts([2.3], 4.0, seed=4) * 0.5
    track = Track(soxr.resample(whole, FULL, RATE).astype(np.float32), RATE)
    made, ways, _ = render_events(track, events_at(track, track.onsets, [False] * 3), library)
    assert ways == [RECORDED] * 3
    levels = impact_levels(made.samples, np.array(times), FULL)
    assert levels - levels[1] == pytest.approx([-12, 0, -6], abs=2.5)


def test_the_background_is_the_references_throughout():
    library = library_of(bursts(HITS, 6.0, decay=200.0, floor=0.003, seed=1)[None], FULL)
    _, made, ways = rendered([0.5, 2.5], library, decay=200.0, floor=0.003, seed=5)
    assert ways == [RECORDED] * 2
    blocks = np.square(made.mono[: len(made) // 4800 * 4800]).reshape(-1, 4800).mean(1)
    quiet = np.delete(blocks, [4, 5, 6, 7, 24, 25, 26, 27])  # without the impacts
    assert 10 * np.log10(quiet.max() / quiet.min()) < 4 and np.sqrt(quiet.mean()) == pytest.approx(0.003, rel=0.2)


def test_the_same_one_shot_is_not_heard_twice_in_a_row():
    library = library_of(bursts(HITS, seed=1)[None], FULL)
    track = model_track([0.3, 0.9, 1.5, 2.1, 2.7, 3.3], seed=7)
    events = events_of(track, track.onsets, np.zeros(80), 15.0)
    wanted = [band_powers(track.samples[:, round(e.onset * RATE) :][:, :6000], RATE, True) for e in events]
    chosen = choose_shots(distances(wanted, library.shots))
    assert all(a != b for a, b in zip(chosen, chosen[1:]))


def test_what_the_reference_has_nothing_like_stays_the_models_own():
    library = library_of(bursts(HITS, decay=300.0, seed=1)[None], FULL)  # short clicks
    track, made, ways = rendered([0.5, 2.0], library, decay=20.0, seed=2)  # long noise
    assert ways == [VOCODER] * 2
    below = 20_000  # Hz; what the reference has above the model's sound begins at 10.1 kHz
    heard, own = (soxr.resample(x.mono, FULL, below) for x in (made, converted(track, FULL, 1)))
    part = slice(round(0.6 * below), round(1.8 * below))
    assert np.std(heard[part] - own[part]) < 0.03 * np.std(own[part])
    high = band_powers(made.samples[:, round(0.6 * FULL) : round(1.8 * FULL)], FULL)[-3:].mean(1)
    assert (high > 1e-3 * high.max()).all() and high.max() > 1e-6  # where the model's sound has nothing


def test_sliding_is_made_of_the_references_sliding():
    t = np.arange(4 * FULL) / FULL
    sliding = ((t % 2) > 0.5) & ((t % 2) < 1.7)
    wav = (np.random.default_rng(0).standard_normal(len(t)) * np.where(sliding, 0.1, 1e-4)).astype(np.float32)
    shown = np.array([((k / 15) % 2) > 0.5 and ((k / 15) % 2) < 1.7 for k in range(60)], float)
    library = library_of(wav[None], FULL, shown)
    assert len(library.slides) == 2 and all(shot.slides for shot in library.shots)
    track, made, ways = rendered([1.0], library, slides=[True], decay=8.0, seed=2)
    assert ways == [GRAINS]
    ours, theirs = (
        np.square(x[0, round(1.1 * r) :][: 10 * (r // 6)].reshape(10, -1)).mean(1)
        for x, r in ((track.samples, RATE), (made.samples, FULL))
    )
    assert np.corrcoef(np.log(ours), np.log(theirs))[0, 1] > 0.95  # it falls as the model's does


def test_without_events_it_is_the_models_own():
    track = model_track([])
    made, ways, _ = render_events(track, [], library_of(stereo(bursts(HITS)), FULL))
    assert ways == [] and (made.rate, made.channels) == (FULL, 2)


def test_a_reference_without_events_leaves_all_to_the_vocoder():
    library = library_of((1e-3 * np.random.default_rng(0).standard_normal((1, FULL))).astype(np.float32), FULL)
    _, _, ways = rendered([0.5, 2.0], library, seed=2)
    assert set(ways) <= {VOCODER}


def test_distance_does_not_depend_on_the_level():
    powers = band_powers(bursts([0.1], 0.5)[None], FULL, True)
    assert distance(powers, powers * 100)[0] == pytest.approx(0, abs=1e-4)
    assert distance(powers, powers * 100)[1] == pytest.approx(-20, abs=1e-3)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 99))
def test_one_shots_take_turns(events, shots, seed):
    apart = np.random.default_rng(seed).uniform(0, 4, (events, shots, 2))
    chosen = choose_shots(apart)
    assert len(chosen) == events and set(chosen) <= set(range(shots))
    if shots > 1:
        assert all(a != b for a, b in zip(chosen, chosen[1:]))
        counts = np.bincount(chosen, minlength=shots)
        assert counts.max() - counts.min() <= 2


def test_a_one_shot_that_is_not_allowed_is_not_chosen():
    apart = np.zeros((5, 3, 2))
    apart[:, 1, 0] = np.inf
    assert 1 not in choose_shots(apart)


def test_gains_of_bands_are_those_that_are_asked_for():
    wav = np.random.default_rng(0).standard_normal((2, FULL)).astype(np.float32)
    powers = band_powers(wav, FULL)
    gains = np.linspace(-6, 6, len(powers))
    made = with_gains(wav, FULL, np.repeat(10 ** (gains[:, None] / 20), powers.shape[1], 1))
    before, after = (10 * np.log10(x.mean(1)) for x in (powers, band_powers(made, FULL)))
    assert after - before == pytest.approx(gains, abs=0.6)


def test_spectral_subtraction_takes_the_background_and_leaves_the_impacts():
    wav = bursts([0.5, 1.5], 2.5, decay=100.0, floor=0.003)[None]
    clean = without_background(wav, FULL, band_powers(wav, FULL))
    loud, quiet = slice(round(0.5 * FULL), round(0.6 * FULL)), slice(round(1.2 * FULL), round(1.45 * FULL))
    rms = lambda x: 10 * np.log10(np.square(x).mean())  # noqa: E731
    assert rms(clean[:, loud]) == pytest.approx(rms(wav[:, loud]), abs=0.3)
    assert rms(clean[:, quiet]) < rms(wav[:, quiet]) - 8
    assert background_powers(band_powers(wav, FULL)).shape == (len(band_powers(wav, FULL)),)


def test_grains_follow_the_cheapest_path_and_go_on_where_they_can():
    powers = np.abs(np.random.default_rng(0).standard_normal((4, 20))) + 0.1
    places = np.arange(20)
    assert follow(powers[:, 3:15:3], powers, places, 3) == [3, 6, 9, 12]


def test_a_repeated_one_shot_differs_a_little():
    shot = bursts([0.01], 0.4)[None]
    assert varied(shot, 0) is shot
    again = varied(shot, 1)
    assert 0 < abs(again.shape[1] - shot.shape[1]) < 0.01 * shot.shape[1]


@pytest.mark.parametrize(
    ("second", "channels", "says"),
    [(1.0, 2, ""), (0.0, 1, "silent"), (-1.0, 1, "cancel"), (-0.97, 1, "cancel"), (0.3, 2, "")],
)
def test_usable_channels(second, channels, says):
    wav = bursts([0.2], 1.0)
    found, note = usable_channels(np.stack([wav, second * wav]))
    assert len(found) == channels and says in note and bool(note) == bool(says)
    assert np.array_equal(found[0], wav)


@given(st.sampled_from([8000, 22050, 44100, 48000, 96000]), st.sampled_from([1, 2]), st.sampled_from([1, 2]))
def test_tracks_at_other_rates_keep_duration_and_onsets(rate, before, after):
    track = Track(np.repeat(bursts([0.3], 1.0, RATE)[None], before, 0), RATE)
    made = converted(track, rate, after)
    assert (made.rate, made.channels, len(made)) == (rate, after, rate)
    assert np.array_equal(made.onsets, track.onsets)
    assert converted(made, rate, after) is made


def test_grain_places_lie_within_the_slides():
    library = library_of(bursts(HITS)[None], FULL)
    assert len(grain_places(library, ())) == 0
    places = grain_places(library, ((4800, 48_000),))
    assert places.min() * 480 >= 4800 and (places.max() + 6) * 480 <= 48_000
    assert granulated(library, places, np.full((15, 40), 1e-4), 19_200).shape == (1, 19_200)


def test_hum_beneath_the_hits_does_not_swell_with_them():
    hits = bursts(HITS, decay=120.0, seed=1)
    spectrum = np.fft.rfft(hits)
    spectrum[: round(400 * 4.5)] = 0  # so that all there is at 110 Hz is hum
    hits = np.fft.irfft(spectrum, len(hits)) + 0.02 * np.sin(2 * np.pi * 110 * np.arange(len(hits)) / FULL)
    library = library_of(hits.astype(np.float32)[None], FULL)
    track = Track(8 * soxr.resample(hits[: 4 * FULL], FULL, RATE).astype(np.float32), RATE)  # louder: so are its hits
    made, ways, _ = render_events(track, events_of(track, np.array(HITS), np.zeros(60), 15.0), library)
    assert ways == [RECORDED] * 5

    def hum(time):
        piece = made.mono[round(time * FULL) :][: FULL // 5] * np.hanning(FULL // 5)
        return 20 * np.log10(np.abs(np.fft.rfft(piece))[22])

    levels = [hum(time) for time in (*HITS[:4], *(time + 0.4 for time in HITS[:4]))]
    assert max(levels) - min(levels) < 4


def test_tails_do_not_swell_where_something_is_seen_to_slide_behind_a_hit():
    library = library_of(bursts(HITS, decay=150.0, seed=1)[None], FULL)
    track = model_track([0.5], decay=150.0, seed=2)
    sliding = np.zeros(60)
    sliding[7:20] = 0.8
    events = events_of(track, np.array([0.5]), sliding, 15.0)
    made, ways, _ = render_events(track, events, library)
    assert events[0].slides and ways == [RECORDED]
    blocks = np.square(made.mono[round(0.5 * FULL) : round(1.5 * FULL)]).reshape(20, -1).mean(1)
    assert (np.diff(10 * np.log10(blocks + 1e-9)) < 3).all()


def test_the_last_cue_at_the_very_end_is_heard():
    library = library_of(bursts(HITS, seed=1)[None], FULL)
    track = model_track([0.5, 2.0], seed=2)
    events = events_of(track, np.array([0.5, 2.0, 3.985]), np.zeros(60), 15.0)
    assert [event.onset for event in events] == pytest.approx([0.5, 2.0, 3.985], abs=0.01)
    made, ways, _ = render_events(track, events, library)
    assert ways == [RECORDED] * 3
    before, after = (
        np.square(made.mono[round(a * FULL) : round(b * FULL)]).mean() for a, b in ((3.95, 3.975), (3.985, 4.0))
    )
    assert after > 10 * before


def test_an_impact_that_would_sound_like_two_becomes_another():
    double = bursts([0.5, 0.62], 4.5, decay=60.0, seed=1) + bursts([1.5, 2.5, 3.5], 4.5, decay=60.0, seed=1)
    library = library_of(double[None], FULL)
    track = model_track([0.4, 1.0, 1.6, 2.2, 2.8], decay=60.0, seed=2)
    made, *_ = render_events(track, events_of(track, track.onsets, np.zeros(60), 15.0), library)
    assert len(made.onsets) == len(track.onsets)


def test_what_is_told_of_the_impacts():
    assert told_ways([], 6) == "all 6 impacts are the reference's own samples"
    assert told_ways([], 1) == "the impact is the reference's own sample"
    assert told_ways([5.5276], 6) == (
        "5 of 6 impacts are the reference's own samples, the other, at 5.53 s, is the vocoder's"
    )
    assert told_ways(range(8), 8) == (
        "0 of 8 impacts are the reference's own samples, "
        "the others, at 0.00, 1.00, 2.00, 3.00, 4.00, 5.00 ... s, are the vocoder's"
    )
