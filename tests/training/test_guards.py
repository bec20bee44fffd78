"""What stops a run before it does harm: losses that are not finite, missing or foreign earlier parts; and dry runs."""

import json
import multiprocessing
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from condfoley.cli.main import main as condfoley
from condfoley.data import store
from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.lineage import codes_hash
from condfoley.networks.tokenizer import Tokenizer
from condfoley.training.config import LossConfig
from condfoley.training.run import main
from condfoley.training.stages.tokenizer import TokenizerStage
from condfoley.weights import drop_part, save_part
from tests.tiny import GEOMETRY, TOKENIZER, write_tiny_weights
from tests.training.toy import LOSSES, SECONDS, config


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_clips(clips, tmp_path, monkeypatch):
    settings = config("tokenizer", clips, tmp_path, steps=4, checkpoint_every=1, evaluate_every=100)
    draw = TokenizerStage.draw

    def broken(self, rngs):
        batch = draw(self, rngs)
        if broken.step == 2:
            batch.tensors[0][:] = float("nan")
        broken.step += 1
        return batch

    broken.step = 0
    monkeypatch.setattr(TokenizerStage, "draw", broken)
    with pytest.raises(InputError, match=r"step 3: the loss .* nan.* clips of the batch: .*\.mp4.*step 2 is kept"):
        main(settings)
    monkeypatch.undo()
    main(settings)
    lines = [json.loads(x) for x in (tmp_path / "tokenizer" / "metrics.jsonl").read_text().splitlines()]
    assert [x["step"] for x in lines if "reconstruction" in x] == [1, 2, 3, 4]


def test_a_missing_part_names_the_command_that_makes_it(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).parents[2])
    words = ["train", "--config", "configs/small/transformer.yaml", f"data.folder={clips}"]
    made_up = tmp_path / "weights"
    assert condfoley([*words, f"weights={made_up}"]) == 2
    assert f"condfoley train stage=tokenizer weights={made_up}" in capsys.readouterr().err
    if not Path("runs/small/weights").exists():
        assert condfoley(words) == 2
        assert "run `condfoley train --config configs/small/tokenizer.yaml` first" in capsys.readouterr().err


def test_a_new_tokenizer_does_not_go_with_an_old_transformer(copied, clips):
    weights = copied / "weights"
    drop_part(weights, "flow")  # which belongs to the old tokenizer, too
    Foley.load(weights)
    torch.manual_seed(5)
    save_part(weights, "tokenizer", Tokenizer(TOKENIZER), GEOMETRY, {})
    with pytest.raises(InputError, match="transformer was trained with another tokenizer"):
        Foley.load(weights)
    with pytest.raises(InputError, match="transformer was trained with another tokenizer.*adapt=true"):
        main(config("transformer", clips, copied, init=str(weights)))
    main(config("transformer", clips, copied, init=str(weights), adapt=True))
    Foley.load(weights)  # and now it belongs to it


def test_a_new_decoder_leaves_the_codes_and_the_transformer_valid(copied, clips):
    weights = copied / "weights"
    before, old = codes_hash(weights), (weights / "tokenizer.safetensors").read_bytes()
    loss = type(LOSSES["tokenizer"])(perceptual=0, adversarial=0, decoder_only=True)
    main(config("tokenizer", clips, copied, init=str(weights), loss=loss, out=str(copied / "decoder")))
    assert (weights / "tokenizer.safetensors").read_bytes() != old
    assert codes_hash(weights) == before
    Foley.load(weights)


def test_weights_without_a_record_are_accepted(tmp_path):
    weights = write_tiny_weights(tmp_path / "weights")
    assert "trained_with" not in (weights / "card.json").read_text()
    Foley.load(weights)


def test_a_start_of_other_sizes_is_refused(copied, clips):
    import dataclasses

    settings = config("vocoder", clips, copied, init=str(copied / "weights"))
    with pytest.raises(InputError, match="the vocoder in .* has other sizes"):
        main(dataclasses.replace(settings, vocoder=dataclasses.replace(settings.vocoder, ngf=4)))


