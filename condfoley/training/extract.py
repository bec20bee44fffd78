"""Computes the cached features of one clip, each written to a file: picture tokens, codes, spectrograms, ...

Functions of a clip and a path, so that any process can run them; `features` manages the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condfoley.audio.track import Track
from condfoley.data.decode import save_array
from condfoley.data.pairs import Pairing, event_starts
from condfoley.data.store import CachedClip, seed_of
from condfoley.encoded import Exemplar
from condfoley.files import open_atomic
from condfoley.geometry import Geometry
from condfoley.inputs import Recording, clearest_start
from condfoley.lineage import require_lineage
from condfoley.networks.flow import to_columns, to_patches
from condfoley.networks.mel import log_mel, window_spec
from condfoley.pipeline import FULL_MATCH, Pipeline
from condfoley.runtime.engine import GENERATING
from condfoley.runtime.loaded import Loaded
from condfoley.runtime.torch import TorchEngine
from condfoley.settings import Settings
from condfoley.training.augment import augment
from condfoley.training.precision import frozen_autocast
from condfoley.weights import load_part, read_card

WINDOWS = 4  # windows of codes for each soundtrack
BATCH_WINDOWS = 16  # windows that pass the tokenizer together
SOUNDTRACKS = 8  # soundtracks generated for each clip
SYSTEM = GENERATING  # the parts that generate them
MIN_RMS = 1e-4  # quieter sounds get the gain of this RMS (published_facts.md, section 2)

WriteFeature = Callable[[CachedClip, Path], None]
"""Computes one feature of a clip and writes it to a file."""
FeatureJob = tuple[CachedClip, list[tuple[WriteFeature, Path]]]
"""A clip and the features to write."""


@dataclass(frozen=True)
class FrozenPart:
    """Describes one frozen part (or the SYSTEM of several), so that each process can load it.

    names: of the parts in the folder `weights`. digest: hash of their files. device: to load them on. threads: of torch
    in a pool's process; 0: unchanged.
    """

    weights: str
    names: tuple[str, ...]
    digest: str
    geometry: Geometry
    device: str = "cpu"
    threads: int = 0

    def load(self) -> Any:
        """The network (for SYSTEM a `Foley`), loaded once in each process."""
        if self.threads:
            torch.set_num_threads(self.threads)
        return load_networks(self)


@lru_cache(maxsize=2)
def load_networks(part: FrozenPart) -> Any:
    """This process's copy of a part; call `cache_clear` when it is no longer used."""
    folder = Path(part.weights)
    networks = {name: load_part(folder, name, part.device) for name in part.names}
    if part.names != SYSTEM:
        return networks[part.names[0]]
    card = read_card(folder)
    require_lineage(card["parts"]["transformer"].get("trained_with", {}), folder, "transformer")
    engine = TorchEngine(networks, part.geometry.code_rows, part.device)
    return Loaded(engine, part.geometry, card, part.device)


def extract(job: FeatureJob) -> None:
    """Writes all features of a job."""
    clip, features = job
    for write, path in features:
        write(clip, path)


@torch.no_grad()
def write_picture_tokens(part: FrozenPart, views: int, clip: CachedClip, path: Path) -> None:
    """Picture tokens (views, T, D) float16 of the plain clip, of the mirrored one, and of randomly augmented ones."""
    size, encoder = part.geometry.frame_size, part.load()
    frames = _frames(clip)
    plain = F.interpolate(frames, (size, size), mode="area")
    generator = torch.Generator().manual_seed(seed_of(clip.name))
    tokens = []
    for view in range(views):
        image = plain if view == 0 else plain.flip(3) if view == 1 else augment(frames, size, generator).clamp(0, 1)
        with frozen_autocast(part.device):
            tokens.append(encoder.encode_clip(_pixels(image)))
    _save(path, torch.stack(tokens))


