"""Features of clips are the same whoever makes them, and made once."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from einops import rearrange

from condfoley.data.store import CachedClip, ClipStore
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.media import read_audio
from condfoley.networks.mel import window_spec
from condfoley.training import extract
from condfoley.training.config import TrainConfig
from condfoley.training.extract import normalise_rms, write_code_windows
from condfoley.training.features import Features
from condfoley.training.run import build
from condfoley.training.stages.sync import spec_window
from condfoley.weights import SHIPPED, load_part
from tests.tiny import write_tiny_weights
from tests.training.toy import config

EXAMPLE = Path(__file__).parents[2] / "condfoley" / "examples" / "hitting_metal.mp4"


@pytest.fixture(scope="module")
def decoded(clips, tmp_path_factory) -> tuple[TrainConfig, list[CachedClip]]:
    """Settings and clips; the features' cache is each test's own."""
    weights = write_tiny_weights(tmp_path_factory.mktemp("weights"))
    settings = config("sync", clips, weights.parent, weights=str(weights))
    cache = str(tmp_path_factory.mktemp("decoded"))
    settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, cache=cache))
    store = ClipStore.open(str(clips), settings.geometry, cache=cache, frame_size=40, renderings=2, workers=1)
    return settings, store.train + store.validation


def made(settings: TrainConfig, clips: list[CachedClip], cache: Path, **data) -> dict[str, bytes]:
    """All features, by the file that each is kept in."""
    settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, **data))
    features = Features(settings, cache, "cpu")
    f = features
    f.load(clips, f.picture_tokens(), f.code_windows(), f.spectrograms(), f.reconstructions())
    return {str(p.relative_to(cache)): p.read_bytes() for p in sorted(cache.rglob("*.np?"))}


@pytest.fixture(scope="module")
def here(decoded, tmp_path_factory) -> dict[str, bytes]:
    """What this process makes of them."""
    return made(*decoded, tmp_path_factory.mktemp("here"))


def test_two_processes_make_what_one_makes(decoded, here, tmp_path):
    assert len(here) == 4 * len(decoded[1])
    assert made(*decoded, tmp_path, workers=2) == here


def test_ray_makes_the_same(decoded, here, two_ray_workers, tmp_path):
    assert made(*decoded, tmp_path, engine="ray", workers=2) == here


def test_they_are_made_once(decoded, tmp_path, monkeypatch):
    made(*decoded, tmp_path)
    monkeypatch.setattr(extract, "load_part", None)
    made(*decoded, tmp_path)


def test_a_changed_clip_has_features_of_its_own(decoded, here, tmp_path):
    settings, clips = decoded
    changed = made(settings, [dataclasses.replace(clips[0], digest="changed"), *clips[1:]], tmp_path)
    assert len(changed) == len(here) and len(set(changed) - set(here)) == 4


def test_a_clip_that_nothing_can_be_made_of_is_named(decoded, tmp_path):
    settings, clips = decoded
    lost = dataclasses.replace(clips[0], name="lost", prefix=str(tmp_path / "lost"))
    features = Features(settings, tmp_path, "cpu")
    with pytest.raises(
        InputError, match="no features of lost can be made: .*lost.sound.npy cannot be read .no such file.*run again"
    ):
        features.load([*clips[1:], lost], features.spectrograms())


def test_other_settings_have_other_files(decoded, here, tmp_path):
    settings, clips = decoded
    louder = made(settings, clips, tmp_path / "louder", rms=0.1)
    published = made(dataclasses.replace(settings, geometry=Geometry(fmax=7000)), clips, tmp_path / "published")
    assert [name for name in louder if name not in here] == [name for name in louder if "rms0.1" in name] != []
    assert not set(published) & set(here)


def test_reconstructions_are_beside_the_spectrograms(decoded, tmp_path):
    settings, clips = decoded
    features = Features(settings, tmp_path, "cpu")
    for true, again in features.load(clips, features.spectrograms(), features.reconstructions()):
        assert true.shape == again.shape and not np.array_equal(true, again)
        assert 0 <= again.min() and again.max() <= 1


def test_windows_reach_beyond_a_spectrogram():
    spec = np.arange(1, 5, dtype=np.float16)[None]
    assert spec_window(spec, -1, 3).tolist() == [[0, 1, 2]]
    assert spec_window(spec, 3, 3).tolist() == [[4, 0, 0]]
    assert spec_window(spec, 9, 2).tolist() == [[0, 0]]


def test_one_gain_brings_sounds_to_a_level():
    wavs = np.array([[0.01, -0.01], [0.03, -0.03]], np.float32)
    out = normalise_rms(wavs, 0.1)
    assert np.sqrt(np.square(out).mean()) == pytest.approx(0.1, rel=1e-5)
    assert out[1, 0] / out[0, 0] == pytest.approx(3, rel=1e-5)
    assert np.abs(normalise_rms(np.array([[1.0] + [0.0] * 999], np.float32), 0.1)).max() == 1  # clipped
    assert np.abs(normalise_rms(np.full((1, 9), 1e-9, np.float32), 0.1)).max() < 1e-5  # silence stays silent


def test_codes_of_a_large_codebook_are_kept_as_they_are(decoded, tmp_path):
    class Large:
        """A tokenizer with more rows than int16 counts."""

        geometry, device = Geometry(), "cpu"

        def load(self):
            return self

        def encode(self, spec):
            return torch.full((len(spec), self.geometry.codes), 40_000)

    write_code_windows(Large(), "in_video", 0.0, decoded[1][0], tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz") as kept:
        assert (kept["codes"] == 40_000).all()


def test_codes_are_the_same_where_parts_are_run_in_bf16():
    tokenizer, g = load_part(SHIPPED, "tokenizer"), Geometry()
    wav = torch.from_numpy(read_audio(EXAMPLE, g.sample_rate))
    spec = window_spec(wav[: 3 * g.clip_samples].view(3, -1), g)
    codes = tokenizer.encode(spec)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(tokenizer.encode(spec), codes)
        coarse = rearrange(tokenizer.nearest(tokenizer.latent(spec)), "b h w -> b (w h)")
    assert (coarse != codes).float().mean() > 0.1  # the arithmetic is what matters here


@pytest.mark.parametrize("stage", ["transformer", "flow", "sync", "events", "bind"])
def test_a_run_begins_alike_whether_features_were_there_or_not(decoded, clips, monkeypatch, stage):
    settings, load = decoded[0], Features.load
    settings = config(stage, clips, Path(settings.weights).parent, weights=settings.weights, data=settings.data, seed=5)

    def start(**changes):
        return build(dataclasses.replace(settings, **changes)).trained_network().state_dict()

    def after_work(*inputs):
        found = load(*inputs)
        torch.randn(3)  # as networks that compute features do while they are loaded
        return found

    cold = start()
    monkeypatch.setattr(Features, "load", after_work)
    warm, other = start(), start(seed=6)
    assert all(torch.equal(cold[name], warm[name]) for name in cold)
    assert any(not torch.equal(cold[name], other[name]) for name in cold)
