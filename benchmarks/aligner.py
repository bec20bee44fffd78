"""Is it worth while to steer the flow by gradients? `python -m benchmarks.aligner --clips DIR`.

A flow's draft is steered without training: in the middle of the way from noise to sound, the estimate of the clean tokens is
decoded, and moved against the gradient of what is asked for (Xing et al. 2024, Seeing and Hearing, in this project's terms).

- cues: the spectrum rises at the impacts that the event head sees in the picture, and nowhere else;
- sync: the sync model finds the sound in time, and a match;
- bind: sound and picture are near in the vectors of part bind.

Beside it, at no less time: several drafts, of which the best by the same measure is taken. Measured on windows of simulated
clips that nothing was trained on: F1 of onsets against the true events, which neither steered nor chose, and the distance of
the spectrogram to the true one. Strengths are chosen on the clips of even number and measured on the others.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.flow import Bench, Windows, blocks, read_windows
from condfoley.audio.mel import spectrogram
from condfoley.networks.flow import to_specs
from condfoley.results.tables import Table, number
from condfoley.runtime.flow_sampling import FlowSampling
from condfoley.runtime.peaks import pick_onsets
from condfoley.runtime.sampling import random_streams
from condfoley.training.stages.flow import draw_drafts
from condfoley.weights import load_part, read_card

BETWEEN = (0.2, 0.8)  # of the way from noise to sound, where drafts are steered
STRENGTHS = (0.1, 0.2, 0.4)  # by which estimates are moved, in deviations of the tokens
DRAFTS = 6  # of which the best is taken, at most
LAG, REACH = 2, 2  # spectrogram frames: of a rise, and around a cue within which it counts

Cost = Callable[[Tensor, np.ndarray], Tensor]
"""Spectrograms (B, n_mels, M) in [0, 1] and the indices of their windows -> (B,), the smaller the better."""


def rises(specs: Tensor) -> Tensor:
    """How far the bands of spectrograms (B, n_mels, M) rise in LAG frames, on average: (B, M), at first 0."""
    risen = (specs[..., LAG:] - specs[..., :-LAG]).relu().mean(1)
    return torch.nn.functional.pad(risen, (LAG, 0))


def cue_cost(specs: Tensor, at_cues: Tensor) -> Tensor:
    """(B,) of spectrograms (B, n_mels, M): the rises that are not at cues, less the greatest around each cue.

    at_cues: (B, K, M) bool, for each of K cues the frames that are near it; rows of False are none.
    """
    risen, near = rises(specs), at_cues.any(1)
    highest = torch.where(at_cues, risen[:, None], 0).amax(2).sum(1)  # (B,)
    return torch.where(near, 0, risen).sum(1) - highest


@dataclass
class Aligner:
    """The networks and costs by which drafts are steered and chosen."""

    bench: Bench
    weights: Path

    def __post_init__(self) -> None:
        self.windows: Windows = self.bench.windows
        self.parts = {name: load_part(self.weights, name) for name in ("sync", "bind", "events")}
        for part in (*self.parts.values(), *self.bench.parts.values()):
            part.requires_grad_(False)
        self.at_cues = self._cues()
        self.costs: dict[str, Cost] = {"cues": self.cues, "sync": self.sync, "bind": self.bind}

    def _cues(self) -> Tensor:
        """(windows, K, M) bool: the frames near each impact that the event head sees."""
        g, size = self.bench.geometry, self.bench.geometry.window_mel_frames
        onset = self.parts["events"](self.windows.target_tokens)[..., 0].sigmoid().numpy()  # (windows, frames)
        found = [pick_onsets(row, g.fps) * g.sample_rate / g.hop for row in onset]
        out = torch.zeros(len(found), max(1, *map(len, found)), size, dtype=torch.bool)
        for row, times in enumerate(found):
            for k, frame in enumerate(np.rint(times).astype(int)):
                out[row, k, max(0, frame - REACH) : frame + REACH + LAG + 1] = True
        return out

    def cues(self, specs: Tensor, rows: np.ndarray) -> Tensor:
        """See `cue_cost`."""
        return cue_cost(specs, self.at_cues[rows])

    def sync(self, specs: Tensor, rows: np.ndarray) -> Tensor:
        """-log of the probabilities of no offset, and of a match."""
        logits = self.parts["sync"](self.windows.target_tokens[rows], specs)
        logs, none = logits.log_softmax(1), logits.softmax(1)[:, -1]
        middle = self.parts["sync"].config.max_shift
        nearest = logs[:, middle - 1 : middle + 2].logsumexp(1)
        cost: Tensor = -nearest - (1 - none).clamp(min=1e-6).log()
        return cost

    def bind(self, specs: Tensor, rows: np.ndarray) -> Tensor:
        """1 - cosine of sound and picture."""
        part = self.parts["bind"]
        cost: Tensor = 1 - (part.embed_sound(specs) * part.embed_picture(self.windows.target_tokens[rows])).sum(1)
        return cost

    def specs(self, tokens: Tensor) -> Tensor:
        """Spectrograms in [0, 1] of raw tokens, with gradients."""
        config, tokenizer = self.bench.parts["flow"].config, self.bench.parts["tokenizer"]
        return (to_specs(tokens, config, tokenizer if config.space == "latents" else None) + 1) / 2

    def gradient(self, clean: np.ndarray, rows: np.ndarray, cost: Cost) -> np.ndarray:
        """Gradient of a cost by the clean tokens (B, L, dim), standardised, of unit power for each draft."""
        with torch.enable_grad():
            tokens = torch.from_numpy(clean).requires_grad_()
            specs = self.specs(self.bench.parts["flow"].restore(tokens))
            (found,) = torch.autograd.grad(cost(specs, rows).sum(), tokens)
        power = found.square().mean((1, 2), keepdim=True).sqrt()
        return (found / power.clamp(min=1e-12)).numpy()

    def draft(self, rows: np.ndarray, seed: int = 0, cost: Cost | None = None, strength: float = 0.0) -> Tensor:
        """One draft of each window, as `benchmarks.flow` draws it, steered by a cost: spectrograms in [0, 1]."""
        w, c = self.windows, self.bench.parts["flow"].config
        sampling = FlowSampling(c.steps, "euler", c.guidance, c.picture_guidance)
        reference = w.sounds["tokens"][0][rows].float()
        streams = random_streams([int(i) + 10_000 * seed for i in rows])

        def steer(clean: np.ndarray, now: float) -> np.ndarray:
            if cost is None or not BETWEEN[0] <= now <= BETWEEN[1]:
                return clean
            return clean - np.float32(strength) * self.gradient(clean, rows, cost)

        pictures = w.reference_tokens[rows], w.target_tokens[rows]
        made = draw_drafts(self.bench.parts["flow"], *pictures, reference, streams, sampling, steer)
        with torch.no_grad():
            return self.specs(made).clamp(0, 1)

    def best(self, rows: np.ndarray, cost: Cost, count: int) -> Tensor:
        """Of `count` drafts of each window, the one of the smallest cost."""
        drafts = torch.stack([self.draft(rows, seed) for seed in range(count)])  # (count, B, n_mels, M)
        with torch.no_grad():
            costs = torch.stack([cost(specs, rows) for specs in drafts])
        return drafts[costs.argmin(0), torch.arange(len(rows))]


def measure(aligner: Aligner, rows: np.ndarray, make: Callable[[np.ndarray], Tensor]) -> dict[str, float]:
    """F1 of onsets, distance to the true spectrogram, and CPU seconds a window."""
    made, began = {}, time.process_time()
    for part in blocks(rows):
        for row, spec in zip(part, make(part), strict=True):
            made[int(row)] = spec
    spent = (time.process_time() - began) / len(rows)
    f1 = aligner.bench.score(rows, lambda part: torch.stack([made[int(i)] for i in part]) * 2 - 1)[0]
    truth = {int(i): torch.from_numpy(true_spec(aligner, int(i))) for i in rows}
    away = np.mean([float((made[i] - truth[i]).abs().mean()) for i in truth])
    return {"f1": f1, "distance": float(away), "seconds": spent}


def true_spec(aligner: Aligner, row: int) -> np.ndarray:
    """The spectrogram, in [0, 1], of a window's own sound."""
    pair, g = aligner.windows.pairs[row], aligner.bench.geometry
    begin = round(pair.start / g.fps * g.sample_rate)
    wav = pair.example.clip.sound(0, begin - g.sound_lag * g.hop, g.clip_samples)
    return spectrogram(wav, g)[:, : g.window_mel_frames]