def _frames(clip: CachedClip) -> Tensor:
    """All frames of a clip at their cached size: (T, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(clip.frames(0, clip.frame_count))).permute(0, 3, 1, 2) / 255.0


def _pixels(frames: Tensor) -> Tensor:
    """(T, 3, S, S) in [0, 1] -> (T, S, S, 3) uint8."""
    return (frames * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


@torch.no_grad()
def write_code_windows(part: FrozenPart, pairing: Pairing, rms: float, clip: CachedClip, path: Path) -> None:
    """Random windows: starts (tracks, WINDOWS), in picture frames, and codes (tracks, WINDOWS, codes) int32.

    rms: level to which the windows of a soundtrack are normalised; 0: unchanged.
    """
    tokenizer = part.load()
    starts, specs = _random_windows(clip, part.geometry, pairing, rms)
    with frozen_autocast(part.device):
        codes = tokenizer.encode(specs.to(part.device))
    grid = codes.cpu().numpy().astype(np.int32).reshape(*starts.shape, -1)
    with open_atomic(path) as file:
        np.savez(file, starts=starts, codes=grid)


@torch.no_grad()
def write_latent_windows(part: FrozenPart, pairing: Pairing, rms: float, clip: CachedClip, path: Path) -> None:
    """Random windows: starts (tracks, WINDOWS), in picture frames, and latents as tokens of sound.

    These are (tracks, WINDOWS, columns, rows * embed_dim) float16. rms: see `write_code_windows`.
    """
    tokenizer = part.load()
    starts, specs = _random_windows(clip, part.geometry, pairing, rms)
    parts = specs.split(BATCH_WINDOWS)
    tokens = torch.cat([to_columns(tokenizer.latent(spec.to(part.device)).float()) for spec in parts])
    _save_windows(path, starts, tokens)


def write_patch_windows(
    geometry: Geometry, patch: int, pairing: Pairing, rms: float, clip: CachedClip, path: Path
) -> None:
    """The same windows, cut into patches: (tracks, WINDOWS, window_mel_frames // patch, patch * n_mels) float16."""
    starts, specs = _random_windows(clip, geometry, pairing, rms)
    _save_windows(path, starts, to_patches(specs[:, 0], patch))


def _save_windows(path: Path, starts: np.ndarray, tokens: Tensor) -> None:
    sounds = tokens.unflatten(0, starts.shape).cpu().numpy().astype(np.float16)
    with open_atomic(path) as file:
        np.savez(file, starts=starts, sounds=sounds)


def _random_windows(clip: CachedClip, geometry: Geometry, pairing: Pairing, rms: float) -> tuple[np.ndarray, Tensor]:
    """Starts (tracks, W) in picture frames, and spectrograms (tracks * W, 1, n_mels, T) in [-1, 1] of these windows.

    Each is shifted by up to half a frame. rms: see `write_code_windows`.
    """
    rng = np.random.default_rng(seed_of(clip.name))
    starts = np.stack([_starts(clip, geometry, rng, pairing) for _ in range(clip.tracks)])
    wavs = []
    for track, row in enumerate(starts):
        shift = rng.uniform(-0.5, 0.5, len(row))
        begins = np.round((row + shift) / geometry.fps * geometry.sample_rate).astype(int)
        windows = np.stack([clip.sound(track, int(begin), geometry.clip_samples) for begin in begins])
        wavs.append(normalise_rms(windows, rms) if rms else windows)
    return starts, window_spec(torch.from_numpy(np.concatenate(wavs)), geometry)


def _starts(clip: CachedClip, geometry: Geometry, rng: np.random.Generator, pairing: Pairing) -> np.ndarray:
    if pairing == "published" and clip.events:
        return event_starts(clip.events, clip.frame_count, geometry.window_frames, geometry.fps, rng, WINDOWS)
    return window_starts(clip.frame_count, geometry.window_frames, rng)


def window_starts(frames: int, window: int, rng: np.random.Generator) -> np.ndarray:
    """WINDOWS random start frames; at least one pair does not overlap if the clip is long enough.

    frames, window: lengths of the clip and of a window, in picture frames.
    """
    last = max(0, frames - window)
    first = int(rng.integers(0, max(1, last - window + 1)))
    starts = [first, int(rng.integers(min(first + window, last), last + 1))]
    starts += list(rng.integers(0, last + 1, WINDOWS - 2))
    return np.array(starts)


def normalise_rms(wavs: np.ndarray, rms: float) -> np.ndarray:
    """Sounds (B, N) scaled by one common gain, so that their joint RMS is `rms`, and clipped to [-1, 1].

    The gain is at most rms / MIN_RMS (published_facts.md, section 2).
    """
    current = max(MIN_RMS, float(np.sqrt(np.square(wavs).mean())))
    return np.clip(wavs * np.float32(rms / current), -1, 1)


def write_spectrograms(geometry: Geometry, clip: CachedClip, path: Path) -> None:
    """Log-mel of the soundtracks: (tracks, n_mels, M) float16 in [0, 1]."""
    _save(path, torch.cat(list(_tracks(clip, geometry))))


def _tracks(clip: CachedClip, geometry: Geometry) -> Iterator[Tensor]:
    """Log-mel spectrograms of the soundtracks, one by one: (1, n_mels, M)."""
    for track in range(clip.tracks):
        wav = clip.sound(track, 0, max(clip.sample_count, geometry.n_fft))
        yield log_mel(torch.from_numpy(wav)[None], geometry)


@torch.no_grad()
def write_reconstructions(part: FrozenPart, clip: CachedClip, path: Path) -> None:
    """Log-mel reconstructed by the tokenizer, window by window from a random start: (tracks, n_mels, M) float16."""
    tokenizer, width = part.load(), part.geometry.window_mel_frames
    rng = np.random.default_rng(seed_of(clip.name))
    out = []
    for spec in _tracks(clip, part.geometry):
        before, length = int(rng.integers(width)), spec.shape[2]
        padded = F.pad(spec, (before, -(before + length) % width))  # with silence
        windows = padded.unflatten(2, (-1, width)).movedim(2, 0).to(part.device)  # (K, 1, n_mels, width)
        with frozen_autocast(part.device):
            batches = windows.split(BATCH_WINDOWS)
            made = torch.cat([_reconstruct(tokenizer, batch, part.geometry) for batch in batches])
        out.append(made.movedim(0, 2).flatten(2)[:, :, before : before + length])
    _save(path, torch.cat(out))


def _reconstruct(tokenizer: Any, windows: Tensor, geometry: Geometry) -> Tensor:
    """Windows (K, 1, n_mels, T) in [0, 1], encoded and decoded by the tokenizer."""
    made: Tensor = tokenizer.decode(tokenizer.encode(2 * windows - 1), geometry.code_rows)
    return ((made.float() + 1) / 2).clamp(0, 1)


@torch.no_grad()
def write_generated(part: FrozenPart, reference: CachedClip, clip: CachedClip, path: Path) -> None:
    """Soundtracks that the whole system generates for a clip, with another one as its reference.

    Arrays: specs (SOUNDTRACKS, n_mels, M) float16 in [0, 1]; hits (SOUNDTRACKS, H), onsets of each soundtrack in s,
    padded with nan.
    """
    g, loaded = part.geometry, part.load()
    pipeline = Pipeline(loaded, clip.frame_count / g.fps, SOUNDTRACKS)
    rng = np.random.default_rng(seed_of(clip.name))
    wav = reference.sound(int(rng.integers(reference.tracks)), 0, reference.sample_count)
    start = clearest_start(wav, g)
    frame = round(start * g.fps)
    beside = np.arange(frame, frame + g.window_frames) % reference.frame_count
    seeds = [int(seed) for seed in rng.integers(2**31, size=SOUNDTRACKS)]
    window = Track(wav[round(start * g.sample_rate) :][: g.clip_samples], g.sample_rate)
    recording = Recording(start, window, window, window.mono, 0.0, np.zeros((0, 1, 1, 3), np.uint8), 0, 0)
    exemplar = Exemplar(_plain_tokens(loaded, reference)[beside][None], pipeline.drafter.encode(window.mono), recording)
    drafts = pipeline.drafter.draft(_plain_tokens(loaded, clip), exemplar, seeds, pipeline.sampling(Settings()))
    specs, tracks = pipeline.render(drafts.spectrograms(slice(None)), exemplar, FULL_MATCH)
    hits = np.full((SOUNDTRACKS, max(len(track.onsets) for track in tracks)), np.nan)
    for row, track in zip(hits, tracks):
        row[: len(track.onsets)] = track.onsets
    with open_atomic(path) as file:
        np.savez(file, specs=specs.astype(np.float16), hits=hits)


def _plain_tokens(loaded: Loaded, clip: CachedClip) -> np.ndarray:
    """Picture tokens (T, D) of a clip, resized as for generation."""
    size = loaded.geometry.frame_size
    small = F.interpolate(_frames(clip), (size, size), mode="area")
    return loaded.engine.encode_frames(_pixels(small).cpu().numpy())


def _save(path: Path, values: Tensor) -> None:
    save_array(path, values.float().cpu().numpy().astype(np.float16))
