"""What frozen earlier parts make of each clip, computed once: picture tokens and code windows.

Kept in the cache under the hash of the part that made them, clip by clip: a killed run goes on where it stopped,
and a retrained part never meets the old part's results.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from condfoley.data.pairs import Pairing, event_starts
from condfoley.data.store import Clip, seed_of
from condfoley.geometry import Geometry
from condfoley.lineage import codes_hash
from condfoley.mel import window_spec
from condfoley.tokenizer import Tokenizer
from condfoley.training.augment import augment
from condfoley.video_encoder import VideoEncoder
from condfoley.weights import read_card

VIEWS = 3  # plain, mirrored, and one augmented view of each clip
WINDOWS = 4  # code windows of each soundtrack


@dataclass
class Example:
    """What training draws from for one clip.

    tokens: (VIEWS, T, D) float16. starts: (tracks, WINDOWS) picture frames. codes: (tracks, WINDOWS, codes) int64.
    """

    clip: Clip
    tokens: np.ndarray
    starts: np.ndarray
    codes: np.ndarray


def part_hash(weights: Path, part: str) -> str:
    """First digits of a part's hash in a weights folder."""
    return str(read_card(weights)["parts"][part]["sha256"])[:12]


@torch.no_grad()
def picture_tokens(clips: list[Clip], encoder: VideoEncoder, home: Path, geometry: Geometry) -> list[np.ndarray]:
    """Tokens of every clip's views: list of (VIEWS, T, D) float16."""
    home.mkdir(parents=True, exist_ok=True)
    out = []
    size = geometry.frame_size
    for clip in tqdm(clips, desc="picture tokens", file=sys.stderr, mininterval=10):
        path = home / (os.path.basename(clip.prefix) + ".npy")
        if not path.exists():
            frames = torch.from_numpy(np.array(clip.frames(0, clip.frame_count))).permute(0, 3, 1, 2) / 255.0
            plain = F.interpolate(frames, (size, size), mode="area")
            generator = torch.Generator().manual_seed(seed_of(clip.name))
            views = torch.stack([plain, plain.flip(3), augment(frames, size, generator).clamp(0, 1)])
            pixels = (views * 255).round().to(torch.uint8).permute(0, 1, 3, 4, 2)  # (VIEWS, T, S, S, 3)
            with torch.autocast("cpu", torch.bfloat16):
                tokens = torch.stack([encoder.encode_clip(v) for v in pixels])
            _save(path, tokens.float().cpu().numpy().astype(np.float16))
        out.append(np.load(path, mmap_mode="r"))
    return out


def window_starts(frames: int, window: int, rng: np.random.Generator) -> np.ndarray:
    """WINDOWS start frames of one soundtrack; at least one pair does not overlap when the clip is long enough."""
    last = max(0, frames - window)
    first = int(rng.integers(0, max(1, last - window + 1)))
    starts = [first, int(rng.integers(min(first + window, last), last + 1))]
    starts += list(rng.integers(0, last + 1, WINDOWS - 2))
    return np.array(starts)


@torch.no_grad()
def code_windows(
    clips: list[Clip], tokenizer: Tokenizer, home: Path, geometry: Geometry, pairing: Pairing
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Codes of windows of every soundtrack: list of (starts (tracks, WINDOWS), codes (tracks, WINDOWS, codes)).

    in_video: windows anywhere, as at generation. published: around events, as the paper's. Each has its own random
    shift below a frame's length.
    """
    home.mkdir(parents=True, exist_ok=True)
    device = tokenizer.quantize.embedding.weight.device
    out = []
    for clip in tqdm(clips, desc="code windows", file=sys.stderr, mininterval=10):
        path = home / (os.path.basename(clip.prefix) + ".npz")
        if not path.exists():
            rng = np.random.default_rng(seed_of(clip.name))
            starts = np.stack([_starts(clip, geometry, rng, pairing) for _ in range(clip.tracks)])
            wavs: list[np.ndarray] = []
            for track, row in enumerate(starts):
                shift = rng.uniform(-0.5, 0.5, len(row))
                for s in np.round((row + shift) / geometry.fps * geometry.sample_rate).astype(int):
                    wavs.append(clip.sound(track, int(s), geometry.clip_samples))
            spec = window_spec(torch.from_numpy(np.stack(wavs)), geometry).to(device)
            with torch.autocast(device.type, torch.bfloat16):
                codes = tokenizer.encode(spec)
            grid = codes.cpu().numpy().astype(np.int16).reshape(*starts.shape, -1)
            with open(path.with_suffix(".tmp"), "wb") as file:
                np.savez(file, starts=starts, codes=grid)
            os.replace(path.with_suffix(".tmp"), path)
        with np.load(path) as bank:
            out.append((bank["starts"], bank["codes"]))
    return out


def _starts(clip: Clip, geometry: Geometry, rng: np.random.Generator, pairing: Pairing) -> np.ndarray:
    if pairing == "published" and clip.events:
        return event_starts(clip.events, clip.frame_count, geometry.window_frames, geometry.fps, rng, WINDOWS)
    return window_starts(clip.frame_count, geometry.window_frames, rng)


def _save(path: Path, array: np.ndarray) -> None:
    with open(path.with_suffix(".tmp"), "wb") as file:
        np.save(file, array)
    os.replace(path.with_suffix(".tmp"), path)


def examples(
    clips: list[Clip], weights: Path, cache: Path, geometry: Geometry, device: str, pairing: Pairing = "in_video"
) -> list[Example]:
    """Tokens and code windows of all clips, by the frozen parts of a weights folder."""
    from condfoley.weights import load_part

    encoder = load_part(weights, "video_encoder", device)
    tokenizer = load_part(weights, "tokenizer", device)
    tokens = picture_tokens(clips, encoder, cache / f"tokens-{part_hash(weights, 'video_encoder')}", geometry)
    home = cache / f"codes-{pairing}-{codes_hash(weights)[:12]}"
    codes = code_windows(clips, tokenizer, home, geometry, pairing)
    return [Example(c, t, s, k) for c, t, (s, k) in zip(clips, tokens, codes)]


def token_statistics(bank: list[Example], most: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each picture token's numbers over (some of) the examples: (D,), (D,)."""
    some = bank[:: max(1, len(bank) // most)]
    every = torch.from_numpy(np.concatenate([e.tokens[0] for e in some])).float()
    return every.mean(0), every.std(0) + 1e-2


def token_window(tokens: np.ndarray, start: int, count: int) -> np.ndarray:
    """Frames [start, start + count) of (T, D), the last one repeated beyond the end."""
    return tokens[np.minimum(np.arange(start, start + count), len(tokens) - 1)]
