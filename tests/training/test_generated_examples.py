"""The sync model learns from generated soundtracks: how they are made, and their labels."""

import dataclasses
import json

import numpy as np
import pytest
from accelerate import Accelerator

from condfoley.data.store import ClipStore
from condfoley.drafting.codes import CodeDrafter
from condfoley.errors import InputError
from condfoley.training import extract
from condfoley.training.config import TrainConfig
from condfoley.training.features import Features
from condfoley.training.run import main
from condfoley.training.stages.sync import GeneratedExamples, SyncStage
from condfoley.weights import drop_part
from tests.tiny import GEOMETRY, write_tiny_weights
from tests.training.toy import LOSSES, config


@pytest.fixture
def settings(clips, tmp_path) -> TrainConfig:
    write_tiny_weights(tmp_path / "weights")
    loss = dataclasses.replace(LOSSES["sync"], drafts=1.0, reconstructed=0.0, feature_noise=0.0)
    return config("sync", clips, tmp_path, loss=loss, steps=2, window=20)


def test_soundtracks_are_generated_for_each_clip_with_another_one_as_reference(settings, tmp_path, monkeypatch):
    store = ClipStore.open(settings.data.folder, GEOMETRY, cache=str(tmp_path / "c"), frame_size=40, workers=1)
    clips, heard = store.train + store.validation, []
    sample = CodeDrafter.sample

    def recording(drafter, tokens, exemplar, *rest):
        heard.append((len(tokens), exemplar.recording.window.mono))
        return sample(drafter, tokens, exemplar, *rest)

    monkeypatch.setattr(CodeDrafter, "sample", recording)

    def written(cache: str) -> list[GeneratedExamples]:
        features = Features(settings, tmp_path / cache, "cpu")
        return [GeneratedExamples(*made, np.zeros(0)) for (made,) in features.load(clips, features.generated(clips))]

    made = written("once")
    for clip, d, (frames, reference) in zip(clips, made, heard):
        others = [c.sound(t, 0, c.sample_count) for c in clips if c is not clip for t in range(c.tracks)]
        windows = [np.lib.stride_tricks.sliding_window_view(o, len(reference)) for o in others]
        assert frames == clip.frame_count and any((w == reference).all(1).any() for w in windows)
        duration = clip.frame_count / GEOMETRY.fps
        assert d.specs.shape[:2] == (extract.SOUNDTRACKS, GEOMETRY.n_mels) and d.specs.dtype == np.float16
        assert d.specs.shape[2] * GEOMETRY.hop >= duration * GEOMETRY.sample_rate - GEOMETRY.hop
        assert 0 <= d.specs.min() and d.specs.max() <= 1 and not np.array_equal(d.specs[0], d.specs[1])
        assert len(d.onsets) == extract.SOUNDTRACKS and (d.onsets[np.isfinite(d.onsets)] < duration + 0.1).all()
    assert all(np.array_equal(a, b, equal_nan=True) for x, y in zip(written("again"), made) for a, b in zip(x, y))


def test_generated_examples_agree_as_far_as_their_onsets_match_the_events():
    hits = np.array([[0.5, 1.5, np.nan], [0.9, 2.5, 3.07]])
    d = GeneratedExamples(np.zeros((2, 1, 1)), hits, np.array([0.5, 1.52, 2.5]))
    assert d.agreement(0, 0, 2) == 1 and d.agreement(0, 0, 4) == pytest.approx(0.8)
    assert d.agreement(1, 0, 2) == 0 and d.agreement(1, 2, 4) == pytest.approx(2 / 3)
    assert d.agreement(0, 3, 4) == 1  # nothing where nothing is
    other = GeneratedExamples(d.specs, hits, np.array([2.5, 3.0]))
    assert other.agreement(1, 2, 4) == pytest.approx(0.75)  # one within 0.1 s only


def test_labels_are_their_likeness_where_they_are_shifted_to(settings):
    stage = SyncStage(settings, Accelerator(cpu=True))
    most, fps, rate = stage.sizes.max_shift, GEOMETRY.fps, stage.sizes.mel_per_frame
    for e in stage.bank + stage.held_out:
        assert e.generated.events == pytest.approx(
            [x.time for x in e.clip.events if 0 <= x.time < e.clip.frame_count / fps]
        )
    (e,) = bank = stage.bank[:1]
    whole = np.zeros((1, stage.geometry.n_mels, round(e.clip.frame_count * rate) + 2), np.float16)
    whole[0, :, round(20 * rate)] = 1  # strikes with frame 20
    e.generated = GeneratedExamples(whole, np.array([[20 / fps]]), np.array([20 / fps, 30 / fps]))
    shifts = set()
    for seed in range(60):
        _, tokens, spec, label = stage.draw_pair(bank, np.random.default_rng(seed), 1, 1.0)
        shift = int(label[:-1].argmax()) - most if label[:-1].any() else 0
        start = next(i for i in range(e.clip.frame_count) if np.array_equal(e.tokens[0, i : i + 20], tokens))
        assert label.sum() == pytest.approx(1)
        if spec.any() and 1 <= start - shift <= 19:  # only the hit at frame 20 is heard, both are shown from 11 on
            assert label[shift + most] == pytest.approx(2 / 3 if start - shift > 10 else 1)
            assert spec[0].argmax() / rate == pytest.approx(20 - (start - shift), abs=0.7)
        shifts.add(shift)
    assert len(shifts) > 5 and 0 in shifts


def test_validation_measures_the_gain_and_the_parts_are_required(settings, tmp_path):
    main(settings)
    lines = [json.loads(x) for x in (tmp_path / "sync" / "metrics.jsonl").read_text().splitlines()]
    assert all(-1 <= line["val/gained"] <= 1 for line in lines if "val/cross_entropy" in line)
    assert any("val/gained" in line for line in lines)
    drop_part(tmp_path / "weights", "vocoder")
    with pytest.raises(InputError, match="needs the vocoder"):
        main(settings)
