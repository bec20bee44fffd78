"""The whole system: load once, generate many. `generate` reads like the block diagram."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from condfoley.audio import windows
from condfoley.audio.onsets import detect_onsets
from condfoley.audio.postfilter import repaired
from condfoley.comping import selection
from condfoley.comping import takes as comping
from condfoley.geometry import Geometry
from condfoley.hits import Hits
from condfoley.inputs import Recording, read_picture, read_reference, read_target
from condfoley.lineage import require_matching
from condfoley.matching import dynamics
from condfoley.matching.chain import Shares, shaped
from condfoley.matching.spectrum import equalised, outer_gain
from condfoley.memory import retain_freed_memory
from condfoley.networks.event_head import EventHead, pick_onsets
from condfoley.networks.mel import spectrogram, window_spec
from condfoley.networks.scorer import Referee, Shown
from condfoley.networks.sync import Sync
from condfoley.networks.tokenizer import Tokenizer
from condfoley.networks.transformer import Condition, Sampling, Transformer
from condfoley.networks.video_encoder import VideoEncoder
from condfoley.networks.vocoder import Vocoder
from condfoley.settings import MATCHING, SAMPLING, Mode, Settings
from condfoley.soundtrack import Candidate, Soundtrack, finished, with_soft_edges
from condfoley.weights import SHIPPED, card_geometry, load_part, read_card

FADE = 0.03  # s, crossfade of a looped reference
ADVANCE = 0.5  # share of a window by which the next one starts later
VOCODER_CHUNK, VOCODER_MARGIN = 1024, 24  # spectrogram frames; the margin covers the network's reach
RECOMMENDED = {"temperature": 0.9, "top_p": 0.9}  # where the weights' card names no `sampling` of its own
MATCH = 1.0  # share of the way to the reference's spectrum, decays and texture, and to the picture's dynamics
IN_CACHE = 2  # candidates whose windows are decoded at a time: what is computed of them stays in a processor's cache
DECODED = 2  # windows, at most, that are decoded as one tile
TOGETHER = 240.0  # s of sound, of all candidates, that are decoded together
IN_MEMORY = 2400.0  # s of sound, of all candidates, that stay in memory; more goes to temporary files
NO_TIMES = np.zeros(0)
NEEDED = ("tokenizer", "video_encoder", "transformer", "vocoder")  # parts without which nothing can be heard
OPTIONAL = ("sync", "events")
Progress = Callable[[str, float], None]


@dataclass
class Reference:
    """The window of the reference that is used.

    wav: (M,); ringing: (L,), the same and how its last hit fades. gain: dB by which both are louder than the clip.
    tokens: (1, frames, D) or None without picture; codes: (1, codes).
    """

    start: float
    wav: np.ndarray
    ringing: np.ndarray
    gain: float
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
        sync: Sync | None,
        geometry: Geometry,
        card: dict[str, Any] | None = None,
        device: str = "cpu",
        events: EventHead | None = None,
    ):
        """sync: None borrows the shipped one, with its video encoder. events: None: the video encoder's own head."""
        self.tokenizer, self.video_encoder, self.transformer = tokenizer, video_encoder, transformer
        self.vocoder, self.geometry = vocoder, geometry
        self.card, self.device = card or {}, torch.device(device)
        self.sync, self.events = sync, events

    @classmethod
    def load(cls, path: str | Path | None = None, device: str = "cpu") -> Foley:
        """The system of a weights folder; None: the weights in the package. Raises InputError for bad weights.

        The process from then on keeps what it frees (`memory.retain_freed_memory`).
        """
        retain_freed_memory()
        folder = Path(path) if path else SHIPPED
        card = read_card(folder)
        parts = {name: load_part(folder, name, device) for name in NEEDED}
        optional: dict[str, Any] = {
            name: load_part(folder, name, device) if name in card["parts"] else None for name in OPTIONAL
        }
        require_matching(folder, card)
        foley = cls(**parts, **optional, geometry=card_geometry(card), card=card, device=device)
        foley.require_referee()
        return foley

    def require_referee(self) -> None:
        """Raises InputError where no sync model can judge the sounds of these weights."""
        if self.sync is None:
            Referee.require_same_spectrograms(self.geometry)

    @cached_property
    def referee(self) -> Referee:
        """Who judges: its own sync model, or the shipped one.

        Raises InputError when the shipped one cannot judge these weights' sounds.
        """
        if self.sync is None:
            return Referee.shipped(self.geometry, str(self.device))
        return Referee(self.video_encoder, self.sync, self.geometry, self.events)

    @torch.inference_mode()
    def generate(
        self,
        reference: str | Path,
        target: str | Path,
        settings: Settings | None = None,
        *,
        hits: Hits | ArrayLike | None = None,
        progress: Progress | None = None,
        **changes: Any,
    ) -> Soundtrack:
        """A soundtrack for `target`, timed to its picture, sounding like `reference`.

        reference: clip with sound, with or without picture. target: clip with picture. settings: see `Settings`, which
        says what each is; changes: some of them by name (`candidates=32`). hits: when the target strikes, (K,) s or
        with strengths (`read_hits`), in place of what its picture shows; other hits are taken out. progress: called
        with what is being done and the share that is done.
        Raises InputError when a file or a setting cannot be used, and TypeError for a setting that is none.
        """
        asked = dataclasses.replace(settings or Settings(), **changes)
        told = hits if hits is None or isinstance(hits, Hits) else Hits.of(hits)
        tell = progress or (lambda stage, share: None)
        duration, pictures = read_target(Path(target), self.geometry)
        if told is not None:
            asked.require_hits_count()
            told.require_within(duration)
        way = self._way(asked.mode, duration)
        sampling, shares = way._sampling(asked.given(SAMPLING)), way._shares(asked.given(MATCHING))
        tell("watching the target", 0.0)
        frames = torch.from_numpy(pictures)
        tokens = way._watch(frames)  # (T, D)
        tell("listening to the reference", 0.05)
        heard = way._listen(reference, asked.reference_start)
        judged_frames, judged_tokens = self._judged_picture(target, frames, tokens)
        picture = self.referee.picture_events(judged_frames, judged_tokens)
        followed = way._followed(picture, told)
        seeds = [asked.seed + i for i in range(asked.candidates)]
        codes = way._write_codes(tokens, heard, seeds, sampling, duration, tell)  # (N, rows * columns)
        judge = partial(
            selection.judged,
            self.referee,
            tokens=judged_tokens,
            shown=followed.times,
            sample_rate=self.geometry.sample_rate,
            align=asked.align,
        )
        made = way._candidates(codes, seeds, heard.wav, duration, shares.eq_match, judge, tell)
        strike = None if told is None else selection.strike(heard.ringing, self.geometry.sample_rate)
        shape = partial(
            shaped,
            made=made,
            reference=heard.ringing,
            hits=followed,
            sliding=picture.sliding,
            geometry=self.geometry,
            shares=shares,
        )
        wav, takes = way._finish(made, followed.times, asked, shape, strike)
        wav = way._levelled(wav, made, heard)
        tell("done", 1.0)
        return Soundtrack(
            wav=wav,
            geometry=self.geometry,
            candidates=made,
            chosen=comping.most_heard(takes, duration),
            takes=takes,
            hits=followed,
            told=told is not None,
            duration=duration,
            reference_start=heard.start,
            reference_duration=len(heard.wav) / self.geometry.sample_rate,
            reference_wav=heard.wav,
            reference_frames=heard.frames,
            target_frames=pictures,
            picture_onsets=picture.onset,
            picture_fps=self.referee.geometry.fps,
            settings=way._record(asked, sampling, shares),
            weights=self._identity(),
        )

    def _followed(self, picture: Shown, told: Hits | None) -> Hits:
        """What a soundtrack follows: the hits that were told, or else those that the picture shows."""
        fps = self.referee.geometry.fps
        if told is not None:
            return Hits(told.times, dynamics.told_hardness(picture.strength, told, fps))
        shown = pick_onsets(picture.onset, fps)
        return Hits(shown, dynamics.hardness(picture.strength, shown, fps))

    def _finish(
        self,
        made: list[Candidate],
        hits: np.ndarray,
        asked: Settings,
        shape: Callable[[np.ndarray], np.ndarray],
        strike: np.ndarray | None,
    ) -> tuple[np.ndarray, list[comping.Take]]:
        """The soundtrack (N,) that is made of the candidates, shaped and mended, and of which takes.

        hits: (K,) s, those to be followed. strike: (L,), a hit of the reference where they were told, else None.
        """
        rate = self.geometry.sample_rate
        best = self._choose(made, asked.tolerance) if asked.rerank else 0
        comped = hits if asked.rerank and asked.comp else NO_TIMES
        wav, takes = selection.put_together(made, comped, best, asked.tolerance, rate, asked.align)
        wav = shape(wav)
        if strike is not None:
            return selection.obeying(wav, hits, strike, rate, asked.align), takes
        return selection.mended(wav, comped, rate, asked.align), takes

    def _levelled(self, wav: np.ndarray, made: list[Candidate], heard: Reference) -> np.ndarray:
        """The soundtrack (N,) as loud as the reference's clip, hit for hit; its candidates are levelled in place."""
        rate = self.geometry.sample_rate
        level = dynamics.loudness(heard.wav, detect_onsets(heard.wav, rate)[0], rate) - heard.gain

        def finish(sound: np.ndarray, hits: np.ndarray) -> np.ndarray:
            return with_soft_edges(finished(dynamics.at_level(sound, hits, level, rate)), rate)

        whole = next((candidate for candidate in made if candidate.wav is wav), None)  # taken whole
        for candidate in made:
            candidate.replace(finish(candidate.wav, candidate.hits))
        return whole.wav if whole else finish(wav, detect_onsets(wav, rate)[0])

    def _record(self, asked: Settings, sampling: Sampling, shares: Shares) -> dict[str, Any]:
        """The settings with what was recommended filled in."""
        return dataclasses.asdict(asked) | dataclasses.asdict(sampling) | dataclasses.asdict(shares)

    @torch.inference_mode()
    def drafts(
        self, tokens: Tensor, reference: np.ndarray, reference_tokens: Tensor, seeds: list[int], duration: float
    ) -> tuple[Tensor, list[np.ndarray]]:
        """Candidates as they are before anyone has judged them, with the sampling that the card recommends.

        tokens: (T, D), of the target's frames; duration: its length, s. reference: (M,), its sound; reference_tokens:
        (window_frames, D). Returns spectrograms (N, n_mels, F) in [0, 1] and waveforms, one for each seed.
        """
        codes = self._reference_codes(reference)
        unseen = np.zeros((0, 1, 1, 3), np.uint8)
        heard = Reference(0.0, reference, reference, 0.0, unseen, reference_tokens[None], codes)
        written = self._write_codes(tokens, heard, seeds, self._sampling({}), duration, lambda stage, share: None)
        return self._sounds(written, reference, duration, MATCH)

    def _identity(self) -> dict[str, Any]:
        """The weights' name and their parts' hashes, for the record."""
        parts = self.card.get("parts", {})
        named = {"name": self.card.get("name"), "parts": {k: v["sha256"] for k, v in parts.items()}}
        return named | ({"referee": self.referee.borrowed} if self.referee.borrowed else {})

    def _way(self, mode: Mode, duration: float) -> Foley:
        """Whose steps to take: our own, or those of the published script for a target of `duration` seconds."""
        if mode == "corrected":
            return self
        from condfoley.published.generation import PublishedFoley

        return PublishedFoley.of(self, duration)

    def _sampling(self, wished: dict[str, Any]) -> Sampling:
        return Sampling(**{**RECOMMENDED, **self.card.get("sampling", {}), **wished})

    def _shares(self, wished: dict[str, float]) -> Shares:
        return Shares(**{**dict.fromkeys(MATCHING, MATCH), **wished})

    def _choose(self, made: list[Candidate], tolerance: float) -> int:
        """Index of the candidate that is taken where one is taken whole."""
        return selection.choose(made, tolerance)

    def _watch(self, frames: Tensor) -> Tensor:
        """Tokens of the target: (T, S, S, 3) uint8 -> (T, D)."""
        return self.video_encoder.encode_clip(frames)

    def _judged_picture(self, path: str | Path, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The target's frames and tokens as the referee sees them."""
        if not self.referee.borrowed:
            return frames, tokens[: len(frames)]
        frames = torch.from_numpy(read_picture(Path(path), self.referee.geometry))
        return frames, self.referee.video_encoder.encode_clip(frames)

    def _listen(self, path: str | Path, start: float | None) -> Reference:
        """The reference, `start`: where its window begins, s; None: where its sound shows best."""
        given = self._recording(Path(path), start)
        codes, tokens = self._reference_codes(given.wav), None
        if len(given.frames):
            tokens = self._reference_tokens(torch.from_numpy(given.frames), given.first, given.shown)[None]
        return Reference(given.start, given.used, given.ringing, given.gain, given.seen, tokens, codes)

    def _recording(self, path: Path, start: float | None) -> Recording:
        return read_reference(path, start, self.geometry)

    def _reference_codes(self, wav: np.ndarray) -> Tensor:
        """wav: (N,), from the reference's start on -> (1, codes)."""
        g = self.geometry
        sound = windows.looped(wav[: g.clip_samples], g.clip_samples, round(FADE * g.sample_rate))
        return self.tokenizer.encode(window_spec(torch.from_numpy(sound)[None].to(self.device), g))

    def _reference_tokens(self, frames: Tensor, begin: int, shown: int) -> Tensor:
        """Of `shown` frames from `begin` on, repeated like their sound: (window_frames, D)."""
        index = begin + torch.arange(self.geometry.window_frames) % shown
        return self.video_encoder.encode_clip(frames)[index]

    def _write_codes(
        self,
        tokens: Tensor,
        heard: Reference,
        seeds: list[int],
        sampling: Sampling,
        duration: float,
        tell: Progress,
    ) -> Tensor:
        """All candidates' codes: (N, rows * columns), column-major.

        The target's stretches are written side by side, each of them window by window from left to right.
        """
        g = self.geometry
        total = g.columns_for(duration)
        starts, length = windows.stretches(total, g.valid_columns)
        streams = [torch.Generator().manual_seed(s + (i << 32)) for i in range(len(starts)) for s in seeds]
        codes = torch.zeros(len(streams), length * g.code_rows, dtype=torch.long, device=self.device)
        window = min(length, g.valid_columns)
        steps = windows.plan(length, window, max(1, round(g.valid_columns * ADVANCE)))
        for i, (start, written) in enumerate(steps):
            places = [g.frame_of_column(first + start) + torch.arange(g.window_frames) for first in starts]
            seen = torch.stack([windows.at_frames(tokens, place) for place in places])  # (S, frames, D)
            begin, middle, end = (c * g.code_rows for c in (start, start + written, start + window))
            known, given = codes[:, begin:middle], Condition(seen, heard.tokens, heard.codes)
            codes[:, begin:end] = self.transformer.generate(given, streams, sampling, known, until=end - begin)
            tell("writing the sound", 0.1 + 0.6 * (i + 1) / len(steps))
        return windows.joined(
            codes.unflatten(0, (len(starts), -1)), [s * g.code_rows for s in starts], total * g.code_rows
        )

    def _candidates(
        self,
        codes: Tensor,
        seeds: list[int],
        reference: np.ndarray,
        duration: float,
        eq: float,
        judge: Callable[..., list[Candidate]],
        tell: Progress,
    ) -> list[Candidate]:
        """Codes (N, rows * columns) as judged sounds, a few at a time: memory does not grow with their number."""
        made: list[Candidate] = []
        for few in torch.arange(len(codes)).split(max(1, int(TOGETHER / duration))):
            tell("decoding", 0.7 + 0.3 * len(made) / len(codes))
            specs, wavs = self._sounds(codes[few], reference, duration, eq)
            some = judge(wavs, [seeds[i] for i in few], specs)
            if len(codes) * duration > IN_MEMORY:
                for candidate in some:
                    candidate.put_aside()
            made += some
        return made

    def _sounds(
        self, codes: Tensor, reference: np.ndarray, duration: float, eq: float
    ) -> tuple[Tensor, list[np.ndarray]]:
        """Codes (N, rows * columns) -> spectrograms (N, n_mels, M) in [0, 1], and waveforms as long as the picture.

        reference: (samples,), towards whose spectrum they are equalised by the share `eq`.
        """
        wanted = spectrogram(reference, self.geometry).to(self.device)  # (n_mels, samples // hop)
        outer = outer_gain(torch.from_numpy(reference).to(self.device), self.geometry, eq)  # (bins,)
        specs = equalised(self._decode(codes), wanted, eq)
        return specs, self._vocode(specs, duration, outer)

    def _decode(self, codes: Tensor) -> Tensor:
        """Codes -> spectrograms (N, n_mels, M) in [0, 1], in few overlapping tiles as long as the decoder knows."""
        g = self.geometry
        total = codes.shape[1] // g.code_rows
        starts, length = windows.tiles(total, DECODED * g.valid_columns, max(1, g.valid_columns // 10))
        tiles = []
        for start in starts:
            piece = codes[:, start * g.code_rows : (start + length) * g.code_rows]
            specs = [self.tokenizer.decode(few, g.code_rows)[:, 0] for few in piece.split(IN_CACHE)]
            tiles.append((torch.cat(specs) + 1) / 2)
        joined = windows.crossfaded(tiles, [s * g.column_mel_frames for s in starts], total * g.column_mel_frames)
        return joined.clamp(0, 1)

    def _vocode(self, specs: Tensor, duration: float, outer: Tensor) -> list[np.ndarray]:
        """Waveforms of candidates, cut to the picture's length, in chunks: memory does not grow with length.

        outer: see `outer_gain`.
        """
        g = self.geometry
        samples, out = round(duration * g.sample_rate), []
        for spec in specs:
            whole = np.empty(min(samples, spec.shape[1] * g.hop), np.float32)
            for begin, end, left, right in windows.pieces(spec.shape[1], VOCODER_CHUNK, VOCODER_MARGIN):
                piece = spec[None, :, left:right]
                wav = repaired(self.vocoder(piece), piece, g, self.vocoder.config, left * g.hop, outer)[0]
                part = whole[begin * g.hop : end * g.hop]
                part[:] = wav[(begin - left) * g.hop :][: len(part)].cpu().numpy()
            out.append(finished(whole))
        return out
