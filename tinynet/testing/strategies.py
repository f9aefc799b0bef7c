"""Hypothesis strategies for layers and their inputs; they need the `test` extra.

An array is drawn as a shape, a kind of values and a seed, and filled by NumPy. Element by element
it would be a third zeros, slow, and would not shrink to anything that a reader recognises.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinynet import checks
from tinynet.checks import check_function, check_instance, listed, positive_int
from tinynet.layers import Dense, Layer, Sequential, Sigmoid
from tinynet.losses import Loss
from tinynet.testing.check import LAYER_CHECKS, LOSS_CHECKS, check_layer, check_loss, known_checks
from tinynet.text import shown
from tinynet.types import Array

try:
    from hypothesis import Phase, given, settings
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("tinynet's strategies need Hypothesis: pip install hypothesis") from error

__all__ = [
    "KINDS",
    "Values",
    "batches",
    "dense_layers",
    "labels",
    "layer_test",
    "loss_test",
    "networks",
    "values",
]

_FEW, _SEEDS = st.integers(1, 4), st.integers(0, 2**16)

KINDS = ("generic", "separated", "zeros", "ties", "small", "large")
"""Kinds of values, the plainest first, to which a failure shrinks."""


@dataclass(frozen=True)
class Values:
    """How to fill an array of any shape: `values(shape)`.

    Attributes:
        kind: "generic" are normal; "separated" are at least 0.05 apart; half of "zeros" are 0;
            "ties" are three numbers; "small" are about 1e-6 and "large" about 1e4.
        seed: of the random numbers.

    Example:
        >>> Values("ties", 0)((2, 3)).shape
        (2, 3)
    """

    kind: str = "generic"
    seed: int = 0

    def __post_init__(self) -> None:
        _check_kinds([self.kind], "kind")
        positive_int(self.seed, "seed", least=0)

    def __call__(self, shape: Sequence[int]) -> Array:
        """An array of the shape."""
        rng = np.random.default_rng(self.seed)
        x = rng.normal(size=checks.sizes(shape, "shape", least=0))
        if self.kind == "separated":
            return 0.1 * rng.permutation(x.size).reshape(x.shape) - 0.05 * (x.size - 1)
        if self.kind == "zeros":
            return x * rng.integers(0, 2, size=x.shape)
        if self.kind == "ties":
            return rng.choice(rng.normal(size=3), size=x.shape)
        return x * {"small": 1e-6, "large": 1e4}.get(self.kind, 1.0)


def values(*kinds: str) -> st.SearchStrategy[Values]:
    """Ways to fill an array, of the kinds given or of every kind; ValueError for an unknown one."""
    _check_kinds(kinds, "kinds")
    return st.builds(Values, st.sampled_from(kinds or KINDS), _SEEDS)


def _check_kinds(kinds: Sequence[str], name: str) -> None:
    for kind in kinds:
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"{name} are {', '.join(KINDS)}; got {shown(kind)}")


def _width(n: int | None, name: str) -> st.SearchStrategy[int]:
    return _FEW if n is None else st.just(positive_int(n, name))


def _range(value: tuple[int, int], name: str, least: int = 0) -> st.SearchStrategy[int]:
    """Ints from the first to the last of the two."""
    fewest, most = checks.sizes(value, name, least=least, axes=2)
    if fewest > most:
        raise ValueError(f"{name} must be the fewest and the most; got {shown(value)}")
    return st.integers(fewest, most)


def batches(
    *sizes: int | None,
    rows: tuple[int, int] = (1, 4),
    kinds: Sequence[str] = KINDS,
    transform: Callable[[Array], Array] | None = None,
) -> st.SearchStrategy[Array]:
    """Batches (N, ...) in float64: `batches(3)` are (N, 3), `batches(None)` any number of features.

    Args:
        sizes: of one example, None for any from 1 to 4; with no sizes, one of any.
        rows: the fewest and the most examples.
        kinds: of values, see `Values`.
        transform: applied to each batch, for instance np.abs for a layer of positive inputs.
    """
    transform = np.asarray if transform is None else transform
    check_function("transform", transform, "np.abs")
    widths = (_width(n, f"sizes[{place}]") for place, n in enumerate(sizes or (None,)))
    shapes = st.tuples(_range(rows, "rows"), *widths)
    filled = st.builds(Values.__call__, values(*listed(kinds, "kinds")), shapes)
    return filled.map(transform)


def labels(classes: int, *sizes: int, rows: tuple[int, int] = (1, 4)) -> st.SearchStrategy[Array]:
    """Integer batches (N, ...) from 0 to classes − 1: class labels, or words for an embedding."""

    def fill(n: int, seed: int) -> Array:
        return np.random.default_rng(seed).integers(classes, size=(n, *sizes))

    positive_int(classes, "classes")
    for place, size in enumerate(sizes):
        positive_int(size, f"sizes[{place}]")
    return st.builds(fill, _range(rows, "rows"), _SEEDS)


def dense_layers(inputs: int | None = None) -> st.SearchStrategy[Dense]:
    """Dense layers of 1 to 4 units, with and without biases."""
    return st.builds(Dense, _width(inputs, "inputs"), _FEW, bias=st.booleans(), rng=_SEEDS)


def networks(
    inputs: int | None = None,
    activations: Sequence[Callable[[], Layer]] = (Sigmoid,),
    depth: tuple[int, int] = (1, 3),
) -> st.SearchStrategy[Sequential]:
    """Sequential networks: Dense layers of 1 to 4 units with an activation after each but the last.

    Args:
        inputs: features of one example; any from 1 to 4 where None.
        activations: what to choose from.
        depth: the fewest and the most Dense layers.
    """

    def build(width: int, stages: list[tuple[int, Callable[[], Layer]]], seed: int) -> Sequential:
        rng, layers = np.random.default_rng(seed), []
        for units, activation in stages:
            layers += [Dense(width, units, rng=rng), activation()]
            width = units
        return Sequential(*layers[:-1])

    if not (choices := listed(activations, "activations")):
        raise ValueError("activations must have at least one to choose from; got 0")
    for place, activation in enumerate(choices):
        check_function(f"activations[{place}]", activation, "Sigmoid")
    stage, count = st.tuples(_FEW, st.sampled_from(choices)), _range(depth, "depth", least=1)
    stages = count.flatmap(lambda n: st.lists(stage, min_size=n, max_size=n))
    return st.builds(build, _width(inputs, "inputs"), stages, _SEEDS)


def _strategy(value: Any, name: str) -> st.SearchStrategy[Array]:
    if value is None:
        return batches()
    check_instance(name, value, st.SearchStrategy, "a strategy such as batches(3)")
    return value


def _patient() -> settings:
    """No deadline, and no explanation, for which Hypothesis traces every line of every check."""
    phases = [phase for phase in settings().phases if phase is not Phase.explain]
    return settings(deadline=None, phases=phases)


def layer_test(
    make: Callable[..., Layer],
    x: st.SearchStrategy[Array] | None = None,
    *,
    skip: Sequence[str] = (),
) -> Callable[[], None]:
    """A whole property test in one line; a single example may take as long as it likes.

    Args:
        make: a class that needs no arguments; or a function of the shape of one example, such as
            lambda shape: Dense(shape[0], 3, rng=0).
        x: where batches come from; `batches()` by default.
        skip: names of checks to leave out.

    Example:
        >>> test_sigmoid = layer_test(Sigmoid, batches(2, rows=(1, 2)))
    """
    check_function("make", make, "lambda shape: Dense(shape[0], 3, rng=0)")
    batch, skip = _strategy(x, "x"), known_checks(skip, LAYER_CHECKS)

    @_patient()
    @given(batch)
    def test(x: Array) -> None:
        check_layer(make() if isinstance(make, type) else make(x.shape[1:]), x, skip=skip)

    return test


def loss_test(
    make: Callable[[], Loss],
    y: st.SearchStrategy[Array] | None = None,
    target: Callable[[Array, np.random.Generator], Array] | None = None,
    *,
    skip: Sequence[str] = (),
) -> Callable[[], None]:
    """The same for a loss, which `make` makes, and outputs y.

    Args:
        target: (y, rng) -> the targets; by default normal, some equal to y.
    """
    check_function("make", make, "MSELoss")
    if target is not None:
        check_function("target", target, "lambda y, rng: rng.normal(size=y.shape)")
    outputs, skip = _strategy(y, "y"), known_checks(skip, LOSS_CHECKS)

    @_patient()
    @given(outputs, _SEEDS)
    def test(y: Array, seed: int) -> None:
        rng = np.random.default_rng(seed)
        some_equal = np.where(rng.random(y.shape) < 0.2, y, rng.normal(size=y.shape))
        check_loss(make(), y, target(y, rng) if target else some_equal, skip=skip)

    return test
