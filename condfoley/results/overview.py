"""overview.png: reference, target, detected impacts, soundtrack and candidates, on common time axes."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from condfoley.audio.rates import converted
from condfoley.audio.windows import pieces
from condfoley.comping.takes import spans
from condfoley.geometry import Geometry
from condfoley.memory import Releaser, release, release_all
from condfoley.results.scores import ScoreRow, score_table, timely

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

    from condfoley.audio.track import Track
    from condfoley.soundtrack import Soundtrack

# Okabe and Ito's palette, told apart with any colour vision.
CHOSEN, EVENT, PICTURE, QUIET, INK = "#0072B2", "#D55E00", "#009E73", "#8A959E", "#22282D"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.7,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
WIDTH, DPI = 16.0, 100  # inches: 1600 pixels
BLOCK_HEIGHTS = (0.98, 0.65, 1.0, 1.5)  # inches: frames, picture onsets, waveform, spectrogram
CANDIDATE_HEIGHT = 0.36  # inches
THUMBNAIL = 1.25  # inches, widest
MAX_CANDIDATES = 12  # drawn; scores.csv holds them all
SIDES = ((6, 4), (6, -12), (-17, 4), (-17, -12))  # points from a candidate's dot to its number
NEAR = 0.1  # in both axes of that picture: dots whose numbers may hide each other
FOOTER = 170  # characters in a line of settings
ENVELOPE_POINTS = 1500  # about one a pixel
MOST_COLUMNS = 4000  # of a spectrogram
COLUMNS = 256  # of a long one that are computed at a time
LEAST_PEAK = 1e-4  # up to which a waveform is drawn in any case


def draw(
    soundtrack: Soundtrack, path: Path, title: str = "condfoley", aspects: tuple[float, float] = (1.0, 1.0)
) -> None:
    """Write the picture of a generation as PNG, 1600 pixels wide.

    Left: the used window of the reference. Right: the target and the chosen sound. Below: the candidates,
    best first, with offset (seconds, positive: late) and agreement with the picture, and how the choice was made.
    aspects: width / height of the reference's and the target's picture; their frames were squeezed to squares.
    """
    from matplotlib import rc_context

    with rc_context(STYLE):
        compose(soundtrack, title, aspects).savefig(path, dpi=DPI)


def compose(soundtrack: Soundtrack, title: str, aspects: tuple[float, float] = (1.0, 1.0)) -> Figure:
    """The figure, not yet written."""
    from matplotlib.figure import Figure  # without pyplot: no window system, no state left behind

    geometry = soundtrack.geometry
    table = score_table(soundtrack)
    shown = table[:MAX_CANDIDATES]
    block, list_height = sum(BLOCK_HEIGHTS) + 0.5, max(2.0, CANDIDATE_HEIGHT * len(shown))
    height = 0.95 + block + 1.05 + list_height + 0.85
    figure = Figure(figsize=(WIDTH, height))
    grid = figure.add_gridspec(
        2, 2, width_ratios=(3, 7), height_ratios=(block, list_height),
        wspace=0.21, hspace=2.1 / (block + list_height),
        left=0.75 / WIDTH, right=1 - 0.25 / WIDTH, top=1 - 0.95 / height, bottom=0.85 / height,
    )  # fmt: skip
    _text(figure, 0.25, height - 0.3, " ".join(title.split()), fontsize=14, weight="bold")
    _text(figure, 0.25, 0.22, _footer(soundtrack), fontsize=8.5, color=QUIET)

    end = soundtrack.reference_start + soundtrack.reference.duration
    reference = _block(figure, grid[0, 0], soundtrack.reference_start, end)
    reference[0].set_title(f"Reference, {soundtrack.reference_start:.2f} s to {end:.2f} s", loc="left", weight="bold")
    reference[1].set_axis_off()  # the reference's onsets are detected in its sound, not in its picture
    _frames(reference[0], soundtrack.reference_frames, geometry.fps, aspects[0])
    _sound(reference[2], reference[3], soundtrack.reference, geometry, QUIET)

    axes = _block(figure, grid[0, 1], 0.0, soundtrack.duration)
    axes[0].set_title(f"Target, its sound: {_taken(soundtrack)}", loc="left", weight="bold")
    _frames(axes[0], soundtrack.target_frames, geometry.fps, aspects[1])
    _impact_probability(axes[1], soundtrack.impact_probability, soundtrack.picture_fps)
    times, edges = _sound(axes[2], axes[3], soundtrack.track, geometry, CHOSEN), axes[1].get_xaxis_transform()
    axes[1].vlines(times, 0, 1, color=EVENT, lw=0.8, alpha=0.6, transform=edges)
    for heading in (reference[0], axes[0]):
        heading.set_title("\u25bc onset in the sound", loc="right", color=EVENT)

    _choice(figure.add_subplot(grid[1, 0]), table, soundtrack.settings)
    _candidates(figure, grid[1, 1], soundtrack, shown)
    return figure


def _block(figure: Figure, cell: SubplotSpec, start: float, end: float) -> list[Axes]:
    """Four axes above one another with one time axis, in seconds."""
    grid = cell.subgridspec(4, 1, height_ratios=BLOCK_HEIGHTS, hspace=0.16)
    axes = [figure.add_subplot(grid[row, 0]) for row in range(4)]
    for ax in axes:
        ax.set_xlim(start, end)
        ax.tick_params(labelbottom=ax is axes[-1], length=3)
    axes[-1].set_xlabel("seconds")
    return axes


def _frames(ax: Axes, frames: np.ndarray, fps: float, aspect: float) -> None:
    """As many frames (T, h, w, 3) as fit side by side, each centred on the instant it shows."""
    ax.set_axis_off()
    if len(frames) == 0:
        ax.text(0.5, 0.5, "sound only", transform=ax.transAxes, ha="center", va="center", color=QUIET)
        return
    start, end = ax.get_xlim()
    box = ax.get_window_extent()
    width = min(aspect * box.height, THUMBNAIL * DPI)  # pixels
    across = (end - start) * min(1.0, width / box.width)  # seconds
    foot = 1 - width / aspect / box.height
    count = max(1, int((end - start) / across))
    for place in range(count):
        centre = start + (place + 0.5) * (end - start) / count
        frame = frames[min(round((centre - start) * fps), len(frames) - 1)]
        extent = (centre - 0.49 * across, centre + 0.49 * across, foot, 1)
        ax.imshow(frame, extent=extent, aspect="auto", zorder=1)
    ax.set_xlim(start, end)
    ax.set_ylim(0, 1)


def _impact_probability(ax: Axes, probability: np.ndarray, fps: float) -> None:
    """Probability (T,) of an impact in each frame, from the picture alone."""
    times = np.arange(len(probability)) / fps
    ax.fill_between(times, probability, color=PICTURE, alpha=0.25, lw=0)
    ax.plot(times, probability, color=PICTURE, lw=1.2)
    ax.set_ylim(0, 1.05)
    ax.set_yticks([0, 1])
    ax.set_ylabel("impact\nin picture", color=PICTURE)


def _sound(wave: Axes, mel: Axes, track: Track, geometry: Geometry, color: str) -> list[float]:
    """Waveform with its onsets, and mel spectrogram; returns the onsets' times on the axis."""
    start, peak = wave.get_xlim()[0], _envelope(wave, converted(track, track.rate, 1).mono, track.rate, color)
    wave.set_ylim(-1.1 * peak, 1.35 * peak)
    wave.set_yticks([-peak, 0, peak], [f"{-peak:.2f}", "0", f"{peak:.2f}"])
    wave.set_ylabel("sound")
    times = [start + float(time) for time in track.onsets]
    wave.plot(times, [1.25 * peak] * len(times), "v", color=EVENT, ms=5 if len(times) < 40 else 3)
    _mel(mel, converted(track, geometry.sample_rate, 1).mono, geometry)
    return times


