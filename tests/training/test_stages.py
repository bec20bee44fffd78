"""Every stage of training really runs, resumes without a trace, and its parts make a system that generates."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from condfoley.data.simulation.events import Event
from condfoley.errors import InputError
from condfoley.foley import Foley
from condfoley.media import write_clip
from condfoley.training.config import DataConfig, LossConfig, TrainConfig
from condfoley.training.run import main
from tests.tiny import GEOMETRY, SYNC, TOKENIZER, TRANSFORMER, VIDEO, VOCODER

SECONDS, HITS = 4.5, (0.6, 1.5, 2.7, 3.6)


def write_hits(path: Path, seed: int, events: bool) -> None:
    """A clip in which a bar flashes at each hit, with a decaying noise as its sound."""
    rng = np.random.default_rng(seed)
    rate, fps = GEOMETRY.sample_rate, GEOMETRY.fps
    wav = rng.normal(0, 1e-4, round(SECONDS * rate)).astype(np.float32)
    frames = np.full((round(SECONDS * fps), 48, 48, 3), 60, np.uint8)
    for time in HITS:
        n = rate // 5
        first = round(time * rate)
        burst = rng.normal(0, 0.2, n) * np.exp(-np.arange(n) / (0.03 * rate))
        wav[first : first + n] += burst.astype(np.float32)
        frames[round(time * fps), 10:38, 10:38] = 230
    write_clip(path, frames, fps, wav, rate)
    if events:
        notes = {"events": [Event(t, "hit", 0.0, 0.7).to_dict() for t in HITS]}
        path.with_suffix(".json").write_text(json.dumps(notes))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for i in range(3):
        write_hits(folder / f"{i:06d}.mp4", i, events=i < 2)
    return folder


def config(stage: str, clips: Path, home: Path, **changes) -> TrainConfig:
    """A few seconds of one stage at toy sizes."""
    settings = dict(
        stage=stage,
        out=str(home / stage),
        weights=str(home / "weights"),
        data=DataConfig(folder=str(clips), frame_size=40, validation=0.3, workers=1, renderings=2),
        geometry=GEOMETRY,
        tokenizer=TOKENIZER,
        vocoder=VOCODER,
        video=VIDEO,
        transformer=TRANSFORMER,
        sync=SYNC,
        loss=LOSSES[stage],
        steps=4,
        batch_size=2,
        warmup=1,
        threads=1,
        log_every=1,
        evaluate_every=2,
        checkpoint_every=2,
    )
    return TrainConfig(**(settings | changes))


LOSSES = {
    "tokenizer": LossConfig(
        perceptual=0, adversarial=0.1, adversarial_from=1, feature_matching=0.1, codebook_update="ema", disc_channels=4
    ),
    "vocoder": LossConfig(stft=1, mel=5, adversarial_from=1, feature_matching=1, reconstructed=0.5, disc_channels=4),
    "video": LossConfig(),
    "transformer": LossConfig(drop_reference=0.3, drop_picture=0.3, feature_noise=0.1),
    "sync": LossConfig(reconstructed=0.5, feature_noise=0.1),
}
ORDER = ("tokenizer", "vocoder", "video", "transformer", "sync")


@pytest.fixture(scope="module")
def trained(clips, tmp_path_factory):
    """All five stages, one after the other, each reading what the earlier ones wrote."""
    home = tmp_path_factory.mktemp("run")
    for stage in ORDER:
        main(config(stage, clips, home))
    return home


@pytest.mark.parametrize("stage", ORDER)
def test_a_stage_leaves_its_records(trained, stage):
    lines = [json.loads(x) for x in (trained / stage / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 4
    assert any(k.startswith("val/") for line in lines for k in line)
    assert all(np.isfinite(v) for line in lines for v in line.values())
    assert (trained / stage / "curves.png").stat().st_size > 1000
    assert list((trained / stage / "samples").glob("*.png"))


def test_the_trained_parts_generate(trained):
    examples = Path(__file__).parents[2] / "examples"
    foley = Foley.load(trained / "weights")
    made = foley.generate(examples / "hitting_metal.mp4", examples / "hitting_bag_silent.mp4", candidates=2)
    assert made.wav.shape == (6 * GEOMETRY.sample_rate,)
    assert np.isfinite(made.wav).all()


@pytest.mark.parametrize("stage", ["tokenizer", "vocoder", "transformer"])
def test_a_killed_run_resumes_without_a_trace(trained, clips, tmp_path, stage):
    """Two steps, then a new process' two more, give the weights of four in a row."""
    home = tmp_path
    (home / "weights").mkdir()
    for file in (trained / "weights").iterdir():
        (home / "weights" / file.name).write_bytes(file.read_bytes())
    constant = dict(schedule="constant")
    main(config(stage, clips, home, out=str(home / "whole"), **constant))
    whole = torch.load(home / "whole" / "checkpoint.pt", weights_only=True)["networks"]
    for file in (trained / "weights").iterdir():
        (home / "weights" / file.name).write_bytes(file.read_bytes())
    main(config(stage, clips, home, out=str(home / "parts"), steps=2, **constant))
    if stage == "tokenizer":
        (home / "parts" / "metrics.jsonl").open("a").write(
            '{"step": 3, "distance": 0}\n'
        )  # written after the checkpoint
    main(config(stage, clips, home, out=str(home / "parts"), steps=4, **constant))
    parts = torch.load(home / "parts" / "checkpoint.pt", weights_only=True)["networks"]
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[k], parts[k]) for k in whole), stage
    steps = [json.loads(x)["step"] for x in (home / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and steps.count(3) == 1


def test_the_moving_codebook_follows_its_vectors():
    from condfoley.training.sound_codes import MovingCodebook

    torch.manual_seed(0)
    book = torch.nn.Embedding(16, 2)
    centres = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    keeper = MovingCodebook(book)
    for _ in range(300):
        vectors = centres[torch.randint(4, (64,))] + 0.05 * torch.randn(64, 2)
        keeper.update(book.weight.data, vectors, torch.cdist(vectors, book.weight.data).argmin(1))
    assert torch.cdist(centres, book.weight.data).amin(1).max() < 0.3  # every centre has its row


def test_a_folder_without_usable_clips_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder of clips"):
        main(config("video", tmp_path / "none", tmp_path))
    with pytest.raises(InputError, match="holds no clips"):
        main(config("video", tmp_path, tmp_path))


def test_a_checkpoint_of_another_stage_is_refused(trained, clips, tmp_path):
    home = config("video", clips, trained, out=str(trained / "tokenizer"))
    with pytest.raises(InputError, match="another out folder"):
        main(home)


def test_perceptual_without_weights_says_what_to_do(clips, tmp_path):
    with pytest.raises(InputError, match="perceptual_weights"):
        main(config("tokenizer", clips, tmp_path, loss=LossConfig(perceptual=1.0)))


def test_perceptual_distance_of_equal_spectrograms_is_zero(tmp_path):
    from safetensors.torch import save_file

    from condfoley.training.perceptual import Perceptual

    torch.manual_seed(0)
    save_file(Perceptual().state_dict(), tmp_path / "vgg.safetensors")
    network = Perceptual.load(str(tmp_path / "vgg.safetensors"))
    a, b = torch.rand(1, 1, 80, 32) * 2 - 1, torch.rand(1, 1, 80, 32) * 2 - 1
    assert network(a, a) == 0 and network(a, b) > 0
