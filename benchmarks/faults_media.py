"""Damaged clips, read as target and as reference.

A helper of `python -m benchmarks.faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from benchmarks.faults_clips import FPS, ODD_PIXELS, RATE, Form, write_all, write_form
from benchmarks.faults_damage import DAMAGES, Rng
from benchmarks.faults_run import OUT, Outcome, run_case
from condfoley import examples, media
from condfoley.cli import main as cli
from condfoley.geometry import Geometry
from condfoley.inputs import ClipFile, read_reference, read_target
from condfoley.references.window import as_references, listened

WHOLE = 40  # cases of which one is generated from with the shipped model, besides being read
STAMPED = (Form("stamps.mp4", "libx264", "aac"), Form("stamps.mkv", "libx264", "flac"), Form("stamps.mov", "mjpeg"),
           Form("stamps.avi", "mpeg4"), Form("stamps.ts", "libx264", muxer="mpegts"), Form("stamps.webm", "libvpx"))  # fmt: skip
KINDS = (*DAMAGES, "time stamps", "pixels")


def read_as_target(argv: list[str]) -> int:
    """What `generate` does with a target before and after the networks: check, decode, write with a sound."""
    path, out = argv
    info = media.probe(path)
    media.require_video(info)
    suffix = media.mux_suffix(path)
    read_target(ClipFile(path), Geometry())
    Path(out).mkdir()
    try:
        media.mux(path, np.zeros(RATE, np.float32), RATE, Path(out) / f"video{suffix}")
    except BaseException:
        Path(out).rmdir()
        raise
    return 0


def read_as_reference(argv: list[str]) -> int:
    """What `generate` does with a reference before the networks: check, decode picture and sound of what is used of it."""
    path, _ = argv
    media.require_audio(media.probe(path))
    heard = listened(as_references(ClipFile(path)), None, Geometry())
    read_reference(heard.clip, heard.start, Geometry())
    heard.clip.recording()
    return 0


ROLES: dict[str, Callable[[list[str]], int]] = {"as target": read_as_target, "as reference": read_as_reference}


def generate(role: str, path: str, out: str) -> list[str]:
    """The arguments of `condfoley` that generate from a clip as reference or as target."""
    reference, target = (path, examples.TARGET) if role == "as reference" else (examples.REFERENCE, path)
    words = ["--reference", str(reference), "--target", str(target), "--out", out, "--candidates", "1", "--quiet"]
    return ["generate", *words]


def damaged_clip(bases: list[Path], folder: Path, number: int, rng: Rng) -> tuple[str, Path]:
    """Writes the clip of a case; returns what was done to it, and its path."""
    kind = KINDS[number % len(KINDS)]
    if kind == "time stamps":
        return kind, _oddly_stamped(folder, rng)
    if kind == "pixels":
        return kind, _of_odd_pixels(folder, rng)
    base = bases[number // len(KINDS) % len(bases)]
    path = folder / base.name
    path.write_bytes(DAMAGES[kind](base.read_bytes(), rng))
    return kind, path


def _oddly_stamped(folder: Path, rng: Rng) -> Path:
    """Frames at negative, equal, jumping, falling or far away times, where the container's writer takes them."""
    form = STAMPED[int(rng.integers(len(STAMPED)))]
    step = np.full(30, 90)
    place = int(rng.integers(1, 30))
    far = int(rng.choice([-90 * FPS, 90 * FPS * 3600, 90 * FPS * 10**6, 2**31, 0, 1, 2**40]))
    way = int(rng.integers(4))
    if way == 0:
        step[place] = far
    elif way == 1:
        step[:] = rng.integers(-2, 3, 30) * int(rng.choice([1, 90]))
    elif way == 2:
        step[:] = 0
    else:
        step[:] = int(rng.choice([1, 90 * FPS * 60, 2**20]))
    stamps = np.cumsum(step) + int(rng.choice([0, -(2**31), -900, 2**33]))
    path = folder / form.name
    try:
        write_form(path, form, [int(stamp) for stamp in stamps])
    except (av.FFmpegError, OSError, ValueError, OverflowError):
        pass  # the writer ends here; what it has written is the case
    if not path.exists():
        path.write_bytes(b"")
    return path


def _of_odd_pixels(folder: Path, rng: Rng) -> Path:
    pixels = ODD_PIXELS[int(rng.integers(len(ODD_PIXELS)))]
    name, codec = (("odd.mkv", "ffv1"), ("odd.avi", "rawvideo"), ("odd.mov", "rawvideo"))[int(rng.integers(3))]
    codec = "rawvideo" if pixels in ("rgb24", "rgb555le") else codec
    path = folder / ("odd.avi" if codec == "rawvideo" and name == "odd.mkv" else name)
    write_form(path, Form(path.name, codec, "pcm_s16le", pixels))
    return path


def run(number: int, rng: Rng, store: Path) -> list[tuple[str, str, Outcome]]:
    """One case: (what was done, how it was read, outcome) for each reading. store: folder that holds the whole clips."""
    cli.COMMANDS.update({role: (role, read) for role, read in ROLES.items()})
    path_of = store / "case"
    path_of.mkdir(exist_ok=True)
    kind, path = damaged_clip(write_all(store / "clips"), path_of, number, rng)
    what = f"{kind}: {path.name}"
    found = [(what, role, run_case(lambda _, role=role: cli.main([role, str(path), OUT]), str(path))) for role in ROLES]
    if number % WHOLE == 0:
        role = list(ROLES)[number // WHOLE % 2]
        found.append(
            (what, f"generate {role}", run_case(lambda _: cli.main(generate(role, str(path), OUT)), str(path)))
        )
    if all(outcome.verdict in ("done", "refused") for _, _, outcome in found):
        path.unlink()
    else:
        path.rename(store / f"{number:05d}-{path.name}")
    return found
