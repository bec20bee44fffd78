"""Features of the clips, kept in the cache: made once, by `data.engine` in `data.workers` processes, as clips are decoded.

One file a clip, named after the hash of its content, in a folder named after the geometry and the hash of the part that
made it: a killed run goes on where it stopped, and neither a changed clip nor a retrained part meets old results.
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
from typing import Any

import numpy as np

from condfoley.data.store import CachedClip, seed_of
from condfoley.errors import InputError
from condfoley.lineage import codes_hash
from condfoley.parallel import run
from condfoley.training import extract
from condfoley.training.config import TrainConfig
from condfoley.training.extract import Part, Work
from condfoley.weights import read_card


@dataclass(frozen=True)
class Kind:
    """One kind of feature: what writes its file, the folder of such files, their suffix.

    beside: for each clip's name another one that the work is given first, where it needs one.
    """

    work: Callable[..., None]
    folder: str
    suffix: str = ".npy"
    beside: Mapping[str, CachedClip] = field(default_factory=dict)

    def of(self, clip: CachedClip) -> Work:
        """What writes the file of one clip."""
        return partial(self.work, self.beside[clip.name]) if self.beside else self.work


class Features:
    """What can be had of clips, by the parts of a weights folder."""

    def __init__(self, config: TrainConfig, cache: Path, device: str):
        """cache: where the decoded clips are. device: that of parts, unless a cluster's tasks load them."""
        self.config, self.cache, self.device = config, cache, device
        self.key = hashlib.sha256(json.dumps(asdict(config.geometry)).encode()).hexdigest()[:8]

    def of(self, clips: list[CachedClip], *kinds: Kind) -> list[tuple[Any, ...]]:
        """For each clip, its features of some kinds; those that are missing are made.

        Raises InputError naming a clip that they cannot be made of.
        """
        from tqdm import tqdm

        d = self.config.data
        folders = [self.cache / f"{kind.folder}-{self.key}" for kind in kinds]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        names = [f"{Path(clip.prefix).name}-{clip.digest}" for clip in clips]
        paths = [[(home / (name + kind.suffix)).resolve() for home, kind in zip(folders, kinds)] for name in names]
        jobs = []
        for clip, files in zip(clips, paths):
            if missing := [(kind.of(clip), path) for kind, path in zip(kinds, files) if not path.exists()]:
                jobs.append((clip, missing))
        done = run(extract.extract, jobs, d.engine, d.workers)
        for item in tqdm(done, total=len(jobs), desc="features", file=sys.stderr, mininterval=5, disable=not jobs):
            if item.error:
                raise InputError(f"no features of {item.item[0].name} can be made: {item.error}; run again to go on")
        extract.loaded.cache_clear()  # training has its own copies
        return [tuple(map(_read, files)) for files in paths]

    def picture_tokens(self) -> Kind:
        """(data.views, T, D) float16."""
        encoder, views = self._part("video_encoder"), self.config.data.views
        return Kind(partial(extract.picture_tokens, encoder, views), f"tokens{views}-{encoder.digest}")

    def code_windows(self) -> Kind:
        """starts (tracks, WINDOWS), codes (tracks, WINDOWS, codes) of windows of every soundtrack.

        starts: picture frames; in_video: anywhere, as at generation; published: around events, as the paper's. Each
        window has its own random shift below a frame's length.
        """
        d = self.config.data
        level = f"-rms{d.rms:g}" if d.rms else ""
        codes = codes_hash(Path(self.config.weights))[:12]  # another decoder leaves codes as they are
        work = partial(extract.code_windows, self._part("tokenizer"), d.pairing, d.rms)
        return Kind(work, f"code_windows-{d.pairing}{level}-{codes}", ".npz")

    def spectrograms(self) -> Kind:
        """Log-mel spectrograms of every soundtrack: (tracks, n_mels, M) float16 in [0, 1]."""
        return Kind(partial(extract.spectrograms, self.config.geometry), "mel")

    def reconstructions(self) -> Kind:
        """The same spectrograms as the tokenizer gives them back, window after window."""
        tokenizer = self._part("tokenizer")
        return Kind(partial(extract.reconstructions, tokenizer), f"reconstructions-{tokenizer.digest}")

    def drafts(self, clips: list[CachedClip]) -> Kind:
        """What the whole system writes for each of these clips, with another one as its reference: see `extract.drafts`."""
        system = self._part(*extract.SYSTEM)
        others = max(1, len(clips) - 1)
        beside = {c.name: clips[(i + 1 + seed_of(c.name) % others) % len(clips)] for i, c in enumerate(clips)}
        return Kind(partial(extract.drafts, system), f"drafts-{system.digest}", ".npz", beside)

    def _part(self, *names: str) -> Part:
        d, weights = self.config.data, Path(self.config.weights)
        hashes = [str(read_card(weights)["parts"][name]["sha256"]) for name in names]
        digest = hashes[0][:12] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()[:12]
        device = "cpu" if d.engine == "ray" else self.device  # a cluster's tasks are given cores only
        pool = d.engine == "local" and d.workers > 1
        threads = max(1, (os.cpu_count() or 1) // d.workers) if pool else 0
        return Part(str(weights.resolve()), names, digest, self.config.geometry, device, threads)


def _read(path: Path) -> Any:
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r")
    with np.load(path) as arrays:
        return tuple(arrays[name] for name in arrays.files)  # in the order in which they were written
