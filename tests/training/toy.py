"""Clips, settings and losses of toy sizes: a few seconds of every stage."""

import json
from pathlib import Path

import numpy as np

from condfoley.data.events import Event
from condfoley.data.simulation.write import GENERATOR
from condfoley.media import write_clip
from condfoley.sizes import JudgesConfig
from condfoley.training.config import DataConfig, LossConfig, TrainConfig
from tests.tiny import BIND, CONTACT, EVENTS, FLOWS, GEOMETRY, SYNC, TOKENIZER, TRANSFORMER, VIDEO, VOCODER

JUDGES = JudgesConfig(widths=(4, 8), depths=(1, 1), grid=(2, 2), hidden=32)
CENTRE = (0.49, 0.5)  # of the bar
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
        notes = {"generator": GENERATOR, "events": [Event(t, "hit", 0.0, 0.7, *CENTRE).to_dict() for t in HITS]}
        path.with_suffix(".json").write_text(json.dumps(notes))


def write_clips(folder: Path, count: int = 3) -> Path:
    """A folder of clips, all but the first as simulated ones, with their events beside them."""
    for i in range(count):
        write_hits(folder / f"{i:06d}.mp4", i, events=i > 0)
    return folder


def config(stage: str, clips: Path, home: Path, **changes) -> TrainConfig:
    """A few seconds of one stage at toy sizes."""
    renderings = 12 if stage == "judges" else 2  # so that a held-out clip has materials that training clips have
    settings = dict(
        stage=stage,
        out=str(home / stage),
        weights=str(home / "weights"),
        data=DataConfig(folder=str(clips), frame_size=40, validation=0.3, workers=1, renderings=renderings),
        geometry=GEOMETRY,
        tokenizer=TOKENIZER,
        vocoder=VOCODER,
        video=VIDEO,
        transformer=TRANSFORMER,
        flow=FLOWS["latents"],
        sync=SYNC,
        events=EVENTS,
        contact=CONTACT,
        bind=BIND,
        judges=JUDGES,
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


def logged(run: Path) -> list[int]:
    """Step of each line in the metrics.jsonl of a run's folder."""
    path = run / "metrics.jsonl"
    return [json.loads(line)["step"] for line in path.read_text().splitlines()] if path.exists() else []


LOSSES = {
    "tokenizer": LossConfig(
        perceptual=0, adversarial=0.1, adversarial_from=1, feature_matching=0.1, codebook_update="ema", disc_channels=4
    ),
    "vocoder": LossConfig(stft=1, mel=5, adversarial_from=1, feature_matching=1, reconstructed=0.5, disc_channels=4),
    "video": LossConfig(),
    "transformer": LossConfig(drop_reference=0.3, drop_picture=0.3, feature_noise=0.1),
    "flow": LossConfig(
        drop_reference=0.2, drop_all=0.2, drop_picture=0.3, drop_target=0.2, known=0.5, feature_noise=0.1
    ),
    "sync": LossConfig(reconstructed=0.5, feature_noise=0.1),
    "events": LossConfig(feature_noise=0.1),
    "contact": LossConfig(),
    "bind": LossConfig(feature_noise=0.1),
    "judges": LossConfig(),
}
ORDER = ("tokenizer", "vocoder", "video", "transformer", "flow", "sync", "events", "contact", "bind", "judges")
