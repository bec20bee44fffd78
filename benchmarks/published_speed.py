"""Our way of running the published sizes against the published one: the same modules, weights, process and threads.

The published procedure, re-created: candidates one by one, each of the 50 steps runs the whole sequence without a
cache, decoding and vocoding one by one (published_facts.md, section 10). Ours: one prefix, a cache, all candidates in
one batch. A helper of `python -m benchmarks.speed`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from torch.utils.flop_counter import FlopCounterMode

from condfoley.encoded import Exemplar
from condfoley.foley import Foley
from condfoley.geometry import Geometry
from condfoley.networks.tokenizer import Tokenizer
from condfoley.networks.transformer import Transformer
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.networks.vocoder import Vocoder
from condfoley.results.tables import Table, number
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.sampling import Sampling, draw, random_streams
from condfoley.runtime.torch import TorchEngine
from condfoley.settings import Settings
from condfoley.sizes import TokenizerConfig, TransformerConfig, VideoEncoderConfig, VocoderConfig

BLOCKS = ("pictures", "reference", "codes", "decode", "vocode")
ONCE = BLOCKS[:2]  # for a pair, however many candidates
PROBE_BYTES, PROBE_SIDE = 1 << 28, 2048  # of the sum and the product that measure the machine
ENOUGH = 30.0  # s of one way; what lasts so long is not repeated


@dataclass(frozen=True)
class Sizes:
    """Of the four parts; the published ones."""

    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    video_encoder: VideoEncoderConfig = field(default_factory=lambda: VideoEncoderConfig(batch_statistics=True))
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)


class Job:
    """One pair of random clips for a system of random weights, block by block."""

    def __init__(self, sizes: Sizes, device: str = "cpu", compiled: bool = False):
        torch.manual_seed(0)
        g = Geometry.published()
        parts = {
            "tokenizer": Tokenizer(sizes.tokenizer),
            "video_encoder": VideoEncoder(sizes.video_encoder),
            "transformer": Transformer(sizes.transformer),
            "vocoder": Vocoder(sizes.vocoder),
        }
        networks = {name: part.to(device).eval() for name, part in parts.items()}
        self.engine = TorchEngine(networks, g.code_rows, device)
        foley = Foley(Loaded(self.engine, g, device=device))
        self.pipeline = foley.pipeline(g.window_frames / g.fps, mode="published")
        self.geometry, rng = g, np.random.default_rng(0)
        self.frames = rng.integers(256, size=(2, g.window_frames, g.frame_size, g.frame_size, 3), dtype=np.uint8)
        self.wav = rng.normal(0, 0.1, g.clip_samples).astype(np.float32)
        self.decode, self.vocode = self.engine.tokenizer.decode, self.engine.vocoder.forward
        if compiled:
            self.decode, self.vocode = torch.compile(self.decode), torch.compile(self.vocode)

    def pictures(self) -> Tensor:
        """Tokens of both clips: (2, frames, D)."""
        return self._tensor(np.stack([self.pipeline.encode_frames(clip) for clip in self.frames]))

    def reference(self) -> Tensor:
        """Codes of the reference: (1, codes)."""
        return self._tensor(self.pipeline.drafter.encode(self.wav))

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.engine.device)

    def codes(self, tokens: Tensor, codes: Tensor, seeds: Sequence[int], sampling: Sampling) -> Tensor:
        """Our way: (N, codes)."""
        reference, target = tokens.cpu().numpy()
        exemplar = Exemplar(reference[None], codes.cpu().numpy(), None)
        return self._tensor(self.pipeline.drafter.sample(target, exemplar, list(seeds), asdict(sampling)))

    def codes_published(self, tokens: Tensor, reference_codes: Tensor, seed: int, sampling: Sampling) -> Tensor:
        """The published way, for one candidate: zeros stand for the codes that are not drawn yet. (1, codes)"""
        stream = random_streams([seed])
        written = torch.zeros_like(reference_codes)
        for position in range(written.shape[1]):
            prefix = self.engine.transformer.prefix(tokens[:1], tokens[1:], reference_codes)
            logits = self.engine.transformer(prefix, written)[:, position]
            written[:, position] = torch.from_numpy(draw(logits.cpu().numpy(), stream, sampling)[:, 0])
        return written

    def halve(self) -> None:
        """Weights of what is done for each candidate in bfloat16, to be run under autocast."""
        tokenizer = self.engine.tokenizer
        for layer in [m for m in self.engine.vocoder.modules() if is_parametrized(m, "weight")]:
            remove_parametrizations(layer, "weight")  # weight norm does not know bfloat16
        for network in (self.engine.transformer, tokenizer.decoder, tokenizer.post_quant_conv, self.engine.vocoder):
            network.bfloat16()

    def spectrograms(self, codes: Tensor) -> Tensor:
        """(N, codes) -> (N, n_mels, M) in [0, 1]."""
        return (self.decode(codes, self.geometry.code_rows)[:, 0] + 1) / 2


@torch.inference_mode()
def timed(job: Job, count: int, published: bool = False) -> dict[str, float]:
    """Seconds of each block for `count` candidates, all at once, or one by one as published."""
    sampling = Sampling(**job.pipeline.sampling(Settings(mode="published")))
    spent = dict.fromkeys(BLOCKS, 0.0)

    def clocked(block: str, work: Callable[[], Tensor]) -> Tensor:
        begin = perf_counter()
        out = work()
        if out.is_cuda:
            torch.cuda.synchronize(out.device)
        spent[block] += perf_counter() - begin
        return out

    tokens = clocked("pictures", job.pictures)
    reference_codes = clocked("reference", job.reference)
    if published:
        for seed in range(count):
            one = partial(job.codes_published, tokens, reference_codes, seed, sampling)
            codes = clocked("codes", one)
            spec = clocked("decode", lambda codes=codes: job.spectrograms(codes))  # type: ignore[misc]
            clocked("vocode", lambda spec=spec: job.vocode(spec))  # type: ignore[misc]
        return spent
    codes = clocked("codes", lambda: job.codes(tokens, reference_codes, range(count), sampling))
    spec = clocked("decode", lambda: job.spectrograms(codes))
    clocked("vocode", lambda: torch.cat([job.vocode(one[None]) for one in spec]))  # as `Foley` does: one by one
    return spent


def median(job: Job, count: int, repeats: int, published: bool = False) -> dict[str, float]:
    """Median seconds of each block; as many runs as take ENOUGH seconds, at most `repeats`."""
    runs = [timed(job, count, published)]
    while len(runs) < repeats and sum(sum(run.values()) for run in runs) < ENOUGH:
        runs.append(timed(job, count, published))
    return {block: float(np.median([run[block] for run in runs])) for block in BLOCKS}


def per_second(blocks: dict[str, float], count: int, one_by_one: int = 1) -> float:
    """Candidates a second. one_by_one: how often what is not done ONCE is repeated."""
    once = sum(blocks[block] for block in ONCE)
    return count * one_by_one / (once + one_by_one * (sum(blocks.values()) - once))


@torch.no_grad()  # the counter follows gradients' bookkeeping, which inference mode leaves out
def work_of(job: Job, count: int) -> dict[str, tuple[float, float]]:
    """(floating-point operations, bytes of weights read) of each block for `count` candidates at once."""
    engine, rows = job.engine, job.geometry.code_rows
    sampling = Sampling(**job.pipeline.sampling(Settings(mode="published")))
    tokens, reference_codes = job.pictures(), job.reference()
    codes = job.codes(tokens, reference_codes, range(count), sampling)
    spec = (engine.tokenizer.decode(codes, rows)[:, 0] + 1) / 2
    steps = {
        "pictures": (job.pictures, engine.video_encoder, 2),
        "reference": (job.reference, engine.tokenizer.encoder, 1),
        "codes": (
            lambda: job.codes(tokens, reference_codes, range(count), sampling),
            engine.transformer,
            codes.shape[1],
        ),
        "decode": (lambda: engine.tokenizer.decode(codes, rows), engine.tokenizer.decoder, 1),
        "vocode": (lambda: engine.vocoder(spec), engine.vocoder, 1),
    }
    out = {}
    for block, (step, network, passes) in steps.items():
        with FlopCounterMode(display=False) as counter:
            step()
        size = sum(p.numel() * p.element_size() for p in network.parameters())
        out[block] = (float(counter.get_total_flops()), float(size * passes))
    return out


def machine_limits(
    dtype: torch.dtype, device: str = "cpu", repeats: int = 5, probe: tuple[int, int] = (PROBE_SIDE, PROBE_BYTES)
) -> tuple[float, float]:
    """Measured (operations a second of a product in `dtype`, bytes a second read by a sum) of the device.

    probe: rows of the square matrix of the product, bytes of the sum.
    """
    side, size = probe
    square = torch.randn(side, side, device=device).to(dtype)
    block = torch.ones(size // 4, device=device)
    best = []
    for work in (lambda: square @ square, block.sum):
        seconds = []
        for _ in range(repeats):
            begin = perf_counter()
            float(work().flatten()[0])
            seconds.append(perf_counter() - begin)
        best.append(min(seconds))
    return 2 * side**3 / best[0], size / best[1]


@torch.inference_mode()
def logits_of(job: Job) -> Tensor:
    """Teacher-forced logits of one fixed sequence: (codes, n_embed)."""
    features = torch.randn(2, 1, job.geometry.window_frames, job.engine.video_encoder.config.dim, generator=_stream())
    codes = torch.randint(job.engine.tokenizer.config.n_embed, (1, job.geometry.codes), generator=_stream())
    features, codes = features.to(job.engine.device), codes.to(job.engine.device)
    prefix = job.engine.transformer.prefix(features[0], features[1], codes)
    return job.engine.transformer(prefix, codes)[0].float()


def _stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def measure(
    counts: Sequence[int],
    repeats: int,
    sizes: Sizes | None = None,
    device: str = "cpu",
    compiled: bool = False,
    probe: tuple[int, int] = (PROBE_SIDE, PROBE_BYTES),
) -> dict[str, Any]:
    """All results of the tables; each row is printed as soon as it is measured.

    The published way is measured for one candidate; it repeats that for each. A run of one candidate warms up each engine.
    """
    job = Job(sizes or Sizes(), device, compiled)
    timed(job, 1)
    published = median(job, 1, repeats, published=True)
    _print_row("published", 1, published, None)
    rows, limits, exact = [], {}, logits_of(job)
    one, two, last = work_of(job, 1), work_of(job, 2), max(counts)
    needed = {  # each further candidate adds as many operations; the weights are read once
        "float32": {b: (one[b][0] + (last - 1) * (two[b][0] - one[b][0]), one[b][1]) for b in BLOCKS}
    }
    for dtype in (torch.float32, torch.bfloat16):
        name = str(dtype).removeprefix("torch.")
        if dtype is torch.bfloat16:
            job.halve()
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=dtype is torch.bfloat16):
            if dtype is torch.bfloat16:
                change = float((logits_of(job) - exact).abs().max() / exact.abs().max())
                timed(job, 1)
                needed[name] = {  # the operations are the same; the weights of what is halved are half as long
                    b: (flops, size if b in ONCE else size / 2) for b, (flops, size) in needed["float32"].items()
                }
            for count in counts:
                rows.append(_row(name, count, median(job, count, repeats), published))
                _print_row(name, count, rows[-1]["blocks"], rows[-1]["ratio"])
        limits[name] = machine_limits(dtype, device, probe=probe)
    floors = {
        name: {block: max(work / limits[name][0], size / limits[name][1]) for block, (work, size) in blocks.items()}
        for name, blocks in needed.items()
    }
    return {
        "published": published,
        "rows": rows,
        "floors": floors,
        "bounds": {name: _row(name, last, floor, published)["ratio"] for name, floor in floors.items()},
        "limits": limits,
        "bfloat16_difference": change,
        "threads": torch.get_num_threads(),
        "compiled": compiled,
        "device": device,
    }


def _print_row(way: str, count: int, blocks: dict[str, float], ratio: float | None) -> None:
    """One measured row on standard error: a full run takes minutes."""
    spent = "  ".join(f"{block} {seconds:.3f}" for block, seconds in blocks.items())
    times = "" if ratio is None else f"  {ratio:.1f} times published"
    print(f"{way}, N = {count}: {spent} s{times}", file=sys.stderr, flush=True)


def _row(dtype: str, count: int, blocks: dict[str, float], published: dict[str, float]) -> dict[str, Any]:
    rate, theirs = per_second(blocks, count), per_second(published, 1, count)
    return {"dtype": dtype, "count": count, "blocks": blocks, "rate": rate, "ratio": rate / theirs}


def tables(result: dict[str, Any]) -> list[Table]:
    """Candidates a second beside the published way, and how near each block is to what the machine allows."""
    shares = [f"{block} [s]" for block in BLOCKS]
    body = [("published", "1", *(number(result["published"][b], 3) for b in BLOCKS), "", "1.0")]
    for row in result["rows"]:
        cells = (number(row["blocks"][b], 3) for b in BLOCKS)
        body.append((row["dtype"], str(row["count"]), *cells, number(row["rate"], 3), number(row["ratio"], 1)))
    notes = (
        f"{result['device']}, {result['threads']} threads, compiled: {result['compiled']}; medians, random weights",
        f"bfloat16 moves the logits by {result['bfloat16_difference']:.1e} of the largest",
        "the published way does pictures and reference once, the rest once for each candidate",
    )
    speed = Table("Published sizes, 2 s", ("way", "N", *shares, "candidates/s", "times published"), tuple(body), notes)
    return [speed, *(_floor(result, dtype) for dtype in result["floors"])]


def _floor(result: dict[str, Any], dtype: str) -> Table:
    """What the machine allows each block in this dtype, for the largest N."""
    last = next(row for row in reversed(result["rows"]) if row["dtype"] == dtype)
    floors, (flops, bandwidth) = result["floors"][dtype], result["limits"][dtype]
    return Table(
        f"The machine's floor, N = {last['count']}, {dtype}",
        ("block", "measured [s]", "floor [s]", "share of the floor"),
        tuple(
            (b, number(last["blocks"][b], 3), number(f, 3), f"{100 * f / last['blocks'][b]:.0f} %")
            for b, f in floors.items()
        ),
        (
            f"product: {flops / 1e9:.0f} GFLOP/s, reading: {bandwidth / 1e9:.1f} GB/s",
            f"the most that this machine could reach: {result['bounds'][dtype]:.0f} times published",
        ),
    )
