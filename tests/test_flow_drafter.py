"""The generator flow on random weights: what it drafts follows its seed, its surroundings and the sound it starts from."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from condfoley import Foley
from condfoley.cli.main import main
from condfoley.drafting.drafter import Around, Section, Source
from condfoley.drafting.flow import FlowDrafter
from condfoley.encoded import Exemplar
from condfoley.errors import InputError
from condfoley.hits import Hits
from condfoley.inputs import ClipFile, Footage
from condfoley.memory import Limits
from condfoley.redraw import Redraw, section
from condfoley.settings import Settings
from condfoley.weights import drop_part, read_card
from tests.made_up import RATE, noise_clip, pulses
from tests.tiny import FLOWS, GEOMETRY, write_tiny_flow, write_tiny_weights

G = GEOMETRY


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("flow")


@pytest.fixture(scope="module")
def clips(home):
    return noise_clip(home / "reference.mp4", 3.0), noise_clip(home / "target.mp4", 5.0, sound=False)


@pytest.fixture(scope="module")
def folders(home):
    out = {space: write_tiny_flow(home / space, space, transformer=False) for space in FLOWS}
    drop_part(out["patches"], "tokenizer")  # patches need none
    return out | {"both": write_tiny_flow(home / "both"), "transformer": write_tiny_weights(home / "transformer")}


@pytest.fixture(scope="module", params=FLOWS)
def foley(request, folders):
    return Foley.load(folders[request.param])


class Drafting:
    """Drafts of made-up tokens and sounds, and what they are made from."""

    def __init__(self, foley, duration=4.0, limits=None):
        rng = np.random.default_rng(0)
        self.drafter = FlowDrafter(foley.loaded, foley.geometry, duration, limits or Limits())
        self.tokens = rng.normal(size=(80, 24)).astype(np.float32)
        sound = self.drafter.encode(pulses([0.3, 1.1], 2.0))
        self.exemplar = Exemplar(rng.normal(size=(1, 28, 24)).astype(np.float32), sound, None)
        self.sampling = self.drafter.sampling(Settings())

    def __call__(self, seeds=(1, 2), **how):
        sampling = self.sampling | how.pop("sampling", {})
        return self.drafter.draft(self.tokens, how.pop("exemplar", self.exemplar), seeds, sampling, **how).tokens


@pytest.fixture(scope="module")
def drafting(foley):
    return Drafting(foley)


def test_a_soundtrack_is_generated_and_tells_how(foley, clips):
    made = foley.generate(*clips, candidates=2, seed=3, steps=2, render="vocoder")
    assert len(made.wav) == round(5.0 * RATE) and made.codes is None
    assert {k: made.settings[k] for k in ("generator", "steps", "solver", "picture_guidance", "temperature")} == {
        "generator": "flow", "steps": 2, "solver": "euler", "picture_guidance": 3.0, "temperature": None,
    }  # fmt: skip
    again = foley.generate(*clips, Settings.of(made.settings))
    assert np.array_equal(made.wav, again.wav)
    other = foley.generate(*clips, candidates=2, seed=3, steps=3, solver="heun", render="vocoder")
    assert not np.allclose(made.candidates[0].track.wav, other.candidates[0].track.wav, atol=1e-3)


def test_a_seed_gives_the_same_draft_in_any_batch(foley, drafting):
    many = drafting((1, 2, 3))
    assert np.abs(drafting((2,))[0] - many[1]).max() < 1e-4 and np.abs(many[0] - many[1]).max() > 0.1
    few = Drafting(foley, limits=Limits(decode_seconds=4.0, spill_seconds=8.0))  # one at a time, kept in a file
    spilled = few((1, 2, 3))
    assert isinstance(spilled, np.memmap) and np.abs(spilled - many).max() < 1e-4


@pytest.mark.parametrize("guidance, encoded", [((1.0, 3.0), 2), ((1.0, 1.0), 1), ((0.0, 3.0), 1), ((2.0, 1.0), 2)])
def test_the_reference_is_encoded_once_for_each_drop_of_it(drafting, monkeypatch, guidance, encoded):
    engine, calls = drafting.drafter.engine, []

    def flow_reference(*inputs):
        calls.append([*map(bool, inputs[2:])])
        return type(engine).flow_reference(engine, *inputs)

    monkeypatch.setattr(engine, "flow_reference", flow_reference)
    sampling = dict(zip(("guidance", "picture_guidance"), guidance, strict=True))
    for seeds, more in (((1,), {"steps": 1}), ((1, 2, 3), {"steps": 3, "solver": "heun"})):
        calls.clear()
        drafting(seeds, sampling=sampling | more)
        assert len(calls) == encoded == len({no_reference for no_reference, _ in calls})
    calls.clear()
    drafting((1,), exemplar=Exemplar(None, drafting.exemplar.sound, None), sampling=sampling)
    assert all(no_picture for _, no_picture in calls)


def test_drafts_are_spectrograms_as_long_as_the_target(drafting):
    drafts = drafting.drafter.draft(drafting.tokens, drafting.exemplar, [4, 5], drafting.sampling)
    specs = drafts.spectrograms(slice(1, 2))
    assert len(drafts) == 2 and specs.shape == (1, 80, G.columns_for(4.0) * G.column_mel_frames)
    assert specs.min() >= 0 and specs.max() <= 1 and specs.std() > 0.01


def test_picture_and_reference_count_each_with_its_guidance(drafting):
    plain = {"guidance": 1.0, "picture_guidance": 1.0}
    base, tokens = drafting(sampling=plain), drafting.tokens
    other = Exemplar(drafting.exemplar.tokens, -drafting.exemplar.sound, None)
    blind = Exemplar(None, drafting.exemplar.sound, None)
    for changed in (
        drafting(sampling=plain, exemplar=other),
        drafting(sampling=plain, exemplar=blind),
        drafting(sampling=plain | {"guidance": 3.0}),
        drafting(sampling=plain | {"picture_guidance": 3.0}),
    ):
        assert np.abs(changed - base).max() > 1e-3
    nothing = drafting(sampling={"guidance": 0.0, "picture_guidance": 0.0})
    drafting.tokens = -tokens
    assert np.abs(drafting(sampling=plain) - base).max() > 1e-3
    assert np.abs(drafting(sampling={"guidance": 0.0, "picture_guidance": 0.0}) - nothing).max() < 1e-5
    drafting.tokens = tokens


def test_the_picture_moves_on_with_the_windows(drafting):
    wanted, tokens = {"guidance": 1.0, "picture_guidance": 1.0, "steps": 1}, drafting.tokens
    before = drafting(sampling=wanted)
    drafting.tokens = np.concatenate([tokens[:40], -tokens[40:]])  # another picture from 2.7 s on
    difference = np.abs(drafting(sampling=wanted) - before).max((0, 2))
    drafting.tokens = tokens
    first = before.shape[1] // 4  # of the first window alone, which sees 1.9 s
    assert difference[:first].max() < 1e-5 and difference[-first:].min() > 1e-3


def test_both_sides_of_a_section_are_known_and_what_is_replaced_is_not(foley):
    heard = np.random.default_rng(1).normal(0, 0.1, 20 * RATE).astype(np.float32)
    place = section((5.0, 6.0), (0.0, 20.0), G, both_sides=True)
    assert place.known >= 10 and place.known_after >= 9
    begin, end = place.first + place.known, place.last - place.known_after
    assert begin * G.column_samples / RATE <= 5.0 - 0.05 and end * G.column_samples / RATE >= 6.0
    drafter = Drafting(foley, ((place.last - place.first) * G.column_samples - 0.25) / RATE)
    silent = heard.copy()
    silent[begin * G.column_samples : end * G.column_samples] = 0
    one, two = (drafter(around=Around(place, wav, 3.0)) for wav in (heard, silent))
    per = drafter.drafter.per_column
    assert one.shape[1] == (place.last - place.first) * per and np.array_equal(one, two)
    known = drafter.drafter.known_tokens(Around(place, heard, 3.0))
    assert known.where.sum() == (place.known + place.known_after) * per
    assert np.array_equal(one[0][known.where], known.values[known.where])
    free = drafter(around=Around(place, None, 3.0))
    assert np.abs(free - one)[:, ~known.where].max() > 1e-3  # what is known counts for the rest
    cut = drafter.drafter.known_tokens(Around(place, heard[: end * G.column_samples], 3.0))
    assert cut.where.sum() == place.known * per  # nothing is heard behind the span
    short = section((1.0, 1.9), (0.0, 1.95), G, both_sides=True)  # the section is longer than the whole sound
    ends = drafter.drafter.known_tokens(Around(short, heard[: round(1.9 * RATE)], 0.0))
    assert short.last * G.column_samples > 1.95 * RATE and ends.where.sum() == short.known * per


def test_a_section_of_a_short_scene_knows_nothing_behind_its_end():
    assert section((0.2, 0.9), (0.0, 1.0), G, both_sides=True) == Section(0, 20, 1)
    assert section((3.0, 3.5), (0.0, 20.0), G).known_after == 0


def test_the_strength_says_how_much_of_a_sound_is_kept(drafting, monkeypatch):
    wav = pulses([0.5, 1.7, 3.0], 4.0)
    source = drafting.drafter.encode_long(wav)
    assert np.array_equal(drafting(source=Source(wav, 0.0))[0], source)
    assert np.abs(drafting(source=Source(wav, 1.0)) - drafting()).max() < 1e-5

    def ideal(*about):
        """The best estimate where clean tokens are normal: then the flow leaves what it starts from nearly as it is."""
        return lambda x, time: x * np.float32(time / (time**2 + (1 - time) ** 2))

    monkeypatch.setattr(FlowDrafter, "estimator", ideal)
    many = {"steps": 40}
    away = [np.abs(drafting(source=Source(wav, s), sampling=many) - source).mean() for s in (0.1, 0.3, 0.6, 1.0)]
    assert away[0] < 0.3 * away[3] and away[0] < away[1] < away[2] < away[3]


def test_a_long_sound_is_encoded_as_its_windows_are(drafting):
    wav = pulses([0.4, 1.2, 2.9], 4.0)
    first = drafting.drafter.encode(wav)[0]
    encoded = drafting.drafter.encode_long(wav)
    clear = len(first) // 2  # what no other window overlaps
    assert encoded[:clear] == pytest.approx(first[:clear], abs=0.05)


def test_a_soundtrack_starts_from_another_one(folders, clips, home):
    foley, temp = Foley.load(folders["both"]), pulses([0.9, 2.2, 3.6], 5.0)
    start = Footage(samples=temp, rate=RATE, name="temp.wav")
    reference, target = map(ClipFile, clips)
    how = {"render": "vocoder", "generator": "flow", "candidates": 1, "comp": False, "align": False, "rerank": False}
    how |= dict.fromkeys(("eq_match", "decay_match", "texture_match", "dynamics"), 0.0)
    kept = foley.render(reference, target, start_from=start, strength=0.0, **how)
    levels = [np.abs(kept.wav[round(t * RATE) :][: RATE // 10]).max() for t in (0.9, 2.2, 3.6, 1.5, 2.8)]
    assert kept.settings["strength"] == 0 and min(levels[:3]) > 2 * max(levels[3:])
    free = foley.render(reference, target, **how)
    assert "strength" not in free.settings and not np.allclose(free.wav, kept.wav, atol=1e-2)
    for bad, message in (
        (
            {"start_from": Footage(samples=temp[:RATE], rate=RATE, name="s.wav")},
            "s.wav lasts 1.00 s and the target 5.00 s",
        ),
        ({"start_from": start, "strength": 1.5}, "--strength is 1.5; give a number from 0 to 1"),
        ({"start_from": start, "generator": "transformer"}, "--start-from needs the generator flow"),
        ({"start_from": target}, "target.mp4 has no sound; give one to start from"),
    ):
        with pytest.raises(InputError, match=message):
            foley.render(reference, target, **how | bad)


def test_a_span_is_drawn_between_what_is_heard_or_starts_from_it(folders, clips):
    foley = Foley.load(folders["both"])
    reference, target = map(ClipFile, clips)
    heard = pulses([1.0, 2.4, 3.2], 5.0)
    wanted = Redraw((2.0, 2.8), Hits(np.array([2.4]), np.array([0.5])), heard=heard)
    made = {}
    for name, change, how in (
        ("transformer", {}, {"generator": "transformer"}),
        ("flow", {}, {}),
        ("changed", {"strength": 0.2}, {}),
    ):
        changed = Redraw(**asdict(wanted) | {"cues": wanted.cues} | change)
        made[name] = foley.redraw(reference, target, changed, **{"candidates": 1, "generator": "flow"} | how).track
    assert len(made["flow"]) > len(made["transformer"])  # a longer part behind the span
    assert not np.allclose(made["flow"].wav, made["changed"].wav, atol=1e-3)
    with pytest.raises(InputError, match="--strength needs the generator flow"):
        foley.redraw(reference, target, changed, generator="transformer")
    with pytest.raises(InputError, match="nothing is known here"):
        unheard = Redraw(wanted.span, wanted.cues, strength=0.5)
        foley.redraw(reference, target, unheard, generator="flow")


def test_auto_is_what_the_card_names_or_what_there_is(folders, home):
    def chosen(name, asked="auto"):
        return Foley.load(folders[name]).loaded.generator(asked)

    assert [chosen(name) for name in ("patches", "latents", "transformer", "both")] == [
        "flow", "flow", "transformer", "transformer",
    ]  # fmt: skip
    assert chosen("both", "flow") == "flow"
    preferring = write_tiny_flow(home / "preferring")
    card = read_card(preferring) | {"generator": "flow"}
    (preferring / "card.json").write_text(json.dumps(card))
    loaded = Foley.load(preferring).loaded
    assert loaded.generator() == "flow" and loaded.generator("transformer") == "transformer"
    with pytest.raises(InputError, match="have no flow; leave out --generator, or give transformer"):
        chosen("transformer", "flow")
    with pytest.raises(InputError, match="have no transformer"):
        Foley.load(folders["patches"]).pipeline(1.0, mode="published").sampling(Settings(mode="published"))


@pytest.mark.parametrize(
    "words, message",
    [
        (["--generator", "flow"], "the weights in WEIGHTS have no flow"),
        (["--strength", "0.5"], "give that sound with --start-from"),
        (["--start-from", "TEMP", "--strength", "2"], "--strength is 2; give a number from 0 to 1"),
        (["--start-from", "TEMP"], "lasts 3.00 s and the target 5.00 s"),
        (["--start-from", "TEMP", "--generator", "transformer"], "--start-from needs the generator flow"),
        (["--start-from", "TEMP", "--layer", "a=TEMP@0:1"], "leave out --layer"),
        (["--steps", "0"], "--steps is 0; give a number from 1 to"),
        (["--steps", "4"], "--steps is of the generator flow; leave it out with transformer"),
        (["--mode", "published", "--generator", "flow"], "leave out --generator flow"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(folders, clips, tmp_path, capsys, words, message):
    weights, places = folders["transformer"], {"TEMP": str(clips[0])}
    argv = ["--reference", str(clips[0]), "--target", str(clips[1]), "--out", str(tmp_path / "out"), "--quiet"]
    given = [word.replace("TEMP", places["TEMP"]) for word in words]
    assert main(["generate", *argv, "--weights", str(weights), *given]) == 2
    told = capsys.readouterr().err
    assert message.replace("WEIGHTS", str(weights)) in told and len(told.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_settings_of_the_transformer_are_refused_with_flow(drafting):
    with pytest.raises(InputError, match="--top-p is of the generator transformer; leave it out with flow"):
        drafting.drafter.sampling(Settings(top_p=0.9))


def test_weights_without_a_generator_are_refused(home):
    folder = write_tiny_weights(home / "neither")
    drop_part(folder, "transformer")
    with pytest.raises(InputError, match="have no generator, neither transformer nor flow"):
        Foley.load(folder)