def test_a_share_of_the_start_is_exported_and_training_takes_no_notice(copied, clips):
    start = copied / "weights"
    changes = dict(init=str(start), steps=3, lr=1e-2, evaluate_every=1, ema=0.5, checkpoint_every=3)
    parts, states = {}, {}
    for share in (0.0, 0.25):
        home = copied / f"share {share}"
        shutil.copytree(start, home / "weights")
        main(config("video", clips, home, init_share=share, **changes))
        parts[share] = load_file(home / "weights" / "video_encoder.safetensors")
        (*_, last) = sorted((home / "video" / "checkpoints").iterdir())
        states[share] = load_file(last / "model.safetensors")
    before = load_file(start / "video_encoder.safetensors")
    assert all(torch.equal(value, states[0.25][name]) for name, value in states[0.0].items())
    assert any((parts[0.0][name].float() - value.float()).abs().max() > 0.01 for name, value in before.items())
    for name, value in before.items():
        if value.is_floating_point():
            wanted = 0.25 * value.float() + 0.75 * parts[0.0][name].float()
            torch.testing.assert_close(parts[0.25][name].float(), wanted, atol=2e-3, rtol=2e-3)
    assert (
        json.loads((home / "weights" / "card.json").read_text())["parts"]["video_encoder"]["training"]["init_share"]
        == 0.25
    )
    with pytest.raises(ValueError, match="init_share needs init"):
        config("video", clips, copied, init_share=0.5)


@pytest.mark.parametrize("stage", ["vocoder", "transformer", "judges"])
def test_a_dry_run_tells_all_and_writes_nothing(copied, clips, stage, capsys):
    before = files(copied)
    main(config(stage, clips, copied, out=str(copied / "new"), dry_run=True, ema=0.9))
    told = capsys.readouterr().out
    for word in ("M parameters", "memory, MiB", "activations", "moving average", "2 videos to train, 1 to validate"):
        assert word in told
    assert "one batch: [2, " in told
    assert files(copied) == before


def test_clips_are_not_counted_as_videos(clips, tmp_path, monkeypatch, capsys):
    """Two of the clips, as if a preparation had cut them from one video."""
    monkeypatch.setattr(store, "_open_entries", partial(as_of_one_video, opened=store._open_entries))
    main(config("tokenizer", clips, tmp_path, steps=1))
    assert "1 video (2 clips) to train, 1 to validate" in capsys.readouterr().err
    main(config("tokenizer", clips, tmp_path, steps=1, dry_run=True))
    assert "1 video (2 clips) to train, 1 to validate" in capsys.readouterr().out
    training = json.loads((tmp_path / "weights" / "card.json").read_text())["parts"]["tokenizer"]["training"]
    assert training["videos"] == 1


def as_of_one_video(entries, opened):
    clips, rejected = opened(entries)
    return [(e, replace(clip, video="one" if e.split == "train" else clip.video)) for e, clip in clips], rejected


@pytest.mark.parametrize("stage", ["video", "sync", "events", "bind"])
def test_a_window_far_beyond_all_clips_is_refused(copied, clips, stage):
    longest = round(SECONDS * GEOMETRY.fps)
    with pytest.raises(
        InputError, match=f"window=500 is more than twice as long as any clip .*give about {longest} frames"
    ):
        main(config(stage, clips, copied, window=500))
    main(config(stage, clips, copied, window=longest + 5, steps=1, loss=LossConfig()))


@pytest.mark.parametrize(("key", "why"), [(None, "no API key"), ("too short", "WANDB_API_KEY invalid")])
def test_wandb_online_without_a_usable_key_asks_nothing_and_logs_offline(
    clips, tmp_path, monkeypatch, capsys, key, why
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    else:
        monkeypatch.delenv("WANDB_API_KEY", raising=False)
    main(config("tokenizer", clips, tmp_path, steps=1, wandb="online"))
    told = capsys.readouterr().err
    assert why in told and "logging offline" in told
    assert list((tmp_path / "tokenizer" / "wandb").glob("offline-run-*"))


def test_kinetics_weights_become_a_frozen_encoder(clips, tmp_path):
    from torchvision.models.video import r2plus1d_18

    from condfoley.networks.video_encoder import VideoEncoder
    from condfoley.sizes import VideoEncoderConfig
    from condfoley.training.kinetics import load_kinetics

    path = tmp_path / "r2plus1d_18.pth"
    torch.save(r2plus1d_18().state_dict(), path)
    settings = config("video", clips, tmp_path, steps=0, pretrained=str(path), video=VideoEncoderConfig())
    main(settings)
    assert (tmp_path / "weights" / "video_encoder.safetensors").stat().st_size > 31_000_000 * 2
    with pytest.raises(InputError, match="is not torchvision's"):
        load_kinetics(VideoEncoder(VideoEncoderConfig(widths=(4, 4, 8, 8))), path)
    with pytest.raises(InputError, match="no file"):
        load_kinetics(VideoEncoder(), tmp_path / "none.pth")


def test_loaders_need_processes_that_fork(clips, tmp_path, monkeypatch):
    settings = config("tokenizer", clips, tmp_path, steps=1)
    settings.data.loaders = 1
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(InputError, match="set data.loaders=0"):
        main(settings)
