"""Where timbre is lost: `python -m benchmarks.resynthesis [--only chains,halves] [--simulated DIR] [--videos 40]`.

chains: an excerpt of each held-out simulated video goes through parts of the signal chain; is the result still nearer to
other sounds of its own video than to another video's (chance: 50 %)? halves: the second half of each video's sound
through the vocoder; frequencies outside the mel bands have the level of the nearest band, or that of the first half.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from benchmarks import simulated
from benchmarks.paper_table import cell_text
from benchmarks.scoring import Line, Lines, mean_of
from condfoley.audio.mel import filterbank, log_mel, spectrogram
from condfoley.audio.postfilter import match_mel, postfilter
from condfoley.data.simulation.bank import SoundBank
from condfoley.data.sources.folder import find
from condfoley.errors import InputError
from condfoley.evaluation import held_out
from condfoley.evaluation.baselines import vocode
from condfoley.evaluation.classifiers import Classifiers
from condfoley.evaluation.clips import METRIC_GEOMETRY, cached_audio
from condfoley.evaluation.neighbours import embed_all, equal_lengths, excerpts
from condfoley.evaluation.systems import resample
from condfoley.evaluation.timbre import embed_timbre, is_nearer
from condfoley.foley import Foley
from condfoley.geometry import Geometry
from condfoley.matching.spectrum import outer_gain
from condfoley.media import probe, read_audio
from condfoley.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from condfoley.networks.distances import stft_distance
from condfoley.results.tables import Table, interval, percent, wilson

ITERATIONS = 60  # of Griffin-Lim beside the vocoder
HALF = 3.0  # s of a second half that are compared
LEVEL, LEAD = 0.5, 0.1  # peak of a one-shot; s of silence before and after it


def griffin_lim(spec01: np.ndarray, g: Geometry, iterations: int = 32, samples: int | None = None) -> np.ndarray:
    """A waveform (samples,) from a spectrogram (n_mels, T) in [0, 1], without a vocoder.

    The mel filters are inverted by non-negative least squares.
    """
    import librosa

    magnitude = np.where(spec01 <= 0, 0, 10 ** ((spec01 * 100 - 80) / 20))  # as the post-filter has it
    linear = librosa.util.nnls(filterbank(g), magnitude)
    return librosa.griffinlim(
        linear, n_iter=iterations, hop_length=g.hop, n_fft=g.n_fft, length=samples, random_state=0
    )


@torch.inference_mode()
def chains(foley: Foley, wav: np.ndarray) -> dict[str, np.ndarray]:
    """An excerpt of two windows (N,) through each signal chain: name -> waveform."""
    g, engine = foley.geometry, foley.loaded.engine
    spec = log_mel(wav[None], g)[:, :, : 2 * g.window_mel_frames]
    windows = np.stack(np.split(spec[0], 2, axis=1))[:, None]  # (2, 1, n_mels, T)
    coded = engine.decode_codes(engine.encode_windows(2 * windows - 1))
    coded = ((coded + 1) / 2).clip(0, 1).transpose(1, 0, 2).reshape(1, g.n_mels, -1)
    out = {"nothing": wav, "Griffin-Lim": griffin_lim(spec[0], g), "tokenizer, Griffin-Lim": griffin_lim(coded[0], g)}
    for name, s in (("vocoder", spec), ("tokenizer, vocoder", coded)):
        made = engine.vocode(s)
        out[name] = made[0]
        out[f"{name}, post-filter x 2"] = match_mel(made, s, g, 2)[0]
        out[f"{name}, as shipped"] = postfilter(made, s, g, engine.vocoder_config)[0]
    return out


def measure(foley: Foley, folder: Path, videos: int, seed: int = 0) -> dict[str, list[bool]]:
    """For each chain, whether each video's resynthesised excerpt was recognised."""
    paths = [v.path for v in simulated.read_videos(folder)][:videos]
    rng = np.random.default_rng(seed)
    size = 2 * foley.geometry.window_samples
    right: dict[str, list[bool]] = {}
    for i, path in enumerate(paths):
        wav = cached_audio(path)
        start = int(rng.integers(0, max(1, len(wav) - size)))
        used = (start / METRIC_GEOMETRY.sample_rate, (start + size) / METRIC_GEOMETRY.sample_rate)
        other = paths[int(rng.choice([j for j in range(len(paths)) if j != i]))]
        own, other_embeddings = equal_lengths(embed_all(excerpts(wav, used)), embed_all(excerpts(cached_audio(other))))
        for name, made in chains(foley, wav[start : start + size]).items():
            right.setdefault(name, []).append(is_nearer(embed_timbre(made, METRIC_GEOMETRY), own, other_embeddings))
    return right


