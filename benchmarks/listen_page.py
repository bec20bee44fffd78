"""Small sounds, silent pictures, spectrograms to 20 kHz, and the page itself.

A helper of `python -m benchmarks.listen`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

    from benchmarks.listen import Listed

BIT_RATE = 56_000  # bit/s of Opus, a channel or two
TOP_HZ, RANGE_DB = 20_000.0, 80.0  # of a spectrogram
WIDTH, HEIGHT = 440, 150  # pixels
STYLE = """:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
section{display:grid;grid-template-columns:12rem 1fr;gap:1rem;margin:2.5rem 0}video{width:12rem}h2{margin:0;font-size:1.1rem}
.sounds{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.8rem}figure{margin:0}
figcaption{font-weight:600}img,audio{width:100%}small{opacity:.75}"""
SCRIPT = """for(const part of document.querySelectorAll('section')){const picture=part.querySelector('video');
for(const sound of part.querySelectorAll('audio[data-plays]')){
sound.onplay=()=>{for(const other of document.querySelectorAll('audio'))if(other!==sound)other.pause();
picture.currentTime=sound.currentTime;picture.play()};
sound.onpause=()=>picture.pause();sound.onseeked=()=>{picture.currentTime=sound.currentTime}}}"""
TITLES = {
    "reference": "Reference",
    "vocoder": "Vocoder",
    "recorded": "Recorded (its own samples)",
    "onset-transfer": "Onset transfer",
}


def write_opus(path: Path, sound: np.ndarray, rate: int) -> None:
    """A sound, (C, N) float32 at 48 kHz, as Opus in WebM."""
    layout = ("mono", "stereo")[len(sound) - 1]
    with av.open(str(path), "w", format="webm") as target:
        stream = target.add_stream("libopus", rate=rate, layout=layout)
        stream.bit_rate = BIT_RATE
        for first in range(0, sound.shape[1], 960):
            block = np.ascontiguousarray(sound[:, first : first + 960].T.reshape(1, -1), np.float32)
            frame = av.AudioFrame.from_ndarray(block, "flt", layout)
            frame.sample_rate, frame.pts = rate, first
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def write_picture(source: Path, path: Path, seconds: float) -> None:
    """A clip's picture alone, its packets copied as far as `seconds`."""
    with av.open(str(source)) as clip, av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        picture = clip.streams.video[0]
        stream = out.add_stream_from_template(picture)
        for packet in clip.demux(picture):
            if packet.dts is not None and float(packet.pts * packet.time_base) < seconds:
                packet.stream = stream
                out.mux(packet)


def spectrogram_image(sound: np.ndarray, rate: int) -> Image:
    """A sound, (C, N), as a picture: time to the right, 0 to TOP_HZ upwards, linear, RANGE_DB below its loudest moment."""
    from matplotlib import colormaps
    from PIL import Image

    size = 1024
    hop = max(1, (sound.shape[1] - size) // WIDTH)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound.mean(0), (0, size)), size)[::hop][:WIDTH]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)))[:, : round(TOP_HZ * size / rate)]
    level = 10 * np.log10(np.maximum(power, 1e-12)).T[::-1]
    shade = np.clip((level - level.max()) / RANGE_DB + 1, 0, 1)
    image = Image.fromarray((colormaps["magma"](shade)[..., :3] * 255).astype(np.uint8))
    return image.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def write_page(path: Path, pairs: Sequence[Listed], sounds: Sequence[str]) -> None:
    """The page, which names the pairs' recordings and their licences."""
    parts = []
    for pair in pairs:
        figures = "".join(
            f'<figure><figcaption>{TITLES[name]}</figcaption><img src="{pair.name}-{name}.webp" width="{WIDTH}" '
            f'height="{HEIGHT}" loading="lazy" alt="Spectrogram, 0 to 20 kHz">'
            f'<audio controls preload="none" src="{pair.name}-{name}.webm"{"" if name == "reference" else " data-plays"}>'
            "</audio></figure>"
            for name in sounds
        )
        parts.append(
            f"<section><div><h2>{escape(pair.object)} ({escape(pair.material)})</h2><video muted playsinline "
            f'preload="metadata" src="{pair.name}.mp4"></video><small>{escape(pair.licence)}, '
            f'{escape(pair.source)}</small></div><div class="sounds">{figures}</div></section>'
        )
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>condfoley: listen</title><style>{STYLE}</style><h1>Listen</h1><p>References are several takes of one "
        "object each, which no model was trained on; targets are held-out simulated videos. All sounds have the same "
        "loudness. Play one, and the picture runs with it. Spectrograms reach from 0 to 20 kHz, 80 dB below the "
        f"loudest moment.</p>{''.join(parts)}<script>{SCRIPT}</script></html>\n",
        encoding="utf-8",
    )
