"""Where timbre is lost: `python -m benchmarks.resynthesis [--only chains,halves] [--simulated DIR] [--videos 40]`.

chains: a piece of each held-out simulated video goes through parts of the chain; is the result still nearer to its own
video's other sounds than to another video's (50 %: chance)? halves: the second half of each video's sound through the
vocoder, with what lies outside the bands as loud as the nearest band, or as in the first half.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import simulated
from benchmarks.paper_table import cell_text
from benchmarks.scoring import Line, Lines, mean_of
from condfoley.audio.postfilter import match_mel, repaired
from condfoley.data.simulation.bank import SoundBank
from condfoley.data.sources.folder import find
from condfoley.errors import InputError
from condfoley.evaluation import held_out
from condfoley.evaluation.baselines import vocoded
from condfoley.evaluation.clips import JUDGE, sound_of
from condfoley.evaluation.neighbours import embeddings, even, pieces
from condfoley.evaluation.spectral import stft_distance
from condfoley.evaluation.systems import resampled
from condfoley.evaluation.timbre import embedding, nearer
from condfoley.foley import Foley
from condfoley.geometry import Geometry
from condfoley.matching.spectrum import outer_gain
from condfoley.media import probe, read_audio
from condfoley.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from condfoley.networks.judges import Jury
from condfoley.networks.mel import filterbank, log_mel, spectrogram
from condfoley.results.tables import Table, interval, percent, wilson

ITERATIONS = 60  # of Griffin-Lim beside the vocoder
HALF = 3.0  # s of a second half that are compared
LEVEL, LEAD = 0.5, 0.1  # peak of a one-shot; s of silence before and after it


def griffin_lim(spec01: Tensor, g: Geometry, iterations: int = 32, samples: int | None = None) -> np.ndarray:
    """A waveform (samples,) from a spectrogram (n_mels, T) in [0, 1], without a vocoder.

    The mel filters are inverted by non-negative least squares.
    """
    import librosa

    scaled = spec01.cpu().numpy()
    magnitude = np.where(scaled <= 0, 0, 10 ** ((scaled * 100 - 80) / 20))  # as the post-filter has it
    linear = librosa.util.nnls(filterbank(g).numpy(), magnitude)
    return librosa.griffinlim(
        linear, n_iter=iterations, hop_length=g.hop, n_fft=g.n_fft, length=samples, random_state=0
    )


@torch.inference_mode()
def chains(foley: Foley, wav: np.ndarray) -> dict[str, np.ndarray]:
    """A piece of two windows (N,) through each chain: name -> waveform."""
    g = foley.geometry
    spec = log_mel(torch.from_numpy(wav)[None], g)[:, :, : 2 * g.window_mel_frames]
    windows = torch.stack(spec[0].split(g.window_mel_frames, 1))[:, None]  # (2, 1, n_mels, T)
    coded = foley.tokenizer.decode(foley.tokenizer.encode(2 * windows - 1), g.code_rows)
    coded = ((coded[:, 0] + 1) / 2).clamp(0, 1).transpose(0, 1).flatten(1)[None]
    out = {"nothing": wav, "Griffin-Lim": griffin_lim(spec[0], g), "tokenizer, Griffin-Lim": griffin_lim(coded[0], g)}
    for name, s in (("vocoder", spec), ("tokenizer, vocoder", coded)):
        made = foley.vocoder(s)
        out[name] = made[0].numpy()
        out[f"{name}, post-filter x 2"] = match_mel(made, s, g, 2)[0].numpy()
        out[f"{name}, as shipped"] = repaired(made, s, g, foley.vocoder.config)[0].numpy()
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


@torch.inference_mode()
def halves(foley: Foley, folder: Path, videos: int) -> dict[str, list[float]]:
    """STFT distances of resynthesised second halves to the true ones, the first halves being their reference.

    Of each video's second half the first HALF s at most.
    """
    g, out = foley.geometry, {"as loud as the nearest band": [], "as in the first half": []}
    for path in islice((path for path in find(folder, VIDEO_SUFFIXES) if probe(path).has_audio), videos):
        wav = read_audio(path, g.sample_rate)
        first, true = wav[: len(wav) // 2], wav[len(wav) // 2 :][: round(HALF * g.sample_rate)]
        spec = spectrogram(true, g)
        gains = (None, outer_gain(torch.from_numpy(first), g, 1.0))
        for distances, gain in zip(out.values(), gains, strict=True):
            made = torch.from_numpy(vocoded(foley, spec, len(true), gain))
            distances.append(stft_distance(made[None], torch.from_numpy(true)[None]).item())
    if not all(out.values()):
        raise InputError(f"{folder} has no video with sound; give another --simulated")
    return out


def one_shots(folder: Path | None, g: Geometry) -> list[np.ndarray]:
    """Recordings of single blows that nothing was trained on, (N,) each at the geometry's rate, amid silence.

    folder: of sound files; None: the held-out recordings in the package. Raises InputError when there are none.
    """
    if folder:
        wavs = [read_audio(path, g.sample_rate) for path in find(folder, SOUND_SUFFIXES)]
    else:
        bank = SoundBank.load("heldout")
        hits = [hit for material in bank.materials for hit in bank.hits[material]]
        wavs = [resampled(hit.wav, bank.sample_rate, g.sample_rate) for hit in hits]
    if not wavs:
        raise InputError(f"{folder} has no sound files; give a folder of recordings of single blows")
    pad = round(LEAD * g.sample_rate)
    return [np.pad(LEVEL * wav / max(float(np.abs(wav).max(initial=0)), 1e-6), pad) for wav in wavs]


def vocoder_lines(foley: Foley, jury: Jury, folder: Path | None, seed: int) -> Lines:
    """The vocoder, with its post-filter, against Griffin-Lim from the same spectrograms of real one-shots.

    Better: a smaller STFT distance, and a judge that hears the recording's material more often.
    """
    g = foley.geometry

    def says(wav: np.ndarray) -> tuple[str, str]:
        return jury.says(resampled(wav, g.sample_rate, JUDGE.sample_rate))

    vocoder: list[tuple[float, ...]] = []  # of each recording: STFT distance, action and material heard as in it
    opponent: list[tuple[float, ...]] = []
    for wav in one_shots(folder, g):
        spec, true = spectrogram(wav, g), says(wav)
        made = vocoded(foley, spec, len(wav)), griffin_lim(spec, g, ITERATIONS, len(wav))
        for values, sound in zip((vocoder, opponent), made, strict=True):
            sounds = (torch.from_numpy(np.asarray(x, np.float32))[None] for x in (sound, wav))
            values.append((stft_distance(*sounds).item(), *(a == b for a, b in zip(says(sound), true))))
    cells = ([mean_of(column, seed) for column in zip(*values)] for values in (vocoder, opponent))
    stft, action, material = zip(*cells)  # each: ours, theirs
    asked = (
        ("multi-resolution STFT distance", stft, stft[0].mean < stft[1].mean),
        ("material judge hears what it hears in the recording", material, material[0].mean > material[1].mean),
    )
    lines = [
        Line("real one-shots", measure, "MelGAN better", a, better, f"Griffin-Lim, {ITERATIONS} it.: {cell_text(b)}")
        for measure, (a, b), better in asked
    ]
    return lines, [f"one-shots: the action is heard in {cell_text(action[0])}, with Griffin-Lim {cell_text(action[1])}"]


def chains_table(foley: Foley, folder: Path, videos: int) -> Table:
    """Of `measure`."""
    right = measure(foley, folder, videos)
    rows = [(k, percent(float(np.mean(v))), interval(*wilson(sum(v), len(v)))) for k, v in right.items()]
    return Table("Timbre recognised after", ("chain", "right", "95 % interval"), tuple(rows), ())


def halves_table(foley: Foley, folder: Path, videos: int) -> Table:
    """Of `halves`."""
    distances = halves(foley, folder, videos)
    rows = [(k, cell_text(mean_of(v, 0)), str(len(v))) for k, v in distances.items()]
    header = ("outside the bands", "STFT distance to the true sound", "sounds")
    return Table("Second halves of sounds through the vocoder", header, tuple(rows), ())


PARTS = {"chains": chains_table, "halves": halves_table}


def main(words: list[str] | None = None) -> int:
    """Prints the tables; 0, or 2 when the input cannot be used."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.resynthesis", description=__doc__.splitlines()[0])
    p.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {','.join(PARTS)}")
    p.add_argument("--simulated", type=Path, help="folder of simulated videos (default: made once and kept)")
    p.add_argument("--videos", type=int, default=40, help="how many of its videos")
    p.add_argument("--weights", help="folder with other weights than the shipped ones")
    options = p.parse_args(words)
    try:
        if unknown := [name for name in options.only.split(",") if name not in PARTS]:
            raise InputError(f"{unknown[0]!r} is no part; choose from {', '.join(PARTS)}")
        folder, foley = options.simulated or held_out.folder(100), Foley.load(options.weights)
        for name in options.only.split(","):
            print(PARTS[name](foley, folder, options.videos).text(), end="\n\n")
    except InputError as error:
        print(f"resynthesis: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
