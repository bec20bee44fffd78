"""A second onset detector and a second judge of timbre, both from librosa: nothing of this project was chosen by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

HOP = 0.0058  # s
BANDS, LOWEST, HIGHEST = 138, 27.5, 16_000.0  # of SuperFlux (Böck and Widmer 2013), Hz
CEPSTRA = 20
HEARD_DB = 30.0  # below a sound's loudest frame, down to which frames count


def superflux_onsets(wav: np.ndarray, rate: int) -> np.ndarray:
    """Onsets of a sound (N,), s, by SuperFlux: spectral flux against the maximum over neighbouring bands.

    Böck and Widmer 2013, as in librosa's own example, with librosa's peak picking.
    """
    import librosa

    if not np.any(wav):
        return np.zeros(0)
    hop = max(1, round(HOP * rate))
    highest = min(HIGHEST, rate / 2)
    bands = librosa.feature.melspectrogram(
        y=np.asarray(wav, np.float32), sr=rate, n_fft=2 ** round(np.log2(0.0464 * rate)), hop_length=hop,
        fmin=LOWEST, fmax=highest, n_mels=BANDS,
    )  # fmt: skip
    flux = librosa.onset.onset_strength(S=librosa.power_to_db(bands), sr=rate, hop_length=hop, lag=2, max_size=3)
    return np.asarray(librosa.onset.onset_detect(onset_envelope=flux, sr=rate, hop_length=hop, units="time"))


def cepstral_statistics(wav: np.ndarray, rate: int) -> np.ndarray:
    """Mean and deviation of the mel cepstra 1 to CEPSTRA - 1 of what is heard in a sound (N,): (2 * (CEPSTRA - 1),)."""
    import librosa

    hop = max(1, round(2 * HOP * rate))
    size = 2 ** round(np.log2(0.0464 * rate))
    wav = np.pad(np.asarray(wav, np.float32), (0, max(0, 2 * size - len(wav))))
    cepstra = librosa.feature.mfcc(y=wav, sr=rate, n_mfcc=CEPSTRA, n_fft=size, hop_length=hop)[1:]
    level = librosa.power_to_db(librosa.feature.rms(y=wav, frame_length=size, hop_length=hop)[0] ** 2)
    heard = cepstra[:, level > level.max() - HEARD_DB]
    return np.concatenate([heard.mean(1), heard.std(1)])


def scale_of(statistics: Sequence[np.ndarray]) -> np.ndarray:
    """Deviation of each statistic over the sounds of a set, by which distances are divided: (D,)."""
    return np.maximum(np.std(np.stack(statistics), 0), 1e-6)


def nearest_name(query: np.ndarray, others: Mapping[str, np.ndarray], scale: np.ndarray) -> str:
    """Which of some sounds is nearest to a sound by their `cepstral_statistics`, (D,) each. Raises ValueError without any."""
    if not others:
        raise ValueError("nearest neighbour: at least one sound to compare with is needed")
    return min(others, key=lambda name: float(np.linalg.norm((query - others[name]) / scale)))
