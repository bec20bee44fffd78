"""AV-Align: how well peaks of movement and onsets coincide. Needs neither labels nor a true sound."""

from __future__ import annotations

import numpy as np

from condfoley.audio.onsets import match_pairs

FRAME_SIZE = 64  # pixels, width and height of the frames of which the optical flow is computed


def motion(frames: np.ndarray) -> np.ndarray:
    """Mean magnitude of the optical flow from each frame to the next (iterative Lucas-Kanade, scikit-image), pixels.

    frames: (T, H, W, 3) uint8. Returns (T,): value k is the movement from frame k - 1 to k, value 0 is 0.
    """
    from skimage.color import rgb2gray
    from skimage.registration import optical_flow_ilk

    grey = rgb2gray(frames) if len(frames) else frames
    flows = [optical_flow_ilk(a, b, radius=5, num_warp=3, dtype=np.float32) for a, b in zip(grey, grey[1:])]
    return np.array([0.0, *(float(np.hypot(*flow).mean()) for flow in flows)][: len(frames)])


def motion_peaks(strength: np.ndarray, fps: float) -> np.ndarray:
    """Times (P,) s of the local maxima of movement (T,) that are above its mean."""
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(strength, height=float(np.mean(strength)) if len(strength) else 0.0)
    return peaks / fps


def av_align(picture_times: np.ndarray, sound_times: np.ndarray, fps: float) -> float:
    """Intersection over union of movement peaks and sound onsets within one frame: in [0, 1] (Yariv et al. 2024).

    Peaks and onsets are matched one to one; the published code lets several onsets share a peak, and can exceed 1.
    picture_times (P,), sound_times (S,): seconds. fps: frames a second. Both empty: 1. One of them: 0.
    """
    if not len(picture_times) or not len(sound_times):
        return float(len(picture_times) == len(sound_times))
    together = len(match_pairs(np.sort(picture_times), np.sort(sound_times), 1 / fps))
    return together / (len(picture_times) + len(sound_times) - together)
