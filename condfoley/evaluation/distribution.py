"""Distances of sets of sounds, from their embeddings or class probabilities. Pure functions."""

from __future__ import annotations

import numpy as np

MIN_PROBABILITY = 1e-8  # inside a logarithm


def frechet_distance(estimated: np.ndarray, true: np.ndarray) -> float:
    """Frechet distance of two Gaussians fitted to embeddings (Heusel et al. 2017; for sound Kilgour et al. 2019).

    |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), in squared units of the embedding, never below 0.
    It is biased upwards for few sounds, so only sets of the same size can be compared.
    estimated: (n, D), true: (m, D), n and m >= 2. Raises ValueError for fewer sounds or other shapes.
    """
    estimated, true = (np.asarray(x, float) for x in (estimated, true))
    if (
        estimated.ndim != 2
        or true.ndim != 2
        or estimated.shape[1] != true.shape[1]
        or min(len(estimated), len(true)) < 2
    ):
        raise ValueError(
            f"frechet distance: two sets of at least two embeddings, not {estimated.shape} and {true.shape}"
        )
    # tr (C C')^(1/2) from the centred data: its singular values are those of X X'^T, so no D x D root is needed.
    a, b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (estimated, true))
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    between = np.square(estimated.mean(0) - true.mean(0)).sum()
    return max(0.0, float(between + np.square(a).sum() + np.square(b).sum() - 2 * root))


def kl_divergence(estimated: np.ndarray, true: np.ndarray) -> float:
    """KL(true || estimated) of two distributions over classes, nats; 0 for equal ones (Iashin and Rahtu 2021: "MKL").

    estimated, true: (classes,), each >= 0 with sum 1.
    """
    p, q = (np.maximum(np.asarray(x, float), MIN_PROBABILITY) for x in (true, estimated))
    return float((p * np.log(p / q)).sum())


def inception_score(probabilities: np.ndarray) -> float:
    """exp of the mean KL of each sound's class probabilities from their mean (Salimans et al. 2016).

    Between 1 (the same probabilities for all sounds) and the number of classes.
    probabilities: (n, classes). Raises ValueError without any sound.
    """
    p = np.maximum(np.asarray(probabilities, float), MIN_PROBABILITY)
    if p.ndim != 2 or not len(p):
        raise ValueError("inception score: (n, classes) probabilities of at least one sound are needed")
    return float(np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean()))
