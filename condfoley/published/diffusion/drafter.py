"""The drafts of a published diffusion system: sounds of its own VAE and vocoder, and their spectrograms in our terms.

It knows nothing of the reference. What follows the drafts (choice by cues, comping, matching, the reference's own samples) is
the same as for the other generators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from condfoley.audio.mel import at_least, spectrogram
from condfoley.drafting.drafter import Around, Source
from condfoley.errors import InputError, flag
from condfoley.geometry import Geometry
from condfoley.inputs import Clip
from condfoley.media import resample
from condfoley.memory import Limits, array_in_file
from condfoley.published.diffusion import aligner, networks
from condfoley.published.diffusion.latents import cut, join
from condfoley.published.diffusion.system import Condition, DiffusionSystem
from condfoley.published.diffusion.systems import RATE, system_of
from condfoley.runtime.flow_sampling import Windows, blocks, noise
from condfoley.runtime.sampling import random_streams
from condfoley.settings import FLOW_SAMPLING, SAMPLING, GeneratorName, Settings

if TYPE_CHECKING:
    from condfoley.encoded import Exemplar
    from condfoley.pipeline import Progress

TOGETHER = 4  # candidates that are denoised at a time, to limit memory; an estimate


@dataclass(frozen=True)
class DiffusionDrafts:
    """Candidates as sounds, (N, samples) float32 at RATE; see `drafting.drafter.Drafts`."""

    drafter: DiffusionDrafter
    sounds: np.ndarray
    codes: None = None

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.sounds)

    def spectrograms(self, part: slice) -> np.ndarray:
        """(N', n_mels, M) in [0, 1]."""
        return np.stack([self.drafter.spectrogram(wav) for wav in self.sounds[part]])


class DiffusionDrafter:
    """See `drafting.drafter.Drafter`. system: of the weights. duration: of the target, s. as_published: faults included."""

    name: GeneratorName = "auto"
    both_sides = False

    def __init__(
        self, system: DiffusionSystem, geometry: Geometry, duration: float, limits: Limits, as_published: bool = False
    ):
        self.system, self.geometry, self.limits = system, geometry, limits
        self.duration, self.as_published = duration, as_published

    def sampling(self, settings: Settings) -> dict[str, Any]:
        """The system, its steps, guidance and caption: what is asked for, or else what the weights' card has.

        Raises InputError for a setting of another generator's, and for AudioLDM that is told neither picture nor caption.
        """
        system, record = system_of(self.system.card), self.system.record
        allowed = {"steps", *([] if self.system.takes_caption else ["picture_guidance"])}
        if own := settings.given([name for name in dict.fromkeys((*SAMPLING, *FLOW_SAMPLING)) if name not in allowed]):
            raise InputError(f"{flag(next(iter(own)))} does not count with weights of {system}; leave it out")
        if settings.caption is not None and not self.system.takes_caption:
            raise InputError(
                f"--caption does not count with weights of {system}, which hear the picture alone; leave it out"
            )
        if self.system.takes_caption and settings.caption is None and self.system.embedder is None:
            raise InputError(
                "AudioLDM by itself knows nothing of the picture; say what is heard with --caption, or import it with --imagebind"
            )
        steps = record["published_steps" if self.as_published else "steps"]
        guidance = {} if self.system.takes_caption else {"picture_guidance": record["guidance"]}
        return (
            {"system": system, "steps": steps, "caption": settings.caption} | guidance | settings.given(sorted(allowed))
        )

    def encode(self, wav: np.ndarray) -> np.ndarray:
        """Nothing is heard of the reference: (1, 0)."""
        return np.zeros((1, 0), np.float32)

    def look(self, target: Clip, tokens: np.ndarray) -> np.ndarray:
        """What the system itself sees of the target's picture; see `DiffusionSystem.see`."""
        return self.system.see(target, self.as_published)

    def draft(
        self,
        tokens: np.ndarray,
        exemplar: Exemplar,
        seeds: Sequence[int],
        sampling: dict[str, Any],
        report: Progress = lambda stage, share: None,
        around: Around | None = None,
        source: Source | None = None,
    ) -> DiffusionDrafts:
        """All candidates; see `Drafter.draft`. tokens: of `look`."""
        if around is not None or source is not None:
            raise InputError(
                "these weights write whole soundtracks from noise alone; generate again with another --seed"
            )
        system = self.system
        rows = system.rows(self.duration, self.as_published)
        plan = Windows(rows, rows, 0) if self.as_published else system.plan(rows)
        condition = system.condition(tokens, sampling["caption"], self.as_published)
        wanted = self.wanted(tokens, sampling["caption"])
        samples = round(self.duration * RATE)
        out = self._room(len(seeds), samples)
        for part in blocks(
            len(seeds), 1 if self.as_published else min(TOGETHER, self.limits.decoded_together(self.duration))
        ):

            def done(share: float, first: int = part.start, last: int = part.stop) -> None:
                report("writing the sound", 0.1 + 0.6 * (first + share * (last - first)) / len(seeds))

            latents = self.denoise(plan, condition, wanted, seeds[part], sampling, done)
            made = system.sound(latents, plan)[:, :samples]
            out[part, : made.shape[1]] = made
        return DiffusionDrafts(self, out)

    def wanted(self, seen: np.ndarray, caption: str | None) -> list[Tensor]:
        """Embeddings that the sound is steered to: the picture's seconds, (S, D), and the caption, (1, D)."""
        embedder = self.system.embedder
        if embedder is None:
            return []
        picture = torch.from_numpy(np.ascontiguousarray(seen)).to(self.system.device)
        return [picture, *([embedder.embed_text(caption)] if caption else [])]

    def denoise(
        self,
        plan: Windows,
        condition: Condition,
        wanted: list[Tensor],
        seeds: Sequence[int],
        sampling: dict[str, Any],
        done: Callable[[float], None],
    ) -> Tensor:
        """Clean latents (N, C, L, W), from a seed's noise each. done: called with the share of the steps that are done."""
        system = self.system
        schedule = system.scheduler(self.as_published)
        schedule.set_timesteps(sampling["steps"])
        begun = noise(random_streams(seeds), plan.total, system.unet.config.in_channels * system.width)
        latents = torch.from_numpy(begun).reshape(len(seeds), plan.total, -1, system.width).transpose(1, 2)
        latents = latents.to(system.device) * schedule.init_noise_sigma
        streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        inputs = [condition(start, plan.length) for start in plan.starts]
        guidance = sampling.get("picture_guidance", system.record["guidance"])
        times = schedule.timesteps
        for i, time in enumerate(times):
            with torch.no_grad():
                scaled = schedule.scale_model_input(latents, time)
                parts = [system.predict(part, time, given, guidance) for part, given in zip(cut(scaled, plan), inputs)]
                predicted = join(parts, plan.starts, plan.overlap)
                before, latents = latents, networks.step(schedule, predicted, time, latents, streams)
            if wanted and i > int(aligner.FROM * len(times)):
                kept = float(schedule.alphas_cumprod[int(time)])
                latents = self.steered(before, latents, predicted, kept, wanted, plan)
            done((i + 1) / len(times))
        return latents

    def steered(
        self, before: Tensor, after: Tensor, predicted: Tensor, kept: float, wanted: list[Tensor], plan: Windows
    ) -> Tensor:
        """Latents after a step, (N, C, L, W), moved towards what is wanted.

        before: those that the noise was `predicted` in. As published, the noise is taken out of the latents after the step as
        if it had been predicted there, which is off by one, and the step takes the gradient's signs; else that of eq. 13.
        """
        noisy = after if self.as_published else before
        slopes = []
        for start, part, found in zip(plan.starts, cut(noisy, plan), cut(predicted, plan)):
            near = [self._seconds(term, start, plan.length) for term in wanted]
            alone = [
                aligner.gradient(*one, kept, self.listen, near, self.as_published)[1]  # one by one, to limit memory
                for one in zip(part.split(1), found.split(1))
            ]
            slopes.append(torch.cat(alone))
        slope = join(slopes, plan.starts, plan.overlap)
        move = aligner.sign_step if self.as_published else aligner.power_step
        return move(after, slope)

    def listen(self, latents: Tensor) -> Tensor:
        """Clean latents (N, C, L, W) -> embeddings of each second, (N, S, D), with gradients."""
        sounds = self.system.hear(latents)
        seconds = -(-sounds.shape[1] // RATE)
        sounds = torch.nn.functional.pad(sounds, (0, seconds * RATE - sounds.shape[1]))
        embedder = self.system.embedder
        assert embedder
        return embedder.embed_sounds(sounds.reshape(-1, RATE)).reshape(len(latents), seconds, -1)

    def _seconds(self, term: Tensor, start: int, rows: int) -> Tensor:
        """Of a term's seconds, (S, D), those beside a window that begins at row `start`; a caption's is the same for all."""
        if len(term) == 1 or self.as_published:
            return term
        a_second = round(self.system.rows_a_second)
        index = round(start / a_second) + torch.arange(-(-rows // a_second), device=term.device)
        return term[index.clamp(max=len(term) - 1)]

    def spectrogram(self, wav: np.ndarray) -> np.ndarray:
        """A sound (samples,) at RATE as the other generators' drafts: (n_mels, M) in [0, 1]."""
        g = self.geometry
        frames = g.columns_for(self.duration) * g.column_mel_frames
        length = frames * g.hop + g.n_fft
        sound = at_least(resample(wav, RATE, g.sample_rate)[:length], length)
        return spectrogram(sound, g)[:, g.sound_lag :][:, :frames]

    def _room(self, candidates: int, samples: int) -> np.ndarray:
        """Room for all candidates' sounds, silent, in a temporary file where they take too much memory."""
        if self.limits.are_long(candidates, self.duration):
            return array_in_file((candidates, samples), np.float32)
        return np.zeros((candidates, samples), np.float32)
