"""Standardize: inputs with mean 0 and standard deviation 1, by constants that are not learned."""

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinynet.checks import (
    as_numbers,
    boolean,
    check_gradient,
    check_numbers,
    check_width,
    float_dtype,
    sizes,
)
from tinynet.layers.base import Layer
from tinynet.types import Array

_AT_ONCE = 2**18  # numbers that are in float64 at the same time


class Standardize(Layer):
    """y = (x − mean) / std with constants for each feature, dx = dy / std; the first layer, often.

    Shapes: x and y (N, ...), mean and std of any one shape that broadcasts over the examples:
    (features,) for x (N, ..., features), (channels, 1, 1) for images (N, channels, H, W), () for
    one number for all. Both are buffers: saved with the network, and not moved by an optimizer. So
    the network takes data as they come, and a file holds all that it needs. Training and inference
    are the same; `BatchNorm` takes the statistics of each batch instead.

    `Standardize.from_data(x)` computes them from the training data.

    Args:
        mean: what is subtracted.
        std: what it is divided by, positive.
        dtype: float type of mean, std and y.

    Raises:
        ValueError: shapes that differ, an infinite number or NaN, a std that is not positive, or an
            x over whose examples mean and std do not broadcast.
        TypeError: an x whose float type is wider than that of the layer.

    References:
        Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient BackProp" (1998), section 4.3.

    Example:
        >>> x = np.array([[1.0, 10.0], [3.0, 50.0]])
        >>> layer = Standardize.from_data(x)
        >>> layer
        Standardize(np.array([2.0, 30.0]), np.array([1.0, 20.0]))
        >>> layer.forward(x)
        array([[-1., -1.], [ 1., 1.]])
    """

    mean: Array
    std: Array

    buffers = ("mean", "std")

    def __init__(self, mean: ArrayLike, std: ArrayLike, *, dtype: DTypeLike = np.float64) -> None:
        dtype = float_dtype(dtype)
        mean, std = _constants("mean", mean, dtype), _constants("std", std, dtype)
        if mean.shape != std.shape:
            raise ValueError(f"mean and std must have one shape; got {mean.shape} and {std.shape}")
        if not (std > 0).all():
            place = int((std <= 0).argmax())
            raise ValueError(
                f"std must hold positive numbers; got an array of shape {std.shape} with "
                f"{std.flat[place]:g} at {_place(place, std.shape)}"
            )
        super().__init__(dtype=dtype)
        self.mean, self.std = mean, std

    @classmethod
    def from_data(
        cls,
        x: Array,
        *,
        shape: tuple[int, ...] | None = None,
        allow_constant: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> Self:
        """The layer whose y has, over all of x, the mean 0 and the standard deviation 1.

        std² = Σ (x − mean)² / n. Both are computed in float64, over some rows at a time, so that an
        x that is mapped from a file is not read into memory as a whole.

        Args:
            x: the training data (N, ...), not those of a test.
            shape: of mean and std, by default that of an example. Where it is 1, or has no axis,
                all numbers along the axis of x are taken together: (channels, 1, 1) for images, ()
                for one mean and one std.
            allow_constant: whether a feature may be constant, which then has the std 1, so that its
                y is 0. Otherwise it is an error that names the feature.
            dtype: as for `Standardize`.

        Raises:
            ValueError: no example, an infinite number or NaN, a constant feature, or a shape that
                does not broadcast over the examples.
            TypeError: what is no array of numbers.

        Example:
            >>> images = np.random.default_rng(0).integers(0, 256, (100, 3, 8, 8), np.uint8)
            >>> Standardize.from_data(images, shape=(3, 1, 1)).mean.shape
            (3, 1, 1)
            >>> Standardize.from_data(np.array([[1, 5], [2, 5]]))
            Traceback (most recent call last):
            ValueError: x must vary in each feature; got x of shape (2, 2), in which feature 1 is
            constant (1 of 2). Leave such features out, or pass allow_constant=True, which gives
            them the std 1.
        """
        check_numbers("x", x)
        dtype, allow_constant = float_dtype(dtype), boolean(allow_constant, "allow_constant")
        if not x.ndim or not x.size:
            raise ValueError(f"x must have examples, (N, ...); got x of shape {x.shape}")
        target = x.shape[1:] if shape is None else sizes(shape, "shape")
        if not _broadcasts(target, x.shape[1:]):
            raise ValueError(
                f"shape must broadcast over the examples, of shape {x.shape[1:]}; got {target}"
            )
        mean, std, constant = map(np.array, _statistics(x, target))  # of no axes, too
        if constant.any() and not allow_constant:
            places = [_place(n, target) for n in np.flatnonzero(constant).tolist()]
            named = ", ".join(map(str, places[:10])) + ", ..." * (len(places) > 10)
            are = "feature {} is" if len(places) == 1 else "the features {} are"
            raise ValueError(
                f"x must vary in each feature; got x of shape {x.shape}, in which "
                f"{are.format(named)} constant ({len(places)} of {constant.size}). Leave such "
                f"features out, or pass allow_constant=True, which gives them the std 1."
            )
        std[constant] = 1
        more = {} if dtype == np.float64 else {"dtype": dtype}
        return cls(mean, std, **more)

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        if not x.ndim or not _broadcasts(self.mean.shape, x.shape[1:]):
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, ...), examples over which mean "
                f"and std of shape {self.mean.shape} broadcast. Is the batch axis missing?"
            )
        check_width(self, x, self.mean.dtype)
        self._shape = x.shape
        return (x.astype(self.mean.dtype, copy=False) - self.mean) / self.std

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape, self.std.dtype)
        return dy / self.std


