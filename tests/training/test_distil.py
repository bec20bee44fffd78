"""Guidance distillation: what the teacher says is what guided generation draws from, and a student comes nearer to it."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from condfoley.cli.main import main as finetune
from condfoley.errors import InputError
from condfoley.files import write_json
from condfoley.networks.transformer import Condition
from condfoley.runtime.flow_sampling import FlowSampling, noise
from condfoley.runtime.sampling import Sampling, random_streams
from condfoley.training.config import LossConfig
from condfoley.training.distil import FlowTeacher, Teacher
from condfoley.training.finetuning import choice
from condfoley.training.run import main
from condfoley.training.stages.flow import draw_drafts
from condfoley.weights import CARD, load_part, save_part
from tests.tiny import FLOWS, GEOMETRY, TRANSFORMER, write_tiny_flow, write_tiny_weights
from tests.training.toy import config

SAMPLING = {"temperature": 0.8, "guidance": 2.0, "picture_guidance": 3.0}


def recommending(folder, sampling):
    """A weights folder whose card recommends `sampling`."""
    card = json.loads((folder / CARD).read_text())
    write_json(folder / CARD, card | {"sampling": sampling})
    return folder


@pytest.fixture
def teacher(tmp_path):
    return Teacher(recommending(write_tiny_weights(tmp_path / "weights"), SAMPLING), "cpu")


def pair(batch):
    generator = torch.Generator().manual_seed(1)
    reference, target = torch.randn(2, batch, 28, 24, generator=generator)
    codes = torch.randint(64, (2, batch, 100), generator=generator)
    return reference, target, codes[0], codes[1]


def left_out(*rows):
    """no_picture, no_reference and no_target of each row."""
    return torch.tensor(rows, dtype=torch.bool).T


@pytest.fixture
def tune(clips, monkeypatch):
    """Words of a fine-tuning on three clips, whose least gain counts, and with which random weights find fault."""
    monkeypatch.setattr(choice, "FEW", 0)
    return ["finetune", str(clips), "--keep-faulty", "--out"]


def test_the_teacher_says_what_guided_generation_draws_from(teacher):
    reference, target, reference_codes, codes = pair(1)
    said = teacher.probabilities(reference, target, reference_codes, codes, *left_out((0, 0, 0)))
    terms = Sampling(**SAMPLING).terms(True)
    assert set(terms) == {"both", "target", "nothing"}
    with torch.no_grad():
        prefix, alignment = teacher.model.encode_condition(Condition(target, reference, reference_codes), list(terms))
        logits = teacher.model(prefix, codes.expand(3, -1), alignment)
    guided = torch.einsum("r,rcv->cv", torch.tensor(list(terms.values())), logits).softmax(-1)
    torch.testing.assert_close(said[0], guided, atol=1e-5, rtol=1e-4)


def test_where_something_is_left_out_it_says_what_the_transformer_says(teacher):
    reference, target, reference_codes, codes = pair(3)
    gone = left_out((1, 1, 0), (0, 0, 0), (1, 1, 1))
    said = teacher.probabilities(reference, target, reference_codes, codes, *gone)
    with torch.no_grad():
        prefix = teacher.model.prefix(reference, target, reference_codes, *gone)
        plain = teacher.model(prefix, codes, teacher.model.alignment(target, gone[2])).softmax(-1)
    torch.testing.assert_close(said[[0, 2]], plain[[0, 2]])
    assert (said[1] - plain[1]).abs().max() > 1e-3


def test_a_student_comes_nearer_and_its_card_says_that_guidance_is_learned_in(copied, clips, tune):
    strongly = SAMPLING | {"guidance": 30.0, "picture_guidance": 20.0}  # four steps of training left little to guide
    weights = recommending(copied / "weights", strongly)
    start = copied / "start"
    start.mkdir()
    for file in weights.iterdir():
        (start / file.name).write_bytes(file.read_bytes())
    changes = {"loss": LossConfig(), "batch_size": 8, "lr": 3e-3, "steps": 40, "evaluate_every": 5}
    main(config("transformer", clips, copied, init=str(start), teacher=str(start), **changes))
    lines = [json.loads(x) for x in (copied / "transformer" / "metrics.jsonl").read_text().splitlines()]
    measured = [line["val/divergence"] for line in lines if "val/divergence" in line]
    assert measured[-1] < 0.8 * measured[0] and any("divergence" in line for line in lines)
    card = json.loads((weights / CARD).read_text())
    assert card["sampling"] == strongly | {"guidance": 1.0, "picture_guidance": 1.0}
    taught_by = json.loads((start / CARD).read_text())["parts"]["transformer"]["sha256"]
    assert card["parts"]["transformer"]["training"]["teacher"] == taught_by
    # The teacher stays beside it: it can teach again, and what learns something new starts from it.
    assert card["parts"]["guided"]["sampling"] == strongly
    kept, was = load_part(weights, "guided").state_dict(), load_part(start, "transformer").state_dict()
    assert all(torch.equal(kept[name], was[name]) for name in was)
    again = Teacher(weights, "cpu")
    assert again.terms == Teacher(start, "cpu").terms and again.entry["sha256"] == taught_by
    out = copied / "more"
    assert finetune([*tune, str(out), "--weights", str(weights), "--steps", "8"]) == 0
    taught = json.loads((out / CARD).read_text())
    assert taught["sampling"] == strongly and "guided" not in taught["parts"]
    learned = load_part(out, "transformer").state_dict()
    nearer = [
        sum((learned[n] - x[n]).abs().sum() for n in was).item()
        for x in (was, load_part(weights, "transformer").state_dict())
    ]
    assert nearer[0] < nearer[1]
    # A transformer that is trained on has outgrown the teacher that lies there.
    main(config("transformer", clips, copied, init=str(out), out=str(copied / "on"), steps=1))
    assert "guided" not in json.loads((weights / CARD).read_text())["parts"]
    assert not (weights / "guided.safetensors").exists()


def test_a_smaller_student_starts_with_some_of_its_teachers_blocks(copied, clips, tune):
    deep = dataclasses.replace(TRANSFORMER, n_layer=5)
    start = copied / "deep"
    shutil.copytree(copied / "weights", start)
    main(config("transformer", clips, copied, weights=str(start), transformer=deep, out=str(copied / "d"), steps=0))
    small = dataclasses.replace(deep, n_layer=3)
    changes = {"init": str(start), "teacher": str(start), "transformer": small, "steps": 0}
    main(config("transformer", clips, copied, out=str(copied / "s"), **changes))
    student, teacher = (load_part(folder, "transformer").state_dict() for folder in (copied / "weights", start))
    came_from = {0: 0, 1: 2, 2: 4}
    for name, x in student.items():
        if name.startswith("gpt2.h."):
            block, rest = name.removeprefix("gpt2.h.").split(".", 1)
            name = f"gpt2.h.{came_from[int(block)]}.{rest}"
        assert torch.equal(x, teacher[name]), name
    assert load_part(copied / "weights", "guided").config.n_layer == 5
    out = copied / "tuned"  # new sounds are taught to the larger one
    assert finetune([*tune, str(out), "--weights", str(copied / "weights"), "--steps", "1"]) == 0
    assert load_part(out, "transformer").config.n_layer == 5


def test_without_a_teacher_fewer_blocks_are_refused(copied, clips):
    small = dataclasses.replace(TRANSFORMER, n_layer=1)
    with pytest.raises(InputError, match="has other sizes"):
        main(config("transformer", clips, copied, init=str(copied / "weights"), transformer=small, steps=0))


def test_a_teacher_without_a_transformer_is_refused(copied, clips):
    card = json.loads((copied / "weights" / CARD).read_text())
    poor = copied / "poor"
    poor.mkdir()
    write_json(poor / CARD, card | {"parts": {k: v for k, v in card["parts"].items() if k != "transformer"}})
    with pytest.raises(InputError, match="no transformer"):
        main(config("transformer", clips, copied, teacher=str(poor)))


def test_the_student_must_not_replace_its_teacher(copied, clips):
    with pytest.raises(ValueError, match="copy it first"):
        config("transformer", clips, copied, teacher=str(copied / "weights"))


GUIDED_FLOW = dataclasses.replace(FLOWS["latents"], guidance=2.0, picture_guidance=3.0)


@pytest.fixture
def flow_teacher(tmp_path):
    """A flow that needs guidance, in weights of toy size."""
    folder = write_tiny_flow(tmp_path / "with_flow", "latents")
    with torch.no_grad():
        flow = load_part(folder, "flow")
    flow.config = GUIDED_FLOW
    save_part(folder, "flow", flow, GEOMETRY, {}, half=False)
    return FlowTeacher(folder, "cpu")


def flow_inputs(rows):
    """Noisy and known tokens, time, reference, and pictures of reference and target."""
    c, generator = GUIDED_FLOW, torch.Generator().manual_seed(2)
    noisy, reference = torch.randn(2, rows, c.tokens, c.dim, generator=generator)
    pictures = torch.randn(2, rows, c.frames, c.feature_dim, generator=generator)
    return noisy, torch.zeros(rows, c.tokens), torch.zeros(rows), reference, *pictures


def test_a_flow_teacher_says_what_a_guided_step_is(flow_teacher):
    noisy, known, time, reference, *pictures = flow_inputs(1)
    raw = flow_teacher.model.restore(reference)
    sampling = FlowSampling(1, guidance=GUIDED_FLOW.guidance, picture_guidance=GUIDED_FLOW.picture_guidance)
    drawn = torch.from_numpy(noise(random_streams([5]), *noisy.shape[1:]))
    said = flow_teacher.estimate(drawn, known, time, reference, *pictures, *left_out((0, 0, 0)))
    step = draw_drafts(flow_teacher.model, *pictures, raw, random_streams([5]), sampling)  # one, to the estimate itself
    torch.testing.assert_close(flow_teacher.model.restore(said), step, atol=1e-4, rtol=1e-4)


def test_where_something_is_left_out_a_flow_teacher_is_not_guided(flow_teacher):
    inputs, gone = flow_inputs(4), left_out((1, 0, 0), (0, 0, 0), (0, 1, 1), (0, 0, 1))
    said = flow_teacher.estimate(*inputs, *gone)
    with torch.no_grad():
        plain = flow_teacher.model(*inputs, *gone)
    torch.testing.assert_close(said[[0, 2]], plain[[0, 2]])
    assert ((said - plain)[[1, 3]].abs().amax((1, 2)) > 1e-3).all()


def test_a_flow_that_was_distilled_recommends_no_guidance(copied, clips, capsys):
    weights = copied / "weights"
    start = Path(shutil.copytree(weights, copied / "start"))
    flow = load_part(start, "flow")
    with torch.no_grad():
        for p in flow.parameters():  # four steps of training left little to guide
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(3)))
    flow.config = dataclasses.replace(flow.config, guidance=2.0, picture_guidance=3.0)
    record = {"trained_with": json.loads((start / CARD).read_text())["parts"]["flow"]["trained_with"]}
    save_part(start, "flow", flow, GEOMETRY, record, half=False)
    changes = {"batch_size": 8, "lr": 3e-3, "steps": 40, "evaluate_every": 5, "out": str(copied / "flow_student")}
    main(config("flow", clips, copied, teacher=str(start), **changes))
    lines = [json.loads(x) for x in (copied / "flow_student" / "metrics.jsonl").read_text().splitlines()]
    measured = [line["val/divergence"] for line in lines if "val/divergence" in line]
    assert measured[-1] < 0.8 * measured[0] and any("divergence" in line for line in lines)
    entry = json.loads((weights / CARD).read_text())["parts"]["flow"]
    assert (entry["config"]["guidance"], entry["config"]["picture_guidance"]) == (1.0, 1.0)
    assert entry["training"]["teacher"] == json.loads((start / CARD).read_text())["parts"]["flow"]["sha256"]
    with pytest.raises(ValueError, match="stage flow starts from its teacher"):
        config("flow", clips, copied, teacher=str(start), init=str(start))
