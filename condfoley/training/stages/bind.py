"""Stage `bind`: vectors of sounds and pictures, self-supervised by two moments of the same video."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from condfoley.data.store import CachedClip
from condfoley.networks.bind import Bind
from condfoley.training.banks import token_statistics, token_window
from condfoley.training.batches import Batch
from condfoley.training.config import TrainConfig
from condfoley.training.features import Features
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import Loss, Stage, weighted_sum
from condfoley.training.stages.sync import spec_window

SINGLE_SHARE = 0.4  # of the sounds: one event alone, as in libraries of one-shots
SINGLE_SECONDS = (0.15, 1.2)  # of such a sound, at most until the next event
BEFORE = 0.02  # s before an event that belong to it
MOST_HELD_OUT = 200  # videos of the validation


@dataclass
class BindExample:
    """The training data of one clip. tokens: (views, T, D) float16. specs: (tracks, n_mels, M) float16 in [0, 1]."""

    clip: CachedClip
    tokens: np.ndarray
    specs: np.ndarray


class BindStage(Stage):
    """InfoNCE within a batch: of all its videos, which sound is of another moment of the same one as a sound, and as a
    picture. Examples of the same video are no negatives of each other; sounds of it are, where they were rendered with different
    instruments."""

    part = "bind"
    windows_of_frames = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        g = config.geometry
        features = Features(config, self.store.cache, str(accelerator.device))
        clips = self.store.train + self.store.validation
        loaded = features.load(clips, features.picture_tokens(), features.spectrograms())
        every = [BindExample(clip, *values) for clip, values in zip(clips, loaded)]
        self.bank, self.held_out = every[: len(self.store.train)], every[len(self.store.train) :][:MOST_HELD_OUT]
        self.sizes = dataclasses.replace(config.bind, feature_dim=self.bank[0].tokens.shape[2], n_mels=g.n_mels)
        self.model: Bind = self.built(Bind, self.sizes)
        mean, std = token_statistics([e.tokens for e in self.bank])
        self.model.feature_mean.copy_(mean)
        self.model.feature_std.copy_(std)
        self.token_std = std.numpy()
        load_init(self.model, self.part, config)
        self.rate = g.sample_rate / g.hop  # spectrogram frames a second
        self.window = config.window or g.window_frames
        self.spec_frames = round(self.window / g.fps * self.rate)
        self.add(self.part, self.model, config.lr, self._loss)
        self.fixed = self._held_out_pairs().to(self.device)

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The parts whose outputs it learns from."""
        return ("video_encoder",)

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Picture tokens (B, T, D) of a moment with noise, the spectrograms (B, n_mels, M) in [0, 1] of that moment and of
        another one, numbers (B,) of the videos, and of their soundtracks."""
        names, *examples = zip(*(self._draw_one(rng) for rng in rngs))
        arrays = (torch.from_numpy(np.stack(x)).float() for x in examples[:3])
        return Batch(list(names), (*arrays, *(torch.tensor(x) for x in examples[3:])))

    def _draw_one(self, rng: np.random.Generator) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, int, int]:
        number = int(rng.integers(len(self.bank)))
        example = self.bank[number]
        view, track = int(rng.integers(len(example.tokens))), int(rng.integers(len(example.specs)))
        starts = self._draw_starts(example.clip.frame_count, rng)
        tokens = token_window(example.tokens[view], starts[0], self.window).astype(np.float32)
        noise = rng.standard_normal(tokens.shape, np.float32) * self.config.loss.feature_noise * self.token_std
        here, there = (self._sound(example, track, start, rng) for start in starts)
        return example.clip.name, tokens + noise, here, there, number, track

    def _draw_starts(self, frames: int, rng: np.random.Generator) -> tuple[int, int]:
        """First frames of two moments, in any order, which do not overlap if the clip is long enough."""
        last = max(0, frames - self.window)
        first = int(rng.integers(0, max(1, last - self.window + 1)))
        second = int(rng.integers(min(first + self.window, last), last + 1))
        return (first, second) if rng.integers(2) else (second, first)

    def _sound(self, example: BindExample, track: int, start: int, rng: np.random.Generator) -> np.ndarray:
        """The spectrogram of a moment, (n_mels, M), sometimes of one event of it alone."""
        fps = self.geometry.fps
        spec = spec_window(example.specs[track], round(start / fps * self.rate), self.spec_frames)
        times = [event.time - start / fps for event in example.clip.events]
        return single_event(spec, times, self.rate, rng) if rng.random() < SINGLE_SHARE else spec

    def _loss(self, tokens: Tensor, here: Tensor, there: Tensor, videos: Tensor, tracks: Tensor) -> Loss:
        sounds = self.model.embed_sound(torch.cat([here, there])).float()
        pictures = self.model.embed_picture(tokens).float()
        with self.full_precision():
            a, b = sounds.chunk(2)
            same = videos[:, None] == videos[None]
            alike = same & (tracks[:, None] == tracks[None])  # of the same instrument
            terms = {
                "sound_sound": info_nce(self.model.similarity(a, b), alike),
                "sound_picture": (
                    info_nce(self.model.similarity(pictures, a), same)
                    + info_nce(self.model.similarity(pictures, b), same)
                )
                / 2,
            }
            weights = {name: getattr(self.config.loss, name) for name in terms}
            return weighted_sum(terms, weights), {name: term.detach() for name, term in terms.items()}

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random pairs."""
        return self.update(self.part, *batch.tensors)

    def _held_out_pairs(self) -> Batch:
        """As `draw`, one example of each held-out video: its first moment, and the sounds of its first and last one."""
        names, tokens, here, there = [], [], [], []
        for example in self.held_out:
            last = max(0, example.clip.frame_count - self.window)
            names.append(example.clip.name)
            tokens.append(token_window(example.tokens[0], 0, self.window))
            begin = round(last / self.geometry.fps * self.rate)
            here.append(spec_window(example.specs[0], 0, self.spec_frames))
            there.append(spec_window(example.specs[0], begin, self.spec_frames))
        stacked = (torch.from_numpy(np.stack(x)).float() for x in (tokens, here, there))
        return Batch(names, (*stacked, torch.arange(len(names)), torch.zeros(len(names))))

    def _similarities(self) -> dict[str, Tensor]:
        """Cosines of the held-out videos' sounds and pictures, (N, N), with the sounds of another moment."""
        tokens, here, there, *_ = self.fixed.tensors
        sounds = self.model.embed_sound(there)
        queries = {"sound": self.model.embed_sound(here), "picture": self.model.embed_picture(tokens)}
        return {name: vectors @ sounds.T for name, vectors in queries.items()}

    def validate(self, step: int) -> dict[str, float]:
        """Losses; and of each held-out video's sound of another moment, sought by sound and by picture, the mean rank
        among all, from 0 (always the first) to 1; 0.5 is chance."""
        _, metrics = self._loss(*self.fixed.tensors)
        ranks = {f"{name}_rank": mean_rank(cosines) for name, cosines in self._similarities().items()}
        return {name: value.item() for name, value in metrics.items()} | ranks

    def sample(self, folder: Path, step: int) -> None:
        """The similarities of held-out videos, sought by sound and by picture; what belongs together is the diagonal."""
        from condfoley.training.plots import draw_similarities

        found = {name: cosines[:40, :40] for name, cosines in self._similarities().items()}
        draw_similarities(folder / f"{step:06d}.png", found)


