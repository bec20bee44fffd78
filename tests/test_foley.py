"""The whole chain with toy weights: lengths, seeds, references of all kinds."""

import numpy as np
import pytest
import torch

from condfoley.audio import track as tracks
from condfoley.audio.levels import median_impact_db
from condfoley.audio.mel import spectrogram
from condfoley.audio.onsets import detect_onsets
from condfoley.audio.track import Track
from condfoley.comping import takes as comping
from condfoley.comping.takes import Take
from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.hits import Hits
from condfoley.inputs import Footage
from condfoley.matching.spectrum import mean_power
from condfoley.media import read_audio, read_frames, write_wav
from condfoley.memory import Limits
from condfoley.pipeline import FULL_MATCH, Pipeline
from condfoley.runtime.scorer import VisualEvents
from condfoley.soundtrack import MAX_PEAK
from tests.made_up import FPS, RATE, noise_clip, pulses, track
from tests.tiny import write_tiny_weights


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with `weights`."""
    folder = tmp_path_factory.mktemp("foley")
    write_tiny_weights(folder / "weights")
    return folder


@pytest.fixture(scope="module")
def foley(home):
    return Foley.load(home / "weights")


@pytest.fixture(scope="module")
def reference(home):
    return noise_clip(home / "reference.mp4", 4.0)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.9, 7.3, 60.0])
def test_the_soundtrack_is_as_long_as_the_target_and_nowhere_empty(foley, reference, home, seconds):
    target = noise_clip(home / f"target{seconds}.mp4", seconds, sound=False)
    made = foley.generate(reference, target, candidates=1 if seconds > 20 else 2)
    assert abs(len(made.wav) / RATE - seconds) < 0.5 / FPS
    assert len(made.wav) == round(made.duration * RATE)
    assert np.isfinite(made.wav).all() and np.abs(made.wav).max() <= MAX_PEAK + 1e-6
    assert abs(made.wav.mean()) < 1e-4
    assert [made.settings[f"{name}_match"] for name in ("eq", "decay", "texture")] == [FULL_MATCH] * 3
    blocks = np.array_split(made.wav, max(1, round(seconds * 4)))
    assert min(np.abs(b).max() for b in blocks) > 0  # no silent tail
    assert len(made.impact_probability) == len(made.target_frames)


def test_the_same_seed_gives_the_same_sound(foley, reference, home):
    target = noise_clip(home / "seeded.mp4", 2.5, sound=False)
    many = foley.generate(reference, target, candidates=3, seed=5, render="vocoder")
    one = foley.generate(reference, target, candidates=1, seed=6, render="vocoder")
    assert [c.seed for c in many.candidates] == [5, 6, 7]
    assert np.allclose(many.candidates[1].wav, one.wav, atol=1e-3)  # sums in another order, nothing more
    assert np.abs(many.candidates[0].wav - one.wav).max() > 0.01 * np.abs(one.wav).max()


def test_the_soundtrack_is_as_loud_as_the_reference(foley, home, monkeypatch):
    sounds = [track([0.4, 1.5], 2.5), track([0.1, 0.9, 1.8], 2.5, 900)]
    monkeypatch.setattr(Pipeline, "vocode", lambda *_: sounds)
    target = noise_clip(home / "level.mp4", 2.5, sound=False)
    struck = pulses([0.3, 1.0], 2.0)
    made = []
    for gain in (0.4, 0.01):
        reference = write_wav(home / f"struck_{gain}.wav", gain * struck, RATE)
        made.append(foley.generate(reference, target, candidates=2))
        wanted = median_impact_db(gain * struck, np.array([0.3, 1.0]), RATE)
        assert loudness(made[-1].wav) == pytest.approx(wanted, abs=1.5)
        for candidate in made[-1].candidates:
            assert loudness(candidate.wav) == pytest.approx(wanted, abs=1.5)
        ends = np.abs(made[-1].wav[[0, -1]]).max()
        assert ends < 0.01 * np.abs(made[-1].wav).max()


def loudness(wav):
    """dB, of the median impact."""
    return median_impact_db(wav, detect_onsets(wav, RATE)[0], RATE)


@pytest.mark.parametrize("spill", [True, False])
@pytest.mark.parametrize("seen", [True, False])
def test_a_candidate_taken_whole_is_the_soundtrack_at_its_level(home, monkeypatch, spill, seen):
    """However long the target is, and also where the picture shows no impact."""
    foley = Foley.load(home / "weights")
    foley.limits = Limits(spill_seconds=1.0 if spill else 1e9)
    target, struck = noise_clip(home / "whole.mp4", 2.5, sound=False), pulses([0.3, 1.0], 2.0)
    reference = write_wav(home / "struck.wav", 0.4 * struck, RATE)
    picture = np.eye(1, 38, 8, dtype=np.float32)[0] + np.eye(1, 38, 20, dtype=np.float32)[0]
    show(monkeypatch, foley, picture * seen)
    noisy = pulses([0.53, 1.33], 2.5) * 0.3  # two impacts, and one moment that is louder than both but has no onset
    ramp = np.linspace(0, 1, RATE // 2) ** 2 * np.random.default_rng(0).normal(0, 0.5, RATE // 2)
    noisy[-RATE // 2 :] += ramp.astype(np.float32)
    monkeypatch.setattr(Pipeline, "vocode", lambda self, specs, outer: [Track(noisy, RATE) for _ in specs])
    raw = {"dynamics": 0.0, "decay_match": 0.0, "texture_match": 0.0, "render": "vocoder"}
    made = foley.generate(reference, target, candidates=2, comp=False, **raw)
    whole = made.candidates[made.chosen]
    assert isinstance(whole.wav, np.memmap) is spill
    assert np.allclose(whole.wav, made.wav, atol=1e-6)
    assert loudness(made.wav) == pytest.approx(median_impact_db(0.4 * struck, np.array([0.3, 1.0]), RATE), abs=0.5)


def test_onsets_are_detected_at_most_once_in_a_sound(foley, reference, home, monkeypatch):
    detected, detect = [], tracks.detect_onsets
    monkeypatch.setattr(tracks, "detect_onsets", lambda w, r: detected.append(w.tobytes()) or detect(w, r))
    target = noise_clip(home / "counted.mp4", 2.5, sound=False)
    picture = np.eye(1, 38, 8, dtype=np.float32)[0] + np.eye(1, 38, 20, dtype=np.float32)[0]
    show(monkeypatch, foley, picture)
    for hits in (None, [0.4, 1.1]):
        detected.clear()
        foley.generate(reference, target, candidates=3, hits=hits)
        assert len(detected) == len(set(detected)) > 3


def show(monkeypatch, foley, onset, sliding=None, strength=None):
    """The target's picture is taken to show these events, (T,) each."""
    events = VisualEvents(onset, 0 * onset if sliding is None else sliding, 0 * onset if strength is None else strength)
    monkeypatch.setattr(foley.loaded.scorer, "visual_events", lambda *_: events)


