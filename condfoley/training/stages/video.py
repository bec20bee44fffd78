"""Stage `video`: the video encoder learns to predict the events of each frame (onset, sliding contact, strength)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from condfoley.audio.onsets import match
from condfoley.data.events import Event
from condfoley.data.store import CachedClip
from condfoley.errors import InputError
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.runtime.peaks import LABEL_WIDTH, pick_onsets
from condfoley.training.augment import SOURCE_RATES, augment, paste_half, repeated_frames
from condfoley.training.batches import Batch
from condfoley.training.config import TrainConfig
from condfoley.training.kinetics import load_kinetics
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import Loss, Stage

LOG_SPEEDS = (-0.35, 0.3)  # range of the logarithm of a window's playback speed, in windows where it is changed
TWO_CLIPS_SHARE = 0.15  # share of windows half of whose picture is from another clip, whose events count too


def frame_labels(events: tuple[Event, ...], start: int, count: int, fps: float) -> np.ndarray:
    """Labels of frames [start, start + count): (count, 3): onset in [0, 1], sliding 0 or 1, strength in [0, 1]."""
    frame = np.arange(start, start + count, dtype=np.float64)
    out = np.zeros((count, 3), np.float32)
    for event in events:
        near = np.exp(-0.5 * ((frame - event.time * fps) / LABEL_WIDTH) ** 2)
        out[:, 2] = np.where(near > out[:, 0], event.strength, out[:, 2])
        out[:, 0] = np.maximum(out[:, 0], near)
        if event.duration:
            inside = (frame >= event.time * fps) & (frame <= (event.time + event.duration) * fps)
            out[:, 1] = np.maximum(out[:, 1], inside)
    return out


def merge_labels(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Labels (T, 3) of a picture of two clips: the nearer onset with its strength, sliding if either clip has it."""
    out = np.where(other[:, :1] > one[:, :1], other, one)
    out[:, 1] = np.maximum(one[:, 1], other[:, 1])
    return out


def onset_loss(logits: Tensor, near: Tensor, onset_weight: float) -> Tensor:
    """Mean cross-entropy of onset logits against the first of `frame_labels`, nats. onset_weight: see `event_loss`."""
    return F.binary_cross_entropy_with_logits(logits, near, weight=1 + (onset_weight - 1) * near)


def event_loss(logits: Tensor, labels: Tensor, onset_weight: float) -> Loss:
    """Loss of an event head: logits (..., 3) against `frame_labels` (..., 3); the total, and its terms to log.

    onset_weight: weight of frames with an onset, relative to frames without.
    """
    near = labels[..., 0]
    onset = onset_loss(logits[..., 0], near, onset_weight)
    sliding = F.binary_cross_entropy_with_logits(logits[..., 1], labels[..., 1])
    strength = (near * (logits[..., 2] - labels[..., 2]).square()).sum() / (near.sum() + 1)
    total = onset + 0.5 * sliding + 0.5 * strength
    return total, {"onset": onset.detach(), "sliding": sliding.detach(), "strength": strength.detach()}


def onset_scores(clips: Sequence[CachedClip], probabilities: Sequence[np.ndarray], fps: float) -> dict[str, float]:
    """F1, recall and precision, within 0.1 s, of the onsets picked from the probabilities (T,) of whole clips."""
    true = [np.array(sorted(event.time for event in clip.events)) for clip in clips]
    scores = [match(t, pick_onsets(p, fps), 0.1) for t, p in zip(true, probabilities, strict=True)]
    expected, picked, hits = (sum(x) for x in zip(*((s.n_ref, s.n_est, s.recall * s.n_ref) for s in scores)))
    return {
        "f1": 2 * hits / max(expected + picked, 1),
        "recall": hits / max(expected, 1),
        "precision": hits / max(picked, 1),
    }


def draw_film(path: Path, clips: Sequence[CachedClip], probabilities: Sequence[np.ndarray], fps: float) -> None:
    """Writes film strips of clips with their true onset labels and the predicted probabilities (T,) as PNG."""
    from condfoley.training.plots import draw_film_strips

    length = min(clip.frame_count for clip in clips)
    curves = [
        {"true": frame_labels(clip.events, 0, length, fps)[:, 0], "predicted": predicted[:length]}
        for clip, predicted in zip(clips, probabilities, strict=True)
    ]
    draw_film_strips(
        path, np.stack([clip.frames(0, length) for clip in clips]), curves, fps, [clip.name for clip in clips]
    )


