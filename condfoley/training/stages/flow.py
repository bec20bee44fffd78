"""Stage `flow`: in-video pairs; squared error of the velocity from noise to the target's tokens of sound, or to a guided
teacher's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from condfoley.errors import InputError
from condfoley.networks.flow import Flow, to_specs, velocity
from condfoley.runtime.flow_sampling import Estimate, FlowSampling, integrate, noise, schedule
from condfoley.runtime.sampling import dropped, random_streams
from condfoley.sizes import FlowConfig
from condfoley.training.banks import Example, draw_windows, load_examples, noisy_pictures, token_statistics
from condfoley.training.batches import Batch, validation_streams
from condfoley.training.config import TrainConfig
from condfoley.training.distil import FlowTeacher
from condfoley.training.features import Features
from condfoley.training.prerequisites import has_part, load_init
from condfoley.training.pretext import TRUE, exchanged_pairs, loss_of_videos
from condfoley.training.samples import write_sample_clip
from condfoley.training.stage import Loss, Stage
from condfoley.weights import load_part

MOST_EXAMPLES = 400  # clips whose sounds make the statistics, about
SAMPLE_EXAMPLES = 6  # examples in the pictures of a sample
TIME_MEAN, TIME_DEVIATION = -0.4, 1.0  # of the logit-normal times (Esser et al. 2024); the mean is an estimate
LEAST_LEFT = 0.1  # of 1 - time, by which errors are divided in the loss
VELOCITY = "velocity"  # name of the loss
DIVERGENCE = "divergence"  # of the error against a teacher's velocity


class FlowStage(Stage):
    """Trained on the same pairs as the transformer, with random times and, in part, with known spans of the target."""

    part = "flow"

    def __init__(self, config: TrainConfig, accelerator: Accelerator):
        super().__init__(config, accelerator)
        weights, device = Path(config.weights), str(accelerator.device)
        if config.flow.space == "patches" and self.geometry.window_mel_frames % config.flow.patch:
            raise InputError(f"flow.patch must divide the {self.geometry.window_mel_frames} frames of a window")
        features = Features(config, self.store.cache, device)
        windows = features.sound_tokens(config.flow.space, config.flow.patch)
        every = load_examples(self.store.train + self.store.validation, features, windows)
        self.bank, self.held_out = every[: len(self.store.train)], every[len(self.store.train) :]
        self.tokenizer = load_part(weights, "tokenizer", device) if config.flow.space == "latents" else None
        self.teacher = FlowTeacher(Path(config.teacher), device) if config.teacher else None
        self.model: Flow = self.built(Flow, self._sizes())
        self._set_statistics()
        load_init(self.model, self.part, dataclasses.replace(config, teacher=None, init=config.teacher or config.init))
        self.add("flow", self.model, config.lr, self._loss)
        self.token_std = self.model.feature_std.cpu()
        self.fixed = self._with_noise(
            self.draw_pairs(self.held_out, validation_streams(96), views=1), validation_streams(96)
        ).to(self.device)

    @classmethod
    def needs(cls, config: TrainConfig) -> tuple[str, ...]:
        """The parts that encode its inputs and outputs."""
        return ("tokenizer", "video_encoder") if config.flow.space == "latents" else ("video_encoder",)

    def _sizes(self) -> FlowConfig:
        """The config's sizes with the lengths of the geometry and of the frozen parts; a student needs no guidance."""
        tokens, dim = self.bank[0].sounds.shape[2:]
        wanted = self.config.flow
        return dataclasses.replace(
            dataclasses.replace(wanted, guidance=1.0, picture_guidance=1.0) if self.teacher else wanted,
            dim=dim,
            tokens=tokens,
            patch=self.config.flow.patch if self.config.flow.space == "patches" else 0,
            feature_dim=self.bank[0].tokens.shape[2],
            frames=self.geometry.window_frames,
        )

    def _set_statistics(self) -> None:
        """Sets the network's mean and deviation of picture tokens and of tokens of sound.

        Those of sound are of each value of a latent; of a patch's values there is one deviation, which keeps their
        levels comparable.
        """
        mean, std = token_statistics([e.tokens for e in self.bank])
        self.model.feature_mean.copy_(mean)
        self.model.feature_std.copy_(std)
        some = self.bank[:: max(1, len(self.bank) // MOST_EXAMPLES)]
        sounds = torch.from_numpy(np.concatenate([e.sounds[0].reshape(-1, e.sounds.shape[-1]) for e in some])).float()
        whole = self.config.flow.space == "patches"
        self.model.mean.copy_(sounds.mean(0))
        self.model.std.copy_((sounds - sounds.mean(0)).std() if whole else sounds.std(0) + 1e-2)

    def draw_pairs(self, bank: list[Example], rngs: Sequence[np.random.Generator], views: int) -> Batch:
        """Random in-video pairs: picture tokens (B, frames, D) of reference and target, raw tokens of sound (B, L, dim)."""
        pairs = [draw_windows(bank, rng, views, self.geometry, self.config.data.pairing) for rng in rngs]
        rows = [(*pair.pictures, *pair.sounds) for pair in pairs]
        tensors = (torch.from_numpy(np.stack(x)).float() for x in zip(*rows))
        return Batch([pair.example.clip.name for pair in pairs], tuple(tensors))

    def _with_noise(self, batch: Batch, rngs: Sequence[np.random.Generator]) -> Batch:
        """The pairs, followed by noise (B, L, dim) and times (B,)."""
        shape = batch.tensors[3].shape[1:]
        drawn = torch.from_numpy(noise(rngs, *shape))
        times = torch.tensor([TIME_MEAN + TIME_DEVIATION * r.standard_normal() for r in rngs]).sigmoid()
        return Batch(batch.names, (*batch.tensors, drawn, times.float()))

    def draw(self, rngs: Sequence[np.random.Generator]) -> Batch:
        """Random in-video pairs with noise on the picture tokens, noise and time of the flow, the known part of the
        target (B, L), and which conditions are dropped, (B,) each."""
        batch, weights = self.draw_pairs(self.bank, rngs, len(self.bank[0].tokens)), self.config.loss
        pictures = noisy_pictures(batch.tensors[:2], weights.feature_noise * self.token_std, rngs)
        batch = self._with_noise(Batch(batch.names, (*pictures, *batch.tensors[2:])), rngs)
        known = torch.from_numpy(np.stack([draw_known(self.model.config.tokens, weights.known, r) for r in rngs]))
        chance = torch.from_numpy(np.stack([r.random(2) for r in rngs]))
        neither, reference = weights.drop_all, weights.drop_all + weights.drop_reference
        no_reference = chance[:, 0] < reference
        no_target = (chance[:, 0] < neither) | (~no_reference & (chance[:, 0] < reference + weights.drop_target))
        no_picture = chance[:, 1] < weights.drop_picture
        return Batch(batch.names, (*batch.tensors, known, no_target, no_reference, no_picture))

    def _loss(
        self,
        reference_tokens: Tensor,
        target_tokens: Tensor,
        reference: Tensor,
        target: Tensor,
        drawn: Tensor,
        time: Tensor,
        known: Tensor | None = None,
        *drops: Tensor,
    ) -> Loss:
        known = torch.zeros_like(target[:, :, 0]) if known is None else known
        drops = drops or (torch.zeros_like(time, dtype=torch.bool),) * 3
        clean = self.model.standardise(target)
        share = torch.maximum(time[:, None], known)[:, :, None]  # (B, L, 1)
        noisy = (1 - share) * drawn + share * clean
        inputs = noisy, known, time, self.model.standardise(reference), reference_tokens, target_tokens, *drops
        estimate = self.model(*inputs)
        wanted = (
            {VELOCITY: clean} if self.teacher is None else {VELOCITY: clean, DIVERGENCE: self.teacher.estimate(*inputs)}
        )
        errors = {name: self._errors(x, estimate, noisy, known, time) for name, x in wanted.items()}
        metrics = {name: each.detach().mean() for name, each in errors.items()}
        return errors[DIVERGENCE if self.teacher else VELOCITY].mean(), metrics | {"each": errors[VELOCITY].detach()}

    def _errors(self, wanted: Tensor, estimate: Tensor, noisy: Tensor, known: Tensor, time: Tensor) -> Tensor:
        """Mean squared error, (B,), of an estimate's velocity where nothing is known."""
        with self.full_precision():
            goal, found = (velocity(x.float(), noisy, time, LEAST_LEFT) for x in (wanted, estimate))
            error = (found - goal).square().mean(2) * (1 - known)  # (B, L)
            each: Tensor = error.sum(1) / (1 - known).sum(1)
        return each

    def learn(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update on random in-video pairs."""
        metrics = self.update("flow", *batch.tensors)
        return {name: metrics[name] for name in (VELOCITY, DIVERGENCE) if name in metrics}

    def each_loss(self, *inputs: Tensor) -> Tensor:
        """Squared error of the velocity of each example: (B,). inputs: tensors of pairs with noise and times."""
        each: Tensor = self.networks[self.part].objective(*inputs)[1]["each"]
        return each

    def validate(self, step: int) -> dict[str, float]:
        """Squared error of the velocity on held-out videos, also with reference or picture of another video."""
        objective, cases = self.networks[self.part].objective, exchanged_pairs(self.fixed)
        measured = {case: objective(*pair)[1] for case, pair in cases.items()}
        out = {VELOCITY if case == TRUE else case: found["each"].mean().item() for case, found in measured.items()}
        if self.teacher:
            out[DIVERGENCE] = measured[TRUE][DIVERGENCE].item()
        return out

    @torch.no_grad()
    def pretext(self) -> dict[str, list[float]]:
        """Mean squared error of each held-out video by case (see `pretext`); videos sorted by name."""
        self.set_training(False)
        return loss_of_videos(self.fixed, self.each_loss)

    @torch.no_grad()
    def sample(self, folder: Path, step: int) -> None:
        """Spectrograms of reference, target and generated sound; with a vocoder, a clip with generated sound."""
        from condfoley.training.plots import draw_spectrograms

        first = [x[:SAMPLE_EXAMPLES] for x in self.fixed.tensors[:4]]
        reference_tokens, target_tokens, reference, target = first
        c = self.model.config
        sampling = FlowSampling(c.steps, guidance=c.guidance, picture_guidance=c.picture_guidance)
        streams = random_streams(range(len(target)))
        made = draw_drafts(self.model, reference_tokens, target_tokens, reference, streams, sampling)
        rows = {"reference": reference, "true": target, "generated": made}
        g, weights = self.geometry, Path(self.config.weights)
        specs = {name: to_specs(tokens, self.model.config, self.tokenizer) for name, tokens in rows.items()}
        draw_spectrograms(folder / f"{step:06d}.png", specs, g.hop / g.sample_rate, self.fixed.names)
        if has_part(weights, "vocoder"):
            pair = draw_windows(self.held_out, validation_streams(1)[0], 1, g, self.config.data.pairing)
            path = folder / f"{step:06d}.mp4"
            write_sample_clip(path, pair.example.clip, pair.start, specs["generated"][0], weights, g)


def draw_known(tokens: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which tokens of a target are known, (tokens,) float32: with probability 1 - share none, else with equal
    probability the left part or both sides of a range; at least one is unknown."""
    known = np.zeros(tokens, np.float32)
    chance, (first, last) = rng.random(2), np.sort(rng.choice(tokens + 1, 2, replace=False))
    if chance[0] < share:
        known[:first] = 1
        if chance[1] < 0.5:
            known[last:] = 1
    return known


@torch.no_grad()
def draw_drafts(
    model: Flow,
    reference_tokens: Tensor,
    target_tokens: Tensor,
    reference: Tensor,
    streams: Sequence[np.random.Generator],
    sampling: FlowSampling,
    steer: Estimate = lambda clean, time: clean,
) -> Tensor:
    """Raw tokens of sound (B, L, dim), one draft of each pair.

    reference_tokens, target_tokens: (B, frames, D) of the pictures. reference: (B, L, dim) raw tokens of its sound.
    streams: B of them. steer: what becomes of each estimate of the clean tokens, standardised, at its time.
    """
    count, device, sound = len(reference), reference.device, model.standardise(reference)
    terms, known = sampling.terms(), torch.zeros(reference.shape[:2], device=device)
    flags = {term: [torch.full((count,), x, device=device) for x in dropped(term)] for term in terms}
    contexts = {
        term: model.encode_reference(sound, reference_tokens, no_reference, no_reference)
        for term, (no_reference, _) in flags.items()
    }

    def estimate(x: np.ndarray, time: float) -> np.ndarray:
        noisy, now = torch.from_numpy(x).to(device), torch.full((count,), time, device=device)
        clean = torch.zeros_like(noisy)
        for term, weight in terms.items():
            clean += weight * model.denoise(noisy, known, now, target_tokens, flags[term][1], contexts[term])
        return steer(clean.cpu().numpy(), time)

    drawn = noise(streams, *reference.shape[1:])
    made = integrate(estimate, drawn, schedule(sampling.steps), sampling.solver)
    return model.restore(torch.from_numpy(made).to(device))
