"""Where timbre is lost: `python -m benchmarks.resynthesis [--simulated DIR] [--videos 40] [--weights DIR]`.

A piece of each held-out simulated video goes through parts of the chain; is the result still nearer to its own video's
other sounds than to another video's (50 %: chance)?
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import simulated
from condfoley.errors import InputError
from condfoley.evaluation import held_out
from condfoley.evaluation.clips import JUDGE, sound_of
from condfoley.evaluation.neighbours import embeddings, even, pieces
from condfoley.evaluation.tables import Table, interval, percent, wilson
from condfoley.evaluation.timbre import embedding, nearer
from condfoley.foley import Foley
from condfoley.mel import filterbank, log_mel
from condfoley.postfilter import match_mel


def griffin_lim(spec01: Tensor) -> np.ndarray:
    """A waveform (N,) from (n_mels, T) in [0, 1] without a vocoder: pseudo-inverse filters, 32 iterations."""
    import librosa

    magnitude = 10 ** ((spec01.numpy() * 100 - 80) / 20)
    linear = np.maximum(0, np.linalg.pinv(filterbank(JUDGE).numpy()) @ magnitude)
    return librosa.griffinlim(linear, n_iter=32, hop_length=JUDGE.hop, n_fft=JUDGE.n_fft, random_state=0)


@torch.inference_mode()
def chains(foley: Foley, wav: np.ndarray) -> dict[str, np.ndarray]:
    """A piece of two windows (N,) through each chain: name -> waveform."""
    g = foley.geometry
    spec = log_mel(torch.from_numpy(wav)[None], g)[:, :, : 2 * g.window_mel_frames]
    windows = torch.stack(spec[0].split(g.window_mel_frames, 1))[:, None]  # (2, 1, n_mels, T)
    coded = foley.tokenizer.decode(foley.tokenizer.encode(2 * windows - 1), g.code_rows)
    coded = ((coded[:, 0] + 1) / 2).clamp(0, 1).transpose(0, 1).flatten(1)[None]
    out = {"nothing": wav, "Griffin-Lim": griffin_lim(spec[0]), "tokenizer, Griffin-Lim": griffin_lim(coded[0])}
    for name, s in (("vocoder", spec), ("tokenizer, vocoder", coded)):
        made = foley.vocoder(s)
        out[name] = made[0].numpy()
        for passes in (1, 2):
            out[f"{name}, post-filter x {passes}"] = match_mel(made, s, g, passes)[0].numpy()
    return out


def measure(foley: Foley, folder: Path, videos: int, seed: int = 0) -> dict[str, list[bool]]:
    """For each chain, whether each video's resynthesised piece was recognised."""
    paths = [v.path for v in simulated.read_videos(folder)][:videos]
    rng = np.random.default_rng(seed)
    size = 2 * foley.geometry.window_samples
    right: dict[str, list[bool]] = {}
    for i, path in enumerate(paths):
        wav = sound_of(path)
        start = int(rng.integers(0, max(1, len(wav) - size)))
        used = (start / JUDGE.sample_rate, (start + size) / JUDGE.sample_rate)
        other = paths[int(rng.choice([j for j in range(len(paths)) if j != i]))]
        own, strange = even(embeddings(pieces(wav, used)), embeddings(pieces(sound_of(other))))
        for name, made in chains(foley, wav[start : start + size]).items():
            right.setdefault(name, []).append(nearer(embedding(made, JUDGE), own, strange))
    return right


def main(words: list[str] | None = None) -> int:
    """Prints the table; 0, or 2 when the input cannot be used."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.resynthesis", description=__doc__.splitlines()[0])
    p.add_argument("--simulated", type=Path, help="folder of data_prep/simulate.py (default: made once and kept)")
    p.add_argument("--videos", type=int, default=40, help="how many of its videos")
    p.add_argument("--weights", help="folder with other weights than the shipped ones")
    options = p.parse_args(words)
    try:
        folder = options.simulated or held_out.folder(100)
        right = measure(Foley.load(options.weights), folder, options.videos)
    except InputError as error:
        print(f"resynthesis: {error}", file=sys.stderr)
        return 2
    rows = [(k, percent(float(np.mean(v))), interval(*wilson(sum(v), len(v)))) for k, v in right.items()]
    print(Table("Timbre recognised after", ("chain", "right", "95 % interval"), tuple(rows), ()).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
