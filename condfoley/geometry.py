"""Every rate and length of the system in one frozen dataclass, from which all others are derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints


def require_choices(config: Any) -> None:
    """Raises ValueError where a `Literal` field of a dataclass holds a value that its type does not list."""
    for name, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal and (value := getattr(config, name)) not in get_args(hint):
            raise ValueError(f"{name} must be {' or '.join(map(repr, get_args(hint)))}, not {value!r}")


def present_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """A geometry's values, by name, as older files have them, with the present names of the fields."""
    return {"resize" if name == "squeeze" else name: value for name, value in values.items()}


@dataclass(frozen=True)
class Geometry:
    """Rates and window sizes of one model; stored in its weights' card.

    The defaults are the shipped model's: picture and sound of a window span the same time
    (28 frames = 1.867 s and 160 mel frames = 1.858 s) and a code column lasts 93 ms.
    `Geometry.published()` is the paper's (30 frames and 160 mel frames, 5 x 10 codes).
    """

    sample_rate: int = 22050
    """Hz, mono."""
    fps: float = 15.0
    """Picture frames a second."""
    n_fft: int = 1024
    """Samples in an analysis window of the spectrogram."""
    hop: int = 256
    """Samples between two spectrogram frames."""
    n_mels: int = 80
    """Mel bands."""
    fmin: float = 125.0
    """Hz, lower edge of the first band."""
    fmax: float = 7600.0
    """Hz, upper edge of the last band."""
    mel_scale: Literal["htk", "slaney"] = "htk"
    """`htk`: published variant A (all generation); `slaney`: variant B (classifiers, published MelGAN)."""
    window_mel_frames: int = 160
    """Spectrogram frames in one window."""
    window_frames: int = 28
    """Picture frames in one window."""
    code_rows: int = 5
    """Codes over frequency."""
    code_columns: int = 20
    """Codes over time in one window."""
    frame_size: int = 64
    """Pixels, side of the square picture that the video encoder sees."""
    resize: Literal["area", "bicubic", "crop"] = "area"
    """How a picture is resized to that square: by `area` averaging, or by PIL's `bicubic` filter to 8/7 of the side
    and a centre crop (published), or by that filter with its shape kept, and a centre `crop` (as CLIP is given them)."""
    crop: Literal["window", "centre", "first"] = "window"
    """Which spectrogram frames a window has: those of its own sound (`window`), or, of a clip as long as its picture,
    the `centre` (published training) or the `first` ones (published generation); if there are too few, the rest is
    filled with mid level."""

    def __post_init__(self) -> None:
        require_choices(self)
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and not (value > 0 or field.name == "fmin" and value == 0):
                raise ValueError(f"{field.name} is {value}; it has to be above 0")
        if self.window_mel_frames % self.code_columns:
            raise ValueError("code_columns must divide window_mel_frames")
        if self.n_mels % self.code_rows:
            raise ValueError("code_rows must divide n_mels")

    @classmethod
    def published(cls, mel_frames: int = 160) -> Geometry:
        """The paper's geometry (published_facts.md, section 2).

        mel_frames: spectrogram frames in a window; 192 in the released Greatest Hits transformer.
        """
        return cls(
            window_mel_frames=mel_frames,
            window_frames=30,
            code_columns=mel_frames // 16,
            frame_size=112,
            resize="bicubic",
            crop="centre",
        )

    @property
    def window_samples(self) -> int:
        """Sound samples in one window."""
        return self.window_mel_frames * self.hop

    @property
    def clip_samples(self) -> int:
        """Sound samples from which a window's spectrogram is taken."""
        if self.crop == "window":
            return self.window_samples
        return round(self.window_frames / self.fps * self.sample_rate)

    @property
    def clip_mel_frames(self) -> int:
        """Spectrogram frames of the sound of `clip_samples`."""
        return self.clip_samples // self.hop + 1

    @property
    def sound_lag(self) -> int:
        """Spectrogram frames by which a window's sound starts after its picture (published training: 6)."""
        spare = max(0, self.clip_mel_frames - self.window_mel_frames)
        return round(spare / 2) if self.crop == "centre" else 0

    @property
    def valid_columns(self) -> int:
        """Code columns of a window that are entirely covered by sound; the others are padding.

        Published, 192 frames: 10 of 12.
        """
        return min(self.code_columns, self.clip_mel_frames // self.column_mel_frames)

    @property
    def column_mel_frames(self) -> int:
        """Spectrogram frames under one code column."""
        return self.window_mel_frames // self.code_columns

    @property
    def column_samples(self) -> int:
        """Sound samples under one code column."""
        return self.column_mel_frames * self.hop

    @property
    def codes(self) -> int:
        """Codes in one window."""
        return self.code_rows * self.code_columns

    def columns_for(self, seconds: float) -> int:
        """Code columns that cover `seconds` of sound, at least those of one window."""
        columns = -int(-seconds * self.sample_rate // self.column_samples)
        return max(columns, self.valid_columns)

    def frame_of_column(self, column: int) -> float:
        """Picture frame (fractional, may be negative) at which the window starts that begins with a code column."""
        return (column * self.column_samples - self.sound_lag * self.hop) / self.sample_rate * self.fps