def _constants(name: str, value: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Finite numbers of any shape, as a copy in the float type."""
    given = as_numbers(value, name)
    with np.errstate(over="ignore"):
        array = given.astype(dtype)
    if not np.isfinite(array).all():
        place = int((~np.isfinite(array)).argmax())
        raise ValueError(
            f"{name} must hold finite numbers; got an array of shape {array.shape} with "
            f"{given.flat[place]} at {_place(place, array.shape)}"
        )
    return array


def _place(place: int, shape: tuple[int, ...]) -> int | tuple[int, ...]:
    """The index of an element of an array of that shape, by its place in it."""
    index = tuple(int(n) for n in np.unravel_index(place, shape))
    return index[0] if len(index) == 1 else index


def _broadcasts(shape: tuple[int, ...], example: tuple[int, ...]) -> bool:
    """Whether numbers of a shape meet those of an example without making more of them."""
    if len(shape) > len(example):
        return False
    last = example[len(example) - len(shape) :]
    return all(size in (1, there) for size, there in zip(shape, last, strict=True))


def _statistics(x: Array, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """The mean and standard deviation over all but the axes of `shape`, and where x is constant.

    Those of the rows so far are joined with those of the next ones by the equations of T. F. Chan,
    G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance" (1983).
    """
    padded = (1,) * (x.ndim - 1 - len(shape)) + shape
    axes = 0, *(axis for axis, size in enumerate(padded, start=1) if size == 1)
    count, mean, squares = 0, np.zeros(padded), np.zeros(padded)
    lowest, highest = np.full(padded, np.inf), np.full(padded, -np.inf)
    rows = max(1, _AT_ONCE // math.prod(x.shape[1:]))
    for start in range(0, len(x), rows):
        some = np.asarray(x[start : start + rows], dtype=np.float64)
        if not np.isfinite(some).all():
            index = tuple(int(n) for n in np.argwhere(~np.isfinite(some))[0])
            raise ValueError(
                f"x must hold finite numbers; got {some[index]} in row {start + index[0]} of x of "
                f"shape {x.shape}"
            )
        here = some.mean(axis=axes, keepdims=True)[0]
        around = np.square(some - here).sum(axis=axes, keepdims=True)[0]
        number = some.size // math.prod(padded)
        apart, total = here - mean, count + number
        mean += apart * (number / total)
        squares += around + apart**2 * (count * number / total)
        count = total
        np.minimum(lowest, some.min(axis=axes, keepdims=True)[0], out=lowest)
        np.maximum(highest, some.max(axis=axes, keepdims=True)[0], out=highest)
    constant = lowest == highest
    mean[constant] = lowest[constant]  # to the bit, so that y is 0
    parts = mean, np.sqrt(squares / count), constant
    return tuple(part.reshape(shape) for part in parts)  # type: ignore[return-value]