def test_long_targets_are_decoded_in_parts_and_kept_on_disk(reference, home):
    target = noise_clip(home / "long.mp4", 2.5, sound=False)
    whole = Foley.load(home / "weights").generate(reference, target, candidates=3)
    limited = Foley.load(home / "weights")
    limited.limits = Limits(decode_seconds=2.0, spill_seconds=5.0, vocoder_chunk=64)
    parts = limited.generate(reference, target, candidates=3)
    assert all(isinstance(c.wav, np.memmap) for c in parts.candidates)
    assert not any(isinstance(c.wav, np.memmap) for c in whole.candidates)
    for a, b in zip(parts.candidates, whole.candidates, strict=True):
        assert a.seed == b.seed and np.allclose(a.wav, b.wav, atol=2e-3)  # sums in another order, nothing more
    write_wav(home / "long.wav", parts.wav, RATE)
    assert np.allclose(read_audio(home / "long.wav", RATE), parts.wav, atol=1e-3)


def test_a_mirrored_picture_is_watched_as_if_it_had_been_turned(foley):
    encoder = foley.loaded.engine.video_encoder
    frames = torch.randint(0, 255, (40, 32, 32, 3), dtype=torch.uint8)
    turned, plain = (
        encoder.encode_clip(frames.flip(2)),
        encoder.encode_clip(frames),
    )
    assert torch.allclose(encoder.encode_clip(frames, mirrored=True), turned, atol=1e-6)
    assert not torch.allclose(turned, plain, atol=1e-3)


def test_long_clips_pass_the_network_in_chunks(foley):
    encoder = foley.loaded.engine.video_encoder
    frames = torch.randint(0, 255, (75, 32, 32, 3), dtype=torch.uint8)
    whole, chunks = (encoder.encode_clip(frames, chunk=n) for n in (300, 40))
    assert torch.allclose(encoder.encode_clip(frames, chunk=300, batch=20), whole, atol=1e-5)
    assert torch.allclose(encoder.encode_clip(frames, chunk=40, batch=20), chunks, atol=1e-5)


