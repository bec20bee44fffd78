"""AV-Align: do the picture's movements and the sound's events come together? Needs neither labels nor a true sound."""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import match_pairs

SIZE = 64  # pixels, side of the pictures that are compared


def motion(frames: np.ndarray) -> np.ndarray:
    """Mean length of the optical flow from each frame to the next (iterative Lucas-Kanade, scikit-image), pixels.

    frames: (T, H, W, 3) uint8. Returns (T,): entry k is the movement into frame k, and entry 0 is 0.
    """
    from skimage.color import rgb2gray
    from skimage.registration import optical_flow_ilk

    grey = rgb2gray(frames) if len(frames) else frames
    flows = [optical_flow_ilk(a, b, radius=5, num_warp=3, dtype=np.float32) for a, b in zip(grey, grey[1:])]
    return np.array([0.0, *(float(np.hypot(*flow).mean()) for flow in flows)][: len(frames)])


def motion_peaks(strength: np.ndarray, fps: float) -> np.ndarray:
    """Times in seconds of the local maxima of movement (T,) that stand above its mean."""
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(strength, height=float(np.mean(strength)) if len(strength) else 0.0)
    return peaks / fps


def av_align(picture_times: np.ndarray, sound_times: np.ndarray, fps: float) -> float:
    """Intersection over union of movement peaks and sound onsets within one frame: in [0, 1] (Yariv et al. 2024).

    Each peak may meet one onset only; the published code lets several onsets share a peak, and so passes 1.
    picture_times (P,), sound_times (S,): seconds. fps: frames a second. Both empty: 1. One of them: 0.
    """
    if not len(picture_times) or not len(sound_times):
        return float(len(picture_times) == len(sound_times))
    together = len(match_pairs(np.sort(picture_times), np.sort(sound_times), 1 / fps))
    return together / (len(picture_times) + len(sound_times) - together)
