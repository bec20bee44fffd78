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
from condfoley.training.batches import Batch, validation_streams
from condfoley.training.config import TrainConfig
from condfoley.training.extract import SYSTEM
from condfoley.training.features import Features
from condfoley.training.prerequisites import load_init
from condfoley.training.stage import Loss, Stage

TOLERANCE = 0.2  # s, of the paper's re-ranking rule
MATCH_WINDOWS = (0.1, 0.05)  # s within which onsets of a generated example match events
FOREIGN_SHARE = 0.2  # of the examples: with the sound of another clip
SPLICED_SHARE = 0.35  # of the examples: with spans of the sound replaced by others
Splice = tuple[int, int, int]
"""(to, from, count): a span of spectrogram frames to copy."""
Pair = tuple[str, np.ndarray, np.ndarray, np.ndarray]
"""One example: name of the clip, picture tokens (T, D), spectrogram (n_mels, M) in [0, 1], soft label (classes,)."""


class GeneratedExamples(NamedTuple):
    """Soundtracks generated for a clip: specs (K, n_mels, M) and onsets (K, H) s, as written by
    `extract.write_generated`; events: (R,) s, the clip's events."""

    specs: np.ndarray
    onsets: np.ndarray
    events: np.ndarray

    def agreement(self, index: int, begin: float, end: float) -> float:
        """F1 of a soundtrack's onsets in [begin, end) s against the events: mean over MATCH_WINDOWS."""
        onsets, events = (t[(t >= begin) & (t < end)] for t in (self.onsets[index], self.events))  # drops the nans
        return float(np.mean([match(events, onsets, window).f1 for window in MATCH_WINDOWS]))


@dataclass
class SyncExample:
    """The training data of one clip.

    tokens: (views, T, D) float16. true, reconstructed: spectrograms of its soundtracks (tracks, n_mels, M) float16 in
    [0, 1], of the sound itself and of its reconstruction by the tokenizer. reconstructed, generated: None if training
    does not use them.
    """

    clip: CachedClip
    tokens: np.ndarray
    true: np.ndarray
    reconstructed: np.ndarray | None = None
    generated: GeneratedExamples | None = None


