"""Baselines: onset transfer, style transfer, resynthesis, and our own model without its reference.

Functions of sounds and probabilities; `evaluation/systems.py` applies them to the clips of a pair.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.audio.mel import window_spec
from condfoley.audio.onsets import detect_onsets
from condfoley.audio.splice import faded, loop, until_next
from condfoley.drafting.drafter import LOOP_CROSSFADE
from condfoley.evaluation.published_scorer import published_onsets
from condfoley.foley import Foley
from condfoley.inputs import read_picture
from condfoley.runtime.engine import Engine, Prompt
from condfoley.runtime.peaks import pick_onsets
from condfoley.soundtrack import finished

# The published onset transfer (published_facts.md, section 15).
THRESHOLD, SUPPRESSED_FRAMES = 0.5, 4  # minimum probability of an onset; frames suppressed around it
PUBLISHED_SEED = 2022  # of the random choice among the reference's onsets
# The improved onset transfer.
LEAD, FADE_IN, FADE_OUT = 0.01, 0.005, 0.03  # s: taken before an event, and its fades
MIN_DEVIATION = 1e-4  # of a mel band over time; bands that vary less are not amplified further


def onset_probability(foley: Foley, target: Path) -> tuple[np.ndarray, float]:
    """Probability of an impact in each frame of a video, (T,) in [0, 1], and the frame rate, Hz.

    By the event head of the trained video encoder, which our own system uses too.
    """
    scorer = foley.loaded.scorer
    frames = read_picture(target, scorer.geometry)
    return scorer.visual_events(frames, scorer.engine.encode_frames(frames)).onset, scorer.geometry.fps


def published_onset_frames(probability: np.ndarray) -> np.ndarray:
    """Frames (K,), ascending, that the published baseline selects as onsets; at least one, however improbable.

    Selects the most probable frame, suppresses SUPPRESSED_FRAMES frames before it and SUPPRESSED_FRAMES - 1 after it,
    and repeats while any is above THRESHOLD. probability: (T,), T >= 1.
    """
    left = np.array(probability, float)
    frames: list[int] = []
    while not frames or (left > THRESHOLD).any():
        best = int(left.argmax())
        frames.append(best)
        left[max(0, best - SUPPRESSED_FRAMES) : best + SUPPRESSED_FRAMES] = 0
    return np.array(sorted(frames))


def onset_transfer(probability: np.ndarray, fps: float, reference: np.ndarray, samples: int, rate: int) -> np.ndarray:
    """The published onset transfer: a random onset of the reference pasted at each onset of the target's picture.

    Each paste spans a third of the gap before it and half of the gap after it, in the target or the reference, whichever
    is shorter; later ones overwrite earlier ones (published_facts.md, section 15). A reference without onsets is pasted
    at its loudest sample; the published code fails there.
    probability: (T,) at `fps`. reference: (M,) at `rate` Hz. Returns (samples,) float32.
    """
    out = np.zeros(samples, np.float32)
    targets = (published_onset_frames(probability) / fps * rate).astype(int)
    targets = targets[targets < samples]
    detected = published_onsets(reference)
    sources = detected if len(detected) else np.array([int(np.abs(reference).argmax())])
    stream = np.random.RandomState(PUBLISHED_SEED)
    for i in range(len(targets)):
        j = int(stream.choice(len(sources)))
        spans = zip(_published_span(targets, i, samples), _published_span(sources, j, len(reference)))
        before, after = (min(pair) for pair in spans)
        piece = reference[sources[j] - before : sources[j] + after]
        out[targets[i] - before : targets[i] + after] = piece
    return out


def _published_span(onsets: np.ndarray, i: int, length: int) -> tuple[int, int]:
    before = onsets[i] - (onsets[i - 1] if i else 0)
    after = (onsets[i + 1] if i + 1 < len(onsets) else length) - onsets[i]
    return int(before // 3), int(after // 4 * 2)


def event_transfer(
    probability: np.ndarray, fps: float, reference: np.ndarray, samples: int, rate: int, rng: np.random.Generator
) -> np.ndarray:
    """Improved onset transfer: whole events, each used once before any is used again, with fades.

    An event of the reference lasts until the next one starts; it is cut where the target's next event starts.
    probability: (T,) at `fps`. reference: (M,) at `rate` Hz. Returns (samples,) float32.
    """
    lead = round(LEAD * rate)
    targets = [int(t * rate) for t in pick_onsets(probability, fps)]
    found = [int(t * rate) for t in detect_onsets(reference, rate)[0]] or [int(np.abs(reference).argmax())]
    sources = [(int(max(0, a - lead)), int(b - lead)) for a, b in until_next(found, len(reference) + lead)]
    out = np.zeros(samples, np.float32)
    order: list[int] = []
    for i, target in enumerate(targets):
        order = order or list(rng.permutation(len(sources)))
        first, last = sources[order.pop()]
        start = max(0, target - lead)
        end = targets[i + 1] - lead if i + 1 < len(targets) else samples
        piece = reference[first : min(last, first + end - start)]
        enter, leave = (min(round(s * rate), len(piece) // 2) for s in (FADE_IN, FADE_OUT))
        piece = faded(piece, enter, leave)[: samples - start]
        out[start : start + len(piece)] += piece
    return out


def adain(content: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Adaptive instance normalisation of spectrograms (Huang and Belongie 2017), band by band.

    content: (n_mels, T), style: (n_mels, M), both in [0, 1]. Returns (n_mels, T) in [0, 1], each band with the mean
    and deviation over time of the style's band.
    """
    deviation = content.std(1, ddof=1, keepdims=True).clip(MIN_DEVIATION)
    normalised = (content - content.mean(1, keepdims=True)) / deviation
    return (normalised * style.std(1, ddof=1, keepdims=True) + style.mean(1, keepdims=True)).clip(0, 1)


