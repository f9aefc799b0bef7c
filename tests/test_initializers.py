"""Initializers, and the `rng` that they and others draw from.

Distributions are held to bounds that a correct one practically never leaves.
"""

import numpy as np
import pytest

from tinynet import (
    SGD,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    MSELoss,
    fit,
    initializers,
    load,
    save,
    train,
)
from tinynet.data import batches
from tinynet.initializers import orthogonal, zeros

FAN_IN, FAN_OUT = 300, 200
VARIANCES = {
    "standard_normal": 1,
    "lecun_normal": 1 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "he_normal": 2 / FAN_IN,
    "he_uniform": 2 / FAN_IN,
    "glorot_normal": 2 / (FAN_IN + FAN_OUT),
    "glorot_uniform": 2 / (FAN_IN + FAN_OUT),
}
NAMES = [name for name in initializers.__all__ if name != "Initializer"]


def draw(name, shape=(FAN_IN, FAN_OUT), seed=0):
    return getattr(initializers, name)(shape, np.random.default_rng(seed))


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("seed", range(3))
def test_mean_and_variance(name, seed):
    W, variance = draw(name, seed=seed), VARIANCES[name]
    # standard errors: σ/√n of the mean, at most σ²√(2/n) of the variance; five of them
    assert abs(W.mean()) < 5 * (variance / W.size) ** 0.5
    assert W.var() == pytest.approx(variance, rel=5 * (2 / W.size) ** 0.5)


@pytest.mark.parametrize("name", VARIANCES)
def test_shape_of_the_distribution(name):
    """A uniform distribution ends at √3 σ; of a normal one 68.3 % lie within σ."""
    z = draw(name).ravel() / VARIANCES[name] ** 0.5
    if name.endswith("uniform"):
        assert abs(z).max() <= 3**0.5
        assert abs(z).max() > 0.999 * 3**0.5
        assert (abs(z) < 1).mean() == pytest.approx(1 / 3**0.5, abs=0.01)
    else:
        assert abs(z).max() > 3
        assert (abs(z) < 1).mean() == pytest.approx(0.6827, abs=0.01)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3), (3, 1)])
def test_orthogonal_is_orthogonal_along_its_shorter_side(shape):
    W = orthogonal(shape, np.random.default_rng(0))
    assert W.shape == shape
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)


def test_orthogonal_is_uniform_among_rotations():
    """Without the signs of R the first diagonal element would always be negative."""
    rng = np.random.default_rng(0)
    first = np.array([orthogonal((3, 3), rng) for _ in range(2000)])
    # each entry of a uniform rotation has mean 0 and variance 1/3: five standard errors
    assert abs(first.mean(axis=0)).max() < 5 * (1 / 3 / 2000) ** 0.5
    assert (first > 0).mean() == pytest.approx(0.5, abs=0.03)


def test_zeros():
    np.testing.assert_array_equal(zeros((2, 3), np.random.default_rng(0)), np.zeros((2, 3)))


@pytest.mark.parametrize("name", NAMES)
def test_each_repeats_with_its_seed_and_starts_a_dense(name):
    init = getattr(initializers, name)
    np.testing.assert_array_equal(draw(name, seed=3), draw(name, seed=3))
    if name != "zeros":
        assert not np.array_equal(draw(name, seed=3), draw(name, seed=4))
    layer = Dense(5, 4, init=init, rng=1, dtype=np.float32)
    assert layer.W.dtype == np.float32
    wanted = init((5, 4), np.random.default_rng(1)).astype(np.float32)
    np.testing.assert_array_equal(layer.W, wanted)


@pytest.mark.parametrize("name", ["glorot_normal", "glorot_uniform", "orthogonal"])
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), ()])
def test_what_needs_both_fans_refuses_other_shapes(name, shape):
    with pytest.raises(ValueError, match="shape must be a tuple of 2 sizes; got"):
        draw(name, shape)


def takers(path):
    """Every function that takes an rng, each called with all else in order."""
    x = np.ones((4, 1))
    net = Dense(1, 1)
    save(net, path)
    arguments = net, MSELoss(), SGD(net, lr=0.1), x, x
    return {
        "Dense": lambda rng: Dense(1, 1, rng=rng),
        "Embedding": lambda rng: Embedding(3, 2, rng=rng),
        "Conv1D": lambda rng: Conv1D(1, 1, 2, rng=rng),
        "Conv2D": lambda rng: Conv2D(1, 1, 2, rng=rng),
        "Dropout": lambda rng: Dropout(0.5, rng=rng),
        "train": lambda rng: list(train(*arguments, epochs=1, rng=rng)),
        "fit": lambda rng: fit(*arguments, epochs=1, batch_size=1, rng=rng, progress="off"),
        "batches": lambda rng: batches(x, x, rng=rng),
        "load": lambda rng: load(path, rng=rng),
    }


@pytest.mark.parametrize(
    ("rng", "error"),
    [
        *((-1, ValueError), ("0", TypeError), (1.5, TypeError), (True, TypeError)),
        *(([1, 2], TypeError), (np.random, TypeError)),
        (np.random.RandomState(0), TypeError),
    ],
)
def test_what_random_numbers_cannot_come_from_is_refused_wherever_it_is_passed(
    tmp_path, rng, error
):
    for take in takers(tmp_path / "net.npz").values():
        rule = r"rng must be a Generator, an int of at least 0 or None; got .*default_rng\(0\)"
        with pytest.raises(error, match=rule):
            take(rng)


@pytest.mark.parametrize("rng", [0, np.int64(3), None, np.random.default_rng(0)])
def test_what_random_numbers_can_come_from_is_taken_everywhere(tmp_path, rng):
    for take in takers(tmp_path / "net.npz").values():
        take(rng)
