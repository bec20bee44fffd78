"""A recording's events: when they are, how loud, how they decay and what their bands do. Read once, in flat memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from condfoley.audio.levels import peak_rms_db
from condfoley.audio.onsets import RATE, detect_onsets
from condfoley.audio.splice import until_next
from condfoley.media.sound import sound_blocks
from condfoley.resynthesis.bands import EDGES, SILENCE, band_powers
from condfoley.resynthesis.kinds import loud_share_of, slides
from condfoley.resynthesis.usable import energies, usable_channel

VERSION = 1
"""Of an index; another one is not read from the cache."""
AROUND = 2.0  # s on either side of a piece that are looked through with it
ENVELOPE = 31  # frames of 10 ms from an onset on whose band powers are kept
MOST = 20_000  # events of a recording, the loudest
QUIETER_DB = 45.0  # below the loudest event, what is no event of the recording but of its noise
STEP = RATE // 20  # samples of one level
PIECE = 600 * STEP  # samples that are looked through at a time
LEAST_SLIDE = 20  # frames of 10 ms of an event that slides


@dataclass(frozen=True)
class Index:
    """What a recording has. Of E events, ascending in time.

    duration: s. times: (E,) s of their onsets, and ends: (E,) s, the next one's. rises: (E,) dB of the attack. levels: (E,)
    dB, peak short-term RMS. decays: (E,) dB a second. slides: (E,) whether it goes on like something that slides. powers:
    (E, B, ENVELOPE) float16 dB in the bands that the model knows, from the onset on; what is behind the next onset is -inf.
    rms: (L,) amplitude, one every STEP samples, of all of it.
    """

    duration: float
    times: np.ndarray
    ends: np.ndarray
    rises: np.ndarray
    levels: np.ndarray
    decays: np.ndarray
    slides: np.ndarray
    powers: np.ndarray
    rms: np.ndarray

    def only(self, kept: np.ndarray) -> Index:
        """The same with some of the events. kept: (K,) their numbers, ascending, or (E,) bool."""
        each = {f.name: getattr(self, f.name)[kept] for f in fields(self) if f.name not in ("duration", "rms")}
        return dataclasses.replace(self, **each)


def index_file(path: Path, duration: float, channel: int | None = None) -> Index:
    """The index of a file's sound. Raises InputError when it cannot be read.

    duration: of the clip, s; memory does not depend on it. channel: the one that is listened to; None: all channels' mean,
    or one of them where `resynthesis.usable` says so.
    """
    energy = np.zeros(3)

    def mono() -> Iterator[np.ndarray]:
        for block in sound_blocks(path, RATE):
            energy[:] += energies(block)
            yield block.mean(0) if channel is None else block[channel]

    parts: list[tuple[np.ndarray, ...]] = []
    rms: list[np.ndarray] = []
    for begin, samples, first, last in _pieces(mono(), PIECE):
        own = samples[first:last]
        whole = np.square(own[: len(own) // STEP * STEP], dtype=np.float64).reshape(-1, STEP)
        rms.append(np.sqrt(whole.mean(1)).astype(np.float32))
        parts.append(_events(samples, begin, first, last))
    if channel is None and (alone := usable_channel(energy)[0]) is not None:
        return index_file(path, duration, alone)
    columns = [np.concatenate(column) for column in zip(*parts)] if parts else list(_none())
    values: dict[str, Any] = dict(zip((f.name for f in fields(Index)[1:-1]), columns, strict=True))
    index = Index(duration, **values, rms=np.concatenate(rms) if rms else np.zeros(0, np.float32))
    loud = index.levels >= index.levels.max(initial=-np.inf) - QUIETER_DB
    if loud.sum() > MOST:
        loud &= index.levels >= np.sort(index.levels[loud])[-MOST]
    return index.only(loud)


def _pieces(blocks: Iterator[np.ndarray], length: int) -> Iterator[tuple[int, np.ndarray, int, int]]:
    """Overlapping pieces of a sound that comes in blocks (n,): (sample of the first one, (N,) samples, first, last).

    [first, last) of each piece are those that no other piece has as its own; around them is up to AROUND.
    """
    around = round(AROUND * RATE)
    waiting: list[np.ndarray] = []
    held, start, own = 0, 0, 0  # samples that wait; the first one's place; the first one that is not done
    for block in blocks:
        waiting.append(block)
        held += len(block)
        while start + held >= own + length + around:
            samples = np.concatenate(waiting)
            yield start, samples[: own + length + around - start], own - start, own + length - start
            own += length
            kept = max(start, own - around)
            waiting, held, start = [samples[kept - start :]], start + held - kept, kept
    if start + held > own:
        yield start, np.concatenate(waiting), own - start, start + held - own + (own - start)


def _none() -> tuple[np.ndarray, ...]:
    bands = len(EDGES) - 1
    empty = np.zeros(0)
    return empty, empty, empty, empty, empty, np.zeros(0, bool), np.zeros((0, bands, ENVELOPE), np.float16)


def _events(samples: np.ndarray, begin: int, first: int, last: int) -> tuple[np.ndarray, ...]:
    """The fields of a piece's own events; onsets in [first, last) are its own. begin: the first sample's place."""
    onsets, rises = detect_onsets(samples, RATE)
    own = [i for i, time in enumerate(onsets) if first <= round(time * RATE) < last]
    if not own:
        return _none()
    spans = list(until_next(onsets, len(samples) / RATE))
    rows = [_event(samples, *spans[i]) for i in own]
    levels, decays, sliding, powers = zip(*rows)
    times, ends = (np.array([spans[i][k] for i in own]) + begin / RATE for k in (0, 1))
    return times, ends, rises[own], np.array(levels), np.array(decays), np.array(sliding), np.stack(powers)


def _event(samples: np.ndarray, time: float, end: float) -> tuple[float, float, bool, np.ndarray]:
    """Level, decay, whether it slides, and band powers of an event from `time` to `end`, s, of a piece."""
    first, last = round(time * RATE), min(round(end * RATE), round((time + 1.0) * RATE))
    part = samples[first : max(last, first + 2)]
    powers = band_powers(part[None], RATE, model_only=True)
    level = 10 * np.log10(np.maximum(powers.sum(0), SILENCE))
    falling = level[: max(2, int(level.argmin()) + 1)] if len(level) > 2 else level
    decay = -float(np.polyfit(np.arange(len(falling)) / 100, falling, 1)[0]) if len(falling) > 1 else 0.0
    sliding = len(level) >= LEAST_SLIDE and slides(None, loud_share_of(level))
    kept = np.full((powers.shape[0], ENVELOPE), -np.inf, np.float16)
    shown = min(ENVELOPE, powers.shape[1])
    kept[:, :shown] = 10 * np.log10(powers[:, :shown])
    return peak_rms_db(part[None], RATE), decay, sliding, kept
