"""The judges learn from toy clips, and an evaluation asks them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from condfoley.data.events import Event
from condfoley.data.store import CachedClip, ClipStore
from condfoley.errors import InputError
from condfoley.evaluation.classifiers import Classifiers, classifier_input, confusion_matrix
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.run import evaluate
from condfoley.networks.judges import Judges
from condfoley.sizes import JudgesConfig
from condfoley.training.run import main
from condfoley.training.stages.judges import JudgesStage, material_of, single_action
from tests.evaluation.toy import write_set
from tests.tiny import GEOMETRY
from tests.training.toy import JUDGES, config, write_clips


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weights folder with judges of the toy set's own labels, trained on it until they know it."""
    home = tmp_path_factory.mktemp("judges")
    clips = write_set(tmp_path_factory.mktemp("clips"))
    toy = config("judges", clips, home)
    data = replace(toy.data, renderings=0, validation=0.0)
    main(replace(toy, data=data, steps=60, batch_size=8, lr=1e-2, evaluate_every=60, checkpoint_every=60, log_every=20))
    return home / "weights"


def test_the_stage_learns_and_leaves_its_records(weights):
    lines = [json.loads(x) for x in (weights.parent / "judges" / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["action"] + lines[0]["material"] > lines[-2]["action"] + lines[-2]["material"]
    assert {"val/action_accuracy", "val/material_accuracy"} <= lines[-1].keys()
    assert list((weights.parent / "judges" / "samples").glob("*.png"))
    classifiers = Classifiers.load(weights)
    assert classifiers.actions == ("hit", "scratch") and set(classifiers.materials) <= {"wood", "metal", "glass"}
    assert (classifiers.network.std >= 0.009).all() and (classifiers.network.mean != 0).any()


def test_an_evaluation_with_judges_has_their_columns_and_their_own_accuracy(weights, tmp_path):
    clips = write_set(tmp_path)
    options = EvaluateOptions(
        test=str(clips), out=str(tmp_path / "out"), systems="truth,silence,copy", judges=str(weights), quiet=True
    )
    result = evaluate(options)
    assert result.means["truth"]["action_agreement"].mean == result.means["copy"]["material_agreement"].mean == 1
    assert result.means["truth"]["action_kl"].mean == pytest.approx(0, abs=1e-3)
    assert result.means["truth"]["fad"].mean < 1e-3 < result.means["silence"]["fad"].mean
    assert result.judges["action"]["n"] == 4 and np.sum(result.judges["action"]["confusion"]) == 4
    assert result.means["copy"]["material"].mean == pytest.approx(result.judges["material"]["accuracy"], abs=0.26)
    unknown = {"wood", "metal", "glass"} - set(Classifiers.load(weights).materials)
    assert any("does not know" in note for note in result.notes) == bool(unknown)


def test_renderings_know_their_materials(tmp_path):
    clips = write_clips(tmp_path, 3)
    opened = ClipStore.open(str(clips), GEOMETRY, frame_size=40, renderings=2, validation=0.3, workers=1)
    simulated = [c for c in (*opened.train, *opened.validation) if c.tracks == 2]
    assert simulated and all(len(c.materials) == 2 and all(c.materials) for c in simulated)
    assert [material_of(simulated[0], k) for k in (0, 1)] == list(simulated[0].materials)


def test_labels_of_windows():
    events = (
        Event(0.5, "hit", material="wood"),
        Event(2.0, "scratch", 0.6, material="wood"),
        Event(4.0, "hit", labelled=False),
    )
    clip = CachedClip("c", "", 90, 1, 1, events, "")
    assert single_action(clip, 0.0, 1.8) == "hit" and single_action(clip, 1.0, 1.8) == "scratch"
    assert single_action(clip, 0.3, 1.9) == ""  # both
    assert single_action(clip, 2.3, 1.4) == ""  # only the end of a scratch
    assert single_action(clip, 3.0, 1.8) == ""  # nobody said what it is
    assert material_of(clip, 0) == "wood"
    assert material_of(replace(clip, materials=("glass",)), 0) == "glass"
    assert material_of(replace(clip, events=(*events, Event(5.0, "hit", material="metal"))), 0) == ""


def test_published_sizes():
    with torch.device("meta"):
        judges = Judges(JudgesConfig(materials=tuple("abcdefghijklmnopq")))
        action, material, embedding = judges(torch.zeros(2, 1, 80, 160))
    assert (action.shape, material.shape, embedding.shape) == ((2, 2), (2, 17), (2, 4096))
    convolutions = [m for m in judges.action.features if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 13 and judges.action.hidden[0].in_features == 25600


def test_judges_hear_every_level_alike_and_silence_as_silence():
    wav = torch.randn(1, GEOMETRY.window_samples) * 0.02
    assert torch.allclose(classifier_input(wav, GEOMETRY), classifier_input(3 * wav, GEOMETRY), atol=1e-4)
    assert classifier_input(torch.zeros_like(wav), GEOMETRY).max() == -1


def test_confusion_counts_true_labels_in_rows():
    assert confusion_matrix(["a", "b", "b"], ["a", "a", "b"], ("a", "b")).tolist() == [[1, 1], [0, 1]]
    with pytest.raises(ValueError):
        confusion_matrix(["a"], ["c"], ("a", "b"))


def test_clips_without_labels_are_refused(tmp_path):
    (tmp_path / "clips").mkdir()
    clips = write_clips(tmp_path / "clips", 3)
    toy = config("judges", clips, tmp_path)
    with pytest.raises(InputError, match="names 0 materials"):
        main(replace(toy, data=replace(toy.data, renderings=0)))
    of_two = replace(JUDGES, materials=("no", "such"))
    with pytest.raises(InputError, match="no clips to train with"):
        main(replace(toy, judges=of_two))
    with pytest.raises(InputError, match="events are hit or scratch"):
        main(replace(toy, judges=replace(JUDGES, actions=("hit", "roll"))))


def test_too_few_clips_to_validate_with_say_what_helps(clips, tmp_path, monkeypatch):
    usable = JudgesStage._usable
    monkeypatch.setattr(JudgesStage, "_usable", lambda self, c: [] if c is self.store.validation else usable(self, c))
    with pytest.raises(InputError, match="no clips to validate with: none of the 1 held out .* larger data.validation"):
        main(config("judges", clips, tmp_path))