def _envelope(
    ax: Axes, wav: np.ndarray, sample_rate: int, color: str, parts: list[tuple[float, float]] | None = None
) -> float:
    """The waveform as the band between its lowest and highest sample in each of many short stretches; returns its peak.

    parts: from when to when, s, it is drawn (default: everywhere).
    """
    start, release_until = ax.get_xlim()[0], Releaser()
    edges = np.linspace(0, len(wav), min(ENVELOPE_POINTS, len(wav)) + 1).astype(int)
    low, high = np.zeros((2, len(edges) - 1), wav.dtype)
    for i, (begin, end) in enumerate(pairwise(edges)):
        low[i], high[i] = wav[begin:end].min(), wav[begin:end].max()
        release_until(int(end))
    edges = edges[:-1]
    times = start + edges / sample_rate
    inside = np.full(len(times), parts is None)
    for begin, end in parts or ():
        inside |= (begin <= times) & (times < end)
    ax.fill_between(times, low, high, where=inside, color=color, lw=0.5)
    return max(float(high.max(initial=0.0)), -float(low.min(initial=0.0)), LEAST_PEAK)


def _mel(ax: Axes, wav: np.ndarray, geometry: Geometry) -> None:
    """Log-mel spectrogram in dB below full scale of the model's range, frequencies in kHz."""
    from condfoley.audio.mel import hz_to_mel, mel_to_hz

    start, end = ax.get_xlim()
    spec, step = _columns(wav, geometry)
    length = spec.shape[1] * step
    extent = (start, start + length, -0.5, geometry.n_mels - 0.5)
    ax.imshow(spec, origin="lower", aspect="auto", cmap="magma", extent=extent, vmin=0, vmax=max(0.3, spec.max()))
    low, high = (float(hz_to_mel(hertz, geometry.mel_scale)) for hertz in (geometry.fmin, geometry.fmax))
    bands = mel_to_hz(np.linspace(low, high, geometry.n_mels + 2), geometry.mel_scale)[1:-1]
    marks = [hertz for hertz in (500, 1000, 2000, 4000) if bands[0] < hertz < bands[-1]]
    ax.set_yticks(np.interp(marks, bands, np.arange(geometry.n_mels)), [f"{hertz / 1000:g}" for hertz in marks])
    ax.set_ylabel("kHz (mel)")
    ax.set_xlim(start, end)


