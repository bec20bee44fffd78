import numpy as np
import pytest

from condfoley.evaluation.timbre import embed_timbre, is_nearer
from condfoley.evaluation.timbre_statistics import discriminant, instrument_windows
from condfoley.geometry import Geometry

G = Geometry()


@pytest.fixture(scope="module")
def instruments():
    return [sounds for _, sounds in instrument_windows("heldout", 12, 3, seed=5)]


def test_true_sounds_are_nearest_to_their_own_instrument(instruments):
    points = [[embed_timbre(wav, G) for wav in sounds] for sounds in instruments]
    pairs = [(a, b) for a in range(12) for b in range(12) if a != b]
    right = [is_nearer(points[a][0], points[a][1:], points[b][1:]) for a, b in pairs]
    assert np.mean(right) > 0.9


def test_level_does_not_matter(instruments):
    wav = instruments[0][0]
    assert np.allclose(embed_timbre(wav, G), embed_timbre(0.01 * wav, G), atol=0.05)


def test_time_hardly_matters(instruments):
    points = [[embed_timbre(wav, G) for wav in sounds[:2]] for sounds in instruments]
    late = embed_timbre(np.pad(instruments[0][0], (round(0.31 * G.sample_rate), 0)), G)
    between = np.median([np.linalg.norm(points[0][0] - other[0]) for other in points[1:]])
    assert np.linalg.norm(late - points[0][0]) < 0.3 * between


@pytest.mark.parametrize("samples", [1, 100, 5000, 66150])
def test_any_length_and_silence_have_an_embedding(samples):
    shape = embed_timbre(np.zeros(66150, np.float32), G).shape
    wav = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    assert embed_timbre(wav, G).shape == shape and np.isfinite(embed_timbre(wav, G)).all()
    assert np.isfinite(embed_timbre(0 * wav, G)).all()


def test_nearer_on_numbers():
    near, far, query = np.array([1.0, 0.0]), np.array([0.0, 3.0]), np.zeros(2)
    assert is_nearer(query, [near], [far]) and is_nearer(query, [far, near], [far])
    assert not is_nearer(query, [far], [near]) and not is_nearer(query, [near], [near])
    with pytest.raises(ValueError, match="at least one"):
        is_nearer(query, [], [far])


def test_the_discriminant_finds_the_direction_that_tells_instruments_apart():
    rng = np.random.default_rng(0)
    between, inside = np.array([3.0, 0.1, 0.1]), np.array([0.5, 2.0, 1.0])
    features = rng.normal(0, 1, (200, 1, 3)) * between + rng.normal(0, 1, (200, 4, 3)) * inside
    mean, projection = discriminant(features, dimensions=1, shrinkage=1e-4)
    direction = projection[:, 0] / np.linalg.norm(projection)
    assert mean == pytest.approx(features.mean((0, 1))) and abs(direction[0]) > 0.99
    spread = ((features - features.mean(1, keepdims=True)) @ projection).std() * np.sqrt(4 / 3)
    assert spread == pytest.approx(1, abs=0.05)
