"""Initial weights: functions of a shape and a random generator.

An initializer is any `f(shape, rng) -> array` of that shape; a weight matrix has the shape
`(fan_in, fan_out)`. Values are drawn in float64 and cast by the layer, so a float32 network starts
from the same numbers, rounded. The normal distributions are not truncated, as in PyTorch (Keras
truncates its `he_normal` and the others at 2σ).

Use `he_*` before ReLU and similar activations, `glorot_*` or `lecun_*` before Tanh and Sigmoid.
"""

from typing import Protocol

import numpy as np

from tinynet.checks import as_numbers, check_function, random_generator, sizes
from tinynet.text import shown
from tinynet.types import Array, Rng

__all__ = [
    "Initializer",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "standard_normal",
    "zeros",
]


INITIAL = "init", "recurrent_init"
"""The names of the arguments of layers that take an initializer."""


class Initializer(Protocol):
    """A function that makes initial weights, as `Dense(..., init=)` takes it."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, /) -> Array:
        """Initial values of the given shape."""


def initial_weights(
    init: Initializer, shape: tuple[int, ...], rng: Rng, name: str = "init"
) -> Array:
    """The values of an initializer, if they are finite and have the right shape."""
    check_function(name, init, "tinynet.he_normal")
    generator = random_generator(rng)
    try:
        W = init(shape, generator)
    except Exception as error:
        error.add_note(f"in {name}={shown(init)}, called with shape={shape} and a Generator")
        raise
    W = as_numbers(W, f"{name}(shape, rng)").astype(float, copy=False)
    if W.shape != shape:
        raise ValueError(f"{name} must return an array of shape {shape}; got {W.shape}")
    if not (np.isfinite(W.max()) and np.isfinite(W.min())):  # without a copy
        raise ValueError(f"{name} must return finite numbers; it returned NaN or infinity")
    return W


def zeros(shape: tuple[int, ...], rng: Rng) -> Array:
    """W = 0: for biases, and for the last layer of a `Residual`, which then starts as the identity.

    Two layers of zeros in a row never learn: the gradient of each has the other's weights as a
    factor.

    References:
        P. Goyal et al., "Accurate, large minibatch SGD" (2017), section 5.1: residual blocks that
        start as the identity.

    Example:
        >>> zeros((2, 3), np.random.default_rng(0))
        array([[0., 0., 0.], [0., 0., 0.]])
    """
    shape, rng = _checked(shape, rng)
    return np.zeros(shape)


def standard_normal(shape: tuple[int, ...], rng: Rng) -> Array:
    """W ~ N(0, 1): for embeddings, where each output is one weight.

    It is the default of `Embedding`, as in PyTorch.

    Example:
        >>> W = standard_normal((784, 100), np.random.default_rng(0))
        >>> bool(abs(W.std() - 1) < 0.01)
        True
    """
    shape, rng = _checked(shape, rng)
    return rng.normal(0.0, 1.0, shape)


def lecun_normal(shape: tuple[int, ...], rng: Rng) -> Array:
    """W ~ N(0, 1 / fan_in): x W then has the variance of x. The default of `Dense`.

    References:
        Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp" (1998), section 4.6.

    Example:
        >>> W = lecun_normal((784, 100), np.random.default_rng(0))
        >>> W.shape, bool(abs(W.std() * 28 - 1) < 0.01)
        ((784, 100), True)
    """
    shape, rng = _checked(shape, rng)
    return rng.normal(0.0, shape[0] ** -0.5, shape)


def lecun_uniform(shape: tuple[int, ...], rng: Rng) -> Array:
    """W ~ U(−a, a) with a = √(3 / fan_in), which has the variance of `lecun_normal`.

    Example:
        >>> bool(abs(lecun_uniform((300, 100), np.random.default_rng(0))).max() <= 0.1)
        True
    """
    shape, rng = _checked(shape, rng)
    a = (3 / shape[0]) ** 0.5
    return rng.uniform(-a, a, shape)


def he_normal(shape: tuple[int, ...], rng: Rng) -> Array:
    """W ~ N(0, 2 / fan_in): twice LeCun's variance, because ReLU sets half of its inputs to 0.

    PyTorch's `kaiming_normal_` with its defaults.

    References:
        K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers" (2015), equation 10.

    Example:
        >>> W = he_normal((800, 100), np.random.default_rng(0))
        >>> bool(abs(W.std() * 20 - 1) < 0.01)
        True
    """
    shape, rng = _checked(shape, rng)
    return rng.normal(0.0, (2 / shape[0]) ** 0.5, shape)


def he_uniform(shape: tuple[int, ...], rng: Rng) -> Array:
    """W ~ U(−a, a) with a = √(6 / fan_in), which has the variance of `he_normal`.

    PyTorch's `kaiming_uniform_` with its defaults.

    Example:
        >>> bool(abs(he_uniform((600, 100), np.random.default_rng(0))).max() <= 0.1)
        True
    """
    shape, rng = _checked(shape, rng)
    a = (6 / shape[0]) ** 0.5
    return rng.uniform(-a, a, shape)


def glorot_normal(shape: tuple[int, ...], rng: Rng) -> Array:
    """W ~ N(0, 2 / (fan_in + fan_out)): 1 / fan_in suits outputs, 1 / fan_out suits gradients.

    PyTorch's `xavier_normal_`.

    Raises:
        ValueError: the shape is not (fan_in, fan_out).

    References:
        X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
        networks" (2010), equation 12; equation 16 is that of `glorot_uniform`.

    Example:
        >>> W = glorot_normal((600, 200), np.random.default_rng(0))
        >>> bool(abs(W.std() * 20 - 1) < 0.01)
        True
    """
    (fan_in, fan_out), rng = _checked(shape, rng, axes=2)
    return rng.normal(0.0, (2 / (fan_in + fan_out)) ** 0.5, shape)


def glorot_uniform(shape: tuple[int, ...], rng: Rng) -> Array:
    """W ~ U(−a, a) with a = √(6 / (fan_in + fan_out)), which has the variance of `glorot_normal`.

    PyTorch's `xavier_uniform_`, and the default of Keras's `Dense`.

    Raises:
        ValueError: the shape is not (fan_in, fan_out).

    Example:
        >>> bool(abs(glorot_uniform((400, 200), np.random.default_rng(0))).max() <= 0.1)
        True
    """
    (fan_in, fan_out), rng = _checked(shape, rng, axes=2)
    a = (6 / (fan_in + fan_out)) ** 0.5
    return rng.uniform(-a, a, shape)


def orthogonal(shape: tuple[int, ...], rng: Rng) -> Array:
    """WᵀW = I, or W Wᵀ = I if fan_out > fan_in: drawn uniformly from all such matrices.

    It is Q in the decomposition Q R of a normal matrix, with the signs that make the diagonal of R
    positive; with other signs the distribution is not uniform.

    Raises:
        ValueError: the shape is not (fan_in, fan_out).

    References:
        A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning
        in deep linear neural networks" (2014);
        F. Mezzadri, "How to generate random matrices from the classical compact groups" (2007).

    Example:
        >>> W = orthogonal((3, 2), np.random.default_rng(0))
        >>> bool(np.allclose(W.T @ W, np.eye(2)))
        True
    """
    (fan_in, fan_out), rng = _checked(shape, rng, axes=2)
    Q, R = np.linalg.qr(rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out))))
    Q *= np.copysign(1, R.diagonal())
    return Q if fan_in >= fan_out else Q.T


def _checked(
    shape: tuple[int, ...], rng: Rng, axes: int | None = None
) -> tuple[tuple[int, ...], np.random.Generator]:
    """The shape as a tuple of at least one int, and the Generator that `rng` stands for."""
    if not (shape := sizes(shape, "shape", axes=axes)):
        raise ValueError("shape must be (fan_in, fan_out) or another tuple of sizes; got ()")
    return shape, random_generator(rng)
