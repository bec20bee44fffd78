"""The two block diagrams as SVG: the system's stages, and the order in which the parts are trained.

Boxes bring their own background, and lines and labels have a grey that is readable on white and on black, so the same
file suits light and dark pages. A helper of `python -m benchmarks.figures`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

LINE = "#7d8894"  # of arrows and labels, on white and on black
FILLS = {
    "file": ("#e7ebef", "#5b6670"),
    "network": ("#cfe3f5", "#0072B2"),
    "processing": ("#d3eee3", "#00805f"),
    "result": ("#fbe3d0", "#b85000"),
}  # fill and border of each kind of box
INK = "#16202a"
BOX_HEIGHT = 44
ARROW = 5  # half the width of an arrow's head
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box: its upper left corner and its size in pixels, a title, and a smaller line below it."""

    x: float
    y: float
    title: str
    detail: str = ""
    kind: str = "network"
    width: float = 150
    height: float = BOX_HEIGHT

    def at(self, side: str, share: float = 0.5) -> Point:
        """A point of an edge. side: `left`, `right`, `top` or `bottom`. share: how far along it, 0 to 1."""
        if side in ("left", "right"):
            return (self.x + (self.width if side == "right" else 0), self.y + share * self.height)
        return (self.x + share * self.width, self.y + (self.height if side == "bottom" else 0))

    def svg(self) -> str:
        """The box as SVG elements."""
        fill, border = FILLS[self.kind]
        middle, y = self.x + self.width / 2, self.y + self.height / 2
        lines = [
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}" rx="6" '
            f'fill="{fill}" stroke="{border}"/>',
            text(
                middle,
                y + (-3 if self.detail else 4.5),
                self.title,
                13 if self.width >= 120 else 12,
                INK,
                "middle",
                bold=True,
            ),
        ]
        if self.detail:
            lines.append(text(middle, y + 13, self.detail, 11, INK, "middle"))
        return "\n".join(lines)


def text(
    x: float, y: float, words: str, size: float = 11, fill: str = LINE, anchor: str = "start", bold: bool = False
) -> str:
    """A line of text as an SVG element; y: of its baseline."""
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def arrow(*points: Point, head: bool = True, dashed: bool = False) -> str:
    """A line through `points`, horizontal or vertical at its end, with an arrow's head there."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    line = f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.6"{dashes}/>'
    if not head:
        return line
    (x0, y0), (x, y) = points[-2:]
    length = max(abs(x - x0), abs(y - y0))
    dx, dy = (x - x0) / length, (y - y0) / length
    back = (x - 9 * dx, y - 9 * dy)
    corners = [(x, y), (back[0] - ARROW * dy, back[1] + ARROW * dx), (back[0] + ARROW * dy, back[1] - ARROW * dx)]
    tip = " ".join(f"{a:g},{b:g}" for a, b in corners)
    return f'{line}\n<polygon points="{tip}" fill="{LINE}"/>'


def page(width: int, height: int, title: str, elements: Iterable[str]) -> str:
    """A complete SVG file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" role="img">',
            f"<title>{escape(title)}</title>",
            *elements,
            "</svg>\n",
        ]
    )


def legend(x: float, y: float, names: dict[str, str]) -> list[str]:
    """What the colours mean, in one line. names: of each kind of box."""
    out = []
    for kind, name in names.items():
        fill, border = FILLS[kind]
        out.append(f'<rect x="{x:g}" y="{y - 10:g}" width="13" height="13" rx="3" fill="{fill}" stroke="{border}"/>')
        out.append(text(x + 19, y + 1, name))
        x += 40 + 6.3 * len(name)
    return out


