"""Sheets of a clip's own frames, each with its number and time: pictures on which contacts are found by eye."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from condfoley.files import atomic_file
from condfoley.media.picture import FrameScaler
from condfoley.media.probe import open_media, require_video
from condfoley.media.streams import timed_frames

if TYPE_CHECKING:
    from PIL import Image

COLUMNS, ROWS = 8, 8  # frames on a sheet
LABEL = 12  # pixels above each frame, for its number and time


def frame_times(path: Path) -> np.ndarray:
    """When each of a file's frames is shown: (T,) s. Raises InputError for what is no video."""
    clip = open_media(path)
    require_video(clip.info)
    return np.array([time for time, _ in timed_frames(clip, clip.video)])


def write_sheets(path: Path, folder: Path, width: int, begin: float, end: float) -> list[Path]:
    """Writes the frames shown from `begin` to `end`, s, as sheet-001.png and so on into a folder; returns the paths.

    width: pixels of each frame. Raises InputError for what is no video, or where nothing is shown in that time.
    """
    written: list[Path] = []
    tiles: list[Image.Image] = []
    for number, time, picture in _frames(path, width):
        if time >= end:
            break
        if time < begin:
            continue
        tiles.append(_labelled(picture, f"{number}  {time:.3f} s"))
        if len(tiles) == COLUMNS * ROWS:
            written.append(_write(folder, len(written) + 1, tiles))
            tiles = []
    if tiles:
        written.append(_write(folder, len(written) + 1, tiles))
    return written


def _frames(path: Path, width: int) -> Iterator[tuple[int, float, np.ndarray]]:
    """Number, time in s and picture, `width` pixels wide, of each frame."""
    clip = open_media(path)
    require_video(clip.info)
    height = max(1, round(width * clip.info.height / clip.info.width))
    turned = clip.info.rotation in (90, 270)
    scale = FrameScaler(clip, *((height, width) if turned else (width, height)))
    for number, (time, frame) in enumerate(timed_frames(clip, clip.video)):
        yield number, time, scale(frame)


def _labelled(picture: np.ndarray, text: str) -> Image.Image:
    from PIL import Image, ImageDraw

    out = Image.new("RGB", (picture.shape[1], picture.shape[0] + LABEL))
    out.paste(Image.fromarray(np.ascontiguousarray(picture)), (0, LABEL))
    ImageDraw.Draw(out).text((2, 0), text, fill="yellow")
    return out


def _write(folder: Path, number: int, tiles: list[Image.Image]) -> Path:
    from PIL import Image

    width, height = tiles[0].size
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(tiles) // COLUMNS) * height))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % COLUMNS * width, place // COLUMNS * height))
    path = folder / f"sheet-{number:03d}.png"
    with atomic_file(path) as part:
        sheet.save(part)
    return path
