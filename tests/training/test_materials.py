"""The material judge of single impacts: what it hears, what it learns from, and what it takes for a clip's label."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from condfoley.cli.arguments import parse_config
from condfoley.data.materials import GROUP_OF, GROUPS, label_of
from condfoley.data.simulation.bank import SOUNDS, SoundBank
from condfoley.errors import InputError
from condfoley.evaluation.classifiers import SHARE, Classifiers
from condfoley.evaluation.impacts import MOST, impact_spectrograms, impact_times
from condfoley.networks.judges import PART, ImpactNet, Judges
from condfoley.training.config import TrainConfig
from condfoley.training.impacts import change, draw_impacts
from condfoley.training.run import main
from condfoley.weights import read_card, save_part
from tests.tiny import GEOMETRY
from tests.training.toy import JUDGES, config

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "recordings"
FRAMES = 16
SIZES = replace(JUDGES, impact_frames=FRAMES, impact_widths=(4, 8), impact_materials=("drum", "metal"))
WINDOWS = ("bell", "cymbal", "drum", "generic")  # labels of the classifier of windows


def bursts(times: list[float], seconds: float = 2.0) -> np.ndarray:
    """Decaying noise at each of the times, in silence."""
    rate, rng = GEOMETRY.sample_rate, np.random.default_rng(3)
    wav = np.zeros(round(seconds * rate), np.float32)
    for k, time in enumerate(times):
        n = min(rate // 4, len(wav) - round(time * rate))
        wav[round(time * rate) :][:n] += rng.normal(0, 0.3 / (k + 1), n) * np.exp(-np.arange(n) / (0.04 * rate))
    return wav


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Judges whose classifier of impacts learned drum and metal from a few instruments, beside untrained ones of windows."""
    home = tmp_path_factory.mktemp("materials")
    torch.manual_seed(0)
    save_part(home / "start", PART, Judges(replace(JUDGES, materials=WINDOWS)), GEOMETRY, {})
    toy = config("judges", RECORDINGS, home, judges=SIZES, init=str(home / "start"))
    data = replace(toy.data, instruments=24)
    main(
        replace(toy, data=data, steps=40, batch_size=16, lr=1e-2, evaluate_every=40, checkpoint_every=40, log_every=10)
    )
    return home / "weights"