def _columns(wav: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, float]:
    """A log-mel spectrogram, (n_mels, T), and how many s each column is: of a long sound the maximum of several frames."""
    from condfoley.audio.mel import spectrogram

    hop, together, found = geometry.hop, 1 + len(wav) // geometry.hop // MOST_COLUMNS, []
    if together == 1:
        return spectrogram(wav, geometry), hop / geometry.sample_rate
    for piece in pieces(len(wav), together * COLUMNS * hop, geometry.n_fft // hop * hop):
        spec = spectrogram(wav[piece.left : piece.right], geometry)[:, (piece.begin - piece.left) // hop :]
        spec = spec[:, : (piece.end - piece.begin) // hop]
        starts = np.arange(0, spec.shape[1], together)
        if len(starts):
            found.append(np.maximum.reduceat(spec, starts, axis=1))
        release_all()
    return np.concatenate(found, 1), together * hop / geometry.sample_rate


def _candidates(figure: Figure, cell: SubplotSpec, soundtrack: Soundtrack, shown: list[ScoreRow]) -> None:
    """One small waveform a candidate, best first, what the soundtrack took of it in colour."""
    grid = cell.subgridspec(max(len(shown), 5), 1, hspace=0.12)
    for place, row in enumerate(shown):
        ax = figure.add_subplot(grid[place, 0])
        ax.set_xlim(0.0, soundtrack.duration)
        index = int(_number(row)) - 1
        wav = soundtrack.candidates[index].track.mono
        peak = _envelope(ax, wav, soundtrack.candidates[index].track.rate, QUIET)
        _envelope(ax, wav, soundtrack.candidates[index].track.rate, CHOSEN, _used_parts(soundtrack, index))
        release(soundtrack.candidates[index].track.samples)
        ax.set_ylim(-1.05 * peak, 1.05 * peak)
        ax.spines["left"].set_visible(False)
        ax.spines["bottom"].set_visible(place == len(shown) - 1)
        ax.tick_params(left=False, labelleft=False, bottom=place == len(shown) - 1, labelbottom=place == len(shown) - 1)
        label: dict[str, Any] = {"color": CHOSEN, "weight": "bold"} if row.chosen else {}
        ax.text(-0.006, 0.5, _label(row), transform=ax.transAxes, ha="right", va="center", **label)
        if place == 0:
            more = "" if len(soundtrack.candidates) == len(shown) else f", {len(shown)} of {len(soundtrack.candidates)}"
            ax.set_title(f"Candidates, best first{more}", loc="left", weight="bold", pad=18)
    ax.set_xlabel("seconds")


def _used_parts(soundtrack: Soundtrack, index: int) -> list[tuple[float, float]]:
    """Begin and end, s on its own clock, of the parts of a candidate that the soundtrack uses."""
    used = spans(soundtrack.takes, soundtrack.duration)
    return [(take.start - take.moved, end - take.moved) for take, end in used if take.candidate == index]


def _choice(ax: Axes, table: list[ScoreRow], settings: dict[str, Any]) -> None:
    """Every candidate by what it was chosen: confidence against agreement; without the latter, offset against it."""
    ax.set_title("How the choice was made", loc="left", weight="bold", pad=18)
    scored = [row for row in table if row.offset is not None and _score(row) is not None]
    if not scored:
        ax.text(0.0, 0.85, "The candidates were not scored.", transform=ax.transAxes)
        ax.set_axis_off()
        return
    agreed = table[0].agreement is not None
    offsets = [row.offset or 0.0 for row in scored]
    comped, tolerance = agreed and settings.get("comp", False), float(settings.get("tolerance", 0.0))
    if not settings.get("rerank", True):
        rule = "re-ranking was off: the first candidate was taken"
    elif comped:
        rule = "each moment from the one that fits it best, of those in time (full dots)"
    elif agreed:
        rule = "the highest wins; among equals the rightmost that is in time (full dot)"
    else:
        rule = "in the band (near enough in time) the most confident wins"
        edge = min(map(abs, offsets)) + tolerance
        ax.axvspan(-edge, edge, color=CHOSEN, alpha=0.10, lw=0)
    ax.text(0, 1.01, rule, transform=ax.transAxes, va="bottom", color=CHOSEN)
    labelled: list[tuple[float, float, int]] = []
    for row, offset, in_time in zip(scored, offsets, timely(scored, tolerance), strict=True):
        color = CHOSEN if row.chosen else QUIET
        place = (row.confidence or 0.0) if agreed else offset, _score(row) or 0.0
        full = not agreed or in_time
        ax.plot(*place, "o", color=color, ms=9 if row.chosen else 6, fillstyle="full" if full else "none")
        beside = _free_side(place, labelled)
        labelled.append((*place, beside))
        ax.annotate(_number(row), place, xytext=SIDES[beside], textcoords="offset points", color=color)
    ax.set_ylim(0, 1.08)
    if agreed:
        ax.set_xlim(0, 1)
        ax.set_xlabel("confidence of the sync model")
        ax.set_ylabel("agreement with the cues")
        return
    widest = max(0.5, 1.15 * max(map(abs, offsets)))
    ax.set_xlim(-widest, widest)
    ax.axvline(0, color=QUIET, lw=0.6)
    ax.set_xlabel("offset in seconds (right: sound late)")
    ax.set_ylabel("confidence")


def _free_side(place: tuple[float, float], labelled: list[tuple[float, float, int]]) -> int:
    """Which of SIDES a dot's number goes to, so that it hides none of those of the dots near it."""
    near = [side for x, y, side in labelled if abs(x - place[0]) < NEAR and abs(y - place[1]) < NEAR]
    return min(range(len(SIDES)), key=near.count)


def _score(row: ScoreRow) -> float | None:
    """By what a candidate is chosen."""
    return row.confidence if row.agreement is None else row.agreement


def _taken(soundtrack: Soundtrack) -> str:
    """Which candidates it was put together from."""
    numbers = [f"{i + 1:02d}" for i in dict.fromkeys(take.candidate for take in soundtrack.takes)]
    if len(numbers) == 1:
        return f"candidate {numbers[0]}"
    named = ", ".join(numbers[:MAX_CANDIDATES]) + (", ..." if len(numbers) > MAX_CANDIDATES else "")
    return f"candidates {named} ({len(soundtrack.takes)} takes)"


def _number(row: ScoreRow) -> str:
    return row.file.split("_")[0]


def _label(row: ScoreRow) -> str:
    score = _score(row)
    if row.offset is None or score is None:
        return _number(row)
    offset = round(row.offset, 2) + 0.0  # without the sign of a negative zero
    return f"{_number(row)}  {offset:+.2f} s  {score:.2f}"


def _footer(soundtrack: Soundtrack) -> str:
    """The settings, in as many lines as they need."""
    facts = {"weights": soundtrack.weights.get("name"), **soundtrack.settings}
    plain = {
        key: value for key, value in facts.items() if isinstance(value, (str, int, float)) and len(str(value)) < 40
    }
    words = [f"{key}\N{NO-BREAK SPACE}{value}" for key, value in plain.items()]
    return textwrap.fill("   ".join(words), FOOTER)


def _text(figure: Figure, left: float, bottom: float, text: str, **style: Any) -> None:
    """Text as it is, no formula, at a place in inches from the lower left corner."""
    place = left / WIDTH, bottom / figure.get_figheight()
    figure.text(*place, _drawable(text), va="center", parse_math=False, **style)


def _drawable(text: str) -> str:
    """The text with a mark in place of what the font does not have: other scripts, bytes that are no characters."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    return "".join(c if ord(c) in known or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
