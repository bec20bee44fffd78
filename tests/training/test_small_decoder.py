"""A tokenizer's smaller decoder learns to say what a larger one says; the codes keep their meaning."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.lineage import codes_hash
from condfoley.training.config import LossConfig
from condfoley.training.run import main
from condfoley.weights import CARD, load_part
from tests.tiny import TOKENIZER
from tests.training.toy import config

SMALLER = dataclasses.replace(TOKENIZER, decoder_res_blocks=1)
LOSS = LossConfig(perceptual=0, adversarial=0, decoder_only=True)


@pytest.fixture
def teacher(copied) -> Path:
    return Path(shutil.copytree(copied / "weights", copied / "teacher"))


def test_it_comes_nearer_to_its_teacher_and_all_else_stays_valid(copied, teacher, clips):
    weights = copied / "weights"
    changes = {"tokenizer": SMALLER, "loss": LOSS, "lr": 3e-3, "steps": 32, "evaluate_every": 2}
    main(config("tokenizer", clips, copied, teacher=str(teacher), **changes))
    lines = [json.loads(x) for x in (copied / "tokenizer" / "metrics.jsonl").read_text().splitlines()]
    measured = [line["val/l1"] for line in lines if "val/l1" in line]
    assert measured[-1] < 0.9 * measured[0]

    assert codes_hash(weights) == codes_hash(teacher)
    small, large = (load_part(folder, "tokenizer") for folder in (weights, teacher))
    assert len(small.decoder.up[0].block) == 1 and len(large.decoder.up[0].block) == 2
    codes = torch.randint(0, TOKENIZER.n_embed, (2, 100), generator=torch.Generator().manual_seed(0))
    assert small.decode(codes, 5).shape == large.decode(codes, 5).shape
    Foley.load(weights)
    entries = [json.loads((folder / CARD).read_text())["parts"]["tokenizer"] for folder in (weights, teacher)]
    assert entries[0]["training"]["teacher"] == entries[1]["sha256"]


def test_it_starts_with_what_it_has_in_common_with_its_teacher(copied, teacher, clips):
    main(config("tokenizer", clips, copied, tokenizer=SMALLER, loss=LOSS, teacher=str(teacher), steps=0))
    small, large = (load_part(folder, "tokenizer").state_dict() for folder in (copied / "weights", teacher))
    assert set(small) < set(large) and all(torch.equal(large[name], x) for name, x in small.items())


def test_levels_of_another_width_begin_anew(copied, teacher, clips):
    other = dataclasses.replace(SMALLER, decoder_ch_mult=(1, 1, 1, 2))
    main(config("tokenizer", clips, copied, tokenizer=other, loss=LOSS, teacher=str(teacher), steps=0))
    assert codes_hash(copied / "weights") == codes_hash(teacher)
    student, known = (load_part(folder, "tokenizer") for folder in (copied / "weights", teacher))
    assert student.decoder.conv_in.out_channels == 2 * known.decoder.conv_in.out_channels
    assert torch.equal(student.decoder.conv_out.weight, known.decoder.conv_out.weight)  # as wide in both
    codes = torch.randint(0, TOKENIZER.n_embed, (2, 100), generator=torch.Generator().manual_seed(0))
    assert student.decode(codes, 5).shape == known.decode(codes, 5).shape


def test_other_sizes_than_the_teachers_are_refused(copied, teacher, clips):
    other = dataclasses.replace(SMALLER, n_embed=32)
    with pytest.raises(InputError, match="decoder_ch_mult may differ .* quantize.embedding.weight"):
        main(config("tokenizer", clips, copied, tokenizer=other, loss=LOSS, teacher=str(teacher)))


def test_a_teacher_is_for_the_decoder_alone_and_is_what_it_starts_from(clips, tmp_path):
    with pytest.raises(ValueError, match="loss.decoder_only"):
        config("tokenizer", clips, tmp_path, teacher="weights")
    with pytest.raises(ValueError, match="either teacher or init"):
        config("tokenizer", clips, tmp_path, teacher="weights", init="weights", loss=LOSS)
