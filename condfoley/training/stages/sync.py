"""Stage `sync`: the offset model, self-supervised by shifting sounds against their pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from condfoley.audio.onsets import match
from condfoley.comping.ranking import rank
from condfoley.data.store import CachedClip
from condfoley.networks.sync import Sync
from condfoley.training.banks import token_statistics, token_window
from condfoley.training.config import TrainConfig
from condfoley.training.extract import SYSTEM
from condfoley.training.features import Features
from condfoley.training.prerequisites import started
from condfoley.training.stage import Batch, Loss, Stage, fixed_streams

TOLERANCE = 0.2  # s, of the paper's rule
WITHIN = (0.1, 0.05)  # s in which a draft's hits are expected of an event
FOREIGN, SPLICED = 0.2, 0.35  # shares of examples with another clip's sound / with exchanged stretches


class Drafts(NamedTuple):
    """What the system wrote for a clip, as `extract.drafts` keeps it; true: (R,) s, the clip's events."""

    specs: np.ndarray
    hits: np.ndarray
    true: np.ndarray

    def likeness(self, draft: int, begin: float, end: float) -> float:
        """F1 of what a draft strikes in [begin, end), s, against what happens: mean of those within WITHIN."""
        struck, true = (t[(t >= begin) & (t < end)] for t in (self.hits[draft], self.true))  # without the nans
        return float(np.mean([match(true, struck, window).f1 for window in WITHIN]))


@dataclass
class Heard:
    """A clip with what the sync model is given of it.

    tokens: (views, T, D) float16. true, reconstructed: its soundtracks' spectrograms (tracks, n_mels, M) float16 in
    [0, 1], as they are and through the tokenizer; the latter, and the drafts, None when training does not ask for them.
    """

    clip: CachedClip
    tokens: np.ndarray
    true: np.ndarray
    reconstructed: np.ndarray | None = None
    drafts: Drafts | None = None


