"""The published judges: their checkpoints, as their trainer saves them, become ours and say the same."""

import numpy as np
import pytest
import torch
from torch import nn

from condfoley.cli.main import main
from condfoley.evaluation.classifiers import Classifiers
from condfoley.published.judges import ACTIONS, MATERIALS
from condfoley.weights import load_part, read_card

WORDS = ["import", "condfoleygen"]
LAYERS, HIDDEN = (8, 8, "MP", 12, "MP", 16, 16), 24


def network(classes, seed, layers=LAYERS):
    """A judge in the published layout: features.N, classifier.0, .2 and .4."""
    torch.manual_seed(seed)
    features, before = [], 1
    for width in layers:
        if width == "MP":
            features.append(nn.MaxPool2d(2, 2))
        else:
            features += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
    out = nn.Sequential()
    out.add_module("features", nn.Sequential(*features))
    out.add_module("avgpool", nn.AdaptiveAvgPool2d((5, 10)))
    out.add_module("flatten", nn.Flatten())
    linear = nn.Linear(before * 50, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
    out.add_module("classifier", nn.Sequential(*linear))
    return out


@pytest.fixture
def files(tmp_path):
    """The two checkpoints with all that their trainer saves beside the weights, and the statistics."""
    made = {}
    for name, classes in (("action", len(ACTIONS)), ("material", len(MATERIALS))):
        made[name] = network(classes, classes)
        rest = {"loss": 0.5, "metrics": {"accuracy_1": np.float64(0.8)}, "epoch": 3, "optimizer": {"state": {}}}
        torch.save({**rest, "model": made[name].state_dict()}, tmp_path / f"{name}.pt")
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "stats.txt", np.stack([rng.uniform(0, 0.6, 80), rng.uniform(0.1, 0.3, 80)], 1), fmt="%0.8f")
    return made


def words(home, **changed):
    given = {"action": "action.pt", "--material-judge": "material.pt", "--statistics": "stats.txt", **changed}
    out = [*WORDS, str(home / given.pop("action"))]
    for option, name in given.items():
        out += [option, str(home / name)] if name else []
    return [*out, "--out", str(home / "judges")]


def test_both_judges_say_what_they_said(files, tmp_path, capsys):
    assert main(words(tmp_path)) == 0
    assert capsys.readouterr().out.count("tensors, all used") == 2
    judges = load_part(tmp_path / "judges", "judges")
    assert judges.config.widths == (8, 12, 16) and judges.config.depths == (2, 1, 2)
    spec = torch.rand(3, 1, 80, 160, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mean, std = np.loadtxt(tmp_path / "stats.txt").T
    scaled = (spec - torch.from_numpy(mean).float()[:, None]) / torch.from_numpy(std).float()[:, None]
    with torch.no_grad():
        action, material, _ = judges(spec)
        assert torch.allclose(action, files["action"](scaled), rtol=1e-4, atol=1e-6)
        assert torch.allclose(material, files["material"](scaled), rtol=1e-4, atol=1e-6)


def test_they_judge_an_evaluation(files, tmp_path):
    assert main(words(tmp_path)) == 0
    classifiers = Classifiers.load(tmp_path / "judges")
    assert classifiers is not None and (classifiers.actions, classifiers.materials) == (ACTIONS, MATERIALS)
    assert classifiers.geometry.mel_scale == "slaney" and read_card(tmp_path / "judges")["licence"] == "unknown"
    verdict = classifiers.predict(np.random.default_rng(0).normal(0, 0.1, 3 * 22050).astype(np.float32))
    assert verdict.materials.shape == (17,) and verdict.materials.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"--material-judge": "", "--statistics": ""}, "one of two classifiers"),
        ({"--statistics": ""}, "need the statistics"),
        ({"action": "material.pt", "--material-judge": "action.pt"}, "labels where the published classifier has"),
        ({"--statistics": "action.pt"}, "no table of two columns"),
        ({"--statistics": "short.txt"}, "80 lines"),
        ({"--material-judge": "other.pt"}, "different sizes"),
        ({"--material-judge": "part.pt"}, "missing or without a place"),
        ({"--material-judge": "foreign.pt"}, "no classifier"),
        ({"--material-judge": ""}, "goes with --material-judge"),
    ],
)
def test_bad_input(files, tmp_path, capsys, changed, complaint):
    np.savetxt(tmp_path / "short.txt", np.ones((79, 2)))
    torch.save({"model": network(17, 0, (8, "MP", 16)).state_dict()}, tmp_path / "other.pt")
    state = files["material"].state_dict()
    torch.save({"model": {k: v for k, v in state.items() if k != "features.2.bias"}}, tmp_path / "part.pt")
    torch.save({"model": {"a.weight": torch.zeros(2)}}, tmp_path / "foreign.pt")
    before = sorted(tmp_path.iterdir())
    assert main(words(tmp_path, **changed)) == 2
    assert sorted(tmp_path.iterdir()) == before
    err = capsys.readouterr().err
    assert complaint in err and err.count("\n") == 1
