"""The sound of all references of which a soundtrack is made: all of it, or of long ones the parts that fit its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from condfoley.audio.onsets import RATE, detect_onsets
from condfoley.audio.rates import converted
from condfoley.audio.splice import faded
from condfoley.audio.track import Track
from condfoley.errors import InputError
from condfoley.inputs import Clip, highpass
from condfoley.media.sound import resample
from condfoley.references.index import ENVELOPE, STEP, Index
from condfoley.references.remarks import remarks
from condfoley.references.window import Part, ReferenceFile, is_long
from condfoley.resynthesis.bands import SILENCE
from condfoley.resynthesis.choose import RANGE_DB, WORST_DB
from condfoley.resynthesis.usable import usable_channels

EACH = 4  # events of long references that are read for each event of the soundtrack
SLIDES, STRONGEST = 4, 8  # and those that go on longest, and where the soundtrack has none, the strongest
BEFORE, LONGEST = 0.1, 1.6  # s of an event that are read, before its onset and from it on
APART = 0.2  # s between two parts that are read as one
QUIET = 1.5  # s of background that are read
MOST = 90.0  # s that are read in all
EDGE = 0.005  # s of fade at the ends of a part
TOGETHER = 2048  # events that are compared at a time
LEAST_RATE, MOST_RATE = RATE, 96_000  # Hz, of a soundtrack where no other rate is asked for


@dataclass(frozen=True)
class Source:
    """Part [begin, end) of a selection, samples, which begins at `start`, s, of the reference of that number."""

    number: int
    start: float
    begin: int
    end: int


@dataclass(frozen=True)
class Selection:
    """(C, N) float32 samples at `rate` Hz, put together from `sources`, which cover them. onsets: (E,) s, of events.

    notes: what a user should know.
    """

    samples: np.ndarray
    rate: int
    onsets: np.ndarray
    sources: tuple[Source, ...]
    notes: tuple[str, ...]


def selected(
    references: Sequence[Clip],
    wanted: Sequence[np.ndarray],
    rate: int | None = None,
    channels: int | None = None,
    moments: Sequence[tuple[int, float]] = (),
) -> Selection:
    """The sound of references. wanted: (B, M) band powers of the soundtrack's events from their onsets on, every 10 ms.

    rate, channels: of the sound; None: the highest of the references. moments: (number of a reference, s) whose events are
    there in any case. Raises InputError when one cannot be read or has no sound.
    """
    if is_long(references):
        spans = list(_chosen([_index(clip) for clip in references], wanted, moments))
    else:
        spans = [(number, 0.0, clip.duration) for number, clip in enumerate(references)]
    read = [(number, start, *_recording(references[number], start, end)) for number, start, end in spans]
    notes = [note for *_, note in read]
    rate = rate or min(max(*(own for *_, own, _ in read), LEAST_RATE), MOST_RATE)
    channels = channels or max(len(sound) for _, _, sound, _, _ in read)
    pieces, sources, onsets, total = [], [], [], 0
    for number, start, sound, own, _ in read:
        whole = converted(Track(sound, own, (np.zeros(0), np.zeros(0))), rate, channels)
        piece = np.stack([highpass(channel, rate) for channel in whole.samples])
        onsets.append(detect_onsets(resample(piece.mean(0), rate, RATE), RATE)[0] + total / rate)
        edge = min(round(EDGE * rate), piece.shape[1] // 2) if len(read) > 1 else 0
        pieces.append(faded(piece, edge, edge))
        sources.append(Source(number, start, total, total + piece.shape[1]))
        total += piece.shape[1]
    samples = np.concatenate(pieces, 1)
    told = dict.fromkeys(note for own in notes for note in own)
    return Selection(samples, rate, np.concatenate(onsets), tuple(sources), tuple(told))


def located(sources: Sequence[Source], rate: int, time: float) -> tuple[int, float]:
    """Number of the reference, and the moment of it, s, that a selection has at a time, s."""
    place = round(time * rate)
    source = next((s for s in reversed(sources) if s.begin <= place), sources[0])
    return source.number, source.start + (place - source.begin) / rate


def placed(sources: Sequence[Source], rate: int, number: int, moment: float) -> float | None:
    """The time, s, at which a selection has a moment, s, of a reference; None where it does not have it."""
    for source in sources:
        if source.number == number and 0 <= moment - source.start <= (source.end - source.begin) / rate:
            return (source.begin / rate) + moment - source.start
    return None


def _index(clip: Clip) -> Index:
    if not isinstance(clip, ReferenceFile):
        raise InputError(f"{clip.name} is no file; long and several references have to be files")
    return clip.index


def _recording(clip: Clip, start: float, end: float) -> tuple[np.ndarray, int, list[str]]:
    """The usable channels of a clip's sound from `start` to `end`, s, their rate, and what to say of them."""
    part = isinstance(clip, ReferenceFile) and (start > 0 or end < clip.duration)
    found = Part(clip, start, end - start).recording() if part else clip.recording()  # type: ignore[arg-type]
    if found is None:
        raise InputError(f"{clip.name} has no sound; give a reference with sound")
    sound, note = usable_channels(found[0])
    return sound, found[1], [*([note] if note else []), *remarks(sound, found[1])]


