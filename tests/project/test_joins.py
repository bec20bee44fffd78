"""Joins: where they are, and that the statistics find what can be heard and pass what cannot."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from condfoley.project.blend import blended_background, tightened
from condfoley.project.create import LEAST_LEAD
from condfoley.project.joins import changes, join_statistics, joins_of, like, pooled
from condfoley.project.model import Excerpt, Tail
from condfoley.project.redo import excerpts_at
from condfoley.project.render import FADE_OUT, place_layer, render
from condfoley.project.spans import Span
from tests.project.conftest import generated, stored
from tests.sounds import RATE, noise_bursts

ONSETS = np.array([0.5, 1.1, 1.9, 2.6, 3.3, 4.1])


def bursts(seed: int) -> np.ndarray:
    return noise_bursts(ONSETS.tolist(), [60.0] * len(ONSETS), 5.0, 1e-3, seed)


def joined(one: np.ndarray, other: np.ndarray, places: list[int], fade: int) -> np.ndarray:
    """One sound up to each place and another one from there to the next, in turn."""
    out, rise = one.copy(), np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / max(1, fade))
    for k, (begin, end) in enumerate(zip(places, [*places[1:], len(one)])):
        now, before = (other, one) if k % 2 == 0 else (one, other)
        out[begin:end] = now[begin:end]
        out[begin - fade : begin] = before[begin - fade : begin] * rise[::-1] + now[begin - fade : begin] * rise
    return out


def statistics(fade: int, gain: float = 1.0, hole: bool = False):
    """Of joins at many distances from impacts."""
    parts = []
    for seed in range(6):
        one, other = bursts(2 * seed), gain * bursts(2 * seed + 1)
        places = [round((time + 0.08 + 0.05 * ((seed + k) % 4)) * RATE) for k, time in enumerate(ONSETS)]
        sound = joined(one, other, places, fade)
        if hole:
            for place in places:
                sound[place - 200 : place] = 0
        parts.append(join_statistics(sound, RATE, places, ONSETS, one))
    return pooled(parts)


def test_crossfades_cannot_be_told_from_what_was_not_joined():
    found = statistics(fade=400)
    assert len(found.energy) == 36 and len(found.inside_energy) > 100
    assert found.p_energy > 0.05 and found.p_flux > 0.05


def test_steps_and_holes_can():
    assert statistics(fade=0, gain=6.0).p_energy < 0.01
    holes = statistics(fade=400, hole=True)
    assert holes.p_energy < 0.001 and holes.p_flux < 0.05


def test_places_to_compare_are_as_far_from_an_impact_and_apart_from_joins():
    assert like(1.2, ONSETS, np.zeros(0), 5.0) == pytest.approx([0.6, 2.0, 2.7, 3.4, 4.2])
    assert like(1.05, ONSETS, np.array([1.86]), 5.0) == pytest.approx([0.45, 2.55, 3.25, 4.05])
    assert like(1.0, np.zeros(0), np.zeros(0), 5.0) == []
    assert np.isnan(join_statistics(bursts(0), RATE, [], ONSETS).p_energy)


def test_changes_are_where_something_changes():
    wav = np.zeros(RATE, np.float32)
    wav[RATE // 2 :] = np.random.default_rng(0).normal(0, 0.1, RATE - RATE // 2)
    energy, flux = changes(wav, RATE)
    assert energy.argmax() * 0.0025 == pytest.approx(0.5, abs=0.01) and energy.max() > 30
    assert flux.argmax() * 0.0025 == pytest.approx(0.5, abs=0.01)


def test_a_projects_joins_are_those_of_other_sounds(tmp_path):
    home = stored(tmp_path / "p", generated(cuts=(1.25,)))
    project, fade = home.project, round(FADE_OUT * RATE)
    assert joins_of(project) == []  # neither at scene cuts
    cue, key = project.cue(2), project.layers[0].candidates[2]
    other = dataclasses.replace(cue.excerpt, sound=key)
    changed = dataclasses.replace(cue, excerpt=other, tails=(Tail(1500, cue.excerpt, 300),))
    project = project.with_cues([changed if c.id == 2 else c for c in project.cues])
    begin = [part.begin for part in place_layer(project, project.layers[0]) if part.cue == 2]
    assert joins_of(project) == [begin[0] - fade // 2, begin[1] - 150]


def test_unlike_sounds_share_their_power_and_like_ones_their_amplitude(home):
    cue = home.project.cue(2)
    time = round(cue.time * RATE)
    place, fade = time + 4000, 2000
    zone = slice(place - 1200, place - 800)  # its middle

    def level(excerpt) -> float:
        tail = dataclasses.replace(cue, tails=(Tail(4000, excerpt, fade),))
        project = home.project.with_cues([tail if c.id == 2 else c for c in home.project.cues])
        return float(np.sqrt(np.square(render(project, home.read).sum()[0, zone]).mean()))

    own = level(cue.excerpt)
    other = level(dataclasses.replace(cue.excerpt, sound=home.project.layers[0].candidates[1]))
    assert own == pytest.approx(float(np.sqrt(np.square(render(home.project, home.read).sum()[0, zone]).mean())))
    assert 20 * np.log10(other / own) == pytest.approx(0, abs=1.5)


def test_a_background_is_as_loud_as_what_it_follows_and_precedes():
    rng = np.random.default_rng(0)
    heard = rng.normal(0, 0.1, RATE) * np.exp(-3 * np.arange(RATE) / RATE)
    new = rng.normal(0, 0.03, (1, RATE))
    span = Span("main", RATE // 4, 3 * RATE // 4, ())
    out = blended_background(new, 0, span, 400, 0.0, heard[: span.end])
    for place in (span.begin + 400, span.end):
        old, own = (np.sqrt(np.square(x[..., place - 400 : place]).mean()) for x in (heard, out))
        assert 20 * np.log10(own / old) == pytest.approx(0, abs=1.0)
    silent = blended_background(0 * new, 0, span, 400, 0.0, heard[: span.end])
    assert not silent.any()


def test_a_sound_that_is_loud_before_its_onset_begins_with_its_attack(home):
    cue = home.project.cue(2)
    time, lead = round(cue.time * RATE), round(0.05 * RATE)
    excerpt = Excerpt("main", time - lead, time + 9000, time)
    span = Span("main", time - 2 * lead, time + 9000, (cue,))
    heard = np.full(time + 9000, 1e-3, np.float32)
    soft, loud = (np.full((1, len(heard)), level, np.float32) for level in (2e-3, 1e-2))
    assert tightened([excerpt], soft, span, home.project, heard) == [excerpt]
    (cut,) = tightened([excerpt], loud, span, home.project, heard)
    assert (cut.onset, cut.end) == (excerpt.onset, excerpt.end) and cut.lead == round(LEAST_LEAD * RATE)
    both = dataclasses.replace(span, cues=(home.project.cue(1), cue))  # it goes on from the one before
    assert tightened([excerpt, excerpt], loud, both, home.project, heard)[1] == excerpt


def test_what_is_drawn_anew_begins_just_before_its_first_attack(home):
    """There the attack hides the join; up to it the former sound is heard, which differs in level from the new lead."""
    track, sound = home.soundtrack.track, home.project.sounds["main"]
    former = [cue.excerpt for cue in home.project.cues[1:]]
    first, *others = excerpts_at(track, sound, home.project.cues[1:], RATE)
    assert first == dataclasses.replace(former[0], begin=former[0].onset - round(LEAST_LEAD * RATE))
    assert others == former[1:]
