"""The whole chain with toy weights: lengths, seeds, references of all kinds."""

import numpy as np
import pytest
import torch

from condfoley.audio.onsets import detect_onsets
from condfoley.comping.takes import Take
from condfoley.errors import InputError
from condfoley.foley import MATCH, Foley
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.matching.dynamics import loudness
from condfoley.matching.spectrum import mean_power
from condfoley.media import read_audio, write_clip, write_wav
from condfoley.networks.mel import spectrogram
from condfoley.networks.scorer import Shown
from condfoley.soundtrack import CEILING
from tests.made_up import pulses
from tests.tiny import write_tiny_weights

RATE, FPS = Geometry().sample_rate, 15.0


def clip(path, seconds, sound=True, fps=FPS, silent=False):
    """Noise bursts over a flickering picture."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (max(1, round(seconds * fps)), 32, 32, 3), dtype=np.uint8)
    wav = None
    if sound:
        t = np.arange(round(seconds * RATE)) / RATE
        wav = (rng.normal(0, 0.3, len(t)) * np.exp(-(t % 0.7) * 20)).astype(np.float32) * (not silent)
    write_clip(path, frames, fps, wav, RATE)
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("foley")


@pytest.fixture(scope="module")
def foley(home):
    return Foley.load(write_tiny_weights(home / "weights"))


@pytest.fixture(scope="module")
def reference(home):
    return clip(home / "reference.mp4", 4.0)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 1.9, 7.3, 60.0])
def test_the_soundtrack_is_as_long_as_the_target_and_nowhere_empty(foley, reference, home, seconds):
    target = clip(home / f"target{seconds}.mp4", seconds, sound=False)
    made = foley.generate(reference, target, candidates=1 if seconds > 20 else 2)
    assert abs(len(made.wav) / RATE - seconds) < 0.5 / FPS
    assert len(made.wav) == round(made.duration * RATE)
    assert np.isfinite(made.wav).all() and np.abs(made.wav).max() <= CEILING + 1e-6
    assert abs(made.wav.mean()) < 1e-4
    assert [made.settings[f"{name}_match"] for name in ("eq", "decay", "texture")] == [MATCH] * 3
    blocks = np.array_split(made.wav, max(1, round(seconds * 4)))
    assert min(np.abs(b).max() for b in blocks) > 0  # no silent tail
    assert len(made.picture_onsets) == len(made.target_frames)


def test_the_same_seed_gives_the_same_sound(foley, reference, home):
    target = clip(home / "seeded.mp4", 2.5, sound=False)
    many = foley.generate(reference, target, candidates=3, seed=5)
    one = foley.generate(reference, target, candidates=1, seed=6)
    assert [c.seed for c in many.candidates] == [5, 6, 7]
    assert np.allclose(many.candidates[1].wav, one.wav, atol=1e-3)  # sums in another order, nothing more
    assert np.abs(many.candidates[0].wav - one.wav).max() > 0.02 * np.abs(one.wav).max()


def test_the_soundtrack_is_as_loud_as_the_reference(foley, home):
    target = clip(home / "level.mp4", 2.5, sound=False)
    struck = pulses([0.3, 1.0], 2.0)
    made = []
    for gain in (0.4, 0.01):
        reference = write_wav(home / f"struck_{gain}.wav", gain * struck, RATE)
        made.append(foley.generate(reference, target, candidates=2))
        hits = detect_onsets(made[-1].wav, RATE)[0]
        wanted = loudness(gain * struck, np.array([0.3, 1.0]), RATE)
        assert loudness(made[-1].wav, hits, RATE) == pytest.approx(wanted, abs=1.5)
        for candidate in made[-1].candidates:
            assert loudness(candidate.wav, candidate.hits, RATE) == pytest.approx(wanted, abs=1.5)
        assert made[-1].wav[0] == 0 and made[-1].wav[-1] == 0


def test_long_targets_are_decoded_by_and_by_and_kept_outside_the_memory(foley, reference, home, monkeypatch):
    target = clip(home / "long.mp4", 2.5, sound=False)
    whole = foley.generate(reference, target, candidates=3)
    monkeypatch.setattr("condfoley.foley.TOGETHER", 2.0)
    monkeypatch.setattr("condfoley.foley.IN_MEMORY", 5.0)
    parts = foley.generate(reference, target, candidates=3)
    assert all(isinstance(c.wav, np.memmap) for c in parts.candidates)
    assert not any(isinstance(c.wav, np.memmap) for c in whole.candidates)
    for a, b in zip(parts.candidates, whole.candidates, strict=True):
        assert a.seed == b.seed and np.allclose(a.wav, b.wav, atol=1e-3)  # sums in another order, nothing more
    write_wav(home / "long.wav", parts.wav, RATE)
    assert np.allclose(read_audio(home / "long.wav", RATE), parts.wav, atol=1e-3)


def test_a_mirrored_picture_is_watched_as_if_it_had_been_turned(foley):
    frames = torch.randint(0, 255, (40, 32, 32, 3), dtype=torch.uint8)
    turned, plain = foley.video_encoder.encode_clip(frames.flip(2)), foley.video_encoder.encode_clip(frames)
    assert torch.allclose(foley.video_encoder.encode_clip(frames, mirrored=True), turned, atol=1e-6)
    assert not torch.allclose(turned, plain, atol=1e-3)


def test_long_clips_pass_the_network_by_and_by(foley):
    frames = torch.randint(0, 255, (75, 32, 32, 3), dtype=torch.uint8)
    whole, chunks = (foley.video_encoder.encode_clip(frames, chunk=n) for n in (300, 40))
    assert torch.allclose(foley.video_encoder.encode_clip(frames, chunk=300, batch=20), whole, atol=1e-5)
    assert torch.allclose(foley.video_encoder.encode_clip(frames, chunk=40, batch=20), chunks, atol=1e-5)


def test_the_soundtrack_is_comped(foley, reference, home, monkeypatch):
    target = clip(home / "comped.mp4", 5.0, sound=False)
    picture = np.eye(1, 75, 20, dtype=np.float32)[0]  # one hit
    monkeypatch.setattr(foley.referee, "picture_events", lambda *_: Shown(picture, 0 * picture, 0 * picture))
    takes = [Take(0.0, 1), Take(2.0, 0)]
    monkeypatch.setattr("condfoley.foley.comping.comped", lambda *_: takes)
    raw = {"candidates": 2, "decay_match": 0.0, "texture_match": 0.0, "dynamics": 0.0}
    made = foley.generate(reference, target, tolerance=9.0, **raw)
    first, second = (c.wav for c in made.candidates)
    assert made.takes == takes and all(c.agreement is not None for c in made.candidates)
    for taken, piece in ((second, slice(0, RATE)), (first, slice(3 * RATE, None))):  # each is as loud as the reference
        assert np.corrcoef(made.wav[piece], taken[piece])[0, 1] > 1 - 1e-6
    for off in ({"comp": False}, {"rerank": False}, {"mode": "published"}):
        whole = foley.generate(reference, target, **({"candidates": 2} if "mode" in off else raw), **off)
        assert whole.takes == [Take(0.0, whole.chosen)] and whole.wav is whole.candidates[whole.chosen].wav


def test_hits_fade_as_the_references_do(foley, reference, home, monkeypatch):
    target = clip(home / "fading.mp4", 2.5, sound=False)
    picture = np.eye(1, 38, 15, dtype=np.float32)[0]  # a hit at 1 s
    monkeypatch.setattr(foley, "_vocode", lambda *_: [pulses([1.0], 2.5) + 0.02 * pulses([1.7], 2.5, 900)])

    def made(sliding, **settings):
        monkeypatch.setattr(foley.referee, "picture_events", lambda *_: Shown(picture, sliding, 0 * picture))
        found = foley.generate(reference, target, candidates=1, align=False, texture_match=0.0, **settings)
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
    target = clip(home / "pulses.mp4", 2.5, sound=False)
    picture = np.eye(1, 38, 8, dtype=np.float32)[0] + np.eye(1, 38, 28, dtype=np.float32)[0]
    monkeypatch.setattr(foley.referee, "picture_events", lambda *_: Shown(picture, 0 * picture, 0 * picture))
    monkeypatch.setattr(foley, "_vocode", lambda *_: [pulses([t], 2.5) for t in (8 / 15, 28 / 15)])
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
    target = clip(home / "plain.mp4", 2.0, sound=False)
    with pytest.raises(InputError, match=complaint):
        foley.generate(reference, target, **settings)


def test_a_setting_that_is_none_is_refused(foley, reference):
    with pytest.raises(TypeError, match="candidate"):
        foley.generate(reference, reference, candidate=3)


def test_without_reranking_the_first_candidate_is_chosen(foley, reference, home):
    target = clip(home / "plain.mp4", 2.0, sound=False)
    assert foley.generate(reference, target, candidates=3, rerank=False).chosen == 0


@pytest.mark.parametrize("seconds", [0.3, 1.0, 12.0])
def test_references_of_any_length(foley, home, seconds):
    made = foley.generate(
        clip(home / f"ref{seconds}.mp4", seconds), clip(home / "t.mp4", 1.0, sound=False), candidates=1
    )
    assert made.reference_start + made.reference_duration <= seconds + 0.1
    assert len(made.reference_frames) >= 1


def test_a_reference_may_be_sound_alone(foley, home):
    rng = np.random.default_rng(1)
    write_wav(home / "ref.wav", rng.normal(0, 0.1, RATE * 3).astype(np.float32), RATE)
    made = foley.generate(home / "ref.wav", clip(home / "t2.mp4", 1.0, sound=False), candidates=1)
    assert made.reference_frames.shape[0] == 0 and len(made.wav) > 0.9 * RATE


def test_the_wished_reference_window_is_used(foley, reference, home):
    target = clip(home / "t3.mp4", 1.0, sound=False)
    assert foley.generate(reference, target, candidates=1, reference_start=1.25).reference_start == 1.25
    with pytest.raises(InputError, match="ends before"):
        foley.generate(reference, target, candidates=1, reference_start=9.0)
    with pytest.raises(InputError, match=r"give 0.1 s or more"):
        foley.generate(reference, target, candidates=1, reference_start=3.95)


def test_a_silent_reference_is_refused(foley, home):
    silent = clip(home / "silent.mp4", 2.0, silent=True)
    with pytest.raises(InputError, match="silent"):
        foley.generate(silent, silent)
    mute = clip(home / "mute.mp4", 2.0, sound=False)
    with pytest.raises(InputError, match="sound"):
        foley.generate(mute, mute)


def test_a_target_without_picture_is_refused(foley, home, reference):
    write_wav(home / "t.wav", np.zeros(RATE, np.float32) + 0.1, RATE)
    with pytest.raises(InputError, match="picture|video"):
        foley.generate(reference, home / "t.wav")


def test_the_sound_is_equalised_towards_the_reference(foley, reference, home, monkeypatch):
    target = clip(home / "equalised.mp4", 2.5, sound=False)
    vocode, given = foley._vocode, []
    monkeypatch.setattr(foley, "_vocode", lambda *words: given.append(words) or vocode(*words))

    def distance(share):
        wanted = mean_power(
            spectrogram(foley.generate(reference, target, eq_match=share).reference_wav, foley.geometry)
        ).log10()
        own = mean_power(given[-1][0]).log10()
        return (own - own.mean(1, keepdim=True) - wanted + wanted.mean()).abs().mean()

    assert distance(1.0) < 0.3 * distance(0.0)
    outside, unchanged = (words[2] for words in given)
    assert outside.min() < 1 and outside.max() == 1 and (unchanged == 1).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_a_soundtrack_of_the_same_length(foley, reference, home):
    target = clip(home / "on a gpu.mp4", 2.0, sound=False)
    made = Foley.load(home / "weights", device="cuda").generate(reference, target, candidates=2)
    assert len(made.wav) == 2 * RATE and np.isfinite(made.wav).all()
    assert len(made.candidates) == 2 and np.abs(made.wav).max() > 0