def test_the_soundtrack_is_comped(foley, reference, home, monkeypatch):
    target = noise_clip(home / "comped.mp4", 5.0, sound=False)
    picture = np.eye(1, 75, 20, dtype=np.float32)[0]  # one hit
    show(monkeypatch, foley, picture)
    takes = [Take(0.0, 1), Take(2.0, 0)]
    monkeypatch.setattr(comping, "choose_takes", lambda *_: takes)
    raw = {"candidates": 2, "decay_match": 0.0, "texture_match": 0.0, "dynamics": 0.0, "render": "vocoder"}
    made = foley.generate(reference, target, tolerance=9.0, **raw)
    first, second = (c.wav for c in made.candidates)
    assert made.takes == takes and all(c.agreement is not None for c in made.candidates)
    for taken, piece in ((second, slice(0, RATE)), (first, slice(3 * RATE, None))):  # each is as loud as the reference
        assert np.corrcoef(made.wav[piece], taken[piece])[0, 1] > 1 - 1e-6
    for off in ({"comp": False}, {"rerank": False}, {"mode": "published"}):
        whole = foley.generate(reference, target, **({"candidates": 2} if "mode" in off else raw), **off)
        assert whole.takes == [Take(0.0, whole.chosen)] and np.array_equal(
            whole.wav, whole.candidates[whole.chosen].wav
        )


def test_hits_fade_as_the_references_do(foley, reference, home, monkeypatch):
    target = noise_clip(home / "fading.mp4", 2.5, sound=False)
    picture = np.eye(1, 38, 15, dtype=np.float32)[0]  # a hit at 1 s
    sound = Track(pulses([1.0], 2.5) + 0.02 * pulses([1.7], 2.5, 900), RATE)
    monkeypatch.setattr(Pipeline, "vocode", lambda *_: [sound])

    def made(sliding, **settings):
        show(monkeypatch, foley, picture, sliding)
        own = {"align": False, "texture_match": 0.0, "render": "vocoder"}
        found = foley.generate(reference, target, candidates=1, **own, **settings)
        assert np.allclose(found.candidates[0].wav, found.wav, atol=1e-4)  # the candidate fades as well
        return found.wav

    still = np.zeros(38, np.float32)
    raw, shaped, slides = made(still, decay_match=0.0), made(still), made(still + 1)
    assert np.allclose(shaped[: RATE - 500], raw[: RATE - 500], atol=3e-3)  # before the hit nothing changes
    assert shaped[RATE : RATE + 700].std() == pytest.approx(
        raw[RATE : RATE + 700].std(), rel=0.4
    )  # nor does its attack
    swell = slice(round(1.7 * RATE), round(2.0 * RATE))
    assert np.abs(shaped[swell]).max() < 0.3 * np.abs(raw[swell]).max() and np.allclose(slides, raw, atol=1e-4)


