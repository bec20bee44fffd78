"""Cached features of the clips, computed once, by `data.engine` in `data.workers` processes.

One file for each clip, named after the hash of its content, in a folder named after the geometry and the hash of the
part that computed it: a killed run resumes where it stopped, and a changed clip or a retrained part has new files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from condfoley.data.store import CachedClip, seed_of
from condfoley.errors import InputError
from condfoley.files import make_folder
from condfoley.lineage import codes_hash
from condfoley.parallel import run
from condfoley.training import extract
from condfoley.training.config import TrainConfig
from condfoley.training.extract import FrozenPart, WriteFeature
from condfoley.weights import read_card


@dataclass(frozen=True)
class FeatureKind:
    """One kind of feature: the function that writes its file, the folder of its files, their suffix.

    references: name of a clip -> another clip that the function takes as its first argument, if it needs one.
    """

    write: Callable[..., None]
    folder: str
    suffix: str = ".npy"
    references: Mapping[str, CachedClip] = field(default_factory=dict)

    def writer(self, clip: CachedClip) -> WriteFeature:
        """The function that writes the file of a clip."""
        return partial(self.write, self.references[clip.name]) if self.references else self.write


class Features:
    """Computes and loads features of clips, using the parts of a weights folder."""

    def __init__(self, config: TrainConfig, cache: Path, device: str):
        """cache: folder of the decoded clips. device: of the parts; on a Ray cluster they are on the CPU."""
        self.config, self.cache, self.device = config, cache, device
        self.key = hashlib.sha256(json.dumps(asdict(config.geometry)).encode()).hexdigest()[:8]

    def load(self, clips: list[CachedClip], *kinds: FeatureKind) -> list[tuple[Any, ...]]:
        """The features of each clip, in the order of `kinds`; computes those that are missing.

        Raises InputError naming a clip whose features cannot be computed.
        """
        from tqdm import tqdm

        d = self.config.data
        folders = [self.cache / f"{kind.folder}-{self.key}" for kind in kinds]
        for folder in folders:
            make_folder(folder)
        names = [f"{Path(clip.prefix).name}-{clip.digest}" for clip in clips]
        paths = [[(home / (name + kind.suffix)).resolve() for home, kind in zip(folders, kinds)] for name in names]
        jobs = []
        for clip, files in zip(clips, paths):
            if missing := [(kind.writer(clip), path) for kind, path in zip(kinds, files) if not path.exists()]:
                jobs.append((clip, missing))
        done = run(extract.extract, jobs, d.engine, d.workers)
        for item in tqdm(done, total=len(jobs), desc="features", file=sys.stderr, mininterval=5, disable=not jobs):
            if item.error:
                raise InputError(f"no features of {item.item[0].name} can be made: {item.error}; run again to resume")
        extract.load_networks.cache_clear()  # training loads its own copies
        return [tuple(map(_read, files)) for files in paths]

    def picture_tokens(self) -> FeatureKind:
        """Picture tokens: (data.views, T, D) float16."""
        encoder, views = self._part("video_encoder"), self.config.data.views
        return FeatureKind(partial(extract.write_picture_tokens, encoder, views), f"tokens{views}-{encoder.digest}")

    def code_windows(self) -> FeatureKind:
        """Random windows of each soundtrack: starts (tracks, WINDOWS) and codes (tracks, WINDOWS, codes).

        starts: picture frames; in_video: anywhere; published: around events, as in the paper. The sound of each window
        has a random shift of up to half a frame.
        """
        d = self.config.data
        level = f"-rms{d.rms:g}" if d.rms else ""
        codes = codes_hash(Path(self.config.weights))[:12]  # does not change with the decoder
        write = partial(extract.write_code_windows, self._part("tokenizer"), d.pairing, d.rms)
        return FeatureKind(write, f"code_windows-{d.pairing}{level}-{codes}", ".npz")

    def sound_tokens(self, space: Literal["latents", "patches"], patch: int) -> FeatureKind:
        """Random windows of each soundtrack: starts (tracks, W) and tokens of sound (tracks, W, L, dim) float16.

        space, patch: see `sizes.FlowConfig`. Otherwise as `code_windows`.
        """
        d = self.config.data
        level = f"-rms{d.rms:g}" if d.rms else ""
        if space == "patches":
            cut = partial(extract.write_patch_windows, self.config.geometry, patch, d.pairing, d.rms)
            return FeatureKind(cut, f"patches{patch}-{d.pairing}{level}", ".npz")
        codes = codes_hash(Path(self.config.weights))[:12]
        write = partial(extract.write_latent_windows, self._part("tokenizer"), d.pairing, d.rms)
        return FeatureKind(write, f"latents-{d.pairing}{level}-{codes}", ".npz")

    def spectrograms(self) -> FeatureKind:
        """Log-mel spectrograms of each soundtrack: (tracks, n_mels, M) float16 in [0, 1]."""
        return FeatureKind(partial(extract.write_spectrograms, self.config.geometry), "mel")

    def reconstructions(self) -> FeatureKind:
        """The same spectrograms reconstructed by the tokenizer, window by window."""
        tokenizer = self._part("tokenizer")
        return FeatureKind(partial(extract.write_reconstructions, tokenizer), f"reconstructions-{tokenizer.digest}")

    def generated(self, clips: list[CachedClip]) -> FeatureKind:
        """Soundtracks generated for each clip with another one as reference; see `extract.write_generated`."""
        system = self._part(*extract.SYSTEM)
        others = max(1, len(clips) - 1)
        references = {c.name: clips[(i + 1 + seed_of(c.name) % others) % len(clips)] for i, c in enumerate(clips)}
        return FeatureKind(partial(extract.write_generated, system), f"drafts-{system.digest}", ".npz", references)

    def _part(self, *names: str) -> FrozenPart:
        d, weights = self.config.data, Path(self.config.weights)
        hashes = [str(read_card(weights)["parts"][name]["sha256"]) for name in names]
        digest = hashes[0][:12] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()[:12]
        device = "cpu" if d.engine == "ray" else self.device  # tasks of a cluster have CPUs only
        pool = d.engine == "local" and d.workers > 1
        threads = max(1, (os.cpu_count() or 1) // d.workers) if pool else 0
        return FrozenPart(str(weights.resolve()), names, digest, self.config.geometry, device, threads)


def _read(path: Path) -> Any:
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r")
    with np.load(path) as arrays:
        return tuple(arrays[name] for name in arrays.files)  # in the order in which they were written
