"""Where the picture shows impacts, and cues that are heard there."""

import dataclasses

import numpy as np
import pytest
import soundfile as sf
import torch

from condfoley.cli.main import main
from condfoley.data.events import Event
from condfoley.networks.contact import ContactMap, places
from condfoley.project.model import AMBIENCE, Cue, Layer, Project
from condfoley.project.panning import centred, panned
from condfoley.runtime import contacts
from condfoley.training.augment import augment_with_point
from condfoley.training.stages.contact import visible
from condfoley.weights import SHIPPED, drop_part, read_card
from tests.tiny import CONTACT, write_tiny_weights


class Bright:
    """In place of an engine: a map that is highest where the middle frame is bright."""

    contact_frames = 5

    def contact_maps(self, frames):
        return frames[:, 2].mean(-1).astype(np.float32)


def spots(columns, size=32):
    """A frame for each column, with a bright spot in it."""
    frames = np.zeros((len(columns), size, size, 3), np.uint8)
    for frame, column in zip(frames, columns, strict=True):
        frame[10:12, column : column + 2] = 255
    return frames


def test_a_place_is_found_in_the_frame_of_its_moment():
    frames = spots([4, 8, 12, 16, 20, 24])
    found = contacts.contact_places(Bright(), frames, [0.0, 0.1, 0.26, 0.5, 9.0], fps=10.0)
    assert found[:, 0] * 32 == pytest.approx([5, 9, 17, 25, 25], abs=0.01)
    assert found[:, 1] * 32 == pytest.approx([11] * 5, abs=0.01)
    assert contacts.contact_places(Bright(), frames, [], fps=10.0).shape == (0, 2)


def test_more_impacts_than_are_looked_at_at_a_time():
    frames = spots([2 * i % 30 for i in range(80)])
    many = contacts.contact_places(Bright(), frames, [i / 10 for i in range(80)], 10.0)
    assert len(many) == 80 > 2 * contacts.AT_A_TIME
    assert np.array_equal(many[70:71], contacts.contact_places(Bright(), frames, [7.0], 10.0))


def test_the_edges_of_the_picture_are_as_far_apart_as_asked():
    where = np.array([[0.0, 0.5], [0.25, 0.1], [0.5, 0.9], [1.0, 0.5]])
    assert contacts.pans(where, 0.6) == pytest.approx([-0.6, -0.3, 0, 0.6])
    assert contacts.pans(where, 0.0) == pytest.approx([0, 0, 0, 0])


def test_cues_are_panned_but_locked_ones_and_the_bed():
    cues = (
        Cue(1, 1.0), Cue(2, 2.0, locked=True, pan=0.1), Cue(3, 3.0, layer=AMBIENCE), Cue(4, 4.0, seen=4.2), Cue(5, 5.0),
    )  # fmt: skip
    project = Project(6.0, 22050, {}, (Layer("main"), Layer(AMBIENCE)), cues, {})
    asked = []

    def find(times):
        asked.extend(times)
        return np.array([[time / 5, 0.5] for time in times])

    after = panned(project, find, 1.0)
    assert asked == [1.0, 4.2, 5.0]
    assert [cue.pan for cue in after.cues] == [-0.6, 0.1, 0.0, 0.68, 1.0]
    assert after.channels == 2
    assert [cue.pan for cue in centred(after).cues] == [0.0, 0.1, 0.0, 0.0, 0.0]
    assert panned(dataclasses.replace(project, cues=()), find).cues == ()


def test_a_view_moves_the_point_with_the_picture():
    frames = torch.zeros(5, 3, 64, 64)
    frames[:, :, 20:24, 44:48] = 1
    inside = 0
    for seed in range(30):
        view, (x, y) = augment_with_point(frames, (46 / 64, 22 / 64), 48, torch.Generator().manual_seed(seed))
        if not (0.1 < x < 0.9 and 0.1 < y < 0.9):
            continue
        inside += 1
        bright = (view[2].sum(0) - view[2].sum(0).median()).clamp(min=0) ** 4
        grid = (torch.arange(48) + 0.5) / 48
        assert (bright.sum(0) * grid).sum() / bright.sum() == pytest.approx(x, abs=0.04)
        assert (bright.sum(1) * grid).sum() / bright.sum() == pytest.approx(y, abs=0.04)
    assert inside > 10