@torch.inference_mode()
def halves(foley: Foley, folder: Path, videos: int) -> dict[str, list[float]]:
    """STFT distances of resynthesised second halves to the true ones, with the first halves as reference.

    Of each video's second half the first HALF s at most.
    """
    g, out = foley.geometry, {"as loud as the nearest band": [], "as in the first half": []}
    for path in islice((path for path in find(folder, VIDEO_SUFFIXES) if probe(path).has_audio), videos):
        wav = read_audio(path, g.sample_rate)
        first, true = wav[: len(wav) // 2], wav[len(wav) // 2 :][: round(HALF * g.sample_rate)]
        spec = spectrogram(true, g)
        gains = (None, outer_gain(first, g, 1.0))
        for distances, gain in zip(out.values(), gains, strict=True):
            made = torch.from_numpy(vocode(foley, spec, len(true), gain))
            distances.append(stft_distance(made[None], torch.from_numpy(true)[None]).item())
    if not all(out.values()):
        raise InputError(f"{folder} has no video with sound; give another --simulated")
    return out


def one_shots(folder: Path | None, g: Geometry) -> list[np.ndarray]:
    """Held-out one-shots, (N,) each at the geometry's rate, with silence before and after.

    folder: of sound files; None: the held-out recordings in the package. Raises InputError when there are none.
    """
    if folder:
        wavs = [read_audio(path, g.sample_rate) for path in find(folder, SOUND_SUFFIXES)]
    else:
        bank = SoundBank.load("heldout")
        hits = [hit for material in bank.materials for hit in bank.hits[material]]
        wavs = [resample(hit.wav, bank.sample_rate, g.sample_rate) for hit in hits]
    if not wavs:
        raise InputError(f"{folder} has no sound files; give a folder of one-shots")
    pad = round(LEAD * g.sample_rate)
    return [np.pad(LEVEL * wav / max(float(np.abs(wav).max(initial=0)), 1e-6), pad) for wav in wavs]


def vocoder_lines(foley: Foley, classifiers: Classifiers, folder: Path | None, seed: int) -> Lines:
    """The vocoder, with its post-filter, against Griffin-Lim from the same spectrograms of real one-shots.

    Better: a smaller STFT distance, and the material classifier predicts the recording's material more often.
    """
    g = foley.geometry

    def predict(wav: np.ndarray) -> tuple[str, str]:
        return classifiers.predict_labels(resample(wav, g.sample_rate, METRIC_GEOMETRY.sample_rate))

    vocoder: list[tuple[float, ...]] = []  # of each recording: STFT distance, same action and same material predicted
    opponent: list[tuple[float, ...]] = []
    for wav in one_shots(folder, g):
        spec, true = spectrogram(wav, g), predict(wav)
        made = vocode(foley, spec, len(wav)), griffin_lim(spec, g, ITERATIONS, len(wav))
        for values, sound in zip((vocoder, opponent), made, strict=True):
            sounds = (torch.from_numpy(np.asarray(x, np.float32))[None] for x in (sound, wav))
            values.append((stft_distance(*sounds).item(), *(a == b for a, b in zip(predict(sound), true))))
    cells = ([mean_of(column, seed) for column in zip(*values)] for values in (vocoder, opponent))
    stft, action, material = zip(*cells)  # each: ours, theirs
    measures = (
        ("multi-resolution STFT distance", stft, stft[0].mean < stft[1].mean),
        ("material classifier predicts the same as for the recording", material, material[0].mean > material[1].mean),
    )
    lines = [
        Line("real one-shots", measure, "MelGAN better", a, better, f"Griffin-Lim, {ITERATIONS} it.: {cell_text(b)}")
        for measure, (a, b), better in measures
    ]
    return lines, [
        f"one-shots: the action is recognised in {cell_text(action[0])}, with Griffin-Lim {cell_text(action[1])}"
    ]


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
        folder, foley = options.simulated or held_out.ensure_folder(100), Foley.load(options.weights)
        for name in options.only.split(","):
            print(PARTS[name](foley, folder, options.videos).text(), end="\n\n")
    except InputError as error:
        print(f"resynthesis: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
