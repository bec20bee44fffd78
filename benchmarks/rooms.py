"""The rooms of `--room`: computes their echoes with pyroomacoustics and writes them into the package.

    python -m benchmarks.rooms [--out condfoley/rooms]

Image sources up to ORDER reflections, ray tracing for the late tail; absorption and air as of the shoebox's materials.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile

RATE = 32_000  # Hz: air and walls leave nothing above half of it
BITS = 15
ORDER = 12
SPACING = 0.35  # m between the two microphones
DIRECT = 0.0015  # s after the direct sound's peak, until which it lasts
END_DB = -66.0  # of the direct sound, below which the tail ends
HERTZ = [125, 250, 500, 1000, 2000, 4000, 8000]
# length, width and height (m), distance from the source (m); what walls, floor and ceiling absorb at HERTZ
SHAPES: dict[str, tuple[list[float], float, tuple[list[float], list[float], list[float]]]] = {
    "booth": (
        [2.4, 1.9, 2.2],
        0.7,
        (
            [0.25, 0.5, 0.75, 0.85, 0.9, 0.9, 0.9],
            [0.1, 0.15, 0.3, 0.5, 0.6, 0.7, 0.7],
            [0.4, 0.6, 0.8, 0.9, 0.9, 0.9, 0.9],
        ),
    ),
    "living": (
        [5.2, 4.1, 2.6],
        0.9,
        (
            [0.14, 0.14, 0.16, 0.2, 0.24, 0.3, 0.35],
            [0.1, 0.15, 0.3, 0.45, 0.5, 0.55, 0.6],
            [0.12, 0.1, 0.08, 0.08, 0.1, 0.12, 0.15],
        ),
    ),
    "tiled": (
        [2.9, 2.2, 2.5],
        0.6,
        (
            [0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12],
            [0.05, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15],
            [0.1, 0.1, 0.08, 0.08, 0.1, 0.12, 0.15],
        ),
    ),
    "hall": (
        [27.0, 17.0, 9.5],
        3.5,
        (
            [0.07, 0.07, 0.08, 0.09, 0.1, 0.12, 0.15],
            [0.06, 0.08, 0.1, 0.1, 0.1, 0.12, 0.15],
            [0.14, 0.13, 0.12, 0.12, 0.13, 0.16, 0.2],
        ),
    ),
    "street": (
        [42.0, 11.0, 16.0],
        2.0,
        ([0.08, 0.09, 0.1, 0.1, 0.12, 0.15, 0.2], [0.03, 0.04, 0.06, 0.1, 0.15, 0.2, 0.25], [0.99] * 7),
    ),
}


def response(name: str) -> np.ndarray:
    """A room's answer to an impulse without the direct sound, whose amplitude is 1: (2, N) float32 at RATE."""
    import pyroomacoustics as room

    np.random.seed(0)
    size, distance, (wall, floor, ceiling) = SHAPES[name]

    def surface(absorbs: list[float]) -> room.Material:
        return room.Material({"coeffs": absorbs, "center_freqs": HERTZ}, {"coeffs": [0.2] * 7, "center_freqs": HERTZ})

    faces = dict.fromkeys(("east", "west", "north", "south"), surface(wall))
    faces |= {"floor": surface(floor), "ceiling": surface(ceiling)}
    model = room.ShoeBox(size, RATE, materials=faces, max_order=ORDER, ray_tracing=True, air_absorption=True)
    model.set_ray_tracing(n_rays=40_000, receiver_radius=0.35)
    middle = np.array([0.46 * size[0], 0.53 * size[1], min(1.5, 0.55 * size[2])])
    model.add_source((middle + [distance, 0.03, -0.4 if size[2] > 2.2 else 0.0]).tolist())
    places = np.stack([middle + [0, side * SPACING / 2, 0] for side in (1, -1)], 1)
    model.add_microphone_array(places)
    model.compute_rir()
    found = [model.rir[i][0] for i in range(2)]
    length = max(len(part) for part in found)
    both = np.stack([np.pad(part, (0, length - len(part))) for part in found])
    peaks = np.abs(both[:, : round(0.05 * RATE)]).argmax(1)
    scaled = both / np.abs(both[np.arange(2), peaks]).mean()
    late = scaled[:, int(peaks.min()) :]
    late[:, : round(DIRECT * RATE)] = 0
    loud = np.flatnonzero(smoothed(late) > 10 ** (END_DB / 20))
    late = late[:, : int(loud[-1]) + 1]
    fade = min(late.shape[1], round(0.05 * RATE))
    late[:, -fade:] *= np.linspace(1, 0, fade)
    return late.astype(np.float32)


def smoothed(late: np.ndarray) -> np.ndarray:
    """Amplitude over time, over 20 ms."""
    width = round(0.02 * RATE)
    return np.sqrt(np.convolve(np.square(late).mean(0), np.ones(width) / width, "same"))


def main() -> None:
    """Command-line entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("condfoley/rooms"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    print("| room | seconds until -66 dB | echo against direct sound, dB | kB |\n|---|---|---|---|")
    for name in SHAPES:
        late = response(name)
        whole = np.rint(late.T * 2 ** (BITS - 1)) * 2.0 ** -(BITS - 1)
        path = out / f"{name}.flac"
        soundfile.write(path, whole, RATE, subtype="PCM_16", format="FLAC", compression_level=1.0)
        energy = 10 * np.log10(np.square(late).sum(1).mean())
        print(f"| {name} | {late.shape[1] / RATE:.2f} | {energy:.1f} | {path.stat().st_size / 1000:.0f} |", flush=True)


if __name__ == "__main__":
    main()
