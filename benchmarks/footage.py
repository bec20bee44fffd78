"""Real clips for the model card: timing against onset transfer, picture and motion; timbre against other clips.

Clips come from a folder with a manifest.csv (see benchmarks/real.py), or from a CSV of pairs for `condfoley evaluate`,
optionally with the manifest's column footage_origin. A helper of `python -m benchmarks.model_card`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.paper_table import cell_text
from benchmarks.real import COLUMNS, read_manifest, reference_for
from benchmarks.scoring import WINDOW, Line, Lines, mean_of
from condfoley import media
from condfoley.audio.onsets import match
from condfoley.evaluation.baselines import onset_probability
from condfoley.evaluation.clips import METRIC_GEOMETRY
from condfoley.evaluation.options import EvaluateOptions
from condfoley.evaluation.run import Result, evaluate
from condfoley.evaluation.scores import PairScores, mean_scores
from condfoley.evaluation.spectral import cepstral_distance, event_cepstra
from condfoley.foley import Foley
from condfoley.pair_list import read_pairs
from condfoley.runtime.peaks import pick_onsets

DIFFICULTIES = ("easy", "medium", "hard")
ORIGIN, GREATEST_HITS = "footage_origin", "Greatest Hits"
OURS, TRANSFERS, PICTURE, MOTION = "condfoley", ("onset-transfer", "onset-transfer-strong"), "picture alone", "motion"
F1 = "f1_100"
SIZE = 64  # pixels, width and height of the frames whose motion is measured


def write_pairs(folder: Path, out: Path) -> Path:
    """The manifest's clips with events, each with its reference, as a CSV of pairs. Raises InputError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "reference", "target", COLUMNS[1], ORIGIN))
        for clip in read_manifest(folder.resolve(), DIFFICULTIES):
            times = ";".join(f"{t:g}" for t in clip.onsets)
            writer.writerow((clip.path.stem, reference_for(clip.path), clip.path, times, clip.origin))
    return out


def motion_onsets(path: Path, count: int) -> np.ndarray:
    """Times (K,), s, of the `count` highest peaks of the mean absolute difference of a video's frames; K <= count."""
    from scipy.signal import find_peaks

    frames = media.read_frames(path, METRIC_GEOMETRY.fps, SIZE).astype(np.float32)
    change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))  # entry k: from frame k to k + 1
    peaks, found = find_peaks(np.pad(change, 1), height=0.0)
    return np.sort(peaks[np.argsort(-found["peak_heights"], kind="stable")[:count]]) / METRIC_GEOMETRY.fps


def silent_systems(result: Result, foley: Foley) -> list[PairScores]:
    """Scores of systems without sound: visual onsets, and peaks of motion, as many as there are true events."""
    rows = []
    for pair in result.pairs:
        true = pair.target.onsets[pair.target.onsets < len(pair.target.wav) / METRIC_GEOMETRY.sample_rate]
        seen = pick_onsets(*onset_probability(foley, pair.target.path))
        for name, times in ((PICTURE, seen), (MOTION, motion_onsets(pair.target.path, len(true)))):
            rows.append(PairScores(name, pair.name, str(pair.target.path), {F1: match(true, times, WINDOW).f1}))
    return rows


def timing_line(
    on: str, rows: Sequence[PairScores], least: float, opponents: Sequence[str], required: str, seed: int
) -> Line:
    """Onset F1 of our sounds: at least `least`, above MOTION and not below the other `opponents`."""
    cells = {name: found[F1] for name, found in mean_scores(rows, seed).items()}
    ours = cells[OURS]
    reached = ours.mean >= least and all(
        ours.mean > cells[name].mean if name == MOTION else ours.mean >= cells[name].mean for name in opponents
    )
    beside = ", ".join(f"{name} {cell_text(found)}" for name, found in cells.items() if name != OURS)
    return Line(on, "onset F1 ±100 ms", required, ours, reached, beside)


def timbre_line(result: Result, seed: int) -> Line:
    """How often our sound's events are nearer to its reference's than to another clip's, in mel cepstra.

    The other clips are all of the set except target and reference; each pair counts once, with its fraction of them.
    """
    clips = {clip.path: clip for pair in result.pairs for clip in (pair.target, pair.reference)}
    cepstra = {path: event_cepstra(clip.wav, METRIC_GEOMETRY) for path, clip in sorted(clips.items())}

    def fraction_nearer(system: str) -> list[float]:
        fractions = []
        for pair in result.pairs:
            own = cepstra[pair.reference.path]
            own_two = (pair.reference.path, pair.target.path)
            others = [c for path, c in cepstra.items() if c is not None and path not in own_two]
            if own is None or not others:
                continue
            output = result.outputs[system][pair.name]
            mean_event = None if output.failure else event_cepstra(output.wav, METRIC_GEOMETRY)
            near = (
                []
                if mean_event is None
                else [cepstral_distance(mean_event, own) < cepstral_distance(mean_event, c) for c in others]
            )
            fractions.append(float(np.mean(near)) if near else 0.0)
        return fractions

    ours, beside = mean_of(fraction_nearer(OURS), seed), mean_of(fraction_nearer(TRANSFERS[0]), seed)
    measure = "events nearer to the reference's than to another clip's, mel-cepstral distance"
    text = f"{TRANSFERS[0]} {cell_text(beside)}"
    return Line("real clips, all", measure, "0.80 of pairs", ours, ours.mean >= 0.8, text)


def lines(options: EvaluateOptions) -> Lines:
    """The lines of the real clips that `options.test` names: a CSV of pairs, or a folder with a manifest."""
    given = Path(options.test)
    if given.is_dir():
        options.test = str(given := write_pairs(given, Path(options.out) / "pairs.csv"))
    origins = {pair.target: pair.row.get(ORIGIN) or "" for pair in read_pairs(given)}
    result, foley = evaluate(options), Foley.load(options.weights, options.device)
    rows = [*result.scores, *silent_systems(result, foley)]
    known = [row for row in rows if origins[Path(row.target)] == GREATEST_HITS]
    out, notes = [], [f"{MOTION}: the highest peaks of frame difference, as many as there are events"]
    if known:
        out.append(timing_line("real clips, Greatest Hits", known, 0.8, (), "0.80", options.seed))
    else:
        notes.append(f"real clips, Greatest Hits: not measured; name such clips in a column {ORIGIN}")
    required = "0.70, above motion, no lower than onset transfer"
    out.append(timing_line("real clips, all", rows, 0.7, (MOTION, *TRANSFERS), required, options.seed))
    return [*out, timbre_line(result, options.seed)], notes