def test_comping_meets_more_hits_than_any_candidate(foley, reference, home, monkeypatch):
    target = noise_clip(home / "pulses.mp4", 2.5, sound=False)
    picture = np.eye(1, 38, 8, dtype=np.float32)[0] + np.eye(1, 38, 28, dtype=np.float32)[0]
    show(monkeypatch, foley, picture)
    monkeypatch.setattr(Pipeline, "vocode", lambda *_: [track([t], 2.5) for t in (8 / 15, 28 / 15)])
    made = foley.generate(reference, target, candidates=2, tolerance=9.0)
    assert len(made.takes) == 2 and made.chosen in (0, 1) and max(c.agreement for c in made.candidates) < 0.7
    assert detect_onsets(made.wav, RATE)[0] == pytest.approx([8 / 15, 28 / 15], abs=0.03)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"candidates": 0}, "1 or more"),
        ({"temperature": 0.0}, "above 0"),
        ({"top_p": 2.0}, "at most 1"),
        ({"mode": "x"}, "corrected or published"),
        ({"dynamics": float("nan")}, "0 to 1"),
        ({"mode": "published", "eq_match": 0.5}, "its own --eq-match"),
        ({"hits": Hits(np.array([0.5]), np.array([np.nan])), "rerank": False}, "leave out one"),
        ({"hits": Hits(np.array([9.0]), np.array([np.nan]))}, "past the end"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_python_too(foley, reference, home, settings, complaint):
    target = noise_clip(home / "plain.mp4", 2.0, sound=False)
    with pytest.raises(InputError, match=complaint):
        foley.generate(reference, target, **settings)


def test_a_setting_that_is_none_is_refused(foley, reference):
    with pytest.raises(TypeError, match="candidate"):
        foley.generate(reference, reference, candidate=3)


def test_without_reranking_the_first_candidate_is_chosen(foley, reference, home):
    target = noise_clip(home / "plain.mp4", 2.0, sound=False)
    assert foley.generate(reference, target, candidates=3, rerank=False).chosen == 0


@pytest.mark.parametrize("seconds", [0.3, 1.0, 12.0])
def test_references_of_any_length(foley, home, seconds):
    made = foley.generate(
        noise_clip(home / f"ref{seconds}.mp4", seconds), noise_clip(home / "t.mp4", 1.0, sound=False), candidates=1
    )
    assert made.reference_start + made.reference.duration <= seconds + 0.1
    assert len(made.reference_frames) >= 1


def test_a_reference_may_be_sound_alone(foley, home):
    rng = np.random.default_rng(1)
    write_wav(home / "ref.wav", rng.normal(0, 0.1, RATE * 3).astype(np.float32), RATE)
    made = foley.generate(home / "ref.wav", noise_clip(home / "t2.mp4", 1.0, sound=False), candidates=1)
    assert made.reference_frames.shape[0] == 0 and len(made.wav) > 0.9 * RATE


def test_the_wished_reference_window_is_used(foley, reference, home):
    target = noise_clip(home / "t3.mp4", 1.0, sound=False)
    assert foley.generate(reference, target, candidates=1, reference_start=1.25).reference_start == 1.25
    with pytest.raises(InputError, match="ends before"):
        foley.generate(reference, target, candidates=1, reference_start=9.0)
    with pytest.raises(InputError, match=r"give 0.1 s or more"):
        foley.generate(reference, target, candidates=1, reference_start=3.95)


def test_a_silent_reference_is_refused(foley, home):
    silent = noise_clip(home / "silent.mp4", 2.0, silent=True)
    with pytest.raises(InputError, match="silent"):
        foley.generate(silent, silent)
    mute = noise_clip(home / "mute.mp4", 2.0, sound=False)
    with pytest.raises(InputError, match="sound"):
        foley.generate(mute, mute)


def test_a_target_without_picture_is_refused(foley, home, reference):
    write_wav(home / "t.wav", np.zeros(RATE, np.float32) + 0.1, RATE)
    with pytest.raises(InputError, match="picture|video"):
        foley.generate(reference, home / "t.wav")


def test_weights_whose_sound_is_no_numbers_are_refused(foley, reference, home, monkeypatch):
    vocode = foley.loaded.engine.vocode
    monkeypatch.setattr(foley.loaded.engine, "vocode", lambda specs: vocode(specs) * np.nan)
    target = noise_clip(home / "no_numbers.mp4", 1.0, sound=False)
    with pytest.raises(
        InputError, match="the weights weights make a sound of values that are no numbers; get a fresh copy"
    ):
        foley.generate(reference, target, candidates=1)


def test_the_sound_is_equalised_towards_the_reference(foley, reference, home, monkeypatch):
    target = noise_clip(home / "equalised.mp4", 2.5, sound=False)
    vocode, given = Pipeline.vocode, []
    monkeypatch.setattr(Pipeline, "vocode", lambda self, *words: given.append(words) or vocode(self, *words))

    def distance(share):
        made = foley.generate(reference, target, eq_match=share)
        wanted, own = (np.log10(mean_power(s)) for s in (spectrogram(made.reference.mono, made.geometry), given[-1][0]))
        return np.abs(own - own.mean(1, keepdims=True) - wanted + wanted.mean()).mean()

    assert distance(1.0) < 0.3 * distance(0.0)
    outside, unchanged = (words[1] for words in given)
    assert outside.min() < 1 and outside.max() == 1 and (unchanged == 1).all()


def test_arrays_give_what_files_give(foley, reference, home):
    target = noise_clip(home / "arrays.mp4", 2.0, sound=False)
    settings = {"candidates": 2, "seed": 4}
    files = foley.generate(reference, target, **settings)
    pictures = [read_frames(path, FPS, 32) for path in (reference, target)]
    wav = read_audio(reference, RATE)
    times = [np.arange(len(p)) / FPS for p in pictures]
    arrays = foley.render(
        Footage(pictures[0], times[0], wav, RATE), Footage(pictures[1], times[1], name="the target"), **settings
    )
    assert np.array_equal(arrays.target_frames, files.target_frames)
    assert np.allclose(arrays.wav, files.wav, atol=1e-4)
    with pytest.raises(InputError, match="the target has no picture"):
        foley.render(Footage(samples=wav, rate=RATE), Footage(samples=wav, rate=RATE, name="the target"))
    with pytest.raises(InputError, match="the reference has no sound"):
        foley.render(Footage(pictures[0], times[0], name="the reference"), Footage(pictures[1], times[1]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_a_soundtrack_of_the_same_length(foley, reference, home):
    target = noise_clip(home / "on a gpu.mp4", 2.0, sound=False)
    made = Foley.load(home / "weights", device="cuda").generate(reference, target, candidates=2)
    assert len(made.wav) == 2 * RATE and np.isfinite(made.wav).all()
    assert len(made.candidates) == 2 and np.abs(made.wav).max() > 0