def info_nce(similarities: Tensor, same: Tensor) -> Tensor:
    """InfoNCE both ways (van den Oord et al. 2018), a scalar: (B, B) scaled similarities, of which the diagonal belongs
    together. same: (B, B) bool, pairs that are no negatives."""
    own = torch.eye(len(same), dtype=torch.bool, device=same.device)
    logits = similarities.masked_fill(same & ~own, -torch.inf)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def mean_rank(cosines: Tensor) -> float:
    """Mean rank of the diagonal within its row, from 0 (the first) to 1 (the last): (N, N). Equal ones share a rank."""
    own, count = cosines.diagonal()[:, None], len(cosines)
    if count < 2:
        return 0.0
    before = (cosines > own).float().sum(1) + ((cosines == own).float().sum(1) - 1) / 2
    return float((before / (count - 1)).mean())


def single_event(spec: np.ndarray, times: Sequence[float], rate: float, rng: np.random.Generator) -> np.ndarray:
    """A spectrogram, (n_mels, M) at `rate` frames a second, of which one random event is left; as it is without any.

    times: s of the events from the spectrogram's beginning on, ascending.
    """
    count = spec.shape[1]
    begins = [begin for time in times if 0 <= (begin := round((time - BEFORE) * rate)) < count - 1]
    if not begins:
        return spec
    index = int(rng.integers(len(begins)))
    end = begins[index] + max(2, round(float(rng.uniform(*SINGLE_SECONDS)) * rate))
    if index + 1 < len(begins):
        end = min(end, max(begins[index + 1], begins[index] + 2))
    out = np.zeros_like(spec)
    out[:, begins[index] : end] = spec[:, begins[index] : end]
    return out