def run(options: argparse.Namespace) -> Table:
    """The table. Raises InputError for what cannot be used."""
    weights = Path(options.weights)
    windows, names = read_windows(Path(options.clips), options.cache, weights, options.windows)
    aligner = Aligner(Bench(weights, windows), weights)
    choice, measured = (windows.half(names, odd) for odd in (False, True))
    rows = [("one draft, not steered", measure(aligner, measured, aligner.draft))]
    plain = rows[0][1]["seconds"]
    for name, cost in aligner.costs.items():
        tried = {s: measure(aligner, choice, partial(aligner.draft, cost=cost, strength=s)) for s in STRENGTHS}
        strength = max(tried, key=lambda s: tried[s]["f1"])
        steered = measure(aligner, measured, partial(aligner.draft, cost=cost, strength=strength))
        count = min(DRAFTS, max(2, round(steered["seconds"] / plain)))
        rows.append((f"steered by {name}, {strength:g}", steered))
        rows.append(
            (f"best of {count} by {name}", measure(aligner, measured, partial(aligner.best, cost=cost, count=count)))
        )
    cells = tuple(
        (name, number(found["f1"], 3), number(found["distance"], 4), number(found["seconds"], 2))
        for name, found in rows
    )
    note = f"{len(measured)} windows of half of {len(names)} clips; weights {read_card(weights)['name']}"
    return Table("Steering the flow", ("", "F1", "distance to the true spectrogram", "CPU s a window"), cells, (note,))


def main(words: Sequence[str] | None = None) -> int:
    """Run with command-line words; returns the exit code."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.aligner", description=__doc__.splitlines()[0])
    p.add_argument("--clips", required=True, help="folder of simulated clips that were not trained on")
    p.add_argument("--weights", default="condfoley/weights", help="weights folder with a flow")
    p.add_argument("--cache", help="folder of decoded clips and features (default: .cache in the clips' folder)")
    p.add_argument("--windows", type=int, default=160, help="windows, half of them to choose strengths")
    print(run(p.parse_args(words)).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