def _chosen(
    indexes: Sequence[Index], wanted: Sequence[np.ndarray], moments: Sequence[tuple[int, float]]
) -> Iterator[tuple[int, float, float]]:
    """The parts of long recordings that are read: (number, begin, end), s, in order.

    Where there is no event in any, a texture is made of their beginnings.
    """
    kept: dict[tuple[int, int], float] = {}  # event -> how much it is wanted, the smaller the more

    def keep(scores: list[np.ndarray], count: int) -> None:
        ranked = sorted(
            (float(s[i]), n, int(i)) for n, s in enumerate(scores) for i in np.argsort(s)[:count] if np.isfinite(s[i])
        )
        for place, (_, number, event) in enumerate(ranked[:count]):
            kept[number, event] = min(kept.get((number, event), np.inf), place)

    for powers in wanted:
        keep([distances(index, powers) for index in indexes], EACH)
    keep([np.where(index.slides, index.times - index.ends, np.inf) for index in indexes], SLIDES)
    if not wanted:
        keep([-index.levels for index in indexes], STRONGEST)
    for number, moment in moments:
        keep([np.where(n == number, np.abs(index.times - moment), np.inf) for n, index in enumerate(indexes)], 1)
    if not kept:
        most = MOST / len(indexes)
        yield from ((number, 0.0, min(most, index.duration)) for number, index in enumerate(indexes))
        return
    spans, total = [], 0.0
    for number, event in sorted(kept, key=lambda key: kept[key]):
        index = indexes[number]
        begin = max(0.0, float(index.times[event]) - BEFORE)
        end = min(float(index.ends[event]) + APART / 2, float(index.times[event]) + LONGEST, index.duration)
        if total + end - begin <= MOST:
            spans.append((number, begin, end))
            total += end - begin
    spans += [(number, *quiet) for number, index in enumerate(indexes) if (quiet := quiet_span(index))][:SLIDES]
    yield from _merged(sorted(spans))


def _merged(spans: Sequence[tuple[int, float, float]]) -> Iterator[tuple[int, float, float]]:
    number, begin, end = spans[0]
    for other, first, last in spans[1:]:
        if other == number and first - end <= APART:
            end = max(end, last)
            continue
        yield number, begin, end
        number, begin, end = other, first, last
    yield number, begin, end


def quiet_span(index: Index) -> tuple[float, float] | None:
    """The part of QUIET s of a recording that is quietest throughout and not digitally silent, s; None without one."""
    length = round(QUIET * RATE / STEP)
    if len(index.rms) < length:
        return None
    loudest = np.lib.stride_tricks.sliding_window_view(index.rms, length).max(1)
    heard = np.where(np.lib.stride_tricks.sliding_window_view(index.rms, length).min(1) > 1e-5, loudest, np.inf)
    first = int(heard.argmin())
    return None if np.isinf(heard[first]) else (first * STEP / RATE, first * STEP / RATE + QUIET)


def distances(index: Index, powers: np.ndarray) -> np.ndarray:
    """How far each event of an index is from an event of a soundtrack, dB, whatever their levels: (E,).

    powers: (B, M) of the soundtrack's; as `resynthesis.choose.distance`.
    """
    ours = 10 * np.log10(np.maximum(powers[:, :ENVELOPE], SILENCE)).astype(np.float32)
    weight = np.maximum(ours - ours.max() + RANGE_DB, 0) / RANGE_DB  # (B, M)
    out = np.zeros(len(index.times))
    for first in range(0, len(out), TOGETHER):
        theirs = index.powers[first : first + TOGETHER, :, : ours.shape[1]].astype(np.float32)  # (E, B, M)
        there = np.isfinite(theirs)
        counted = weight[None] * there
        total = np.maximum(counted.sum((1, 2)), 1e-9)
        apart = np.where(there, ours[None] - np.where(there, theirs, 0), 0)
        gain = (counted * apart).sum((1, 2)) / total
        far = np.minimum(np.abs(apart - gain[:, None, None]), WORST_DB)
        missing = 1 - there[:, 0].mean(1)
        out[first : first + TOGETHER] = (counted * far).sum((1, 2)) / total + WORST_DB * missing / 2
    return out
