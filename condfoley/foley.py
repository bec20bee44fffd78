"""The whole system: load once, generate many. `generate` reads like the block diagram."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condfoley import media, windows
from condfoley.errors import InputError
from condfoley.evaluation.onset import detect_onsets
from condfoley.geometry import Geometry
from condfoley.mel import window_spec
from condfoley.postfilter import match_mel
from condfoley.sync import Sync, rerank
from condfoley.tokenizer import Tokenizer
from condfoley.transformer import Condition, Sampling, Transformer
from condfoley.video_encoder import VideoEncoder
from condfoley.vocoder import Vocoder
from condfoley.weights import PARTS, SHIPPED, card_geometry, load_part, read_card

SILENT = 1e-4  # peak below which a reference holds no sound to learn from
FADE = 0.03  # s, crossfade of a looped reference
ADVANCE = 0.5  # share of a window by which the next one starts later
VOCODER_CHUNK, VOCODER_MARGIN = 1024, 24  # spectrogram frames; the margin covers the network's reach
CEILING = 0.98  # peak of a finished soundtrack
Progress = Callable[[str, float], None]


@dataclass
class Candidate:
    """One soundtrack. wav: (N,) float32. offset: s, positive when it is late. confidence: [0, 1]."""

    wav: np.ndarray
    seed: int
    offset: float
    confidence: float


@dataclass
class Soundtrack:
    """What `generate` gives: the chosen soundtrack, all candidates in order of generation, and how it came about.

    wav: (N,) float32 at sample_rate Hz, as long as the target's picture. reference_wav: the window that was listened
    to. *_frames: (T, S, S, 3) uint8 at the geometry's frame rate. picture_onsets: (T,) in [0, 1], how likely
    something is struck in each frame of the target. settings: what is needed to make it again.
    """

    wav: np.ndarray
    sample_rate: int
    candidates: list[Candidate]
    chosen: int
    duration: float
    reference_start: float
    reference_duration: float
    reference_wav: np.ndarray
    reference_frames: np.ndarray
    target_frames: np.ndarray
    picture_onsets: np.ndarray
    settings: dict[str, Any]
    weights: dict[str, Any]


@dataclass
class Reference:
    """The window of the reference that is used. tokens: (1, frames, D) or None without picture; codes: (1, codes)."""

    start: float
    wav: np.ndarray
    frames: np.ndarray
    tokens: Tensor | None
    codes: Tensor


class Foley:
    """Conditional Foley: the target's picture, in the sound of the reference."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        video_encoder: VideoEncoder,
        transformer: Transformer,
        vocoder: Vocoder,
        sync: Sync,
        geometry: Geometry,
        card: dict[str, Any] | None = None,
        device: str = "cpu",
    ):
        self.tokenizer, self.video_encoder, self.transformer = tokenizer, video_encoder, transformer
        self.vocoder, self.sync, self.geometry = vocoder, sync, geometry
        self.card, self.device = card or {}, torch.device(device)

    @classmethod
    def load(cls, path: str | Path | None = None, device: str = "cpu") -> Foley:
        """The system of a weights folder; None: the weights in the package. Raises InputError for bad weights."""
        folder = Path(path) if path else SHIPPED
        card = read_card(folder)
        parts = {name: load_part(folder, name, device) for name in PARTS}
        return cls(**parts, geometry=card_geometry(card), card=card, device=device)  # type: ignore[arg-type]

    @torch.inference_mode()
    def generate(
        self,
        reference: str | Path,
        target: str | Path,
        *,
        candidates: int = 8,
        seed: int = 0,
        temperature: float = 0.9,
        top_k: int = 0,
        top_p: float = 0.9,
        guidance: float = 1.0,
        picture_guidance: float = 1.0,
        rerank: bool = True,
        tolerance: float = 0.2,
        reference_start: float | None = None,
        progress: Progress | None = None,
    ) -> Soundtrack:
        """A soundtrack for `target`, timed to its picture, sounding like `reference`.

        reference: clip with sound, with or without picture. target: clip with picture. seed: of the first candidate;
        the others follow it. tolerance, reference_start: s. progress: called with what is done and its share.
        Raises InputError when a file cannot be used, or the reference is silent.
        """
        tell = progress or (lambda stage, share: None)
        sampling = Sampling(temperature, top_k, top_p, guidance, picture_guidance)
        seeds = [seed + i for i in range(candidates)]
        duration, frames = self._read_target(target)
        tell("watching the target", 0.0)
        tokens = self.video_encoder.encode_clip(frames)  # (T, D)
        tell("listening to the reference", 0.05)
        heard = self._read_reference(reference, reference_start)
        codes = self._write_codes(tokens, heard, seeds, sampling, duration, tell)  # (N, rows * columns)
        tell("decoding", 0.7)
        specs = self._decode(codes)  # (N, n_mels, M) in [0, 1]
        offsets, confidences = self._judge(tokens, specs)
        wavs = self._vocode(specs, duration, tell)
        made = [Candidate(w, s, float(t), float(p)) for w, s, t, p in zip(wavs, seeds, offsets, confidences)]
        chosen = _rerank(offsets, confidences, tolerance) if rerank else 0
        tell("done", 1.0)
        settings = {
            "candidates": candidates,
            "seed": seed,
            **dataclasses.asdict(sampling),
            "rerank": rerank,
            "tolerance": tolerance,
            "reference_start": reference_start,
        }
        return Soundtrack(
            wav=made[chosen].wav,
            sample_rate=self.geometry.sample_rate,
            candidates=made,
            chosen=chosen,
            duration=duration,
            reference_start=heard.start,
            reference_duration=len(heard.wav) / self.geometry.sample_rate,
            reference_wav=heard.wav,
            reference_frames=heard.frames,
            target_frames=frames.numpy(),
            picture_onsets=self._picture_onsets(frames, tokens),
            settings=settings,
            weights=self._identity(),
        )

    def _identity(self) -> dict[str, Any]:
        """The weights' name and their parts' hashes, for the record."""
        parts = self.card.get("parts", {})
        return {"name": self.card.get("name"), "parts": {k: v["sha256"] for k, v in parts.items()}}

    def _read_target(self, path: str | Path) -> tuple[float, Tensor]:
        info = media.probe(Path(path))
        media.require_video(info)
        frames = media.read_frames(Path(path), self.geometry.fps, self.geometry.frame_size)
        return len(frames) / self.geometry.fps if info.duration <= 0 else info.duration, torch.from_numpy(frames)

    def _read_reference(self, path: str | Path, start: float | None) -> Reference:
        g, path = self.geometry, Path(path)
        info = media.probe(path)
        media.require_audio(info)
        wav = media.read_audio(path, g.sample_rate)
        if np.abs(wav).max(initial=0.0) < SILENT:
            raise InputError(f"the sound of {path} is silent; give a reference in which something is heard")
        if start is None:
            start = self._clearest(wav)
        first = round(start * g.sample_rate)
        if first >= len(wav):
            raise InputError(f"the sound of {path} ends before {start:g} s; give an earlier reference start")
        used = wav[first : first + g.window_samples]
        if np.abs(used).max(initial=0.0) < SILENT:
            raise InputError(f"{path} is silent from {start:g} s on; give another reference start")
        sound = windows.looped(used, g.window_samples, round(FADE * g.sample_rate))
        codes = self.tokenizer.encode(window_spec(torch.from_numpy(sound)[None].to(self.device), g))
        if not info.has_video:
            return Reference(start, used, np.zeros((0, 1, 1, 3), np.uint8), None, codes)
        frames = media.read_frames(path, g.fps, g.frame_size)
        tokens = self.video_encoder.encode_clip(torch.from_numpy(frames))  # (T, D)
        begin = min(round(start * g.fps), len(frames) - 1)
        shown = max(1, min(round(len(used) / g.sample_rate * g.fps), len(frames) - begin))
        index = begin + torch.arange(g.window_frames) % shown  # the picture repeats with its sound
        return Reference(start, used, frames[begin : begin + shown], tokens[index][None], codes)

    def _clearest(self, wav: np.ndarray) -> float:
        g = self.geometry
        times, strengths = detect_onsets(wav, g.sample_rate)
        blocks = np.array_split(wav, max(1, len(wav) // (g.sample_rate // 20)))
        levels = np.array([np.sqrt(np.square(b).mean()) for b in blocks])
        return windows.clearest(times, strengths, levels, len(wav) / g.sample_rate, g.window_seconds)

    def _write_codes(
        self, tokens: Tensor, heard: Reference, seeds: list[int], sampling: Sampling, duration: float, tell: Progress
    ) -> Tensor:
        """All candidates' codes, window by window from left to right: (N, rows * columns), column-major."""
        g = self.geometry
        total = g.columns_for(duration)
        streams = [torch.Generator().manual_seed(s) for s in seeds]
        codes = torch.zeros(len(seeds), total * g.code_rows, dtype=torch.long, device=self.device)
        steps = windows.plan(total, g.code_columns, max(1, round(g.code_columns * ADVANCE)))
        for i, (start, written) in enumerate(steps):
            index = torch.arange(g.window_frames) + g.frame_of_column(start)
            seen = tokens[index.clamp(max=len(tokens) - 1)][None]  # (1, frames, D)
            begin, middle, end = (c * g.code_rows for c in (start, start + written, start + g.code_columns))
            forced = codes[:, begin:middle]
            window = self.transformer.generate(Condition(seen, heard.tokens, heard.codes), streams, sampling, forced)
            codes[:, middle:end] = window[:, middle - begin :]
            tell("writing the sound", 0.1 + 0.6 * (i + 1) / len(steps))
        return codes

    def _decode(self, codes: Tensor) -> Tensor:
        """Codes -> spectrograms (N, n_mels, M) in [0, 1], in overlapping tiles of one window."""
        g = self.geometry
        total = codes.shape[1] // g.code_rows
        starts = [s for s, _ in windows.plan(total, g.code_columns, max(1, g.code_columns * 3 // 4))]
        tiles = []
        for start in starts:
            piece = codes[:, start * g.code_rows : (start + g.code_columns) * g.code_rows]
            tiles.append((self.tokenizer.decode(piece, g.code_rows)[:, 0] + 1) / 2)
        joined = windows.crossfaded(tiles, [s * g.column_mel_frames for s in starts], total * g.column_mel_frames)
        return joined.clamp(0, 1)

    def _judge(self, tokens: Tensor, specs: Tensor) -> tuple[Tensor, Tensor]:
        """Offset, s, and confidence of each candidate, from the mean verdict over segments of the target."""
        g, c = self.geometry, self.sync.config
        length = 2 * g.window_frames
        verdicts = []
        for start in windows.segments(len(tokens), length):
            seen = tokens[start : start + length]
            first = round(start * c.mel_per_frame)
            heard = specs[:, :, first : first + round(len(seen) * c.mel_per_frame)]
            verdicts.append(self.sync(seen.expand(len(specs), -1, -1), heard))
        return self.sync.verdict(torch.stack(verdicts).mean(0).cpu())

    def _vocode(self, specs: Tensor, duration: float, tell: Progress) -> list[np.ndarray]:
        """Waveforms of all candidates, cut to the picture's length, in chunks: memory does not grow with length."""
        g = self.geometry
        samples, out = round(duration * g.sample_rate), []
        for k, spec in enumerate(specs):
            pieces = []
            for start in range(0, spec.shape[1], VOCODER_CHUNK):
                left, right = max(0, start - VOCODER_MARGIN), min(spec.shape[1], start + VOCODER_CHUNK + VOCODER_MARGIN)
                piece = spec[None, :, left:right]
                wav = match_mel(self.vocoder(piece), piece, g, self.vocoder.config.match_passes)[0]
                pieces.append(wav[(start - left) * g.hop :][: min(VOCODER_CHUNK, spec.shape[1] - start) * g.hop])
            out.append(finished(torch.cat(pieces).cpu().numpy()[:samples]))
            tell("decoding", 0.75 + 0.25 * (k + 1) / len(specs))
        return out

    def _picture_onsets(self, frames: Tensor, tokens: Tensor) -> np.ndarray:
        """Mean of the onset probabilities of the picture and its mirror image: (T,); zeros without an event head."""
        if not self.video_encoder.config.neck:
            return np.zeros(len(frames), np.float32)
        mirrored = self.video_encoder.encode_clip(frames.flip(2))
        both = torch.stack([self.video_encoder.event_logits(t)[:, 0].sigmoid() for t in (tokens, mirrored)])
        return both.mean(0).cpu().numpy()


_rerank = rerank  # `generate` has a flag of this name


def finished(wav: np.ndarray) -> np.ndarray:
    """A soundtrack without DC and without clipping: (N,) float32, |x| <= CEILING."""
    wav = (wav - wav.mean()).astype(np.float32)
    peak = float(np.abs(wav).max(initial=0.0))
    return wav * np.float32(CEILING / peak) if peak > CEILING else wav