class SyncStage(Stage):
    """Classes: every shift of the grid, and "no match".

    A third of the sounds have stretches replaced by other stretches of the same sound: partly in sync, as imperfect
    candidates are. They teach the confidence, which the re-ranking rule needs, with a soft label. Better teachers are true
    candidates (`loss.drafts`): how many of the clip's events are heard in them is known.
    """

    part = "sync"
    windows_of_frames = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        g = config.geometry
        features = Features(config, self.store.cache, str(accelerator.device))
        every = self._heard(self.store.train + self.store.validation, features)
        self.bank, self.held_out = every[: len(self.store.train)], every[len(self.store.train) :]
        self.sizes = dataclasses.replace(
            config.sync,
            feature_dim=self.bank[0].tokens.shape[2],
            n_mels=g.n_mels,
            mel_per_frame=g.sample_rate / g.hop / g.fps,
            fps=g.fps,
        )
        self.model: Sync = Sync(self.sizes)
        mean, std = token_statistics([e.tokens for e in self.bank])
        self.model.feature_mean.copy_(mean)
        self.model.feature_std.copy_(std)
        self.add("sync", started(self.model, self.part, config), config.lr, self._loss)
        self.spread = self.model.feature_std.cpu()
        self.window = config.window or 2 * g.window_frames
        self.heard = round(self.window / g.fps * g.sample_rate) // g.hop + 1  # spectrogram frames beside it
        fixed = self._pairs(self.held_out, fixed_streams(128), views=1, drafts=0.0).to(self.device)
        self.fixed, self.fixed_names = fixed.tensors, fixed.names

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The video encoder, and the tokenizer when it is to hear some spectrograms through it."""
        tokenizer = ("tokenizer",) if config.loss.reconstructed else ()
        return tuple(dict.fromkeys(("video_encoder", *tokenizer, *(SYSTEM if config.loss.drafts else ()))))

    def _heard(self, clips: list[CachedClip], features: Features) -> list[Heard]:
        loss = self.config.loss
        kinds = {"tokens": features.picture_tokens(), "true": features.spectrograms()}
        if loss.reconstructed:
            kinds["reconstructed"] = features.reconstructions()
        if loss.drafts:
            kinds["drafts"] = features.drafts(clips)
        heard = []
        for clip, features_of_it in zip(clips, features.of(clips, *kinds.values())):
            made: dict[str, Any] = dict(zip(kinds, features_of_it))
            if written := made.pop("drafts", None):
                specs, hits = written
                made["drafts"] = Drafts(specs, hits, self._events(clip))
            heard.append(Heard(clip, **made))
        return heard

    def _events(self, clip: CachedClip) -> np.ndarray:
        """When something happens in a clip: (R,) s."""
        times = np.array([event.time for event in clip.events])
        return times[(times >= 0) & (times < clip.frame_count / self.geometry.fps)]

    def _pairs(self, bank: list[Heard], rngs: Sequence[np.random.Generator], views: int, drafts: float) -> Batch:
        """(tokens (B, T, D), spectrograms (B, n_mels, M) in [0, 1], labels (B, classes))."""
        names, *examples = zip(*(self._one(bank, rng, views, drafts) for rng in rngs))
        return Batch(list(names), tuple(torch.from_numpy(np.stack(x)).float() for x in examples))

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Freshly shifted sounds beside their pictures, with noise on the picture tokens."""
        batch = self._pairs(self.bank, rngs, views=len(self.bank[0].tokens), drafts=self.config.loss.drafts)
        tokens, spec, label = batch.tensors
        noise = torch.from_numpy(np.stack([r.standard_normal(tokens.shape[1:], np.float32) for r in rngs]))
        tokens = tokens + noise * self.config.loss.feature_noise * self.spread
        return Batch(batch.names, (tokens, spec, label))

    def _one(
        self, bank: list[Heard], rng: np.random.Generator, views: int, drafts: float
    ) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
        """One example, a draft in the share `drafts` of cases.

        Returns its clip's name, a picture window (T, D), the spectrogram of a sound shifted against it, and a soft label.
        """
        n, most = self.window, self.sizes.max_shift
        e = bank[rng.integers(len(bank))]
        if e.drafts and rng.random() < drafts:
            return self._draft(e, e.drafts, rng, views)
        shift, start = self._apart(e.clip.frame_count, rng)
        tokens = token_window(e.tokens[int(rng.integers(views))], start, n)
        label = np.zeros(2 * most + 2, np.float32)
        sound, kind = e, rng.random()
        moves: list[tuple[int, int, int]] = []
        true = 1.0
        if kind < FOREIGN:
            sound, true = bank[rng.integers(len(bank))], 0.0
        elif kind < FOREIGN + SPLICED:
            moves, exchanged = draw_splices(n * self.sizes.mel_per_frame, rng)
            true = max(0.0, 1 - 2 * exchanged)
        label[shift + most], label[-1] = true, 1 - true
        begin = round((start - shift + rng.uniform(-0.5, 0.5)) * self.sizes.mel_per_frame)
        track = int(rng.integers(sound.clip.tracks))
        spec = sound.true
        if sound.reconstructed is not None and rng.random() < self.config.loss.reconstructed:
            spec = sound.reconstructed
        return e.clip.name, tokens, _spliced(spec_window(spec[track], begin, self.heard), moves), label

    def _draft(
        self, e: Heard, d: Drafts, rng: np.random.Generator, views: int
    ) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
        """The same of a draft; half of them as they were written."""
        n, most, g = self.window, self.sizes.max_shift, self.geometry
        shift, start = self._apart(e.clip.frame_count, rng, moved=int(rng.integers(2)))
        seen = e.tokens[int(rng.integers(views))]
        which, begin = int(rng.integers(len(d.specs))), start - shift
        label = np.zeros(2 * most + 2, np.float32)
        label[shift + most] = d.likeness(which, begin / g.fps, (begin + n) / g.fps)
        label[-1] = 1 - label[shift + most]
        frame = round((begin + rng.uniform(-0.5, 0.5)) * self.sizes.mel_per_frame)
        return e.clip.name, token_window(seen, start, n), spec_window(d.specs[which], frame, self.heard), label

    def _apart(self, frames: int, rng: np.random.Generator, moved: int = 1) -> tuple[int, int]:
        """How late the sound is to be, frames, or not at all (`moved` 0), and where the picture's window begins."""
        room = max(0, frames - self.window)
        most = min(self.sizes.max_shift, room)
        shift = int(rng.integers(-most, most + 1)) * moved
        return shift, int(rng.integers(max(0, shift), room + min(0, shift) + 1))

    def _loss(self, tokens: Tensor, spec: Tensor, label: Tensor) -> Loss:
        loss = -(label * self.model(tokens, spec).float().log_softmax(1)).sum(1).mean()
        return loss, {"cross_entropy": loss.detach()}

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on a fresh batch."""
        return self.update("sync", *batch.tensors)

    def validate(self, step: int) -> dict[str, float]:
        """Loss, share of true pairs placed within one frame and within 0.2 s, and how well true beats foreign sound."""
        tokens, spec, label = self.fixed
        logits = self.model(tokens, spec)
        loss = -(label * logits.log_softmax(1)).sum(1).mean().item()
        whole = label[:, -1] == 0
        error = (logits[:, :-1].argmax(1) - label[:, :-1].argmax(1)).abs()[whole].float()
        foreign = logits.softmax(1)[label[:, -1] == 1, -1]
        matching = logits.softmax(1)[whole, -1]
        return {
            "cross_entropy": loss,
            "within_1_frame": (error <= 1).float().mean().item(),
            "within_0.2_s": (error <= 0.2 * self.geometry.fps).float().mean().item(),
            "foreign_told": (foreign[:, None] > matching[None]).float().mean().item(),
        } | self._gained()

    def _gained(self) -> dict[str, float]:
        """By how much the paper's rule chooses better among drafts than chance, F1; nothing without drafts."""
        gains = []
        for e in self.held_out:
            if d := e.drafts:
                tokens = torch.from_numpy(e.tokens[0].astype(np.float32)).to(self.device)
                specs = torch.from_numpy(d.specs).float().to(self.device)
                likeness = [d.likeness(i, 0, np.inf) for i in range(len(specs))]
                offsets, confidences = self.model.score(tokens, specs, self.window)
                chosen = rank(offsets.tolist(), confidences.tolist(), TOLERANCE)[0]
                gains.append(likeness[chosen] - np.mean(likeness))
        return {"gained": float(np.mean(gains))} if gains else {}

    def sample(self, folder: Path, step: int) -> None:
        """The distribution over offsets of some validation examples beside the truth."""
        from condfoley.training.plots import distributions

        tokens, spec, label = (x[:12] for x in self.fixed)
        made = self.model(tokens, spec).softmax(1)
        distributions(folder / f"{step:06d}.png", made, label, self.geometry.fps, self.fixed_names)


def draw_splices(length: float, rng: np.random.Generator) -> tuple[list[tuple[int, int, int]], float]:
    """Stretches to copy within a spectrogram of `length` frames: [(to, from, count)], and the share they replace."""
    moves, replaced = [], 0
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.uniform(0.06, 0.2) * length)
        to, source = (int(x) for x in rng.integers(0, int(length) - count, 2))
        moves.append((to, source, count))
        replaced += count
    return moves, min(1.0, replaced / length)


def spec_window(spec: np.ndarray, start: int, count: int) -> np.ndarray:
    """Frames [start, start + count) of a spectrogram (n_mels, M), silence beyond its ends: (n_mels, count) float32."""
    out = np.zeros((len(spec), count), np.float32)
    left, right = max(0, start), min(spec.shape[1], start + count)
    if right > left:
        out[:, left - start : right - start] = spec[:, left:right]
    return out


def _spliced(spec: np.ndarray, moves: list[tuple[int, int, int]]) -> np.ndarray:
    out = spec.copy()
    for to, source, count in moves:
        out[:, to : to + count] = spec[:, source : source + count]
    return out
