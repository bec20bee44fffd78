"""Pictures of the demo's job: comping, matching steps, impact probability, and what editing hits.txt does.

A helper of `python -m benchmarks.figures`.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.signal import ShortTimeFFT, get_window

from benchmarks.demo_result import DemoResult

INK, GREY, CUE = "#22282D", "#8A959E", "#D55E00"
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#A6761D", "#7A5195", "#66A61E")  # of candidates
REMOVED, MOVED, ADDED = "#B00020", "#0072B2", "#00805F"
WIDTH = 10.0  # inches
RANGE_DB = 70.0  # of the spectrograms


def draw_comping(demo: DemoResult) -> Figure:
    """All candidates as lanes, what was taken of each in its colour, and below them the soundtrack."""
    lanes = len(demo.candidates)
    figure = Figure(figsize=(WIDTH, 0.42 * lanes + 1.75), layout="constrained")
    axes = figure.subplots(lanes + 1, 1, sharex=True, height_ratios=[1] * lanes + [1.7])
    for i, (ax, wav) in enumerate(zip(axes, demo.candidates)):
        plot_waveform(ax, wav, demo.rate, "#c6ced5")
        for span in demo.spans:
            if span.candidate == i:
                own = (span.start - span.moved, span.end - span.moved)
                plot_waveform(ax, wav, demo.rate, COLOURS[i % len(COLOURS)], own)
        taken = any(span.candidate == i for span in demo.spans)
        ax.set_ylabel(f"{i + 1}", rotation=0, va="center", labelpad=8, color=INK if taken else GREY)
        hide_frame(ax)
    for span in demo.spans:
        plot_waveform(axes[-1], demo.wav, demo.rate, COLOURS[span.candidate % len(COLOURS)], (span.start, span.end))
    axes[-1].set_ylabel("soundtrack", rotation=0, va="center", ha="right", labelpad=4)
    hide_frame(axes[-1], time=True)
    axes[-1].set_xlim(0, demo.duration)
    for ax in axes:
        for time in demo.cues:
            ax.axvline(time, color=CUE, lw=0.9, ls=(0, (4, 2)), zorder=0)
    figure.suptitle(
        "Comping: what the soundtrack takes of each candidate (coloured); dashed lines are cues", fontsize=10
    )
    return figure


def draw_impacts(demo: DemoResult) -> Figure:
    """Frames of the target, and below them the probability that the picture shows an impact."""
    figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
    strip, curve = figure.subplots(2, 1, sharex=True, height_ratios=[1, 1.3])
    figure.get_layout_engine().set(hspace=0.0, h_pad=0.03)  # type: ignore[union-attr]
    centres = frame_times(demo.cues, demo.duration, count=8)
    half = 0.48 * demo.duration / len(centres)
    for place, time in enumerate(centres):
        frame = demo.frames[min(round(time * demo.fps), len(demo.frames) - 1)]
        middle = (place + 0.5) * demo.duration / len(centres)
        strip.imshow(frame, extent=(middle - half, middle + half, 0, 1), aspect="auto")
        strip.annotate("", (time, -0.42), (middle, -0.02), arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.6},
                       annotation_clip=False)  # fmt: skip
    strip.set_ylim(-0.42, 1)
    strip.axis("off")
    times = np.arange(len(demo.impact_probability)) / demo.fps
    curve.fill_between(times, demo.impact_probability, color=COLOURS[2], alpha=0.25, lw=0)
    curve.plot(times, demo.impact_probability, color=COLOURS[2], lw=1.2)
    for time in demo.cues:
        curve.axvline(time, color=CUE, lw=0.9, ls=(0, (4, 2)))
    curve.set_ylabel("impact probability")
    curve.set_ylim(0, 1.05)
    curve.set_xlim(0, demo.duration)
    curve.spines[["top", "right"]].set_visible(False)
    curve.set_xlabel("seconds; dashed lines are the cues that are picked from the curve")
    return figure


def draw_matching(steps: list[tuple[str, DemoResult]], seconds: float = 2.4) -> Figure:
    """Spectrograms of the beginning of a soundtrack behind each matching step, and of the reference."""
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, sharey=True).ravel()
    reference = steps[0][1].reference
    panels = [(f"{i}. {name}", demo.wav) for i, (name, demo) in enumerate(steps, start=1)] + [("reference", reference)]
    rate = steps[0][1].rate
    for place, (ax, (name, wav)) in enumerate(zip(axes, panels)):
        plot_spectrogram(ax, wav[: round(seconds * rate)], rate)
        ax.set_title(name, fontsize=10, loc="left")
        ax.set_facecolor("#e7ebef")  # behind the end of the reference's window
        ax.set_xlim(0, seconds)
        ax.set_ylim(0, 10)
        if place % 3 == 0:
            ax.set_ylabel("kHz")
        if place >= 3:
            ax.set_xlabel("seconds")
    return figure


def draw_hits(before: DemoResult, after: DemoResult) -> Figure:
    """The waveform with its cues before and after hits.txt was edited."""
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[2.2, 0.75, 2.2, 0.75])
    edits = describe_edits(before.cues, after.cues)
    old = {time: {"kept": INK, "removed": REMOVED, "moved": MOVED}[edit] for time, edit in edits["before"].items()}
    new = {time: {"kept": INK, "moved": MOVED, "added": ADDED}[edit] for time, edit in edits["after"].items()}
    peak = max(float(np.abs(demo.wav).max()) for demo in (before, after))
    for i, (name, demo, marks) in enumerate((("as generated", before, old), ("after editing hits.txt", after, new))):
        sound, labels = axes[2 * i], axes[2 * i + 1]
        plot_waveform(sound, demo.wav, demo.rate, "#6f9fc4" if i else "#9aa5ae")
        sound.set_ylim(-peak, peak)
        sound.set_title(name, loc="left", fontsize=10, weight="bold")
        hide_frame(sound)
        for time, strength in zip(demo.cues, demo.strengths):
            colour = marks[time]
            sound.axvline(time, color=colour, lw=1.0)
            labels.axvline(time, color=colour, lw=1.0)
            labels.text(
                time + 0.02, 0.5, f"{strength:.2f}", color="white", fontsize=8, va="center",
                bbox={"boxstyle": "square,pad=0.25", "fc": colour, "ec": colour},
            )  # fmt: skip
        labels.set_facecolor("#eef1f4")
        labels.set_ylabel("hits.txt", rotation=0, ha="right", va="center")
        hide_frame(labels, time=i == 1)
    axes[-1].set_xlim(0, before.duration)
    for place, (word, colour) in enumerate((("removed", REMOVED), ("moved", MOVED), ("added", ADDED))):
        axes[0].text(
            1 - 0.09 * (2 - place), 1.04, word, transform=axes[0].transAxes, color=colour, ha="right", fontsize=10
        )
    return figure


def describe_edits(before: np.ndarray, after: np.ndarray, reach: float = 0.3) -> dict[str, dict[float, str]]:
    """What happened to each line of hits.txt: `kept`, `moved` by up to `reach` s, `removed` or `added`; times in s."""
    out: dict[str, dict[float, str]] = {"before": {}, "after": {}}
    for here, there, lost, side in ((before, after, "removed", "before"), (after, before, "added", "after")):
        for time in here:
            distance = float(np.abs(there - time).min(initial=np.inf))
            out[side][time] = "kept" if distance < 0.005 else "moved" if distance <= reach else lost
    return out


def plot_waveform(
    ax: Axes, wav: np.ndarray, rate: int, colour: str, span: tuple[float, float] | None = None, points: int = 1500
) -> None:
    """The band between the lowest and the highest sample of each of `points` parts. span: from when to when, s."""
    edges = np.linspace(0, len(wav), points + 1).astype(int)[:-1]
    low, high = np.minimum.reduceat(wav, edges), np.maximum.reduceat(wav, edges)
    times = edges / rate
    inside = None if span is None else (times >= span[0]) & (times < span[1])
    ax.fill_between(times, low, high, where=inside, color=colour, lw=0.5)
    peak = max(float(np.abs(wav).max(initial=0.0)), 1e-4)
    ax.set_ylim(-1.05 * peak, 1.05 * peak)


def plot_spectrogram(ax: Axes, wav: np.ndarray, rate: int) -> None:
    """Power in dB below the loudest point; seconds and kHz."""
    transform = ShortTimeFFT(get_window("hann", 1024), hop=128, fs=rate, mfft=1024)
    power = transform.spectrogram(wav)
    level = 10 * np.log10(power / power.max() + 1e-12)
    extent = (*transform.extent(len(wav))[:2], 0, rate / 2000)
    ax.imshow(
        level, origin="lower", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0, extent=extent,
        interpolation="bilinear",
    )  # fmt: skip


def frame_times(cues: np.ndarray, duration: float, count: int) -> list[float]:
    """Times, s, of `count` frames to show: the nearest cue where one is near an even spacing, or else that spacing."""
    even = (np.arange(count) + 0.5) * duration / count
    near = [cues[np.abs(cues - time).argmin()] if len(cues) else np.inf for time in even]
    return [float(cue if abs(cue - time) < 0.5 * duration / count else time) for cue, time in zip(near, even)]


def hide_frame(ax: Axes, time: bool = False) -> None:
    """No frame and no level axis. time: with a time axis."""
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_visible(time)
    ax.tick_params(left=False, labelleft=False, bottom=time, labelbottom=time)
    if time:
        ax.set_xlabel("seconds")
