"""The recording of a simulated sound: room reverberation, noise of the recording, equaliser."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

Rng = np.random.Generator


@dataclass(frozen=True)
class Room:
    """A room: direct sound plus exponentially decaying noise. decay: s to fall by 60 dB. wet: level of the
    reverberation. delay: s from the direct sound to the reverberation. damping: 0..1, of its high frequencies."""

    decay: float
    wet: float
    delay: float
    damping: float
    seed: int

    @classmethod
    def draw(cls, rng: Rng) -> Room:
        """A random room; without reverberation in a fifth of the cases."""
        decay = float(np.exp(rng.uniform(np.log(0.05), np.log(0.6))))
        wet = 0.0 if rng.random() < 0.2 else float(rng.uniform(0.02, 0.6))
        return cls(decay, wet, float(rng.uniform(0.001, 0.02)), float(rng.uniform(0, 0.9)), int(rng.integers(2**31)))

    def response(self, sample_rate: int) -> NDArray[np.float32]:
        """Impulse response, (R,) float32; the direct sound is sample 0 and has amplitude 1."""
        time = np.arange(round(self.decay * 0.8 * sample_rate), dtype=np.float32) / sample_rate
        echoes = np.random.default_rng(self.seed).standard_normal(len(time)).astype(np.float32)
        echoes = signal.lfilter([1 - self.damping], [1, -self.damping], echoes)
        echoes *= np.exp(-6.9 * time / self.decay)
        energy = float(np.sqrt(np.sum(echoes**2))) or 1.0
        delay = max(round(self.delay * sample_rate), 1)
        response = np.zeros(delay + len(echoes), np.float32)
        response[delay:] = echoes * (self.wet / energy)
        response[0] = 1
        return response


@dataclass(frozen=True)
class Noise:
    """Noise of the recording. level: RMS. colour: 0 white .. 0.99 dark. hum: amplitude. mains: Hz, its frequency."""

    level: float
    colour: float
    hum: float
    mains: float

    @classmethod
    def draw(cls, rng: Rng) -> Noise:
        """Random noise of -80 to -38 dBFS, sometimes with mains hum."""
        level = 10 ** (rng.uniform(-80, -38) / 20)
        hum = level * rng.uniform(0.3, 2) if rng.random() < 0.12 else 0.0
        colour = 0.0 if rng.random() < 0.2 else rng.uniform(0.3, 0.99)
        return cls(float(level), float(colour), float(hum), float(rng.choice([50.0, 60.0])))

    def render(self, length: int, sample_rate: int, rng: Rng) -> NDArray[np.float32]:
        """Noise of `length` samples at `sample_rate` Hz: (length,) float32."""
        white = rng.standard_normal(length, np.float32)
        noise = signal.lfilter(np.ones(1, np.float32), np.array([1, -self.colour], np.float32), white)
        noise *= self.level * np.sqrt(1 - self.colour**2)
        if self.hum:
            phase = 2 * np.pi * self.mains * np.arange(length) / sample_rate + rng.uniform(0, 2 * np.pi)
            noise += self.hum * (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.3 * np.sin(3 * phase))
        return noise.astype(np.float32)


@dataclass(frozen=True)
class Tone:
    """An equaliser of causal second-order sections. tilt: dB, of high against low frequencies. low_cut: Hz.
    peaks: (Hz, dB, Q) each."""

    tilt: float
    low_cut: float
    peaks: tuple[tuple[float, float, float], ...]

    @classmethod
    def draw(cls, rng: Rng) -> Tone:
        """A random equaliser with up to three peaks of -12 to 12 dB."""
        peaks = tuple(
            (float(np.exp(rng.uniform(np.log(120), np.log(7000)))), float(rng.uniform(-12, 12)),
             float(rng.uniform(0.5, 5)))
            for _ in range(rng.integers(0, 4))
        )  # fmt: skip
        return cls(float(rng.normal(0, 6)), float(np.exp(rng.uniform(np.log(25), np.log(200)))), peaks)

    def sections(self, sample_rate: int) -> NDArray[np.float64]:
        """Coefficients for scipy.signal.sosfilt: (sections, 6)."""
        rows = [signal.butter(1, self.low_cut, "highpass", fs=sample_rate, output="sos")[0]]
        rows.append(_shelf(1000.0, self.tilt, sample_rate))
        rows += [_peak(*peak, sample_rate) for peak in self.peaks]
        return np.stack(rows)

    def apply(self, wav: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """The filtered sound: (N,) float32 -> (N,) float32."""
        return signal.sosfilt(self.sections(sample_rate), wav).astype(np.float32)


def reverberate(wav: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolution of wav (N,) with an impulse response (R,), cut to (N,) float32."""
    size = fft.next_fast_len(len(wav) + len(response) - 1, real=True)
    wet = fft.irfft(fft.rfft(wav, size) * fft.rfft(response, size), size)
    return wet[: len(wav)].astype(np.float32)


def describe(part: Room | Noise | Tone) -> dict[str, Any]:
    """The settings of a part as plain JSON values."""
    return asdict(part)


def _shelf(corner: float, gain: float, sample_rate: int) -> NDArray[np.float64]:
    """First-order shelf by the bilinear transform: +gain/2 dB above the corner, -gain/2 below."""
    ratio = 10 ** (gain / 40)
    warped = np.tan(np.pi * corner / sample_rate)
    b, a = signal.bilinear([ratio, warped / ratio], [1 / ratio, warped * ratio], fs=0.5)
    return np.array([b[0], b[1], 0, a[0], a[1], 0]) / a[0]


def _peak(centre: float, gain: float, q: float, sample_rate: int) -> NDArray[np.float64]:
    """Second-order bell: `gain` dB at `centre` Hz, by the bilinear transform of the analogue bell."""
    amplitude = 10 ** (gain / 40)
    warped = np.tan(np.pi * min(centre, 0.45 * sample_rate) / sample_rate)
    b, a = signal.bilinear([1, warped * amplitude / q, warped**2], [1, warped / amplitude / q, warped**2], fs=0.5)
    return np.concatenate([b, a]) / a[0]
