"""The simulated sounds: reproducible, on time, as loud as the blow, from recordings that don't cross splits."""

from __future__ import annotations

import json

import numpy as np
import pytest

from condfoley.data.events import Event
from condfoley.data.simulation.bank import SOUNDS, SoundBank
from condfoley.data.simulation.room import Noise
from condfoley.data.simulation.sound import Instrument
from condfoley.errors import InputError

SILENT = Noise(level=0.0, colour=0.0, hum=0.0, mains=50.0)


@pytest.fixture(scope="module")
def bank() -> SoundBank:
    return SoundBank.load("train")


def instrument(seed: int, bank: SoundBank) -> Instrument:
    return Instrument.draw(np.random.default_rng(seed), bank)


def names(bank: SoundBank) -> set[str]:
    hits = {recording.name for group in bank.hits.values() for recording in group}
    return hits | {recording.name for recording in bank.scratches}


def test_splits_share_no_recording_and_lose_none(bank: SoundBank) -> None:
    heldout, everything = SoundBank.load("heldout"), SoundBank.load("all")
    assert not names(bank) & names(heldout)
    assert names(bank) | names(heldout) == names(everything)
    assert set(heldout.materials) - set(bank.materials), "no material was held out as a whole"
    assert heldout.scratches and len(names(heldout)) > 20
    assert all((SOUNDS / name).exists() for name in names(everything))


def test_unknown_split_is_a_user_error() -> None:
    with pytest.raises(InputError, match="train, heldout or all"):
        SoundBank.load("test")  # type: ignore[arg-type]


def test_attacks_of_all_recordings_come_at_once() -> None:
    for group in SoundBank.load("all").hits.values():
        for recording in group:
            first = np.argmax(np.abs(recording.wav) > 0.1) / 22050
            assert first < 0.002, recording.name


def test_same_seed_same_sound(bank: SoundBank) -> None:
    events = [Event(0.2, "hit", 0.0, 0.8), Event(0.5, "scratch", 0.4, 0.5)]
    first, second = (instrument(7, bank).render(events, 1.0, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = instrument(8, bank).render(events, 1.0, np.random.default_rng(1))
    assert not np.allclose(first, other)


@pytest.mark.parametrize("seed", range(12))
def test_hits_start_on_time(seed: int, bank: SoundBank) -> None:
    from dataclasses import replace

    quiet = replace(instrument(seed, bank), noise=SILENT)
    time = 0.3137
    wav = np.abs(quiet.render([Event(time, "hit", 0.0, 1.0)], 0.8, np.random.default_rng(seed)))
    onset = np.argmax(wav > 0.1 * wav.max()) / quiet.sample_rate
    assert -0.001 < onset - time < 0.005


@pytest.mark.parametrize("seed", range(12))
def test_no_clipping_no_offset_right_length(seed: int, bank: SoundBank) -> None:
    rng = np.random.default_rng(seed)
    events = [Event(float(t), "hit", 0.0, 1.0) for t in np.arange(-0.1, 2.0, 0.11)]
    events += [Event(0.4, "scratch", 5.0, 1.0)]
    wav = instrument(seed, bank).render(events, 2.0, rng)
    assert wav.dtype == np.float32 and wav.shape == (2 * bank.sample_rate,)
    assert np.abs(wav).max() < 1 and abs(float(wav.mean())) < 1e-4 and np.isfinite(wav).all()


def test_other_sample_rates_keep_the_time(bank: SoundBank) -> None:
    wav = instrument(3, bank).render([Event(0.5, "hit")], 1.0, np.random.default_rng(0), 16000)
    assert wav.shape == (16000,)
    assert abs(int(np.argmax(np.abs(wav) > 0.3 * np.abs(wav).max())) / 16000 - 0.5) < 0.005


def test_stronger_events_are_louder(bank: SoundBank) -> None:
    from dataclasses import replace

    for seed in range(8):
        quiet = replace(instrument(seed, bank), noise=SILENT)
        events = [Event(0.1, "hit", 0.0, 0.1), Event(1.6, "hit", 0.0, 0.9)]
        wav = quiet.render(events, 3.0, np.random.default_rng(seed))
        soft, hard = np.abs(wav[: len(wav) // 2]).max(), np.abs(wav[len(wav) // 2 :]).max()
        assert hard > 2 * soft


def test_scratches_last_as_long_as_they_say(bank: SoundBank) -> None:
    from dataclasses import replace

    for seed in range(8):
        dry = replace(instrument(seed, bank), noise=SILENT, response=np.ones(1, np.float32))
        wav = dry.render([Event(0.5, "scratch", 0.6, 1.0)], 2.0, np.random.default_rng(seed))
        power = wav**2
        inside = power[round(0.5 * dry.sample_rate) : round(1.1 * dry.sample_rate)].sum()
        assert inside > 0.99 * power.sum() > 0


def test_no_events_leave_only_the_noise(bank: SoundBank) -> None:
    made = instrument(2, bank)
    wav = made.render([], 1.0, np.random.default_rng(0))
    assert np.abs(wav).max() <= 0.2
    assert made.render([], 0.0, np.random.default_rng(0)).shape == (0,)


def test_description_is_plain_json(bank: SoundBank) -> None:
    for seed in range(20):
        made = instrument(seed, bank)
        assert json.loads(json.dumps(made.describe()))["material"] == made.material


def test_event_goes_through_json_and_refuses_nonsense() -> None:
    event = Event(1.25, "scratch", 0.5, 0.3, 0.1, -0.2)
    assert Event.from_dict(json.loads(json.dumps(event.to_dict()))) == event
    with pytest.raises(ValueError, match="cannot last"):
        Event(1.0, "hit", 0.5)
    with pytest.raises(ValueError, match="strength"):
        Event(1.0, "hit", 0.0, 1.5)
    with pytest.raises(ValueError, match="hit or a scratch"):
        Event(1.0, "kick")  # type: ignore[arg-type]
