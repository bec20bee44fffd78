"""Distances of sets of sounds, from their embeddings or class probabilities. Pure functions."""

from __future__ import annotations

import numpy as np

TINY = 1e-8  # least probability inside a logarithm


def frechet_distance(made: np.ndarray, true: np.ndarray) -> float:
    """Frechet distance of two Gaussians fitted to embeddings (Heusel et al. 2017; for sound Kilgour et al. 2019).

    |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), in squared units of the embedding, never below 0.
    It is biased upwards for few sounds: compare sets of the same size only.
    made: (n, D), true: (m, D), n and m >= 2. Raises ValueError for fewer sounds or other shapes.
    """
    made, true = (np.asarray(x, float) for x in (made, true))
    if made.ndim != 2 or true.ndim != 2 or made.shape[1] != true.shape[1] or min(len(made), len(true)) < 2:
        raise ValueError(f"frechet distance: two sets of at least two embeddings, not {made.shape} and {true.shape}")
    # tr (C C')^(1/2) from the centred data: its singular values are those of X X'^T, so no D x D root is needed.
    a, b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (made, true))
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    between = np.square(made.mean(0) - true.mean(0)).sum()
    return max(0.0, float(between + np.square(a).sum() + np.square(b).sum() - 2 * root))


def kl_divergence(made: np.ndarray, true: np.ndarray) -> float:
    """KL(true || made) of two distributions over classes, nats; 0 for equal ones (Iashin and Rahtu 2021: "MKL").

    made, true: (classes,), each >= 0 with sum 1.
    """
    p, q = (np.maximum(np.asarray(x, float), TINY) for x in (true, made))
    return float((p * np.log(p / q)).sum())


def inception_score(probabilities: np.ndarray) -> float:
    """exp of the mean KL of each sound's class probabilities from their mean (Salimans et al. 2016).

    Between 1 (all sounds alike, or no sound clear) and the number of classes.
    probabilities: (n, classes). Raises ValueError without any sound.
    """
    p = np.maximum(np.asarray(probabilities, float), TINY)
    if p.ndim != 2 or not len(p):
        raise ValueError("inception score: (n, classes) probabilities of at least one sound are needed")
    return float(np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean()))