def test_it_learns_and_leaves_its_records(weights):
    lines = [json.loads(x) for x in (weights.parent / "judges" / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["material"] > lines[-2]["material"] and "val/material_accuracy" in lines[-1]
    assert list((weights.parent / "judges" / "samples").glob("*.png"))
    sizes = read_card(weights)["parts"][PART]["config"]
    assert sizes["impact_frames"] == FRAMES and sizes["materials"] == list(WINDOWS)
    start, trained = (Classifiers.load(weights.parent / name).network for name in ("start", "weights"))
    kept = dict(start.named_parameters())
    assert all(torch.equal(kept[name], x) for name, x in trained.named_parameters() if not name.startswith("impacts."))
    assert start.impacts is None and isinstance(trained.impacts, ImpactNet)


def test_training_goes_on_from_a_classifier_of_the_same_sizes(weights):
    here = weights.parent
    once = Classifiers.load(weights).network
    further = config("judges", RECORDINGS, here, judges=SIZES, init=str(weights), out=str(here / "more"), steps=0)
    main(replace(further, weights=str(here / "further"), data=replace(further.data, instruments=4)))
    again = Classifiers.load(here / "further").network
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
    wider = replace(further, judges=replace(SIZES, impact_widths=(4, 9)), out=str(here / "wider"))
    main(replace(wider, weights=str(here / "wide"), data=replace(further.data, instruments=4)))
    assert Classifiers.load(here / "wide").network.config.impact_widths == (4, 9)


def test_both_classifiers_have_their_say(weights):
    classifiers = Classifiers.load(weights)
    assert classifiers.materials == ("drum", "metal")
    of_windows = np.array([0.3, 0.3, 0.1, 0.3])  # bell and cymbal are metal, generic is nothing
    both = classifiers._both(of_windows, np.array([0.5, 0.5]))
    assert both.sum() == pytest.approx(1) and both[1] / both[0] == pytest.approx(6 ** (1 - SHARE), rel=0.02)
    assert classifiers._both(of_windows, np.array([0.999, 0.001])).argmax() == 0
    assert np.isfinite(classifiers._both(np.array([0, 0, 0, 1.0]), np.array([1.0, 0]))).all()


def test_it_answers_for_sounds_of_any_length_and_level(weights):
    classifiers = Classifiers.load(weights)
    wav = bursts([0.3, 0.9, 1.5])
    found = classifiers.predict(wav)
    assert found.materials.shape == (2,) and found.materials.sum() == pytest.approx(1)
    assert found.embedding.shape == (JUDGES.hidden,) and found.actions.sum() == pytest.approx(1)
    np.testing.assert_allclose(classifiers.predict(0.1 * wav).materials, found.materials, atol=1e-4)
    for short in (np.zeros(10, np.float32), np.zeros(30000, np.float32), wav[:900]):
        assert np.isfinite(classifiers.predict(short).materials).all()
    assert classifiers.label_of("material", "bell") == "metal" and classifiers.label_of("material", "water") == ""
    assert classifiers.label_of("action", "hit") == "hit"


def test_impacts_are_cut_at_the_next_one_whatever_their_level():
    wav = bursts([0.5, 0.75, 1.5])
    spec = impact_spectrograms(wav, [0.5, 0.75, 1.5], 60, GEOMETRY)
    assert spec.shape == (3, GEOMETRY.n_mels, 60) and (spec.max((1, 2)) == 1).all() and spec.min() == -1
    frames = round(0.25 * GEOMETRY.sample_rate / GEOMETRY.hop)
    assert (spec[0, :, frames + 3 :] == -1).all() and (spec[0, :, :frames] > -1).any()
    np.testing.assert_allclose(impact_spectrograms(wav / 30, [0.5, 0.75, 1.5], 60, GEOMETRY), spec, atol=1e-4)


def test_only_the_loudest_impacts_are_heard():
    times = [0.05 + 0.12 * k for k in range(MOST + 3)]
    spec = impact_spectrograms(bursts(times), times, 8, GEOMETRY)
    assert len(spec) == MOST
    assert len(impact_spectrograms(bursts([0.5]), [], 8, GEOMETRY)) == 0


def test_without_onsets_the_loudest_time_is_heard():
    rate = GEOMETRY.sample_rate
    swell = np.sin(np.arange(2 * rate) * 0.05) * np.exp(-(((np.arange(2 * rate) / rate - 1.2) / 0.5) ** 2))
    (time,) = impact_times(swell.astype(np.float32), GEOMETRY)
    assert time == pytest.approx(1.2, abs=0.2)
    assert impact_times(bursts([0.6, 1.4]), GEOMETRY) == pytest.approx([0.6, 1.4], abs=0.02)


def test_groups_are_by_what_is_struck():
    assert sum(map(len, GROUPS.values())) == len(GROUP_OF), "a material is in two groups"
    assert label_of("bell", ("bell", "metal")) == "bell" and label_of("bell", ("metal", "wood")) == "metal"
    assert label_of("generic", tuple(GROUPS)) == "" and label_of("plank", ("metal",)) == ""
    with (SOUNDS / "manifest.csv").open(newline="") as file:
        named = {row["material"] for row in csv.DictReader(file)}
    assert named - set(GROUP_OF) == {"generic", "scrape", "snap", "ui", "ui_glass"}


def test_examples_only_depend_on_their_seed():
    banks = [SoundBank.load("train"), SoundBank.load("train", RECORDINGS)]
    once, again = (draw_impacts(banks, 3, tuple(GROUPS), FRAMES, GEOMETRY, 5) for _ in range(2))
    np.testing.assert_array_equal(once.spec, again.spec)
    assert len(once.spec) == len(once.materials) == len(once.sound) and set(once.sound) == {0, 1, 2}
    spec = once.spec[0].astype(np.float32)
    changed = [change(spec, np.random.default_rng(k)) for k in range(8)]
    assert all(x.shape == spec.shape and np.abs(x).max() <= 1 for x in changed)
    assert len({x.tobytes() for x in changed}) > 4


def test_what_it_cannot_start_from_is_refused(tmp_path):
    toy = config("judges", RECORDINGS, tmp_path, judges=SIZES)
    with pytest.raises(InputError, match="impact_frames needs init"):
        main(toy)
    with pytest.raises(InputError, match="no weights in"):
        main(replace(toy, init=str(tmp_path / "none")))
    save_part(tmp_path / "start", PART, Judges(replace(JUDGES, materials=WINDOWS)), GEOMETRY, {})
    toy = replace(toy, init=str(tmp_path / "start"))
    with pytest.raises(InputError, match="no recording of jelly"):
        main(replace(toy, judges=replace(SIZES, impact_materials=("jelly",))))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="give a folder of recordings with their manifest.csv"):
        main(replace(toy, data=replace(toy.data, folder=str(tmp_path / "empty"))))


def test_the_recordings_are_those_of_their_manifest_and_none_is_a_shipped_one():
    with (RECORDINGS / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {str(p.relative_to(RECORDINGS)) for p in RECORDINGS.rglob("*.flac")}
    assert {row["licence"] for row in rows} == {"CC0-1.0"} and {row["material"] for row in rows} <= set(GROUP_OF)
    with (SOUNDS / "manifest.csv").open(newline="") as file:
        shipped = {Path(row["source_path"]).name for row in csv.DictReader(file)}
    assert not shipped & {row["source_file"] for row in rows}
    stated = (RECORDINGS / "README.md").read_text()
    assert f"{len(rows)} one-shots" in stated and all(row["source_repo"] in stated for row in rows)
    train, held = (SoundBank.load(split, RECORDINGS) for split in ("train", "heldout"))
    kept = [{r.name for group in b.hits.values() for r in group} for b in (train, held)]
    assert kept[0] and kept[1] and not kept[0] & kept[1]


def test_its_config_names_the_recordings():
    c = parse_config("condfoley train", TrainConfig, ["--config", str(ROOT / "configs/recordings/judges.yaml")])
    assert (ROOT / c.data.folder / "manifest.csv").exists() and c.judges.impact_frames and c.init == c.weights