@torch.no_grad()
def test_the_mean_of_a_map_is_the_same_in_both_implementations():
    torch.manual_seed(0)
    logits = torch.randn(3, 16, 16) * 4
    assert np.allclose(places(logits).numpy(), contacts._mean_places(logits.numpy()), atol=1e-6)
    network = ContactMap(CONTACT).eval()
    frames = torch.randint(0, 255, (2, CONTACT.frames, 32, 32, 3), dtype=torch.uint8)
    assert network(frames).shape == (2, 16, 16)
    assert torch.allclose(network(frames.float()), network(frames))


def test_events_without_a_place_are_not_learnt_from():
    events = [Event(1.0, "hit"), Event(2.0, "hit", x=0.2, y=0.5), Event(3.0, "hit", x=1.2, y=0.5)]
    assert visible(events) == events[1:2]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    out = tmp_path_factory.mktemp("pan") / "result"
    words = ["--candidates", "2", "--pan", "picture", "--pan-width", "1", "--render", "vocoder"]
    assert main(["generate", "--out", str(out), *words]) == 0
    return out


def test_the_shipped_model_pans_and_edit_takes_it_back(result, capsys):
    from condfoley.project.store import read_project

    wav, _ = sf.read(result / "soundtrack.wav")
    project = read_project(result)
    assert wav.ndim == 2 and any(cue.pan for cue in project.cues)
    assert main(["edit", str(result), "--pan", "middle"]) == 0
    assert not any(cue.pan for cue in read_project(result).cues)
    assert sf.read(result / "soundtrack.wav")[0].ndim == 1
    assert main(["edit", str(result), "--pan", "picture", "--pan-width", "1"]) == 0
    assert [cue.pan for cue in read_project(result).cues] == pytest.approx([cue.pan for cue in project.cues], abs=2e-3)


def test_engines_find_the_same_places():
    pytest.importorskip("torch")
    from condfoley.runtime.choice import load_engine

    frames = np.random.default_rng(0).integers(0, 255, (3, 9, 64, 64, 3), dtype=np.uint8)
    one, other = (
        load_engine(SHIPPED, engine=name, required=("contact",)).contact_maps(frames) for name in ("onnx", "torch")
    )
    assert np.allclose(one, other, atol=1e-3)
    assert "contact" in read_card(SHIPPED)["parts"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--pan-width", "2"], "--pan-width is 2"),
        (["--pan", "picture", "--channels", "1"], "needs two channels"),
        (["--pan-width", "0.4"], "give it with --pan picture"),
    ],
)
def test_what_cannot_be_panned_is_refused(tmp_path, capsys, words, why):
    assert main(["generate", "--out", str(tmp_path / "x"), *words]) == 2
    assert why in capsys.readouterr().err and not (tmp_path / "x").exists()


@pytest.mark.parametrize("words", [[], ["--pan", "middle"]])
def test_a_width_without_panning_is_refused_of_edits_too(tmp_path, capsys, words):
    assert main(["edit", str(tmp_path), "--pan-width", "0.4", *words]) == 2
    assert "give it with --pan picture" in capsys.readouterr().err


def test_weights_that_do_not_know_places_are_refused(tmp_path, capsys):
    folder = write_tiny_weights(tmp_path / "weights")
    drop_part(folder, "contact")
    words = [
        "generate",
        "--out",
        str(tmp_path / "x"),
        "--weights",
        str(folder),
        "--pan",
        "picture",
        "--engine",
        "torch",
    ]
    assert main(words) == 2
    assert "cannot tell where impacts are" in capsys.readouterr().err and not (tmp_path / "x").exists()