class VideoStage(Stage):
    """Trained on events: the exact ones of simulated clips, annotated ones, or detected onsets of the clip's sound."""

    part = "video_encoder"
    windows_of_frames = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        if config.steps and not config.video.neck:
            raise InputError(
                "stage video trains the event head behind the neck: set video.neck above 0, "
                "or steps=0 to write the encoder as it is"
            )
        super().__init__(config, accelerator)
        self.encoder: VideoEncoder = load_init(self.built(VideoEncoder, config.video), self.part, config)
        if config.pretrained:
            load_kinetics(self.encoder, Path(config.pretrained))
        self.add("video_encoder", self.encoder, config.lr, self._loss)
        self.window = config.window or self.geometry.window_frames

    def _draw_window(self, clip: CachedClip, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A random window of a clip, sometimes at another speed or frame rate: frames (T, H, W, 3) uint8, labels (T, 3)."""
        fps = self.geometry.fps
        speed = float(np.exp(rng.uniform(*LOG_SPEEDS))) if rng.random() < 0.35 else 1.0
        start = int(rng.integers(0, max(1, int(clip.frame_count / speed) - self.window + 1)))
        shown = (start + np.arange(self.window)) * speed
        if rng.random() < 0.12:
            rate = float(rng.choice(SOURCE_RATES))
            shown = shown[repeated_frames(self.window, fps, rate, rng.random())]
        first = int(shown[0])
        piece = clip.frames(first, int(shown[-1]) + 1 - first)
        index = np.minimum(shown.astype(int) - first, len(piece) - 1)
        return piece[index], frame_labels(clip.events, start, self.window, fps / speed)

    def _draw_view(self, rng: np.random.Generator) -> tuple[str, Tensor, np.ndarray]:
        """A random clip: its name, an augmented window of it (T, 3, S, S), and the labels (T, 3)."""
        clip = self.store.train[rng.integers(len(self.store.train))]
        piece, labels = self._draw_window(clip, rng)
        view = torch.from_numpy(np.ascontiguousarray(piece)).permute(0, 3, 1, 2) / 255.0
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return clip.name, augment(view, self.geometry.frame_size, generator), labels

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Augmented windows (B, T, 3, S, S) of random clips, and their labels (B, T, 3)."""
        names, frames, labels = [], [], []
        for rng in rngs:
            name, view, label = self._draw_view(rng)
            if rng.random() < TWO_CLIPS_SHARE:
                _, other, other_label = self._draw_view(rng)
                paste_half(view, other, rng)
                label = merge_labels(label, other_label)
            names.append(name)
            frames.append(view)
            labels.append(torch.from_numpy(label))
        return Batch(names, (torch.stack(frames), torch.stack(labels)))

    def _loss(self, frames: Tensor, labels: Tensor) -> Loss:
        logits = self.encoder.event_logits(self.encoder(frames)).float()
        with self.full_precision():
            return event_loss(logits, labels, self.config.loss.onset_weight)

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random windows of random clips."""
        return self.update("video_encoder", *batch.tensors)

    def _predict(self, clip: CachedClip) -> np.ndarray:
        """Onset probability of each frame of a whole clip, without augmentation: (T,)."""
        size = self.geometry.frame_size
        frames = torch.from_numpy(np.array(clip.frames(0, clip.frame_count)))
        small = F.interpolate(frames.permute(0, 3, 1, 2).float(), (size, size), mode="area").permute(0, 2, 3, 1)
        tokens = self.encoder.encode_clip(small.round().to(torch.uint8))
        return self.encoder.event_logits(tokens)[:, 0].sigmoid().cpu().numpy()

    def validate(self, step: int) -> dict[str, float]:
        """F1, recall and precision of the picked onsets, within 0.1 s, on up to 80 whole validation clips."""
        clips = self.store.validation[:80]
        return onset_scores(clips, [self._predict(clip) for clip in clips], self.geometry.fps)

    def sample(self, folder: Path, step: int) -> None:
        """Film strips with the true and the predicted onsets."""
        clips = self.store.validation[:4]
        draw_film(folder / f"{step:06d}.png", clips, [self._predict(clip) for clip in clips], self.geometry.fps)
