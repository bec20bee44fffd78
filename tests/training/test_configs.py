"""Config files state only what differs from the defaults, and every stage of them builds."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from condfoley.cli.arguments import parse_config
from condfoley.errors import InputError
from condfoley.geometry import Geometry
from condfoley.training.config import BOUNDS, TrainConfig

ROOT = Path(__file__).parents[2]
CONFIGS = [p for p in sorted((ROOT / "configs").rglob("*.yaml")) if p.stem != "fsdp"]
names = pytest.mark.parametrize("path", CONFIGS, ids=[str(p.relative_to(ROOT / "configs")) for p in CONFIGS])


def stated(settings: dict, defaults: object, prefix: str = "") -> dict[str, bool]:
    """Each setting of a file, and whether it only repeats a default."""
    out = {}
    for key, value in settings.items():
        default = getattr(defaults, key)
        if dataclasses.is_dataclass(default):
            out |= stated(value, default, f"{prefix}{key}.")
        else:
            out[prefix + key] = value == (list(default) if isinstance(default, tuple) else default)
    return out


@names
def test_a_config_states_only_its_delta(path):
    repeated = [k for k, same in stated(yaml.safe_load(path.read_text()), TrainConfig()).items() if same]
    assert repeated in ([], ["stage"])  # the stage is named even where it is the default one


@names
def test_a_config_is_understood_and_named_after_its_stage(path):
    config = parse_config("condfoley train", TrainConfig, ["--config", str(path)])
    assert config.stage == path.stem
    assert Path(config.out) == Path("runs", path.parent.name, path.stem)


@pytest.mark.parametrize("key", ["video.pool", "video.normalise", "video.midplanes", "geometry.crop"])
def test_an_unknown_choice_is_refused(key):
    with pytest.raises(InputError, match=f"{key} must be one of .*, not 'typo'"):
        parse_config("condfoley train", TrainConfig, [f"{key}=typo"])


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("lr=-1", "lr must be 0 to 1, not -1.0"),
        ("lr=1e30", "lr must be 0 to 1"),
        ("lr=.nan", "lr must be 0 to 1, not nan"),
        ("lr_disc=-1", "lr_disc must be 0 to 1"),
        ("betas=[0.9,1.5]", "betas must be at least 0 and below 1"),
        ("weight_decay=-0.1", "weight_decay must be 0 or more"),
        ("clip_grad=.inf", "clip_grad must be 0 or more, not inf"),
        ("threads=-1", "threads must be 0 or more"),
        ("log_every=0", "log_every must be 1 or more"),
        ("evaluate_every=0", "evaluate_every must be 1 or more"),
        ("checkpoint_every=0", "checkpoint_every must be 1 or more"),
        ("accumulate=0", "accumulate must be 1 or more"),
        ("window=-3", "window must be 0 or more"),
        ("warmup=-4", "warmup must be 0 or more"),
        ("seed=-1", "seed must be 0 to 268435455, not -1"),
        ("seed=1000000000", "seed must be 0 to 268435455"),
        ("ema=1", "ema must be at least 0 and below 1"),
        ("ema=.nan", "ema must be at least 0 and below 1"),
        ("data.workers=0", "data.workers must be 1 or more"),
        ("data.validation=1", "data.validation must be at least 0 and below 1"),
        ("data.renderings=-1", "data.renderings must be 0 or more"),
        ("loss.drop_all=1.5", "loss.drop_all must be 0 to 1"),
        ("loss.drafts=0.5", "loss.drafts is for stage sync"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(word, told):
    with pytest.raises(InputError, match=f"do not go together: {told}.*; see `condfoley train --help`"):
        parse_config("condfoley train", TrainConfig, ["stage=video", word])


@pytest.mark.parametrize("window", [100, 50_000])
def test_a_vocoders_window_is_a_part_of_the_geometrys(window):
    with pytest.raises(InputError, match="window must be 256 to 40960 samples"):
        parse_config("condfoley train", TrainConfig, ["stage=vocoder", f"window={window}"])


def test_the_largest_seed_has_a_stream_at_every_step():
    import torch

    last = BOUNDS["seed"][1]
    torch.manual_seed((last * 1_000_003 + 10**9) * 65_537 + 65_536)  # as the loop does


def test_the_papers_configs_have_the_papers_numbers():
    stages = {p.stem: parse_config("t", TrainConfig, ["--config", str(p)]) for p in CONFIGS if p.parent.name == "paper"}
    judged = dataclasses.replace(Geometry.published(), mel_scale="slaney")  # variant B, published_facts.md, section 2
    assert all(c.geometry == (judged if s == "judges" else Geometry.published()) for s, c in stages.items())
    assert (stages["judges"].lr, stages["judges"].batch_size, stages["judges"].steps) == (1e-4, 32, 12800)
    tokenizer, transformer = stages["tokenizer"], stages["transformer"]
    assert tokenizer.lr == pytest.approx(1 * 32 * 4.5e-6) and transformer.lr == pytest.approx(4 * 8 * 5e-6)
    for c in (tokenizer, transformer):
        assert (c.schedule, c.warmup, c.clip_grad, c.batch_size) == ("constant", 0, 0, 32)
    assert stages["video"].steps == 0 and stages["video"].video.batch_statistics


def test_the_launchers_settings_are_accelerates_own():
    from accelerate.commands.config.config_args import load_config_from_file

    settings = load_config_from_file(str(ROOT / "configs" / "paper" / "fsdp.yaml"))
    assert settings.distributed_type == "FSDP" and settings.num_processes == 4