def vocode(foley: Foley, spec01: np.ndarray, samples: int, outer: np.ndarray | None = None) -> np.ndarray:
    """Vocodes a spectrogram (n_mels, T) in [0, 1] to (samples,) float32. outer: see `matching.spectrum.outer_gain`."""
    (track,) = foley.pipeline(samples / foley.geometry.sample_rate).vocode(spec01[None], outer)
    wav = finished(track).mono
    return np.pad(wav, (0, samples - len(wav)))


def resynthesise(foley: Foley, wav: np.ndarray) -> np.ndarray:
    """Passes a sound (N,) through tokenizer and vocoder: an upper bound for our model. Returns (N,)."""
    g, engine = foley.geometry, foley.loaded.engine
    step = g.valid_columns * g.column_samples
    excerpts = [wav[start : start + g.clip_samples] for start in range(0, len(wav), step)]
    filled = np.stack([np.pad(p, (0, g.clip_samples - len(p))) for p in excerpts]).astype(np.float32)
    made = engine.decode_codes(engine.encode_windows(window_spec(filled, g)))[:, :, : step // g.hop]  # (K, n_mels, M)
    spec = ((made + 1) / 2).clip(0, 1).transpose(1, 0, 2).reshape(g.n_mels, -1)
    return vocode(foley, spec, len(wav))


def loop_reference(reference: np.ndarray, samples: int, rate: int) -> np.ndarray:
    """The reference's own sound (M,), looped with crossfades to (samples,)."""
    return loop(reference, samples, round(LOOP_CROSSFADE * rate))


def without_reference(foley: Foley, sound: bool = False) -> Foley:
    """The same model whose generator gets no reference, or with `sound` one without its picture."""
    engine: Any = _WithoutReference(foley.loaded.engine, sound)
    return Foley(replace(foley.loaded, engine=engine), foley.limits)


class _WithoutReference:
    """An engine whose generator is given less of the reference; in all else the engine itself."""

    def __init__(self, engine: Engine, sound: bool):
        self._engine, self._sound = engine, sound

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def generate_codes(self, prompt: Prompt, *rest: Any, **settings: Any) -> np.ndarray:
        """Codes as from `Engine.generate_codes`, but without the reference or its picture."""
        codes = prompt.codes if self._sound else None
        return self._engine.generate_codes(replace(prompt, reference=None, codes=codes), *rest, **settings)

    def flow_reference(
        self, reference: np.ndarray, reference_tokens: np.ndarray, no_reference: np.ndarray, no_picture: np.ndarray
    ) -> np.ndarray:
        """As from `Engine.flow_reference`, but without the reference or its picture."""
        dropped = no_reference | (not self._sound), np.ones_like(no_picture)
        return self._engine.flow_reference(reference, reference_tokens, *dropped)
