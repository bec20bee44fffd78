"""Writing WAV files, also ones that know when their first sample was (Broadcast Wave, EBU Tech 3285)."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import soundfile

from condfoley.media.write import check_sound, new_media_file, sixteen_bits
from condfoley.memory import Releaser, blocks, sound_array

Subtype = Literal["PCM_16", "PCM_24", "FLOAT"]
_CODECS = {"PCM_16": "pcm_s16le", "PCM_24": "pcm_s24le", "FLOAT": "pcm_f32le"}
_BYTES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
_LONGEST = 2**32 - 2**16  # bytes of samples in a WAV file; a longer one is an RF64 file
_BLOCK = 2**16  # samples


def write_wav(
    path: str | Path,
    wav: np.ndarray,
    sample_rate: int,
    *,
    subtype: Subtype = "PCM_24",
    time_reference: int | None = None,
) -> Path:
    """Writes a sound as a WAV file at `sample_rate` Hz. Returns the path.

    wav: (N,) or (C, N) float, C = 1 or 2. subtype: "PCM_24" or "PCM_16" (24 or 16 bits, see `dithered`; samples outside
    [-1, 1] are clipped), or "FLOAT" (32 bits; samples are kept as they are). time_reference: samples from midnight to the
    first one, written into a `bext` chunk before the samples; None: no such chunk. More than 4 GB become RF64.
    Replaces an existing file.
    Raises InputError when it cannot be written, ValueError for other shapes and samples that are not finite.
    """
    sound = check_sound(wav)
    with new_media_file(path) as part:
        if time_reference is None:
            large = sound.size * _BYTES[subtype] > _LONGEST
            name = os.fsencode(part)  # soundfile accepts only names in UTF-8
            kind = "RF64" if large else "WAV"
            with soundfile.SoundFile(name, "w", int(sample_rate), len(sound), subtype, format=kind) as file:
                for block in blocks(sound.shape[1]):
                    file.write(_stored(sound[:, block], subtype).T)
        else:
            _write_broadcast(part, Path(path).stem, sound, sample_rate, subtype, time_reference)
    return Path(path)


def _stored(block: np.ndarray, subtype: Subtype) -> np.ndarray:
    """Samples (C, n) as a file of this subtype holds them: float32, or for PCM whole numbers."""
    return whole_numbers(block) if subtype == "PCM_24" else sixteen_bits(block) if subtype == "PCM_16" else block


def whole_numbers(wav: np.ndarray) -> np.ndarray:
    """Samples as 24 bits hold them, the highest bits of int32; multiples of 2^-23 stay exact, beyond [-1, 1) is clipped."""
    return np.rint(wav.astype(np.float64) * 2**23).clip(-(2**23), 2**23 - 1).astype(np.int32) << 8


def dithered(wav: np.ndarray) -> np.ndarray:
    """Samples as 16 bits hold them, (..., N) float32: what rounding leaves is noise that does not depend on the sound.

    By triangular dither of two steps' width (TPDF), the same each time; digital silence stays silent.
    """
    rng, step = np.random.default_rng(16), 2.0**-15
    out, release_until = sound_array(wav.shape), Releaser()
    for begin in range(0, wav.shape[-1], _BLOCK):
        release_until(begin)
        block = wav[..., begin : begin + _BLOCK].astype(np.float64)
        noise = rng.random(block.shape) - rng.random(block.shape)
        out[..., begin : begin + _BLOCK] = np.where(block == 0, 0, np.rint(block / step + noise) * step).clip(
            -1, 1 - step
        )
    return out


def _write_broadcast(
    part: Path, title: str, wav: np.ndarray, sample_rate: int, subtype: Subtype, time_reference: int
) -> None:
    """Writes (C, N) samples, float32, as `write_wav` says."""
    layout = ("mono", "stereo")[len(wav) - 1]
    with av.open(f"file:{part}", "w", format="wav", options={"write_bext": "1", "rf64": "auto"}) as target:
        target.metadata["originator"] = "condfoley"
        target.metadata["description"] = title.encode("ascii", "replace").decode()
        target.metadata["time_reference"] = str(time_reference)
        stream = target.add_stream(_CODECS[subtype], rate=int(sample_rate), layout=layout)
        release_until = Releaser()
        for begin in range(0, wav.shape[1], _BLOCK):
            release_until(begin)
            block = _stored(wav[:, begin : begin + _BLOCK], subtype).T.reshape(1, -1)  # (1, n * C) interleaved
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), stream.format.name, layout)
            frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), begin
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
