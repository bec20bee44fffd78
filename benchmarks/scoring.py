"""What both halves of the benchmark share: hearing a result, and judging its timing and its timbre."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from condfoley.errors import InputError
from condfoley.evaluation.onset import Score, detect_onsets, match, random_events
from condfoley.evaluation.timbre import embedding
from condfoley.geometry import Geometry

JUDGE = Geometry()  # the judges listen in one geometry, whatever the model's own
WINDOW = 0.1  # s, the tolerance of the issue
RANDOM_DRAWS = 200
PICTURE_THRESHOLD, PICTURE_GAP = 0.5, 2  # probability of a peak, and frames between two peaks
PIECE, PIECE_STEP = 2.0, 1.0  # s; a video's sound is compared in pieces of about a model window


class Generator(Protocol):
    """The part of `condfoley.foley.Foley` that is measured."""

    def generate(self, reference: str | Path, target: str | Path, *, candidates: int, seed: int) -> Any:
        """Returns a `condfoley.foley.Soundtrack`."""


@dataclass(frozen=True)
class Heard:
    """Event times in seconds: of the chosen soundtrack, of each candidate, and of the picture alone."""

    chosen: np.ndarray
    candidates: tuple[np.ndarray, ...]
    picture: np.ndarray


def hear(soundtrack: Any) -> Heard:
    """The events in a result. Raises ValueError when its sample rate is not the judges'."""
    if soundtrack.sample_rate != JUDGE.sample_rate:
        raise ValueError(f"the judges listen at {JUDGE.sample_rate} Hz, not at {soundtrack.sample_rate} Hz")
    candidates = tuple(detect_onsets(c.wav, soundtrack.sample_rate)[0] for c in soundtrack.candidates)
    chosen = detect_onsets(soundtrack.wav, soundtrack.sample_rate)[0]
    return Heard(chosen, candidates, picture_peaks(soundtrack.picture_onsets, JUDGE.fps))


def picture_peaks(probability: np.ndarray, fps: float) -> np.ndarray:
    """Times in seconds of the peaks over PICTURE_THRESHOLD of a per-frame probability (T,)."""
    from scipy.signal import find_peaks

    padded = np.pad(np.asarray(probability, dtype=float), 1)  # so that the first and last frame can be peaks
    peaks, _ = find_peaks(padded, height=PICTURE_THRESHOLD, distance=PICTURE_GAP)
    return (peaks - 1) / fps


def timing(heard: Heard, truth: np.ndarray) -> dict[str, float]:
    """Onset F1 of each way to answer: re-ranked, mean candidate, best candidate (oracle), picture alone."""
    each = [match(truth, times, WINDOW).f1 for times in heard.candidates]
    return {
        "reranked": match(truth, heard.chosen, WINDOW).f1,
        "mean_candidate": float(np.mean(each)),
        "best_candidate": max(each),
        "picture": match(truth, heard.picture, WINDOW).f1,
    }


def random_f1(truth: np.ndarray, count: int, duration: float, rng: np.random.Generator) -> float:
    """Control: mean F1 of `count` events at random times, over RANDOM_DRAWS draws."""
    scores: list[Score] = [match(truth, random_events(count, duration, rng), WINDOW) for _ in range(RANDOM_DRAWS)]
    return float(np.mean([s.f1 for s in scores]))


@lru_cache(maxsize=512)
def sound_of(path: Path) -> np.ndarray:
    """A video's own sound, (N,) float32 at the judges' rate."""
    from condfoley import media

    return media.read_audio(path, JUDGE.sample_rate)


def pieces(wav: np.ndarray, used: tuple[float, float] | None = None) -> list[np.ndarray]:
    """A video's sound in overlapping pieces of PIECE seconds, (n,) each, those with events if there are any.

    used: start and end in seconds of what the model was given. Pieces that lie in it for more than half are
    left out as long as others remain: the test is about other sounds of the same video.
    """
    size, step = round(PIECE * JUDGE.sample_rate), round(PIECE_STEP * JUDGE.sample_rate)
    starts = list(range(0, max(1, len(wav) - size + 1), step))
    if len(wav) > size and starts[-1] + size < len(wav):
        starts.append(len(wav) - size)
    cut = [(s, wav[s : s + size]) for s in starts]
    sounding = [(s, piece) for s, piece in cut if len(detect_onsets(piece, JUDGE.sample_rate)[0])] or cut
    if used is not None:
        begin, end = used[0] * JUDGE.sample_rate, used[1] * JUDGE.sample_rate
        fresh = [(s, p) for s, p in sounding if min(s + len(p), end) - max(s, begin) <= len(p) / 2]
        sounding = fresh or sounding
    return [piece for _, piece in sounding]


def embeddings(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Timbre of each piece, (D,)."""
    return [embedding(part, JUDGE) for part in parts]


def even(own: list[np.ndarray], other: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """As many neighbours on either side: the side with more would be nearer by chance."""
    count = min(len(own), len(other))
    return own[:count], other[:count]


def existing_folder(path: Path, holds: str) -> Path:
    """The folder itself. Raises InputError when it does not exist."""
    if not path.is_dir():
        raise InputError(f"there is no folder {path}; give one with {holds}")
    return path