def system() -> str:
    """From the reference and the target's picture to the target with its soundtrack, all stages."""
    sound = Box(20, 50, "reference sound", kind="file", width=140)
    picture = Box(20, 108, "reference picture", kind="file", width=140)
    target = Box(20, 166, "target picture", kind="file", width=140)
    codes = Box(190, 50, "tokenizer, encoder", "mel spectrogram to codes")
    tokens = Box(190, 108, "video encoder", "a token a frame")
    target_tokens = Box(190, 166, "video encoder", "a token a frame")
    events = Box(190, 240, "event head", "impacts in the picture")
    transformer = Box(375, 50, "transformer", "N sequences of codes", width=140, height=160)
    cues = Box(375, 240, "cues", "times and strengths", "processing", 140)
    hits = Box(560, 240, "hits.txt", "edited by hand (optional)", "file", 160)
    decode = Box(545, 108, "tokenizer, decoder", "N spectrograms", width=135)
    spectrum = Box(710, 108, "match spectrum", "equalise", "processing", 120)
    vocode = Box(860, 108, "vocoder", "N candidates", width=120)

    names = [
        ("score", "sync, cues", "network"),
        ("comp", "choose takes", "processing"),
        ("match envelope", "attack, decay", "processing"),
        ("match texture", "fine structure", "processing"),
        ("match dynamics", "levels", "processing"),
        ("place", "move, copy, mute", "processing"),
        ("level", "gain", "processing"),
        ("mux", "copy the picture", "result"),
    ]
    width, gap, y = 107, 14.8, 340
    row = [Box(980 - width - i * (width + gap), y, *name, width=width) for i, name in enumerate(names)]
    score, comp, envelope, texture, dynamics, place, level, mux = row

    upper, lower = 304, 420  # of the lines that lead cues and the reference's sound to the steps
    follow = [box.at("top") for box in (comp, dynamics, place)]
    imitate = [box.at("bottom") for box in (envelope, texture, level)]
    lines = [
        arrow(sound.at("right"), codes.at("left")),
        arrow(picture.at("right"), tokens.at("left")),
        arrow(target.at("right"), target_tokens.at("left")),
        arrow(codes.at("right"), transformer.at("left", 22 / 160)),
        arrow(tokens.at("right"), transformer.at("left", 80 / 160)),
        arrow(target_tokens.at("right"), transformer.at("left", 138 / 160)),
        arrow(target_tokens.at("bottom"), events.at("top")),
        arrow(events.at("right"), cues.at("left")),
        arrow(hits.at("left"), cues.at("right")),
        arrow(transformer.at("right"), decode.at("left")),
        arrow(decode.at("right"), spectrum.at("left")),
        arrow(spectrum.at("right"), vocode.at("left")),
        arrow(vocode.at("bottom", 0.7), (vocode.at("bottom", 0.7)[0], y)),
        arrow(sound.at("top"), (sound.at("top")[0], 26), (spectrum.at("top")[0], 26), spectrum.at("top")),
        text(spectrum.at("top")[0] - 10, 20, "mean spectrum of the reference", anchor="end"),
        arrow(cues.at("bottom"), (cues.at("bottom")[0], upper), head=False),
        arrow((place.at("top")[0], upper), (score.at("top", 0.3)[0], upper), score.at("top", 0.3)),
        *(arrow((x, upper), (x, top)) for x, top in follow),
        text(score.at("top", 0.3)[0] - 8, upper - 7, "cues", anchor="end"),
        *(arrow(a.at("left"), b.at("right")) for a, b in zip(row, row[1:])),
        arrow((level.at("bottom")[0], lower), (envelope.at("bottom")[0], lower), head=False),
        *(arrow((x, lower), (x, bottom)) for x, bottom in imitate),
        text(level.at("bottom")[0], lower + 17, "recorded impacts of the reference"),
    ]
    boxes = [
        sound, picture, target, codes, tokens, target_tokens, events, transformer, cues, hits, decode, spectrum, vocode,
        *row,
    ]  # fmt: skip
    kinds = {"file": "input", "network": "trained network", "processing": "signal processing", "result": "output"}
    key = legend(560, lower + 17, kinds)
    return page(1000, 450, "condfoley: stages of the system", [*lines, *(box.svg() for box in boxes), *key])


def training() -> str:
    """Which stage of training needs which others."""
    tokenizer = Box(20, 30, "tokenizer", "spectrogram, codes")
    video = Box(20, 120, "video", "picture, tokens")
    classifiers = Box(20, 240, "judges", "classifiers for evaluation")
    vocoder = Box(260, 30, "vocoder", "spectrogram, waveform")
    transformer = Box(260, 120, "transformer", "codes of the target")
    events = Box(260, 210, "events", "impacts of whole clips")
    distilled = Box(500, 120, "transformer", "teacher=, one pass a code")
    sync = Box(740, 120, "sync", "offset, confidence")
    boxes = [tokenizer, video, classifiers, vocoder, transformer, events, distilled, sync]
    lines = [
        arrow(tokenizer.at("right"), vocoder.at("left"), dashed=True),
        text(215, 24, "loss.reconstructed", anchor="middle"),
        arrow(tokenizer.at("right", 0.8), (215, tokenizer.at("right", 0.8)[1]), (215, 133), (260, 133)),
        arrow(video.at("right", 0.6), transformer.at("left", 0.6)),
        arrow(video.at("right", 0.85), (200, video.at("right", 0.85)[1]), (200, 232), events.at("left")),
        arrow(transformer.at("right"), distilled.at("left"), dashed=True),
        arrow(distilled.at("right"), sync.at("left"), dashed=True),
        text(695, 112, "loss.drafts", anchor="middle"),
        arrow(vocoder.at("right"), (sync.at("top")[0], vocoder.at("right")[1]), sync.at("top"), dashed=True),
        arrow(
            events.at("right"),
            (sync.at("bottom", 0.25)[0], events.at("right")[1]),
            sync.at("bottom", 0.25),
            dashed=True,
        ),
        arrow((200, 232), (200, 294), (sync.at("bottom", 0.75)[0], 294), sync.at("bottom", 0.75)),
        arrow((420, 264), (460, 264), dashed=True),
        text(468, 268, "optional"),
    ]
    return page(912, 310, "condfoley: order of the training stages", [*lines, *(box.svg() for box in boxes)])