class SyncStage(Stage):
    """Classes: every shift of the grid, and "no match".

    In a third of the examples spans of the sound are replaced by other spans of it: partly in sync, like imperfect
    candidates. With soft labels they train the confidence, which the re-ranking rule uses. Generated soundtracks
    (`loss.drafts`) train it better: their label is the agreement of their onsets with the clip's events.
    """

    part = "sync"
    windows_of_frames = True

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        g = config.geometry
        features = Features(config, self.store.cache, str(accelerator.device))
        every = self._load_examples(self.store.train + self.store.validation, features)
        self.bank, self.held_out = every[: len(self.store.train)], every[len(self.store.train) :]
        self.sizes = dataclasses.replace(
            config.sync,
            feature_dim=self.bank[0].tokens.shape[2],
            n_mels=g.n_mels,
            mel_per_frame=g.sample_rate / g.hop / g.fps,
            fps=g.fps,
        )
        self.model: Sync = self.built(Sync, self.sizes)
        mean, std = token_statistics([e.tokens for e in self.bank])
        self.model.feature_mean.copy_(mean)
        self.model.feature_std.copy_(std)
        self.add("sync", load_init(self.model, self.part, config), config.lr, self._loss)
        self.token_std = self.model.feature_std.cpu()
        self.window = config.window or 2 * g.window_frames
        self.spec_frames = round(self.window / g.fps * g.sample_rate) // g.hop + 1  # of the same duration
        fixed = self._draw_pairs(self.held_out, validation_streams(128), views=1, generated=0.0).to(self.device)
        self.fixed, self.fixed_names = fixed.tensors, fixed.names

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The video encoder; with `loss.reconstructed` the tokenizer; with `loss.drafts` all parts that generate."""
        tokenizer = ("tokenizer",) if config.loss.reconstructed else ()
        return tuple(dict.fromkeys(("video_encoder", *tokenizer, *(SYSTEM if config.loss.drafts else ()))))

    def _load_examples(self, clips: list[CachedClip], features: Features) -> list[SyncExample]:
        loss = self.config.loss
        kinds = {"tokens": features.picture_tokens(), "true": features.spectrograms()}
        if loss.reconstructed:
            kinds["reconstructed"] = features.reconstructions()
        if loss.drafts:
            kinds["generated"] = features.generated(clips)
        examples = []
        for clip, loaded in zip(clips, features.load(clips, *kinds.values())):
            values: dict[str, Any] = dict(zip(kinds, loaded))
            if loss.drafts:
                specs, onsets = values["generated"]
                values["generated"] = GeneratedExamples(specs, onsets, self._events(clip))
            examples.append(SyncExample(clip, **values))
        return examples

    def _events(self, clip: CachedClip) -> np.ndarray:
        """Times of a clip's events: (R,) s."""
        times = np.array([event.time for event in clip.events])
        return times[(times >= 0) & (times < clip.frame_count / self.geometry.fps)]

    def _draw_pairs(
        self, bank: list[SyncExample], rngs: Sequence[np.random.Generator], views: int, generated: float
    ) -> Batch:
        """Tokens (B, T, D), spectrograms (B, n_mels, M) in [0, 1], labels (B, classes); see `draw_pair`."""
        names, *examples = zip(*(self.draw_pair(bank, rng, views, generated) for rng in rngs))
        return Batch(list(names), tuple(torch.from_numpy(np.stack(x)).float() for x in examples))

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Random pairs of picture and shifted sound, with noise on the picture tokens."""
        batch = self._draw_pairs(self.bank, rngs, len(self.bank[0].tokens), generated=self.config.loss.drafts)
        tokens, spec, label = batch.tensors
        noise = torch.from_numpy(np.stack([r.standard_normal(tokens.shape[1:], np.float32) for r in rngs]))
        tokens = tokens + noise * self.config.loss.feature_noise * self.token_std
        return Batch(batch.names, (tokens, spec, label))

    def draw_pair(self, bank: list[SyncExample], rng: np.random.Generator, views: int, generated: float) -> Pair:
        """One random example. views: number of views to draw from. generated: share of generated soundtracks."""
        example = bank[rng.integers(len(bank))]
        if example.generated and rng.random() < generated:
            return self._draw_generated_pair(example, example.generated, rng, views)
        return self._draw_shifted_pair(example, bank, rng, views)

    def _draw_shifted_pair(
        self, example: SyncExample, bank: list[SyncExample], rng: np.random.Generator, views: int
    ) -> Pair:
        """A picture window with a shifted sound: the clip's own, a spliced one, or that of another clip."""
        shift, start = self._draw_shift(example.clip.frame_count, rng)
        tokens = token_window(example.tokens[int(rng.integers(views))], start, self.window)
        source, splices, agreement = self._draw_sound(example, bank, rng)
        begin = round((start - shift + rng.uniform(-0.5, 0.5)) * self.sizes.mel_per_frame)
        track = int(rng.integers(source.clip.tracks))
        spec = source.true
        if source.reconstructed is not None and rng.random() < self.config.loss.reconstructed:
            spec = source.reconstructed
        sound = apply_splices(spec_window(spec[track], begin, self.spec_frames), splices)
        return example.clip.name, tokens, sound, self._label(shift, agreement)

    def _draw_sound(
        self, example: SyncExample, bank: list[SyncExample], rng: np.random.Generator
    ) -> tuple[SyncExample, list[Splice], float]:
        """The source of an example's sound, its splices, and how far it belongs to the picture, 0..1."""
        kind = rng.random()
        if kind < FOREIGN_SHARE:
            return bank[rng.integers(len(bank))], [], 0.0
        if kind < FOREIGN_SHARE + SPLICED_SHARE:
            splices, replaced = draw_splices(self.window * self.sizes.mel_per_frame, rng)
            return example, splices, max(0.0, 1 - 2 * replaced)
        return example, [], 1.0

    def _draw_generated_pair(
        self, example: SyncExample, generated: GeneratedExamples, rng: np.random.Generator, views: int
    ) -> Pair:
        """A picture window with a generated soundtrack, half of them without a shift."""
        fps, n = self.geometry.fps, self.window
        shift, start = self._draw_shift(example.clip.frame_count, rng, scale=int(rng.integers(2)))
        tokens = token_window(example.tokens[int(rng.integers(views))], start, n)
        index, begin = int(rng.integers(len(generated.specs))), start - shift
        label = self._label(shift, generated.agreement(index, begin / fps, (begin + n) / fps))
        first = round((begin + rng.uniform(-0.5, 0.5)) * self.sizes.mel_per_frame)
        return example.clip.name, tokens, spec_window(generated.specs[index], first, self.spec_frames), label

    def _label(self, shift: int, agreement: float) -> np.ndarray:
        """Soft label (classes,): `agreement` for the offset of `shift` frames, the rest for "no match"."""
        label = np.zeros(2 * self.sizes.max_shift + 2, np.float32)
        label[shift + self.sizes.max_shift], label[-1] = agreement, 1 - agreement
        return label

    def _draw_shift(self, frames: int, rng: np.random.Generator, scale: int = 1) -> tuple[int, int]:
        """Frames by which the sound is late (0 if `scale` is 0), and the first frame of the picture's window.

        frames: length of the clip.
        """
        room = max(0, frames - self.window)
        most = min(self.sizes.max_shift, room)
        shift = int(rng.integers(-most, most + 1)) * scale
        return shift, int(rng.integers(max(0, shift), room + min(0, shift) + 1))

    def _loss(self, tokens: Tensor, spec: Tensor, label: Tensor) -> Loss:
        loss = -(label * self.model(tokens, spec).float().log_softmax(1)).sum(1).mean()
        return loss, {"cross_entropy": loss.detach()}

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random pairs."""
        return self.update("sync", *batch.tensors)

    def validate(self, step: int) -> dict[str, float]:
        """Loss; share of true pairs whose offset is right within one frame, and within 0.2 s; probability that a foreign
        sound has a higher "no match" probability than a true one; and `_gain`."""
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
        } | self._gain()

    def _gain(self) -> dict[str, float]:
        """Gain in F1 of choosing a generated soundtrack by the paper's rule over a random choice; empty without any."""
        gains = []
        for e in self.held_out:
            if e.generated:
                tokens = torch.from_numpy(e.tokens[0].astype(np.float32)).to(self.device)
                specs = torch.from_numpy(e.generated.specs).float().to(self.device)
                agreement = [e.generated.agreement(i, 0, np.inf) for i in range(len(specs))]
                offsets, confidences = self.model.score(tokens, specs, self.window)
                chosen = rank(offsets.tolist(), confidences.tolist(), TOLERANCE)[0]
                gains.append(agreement[chosen] - np.mean(agreement))
        return {"gained": float(np.mean(gains))} if gains else {}

    def sample(self, folder: Path, step: int) -> None:
        """Predicted and true distributions over offsets of some validation examples."""
        from condfoley.training.plots import draw_distributions

        tokens, spec, label = (x[:12] for x in self.fixed)
        predicted = self.model(tokens, spec).softmax(1)
        draw_distributions(folder / f"{step:06d}.png", predicted, label, self.geometry.fps, self.fixed_names)


def draw_splices(length: float, rng: np.random.Generator) -> tuple[list[Splice], float]:
    """Random spans to copy within a spectrogram of `length` frames, and the share of it that they replace."""
    splices, replaced = [], 0
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.uniform(0.06, 0.2) * length)
        to, source = (int(x) for x in rng.integers(0, int(length) - count, 2))
        splices.append((to, source, count))
        replaced += count
    return splices, min(1.0, replaced / length)


def spec_window(spec: np.ndarray, start: int, count: int) -> np.ndarray:
    """Frames [start, start + count) of a spectrogram (n_mels, M), silence beyond its ends: (n_mels, count) float32."""
    out = np.zeros((len(spec), count), np.float32)
    left, right = max(0, start), min(spec.shape[1], start + count)
    if right > left:
        out[:, left - start : right - start] = spec[:, left:right]
    return out


def apply_splices(spec: np.ndarray, splices: list[Splice]) -> np.ndarray:
    """A copy of a spectrogram (n_mels, M) in which spans are replaced."""
    out = spec.copy()
    for to, source, count in splices:
        out[:, to : to + count] = spec[:, source : source + count]
    return out
