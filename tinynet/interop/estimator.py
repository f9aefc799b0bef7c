"""What the estimators for scikit-learn share: options, data, the network and its training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from tinynet.checks import (
    boolean,
    check_instance,
    float_dtype,
    fraction,
    optional,
    positive,
    positive_int,
    sizes,
)
from tinynet.initializers import glorot_uniform
from tinynet.layers import BatchNorm, Dense, Dropout, Layer, ReLU, Sequential
from tinynet.losses import Loss
from tinynet.optimizers import Adam, Optimizer
from tinynet.text import shown
from tinynet.training import History, fit, predict
from tinynet.training.loop import start
from tinynet.types import Array

MakesNetwork: TypeAlias = Callable[[int, int, np.random.Generator], Layer]
"""Takes the numbers of inputs and of outputs, and random numbers for the initial weights."""

MakesOptimizer: TypeAlias = Callable[[Layer, Any], Optimizer]
"""Takes the network and the learning rate, as the classes of the optimizers do."""

_AUTO = 200  # examples in a batch, as in scikit-learn


class NeuralEstimator(BaseEstimator):
    """What the classifier and the regressor share: options, network, training."""

    # what fit sets
    net_: Layer
    optimizer_: Optimizer
    history_: History
    n_iter_: int
    n_features_in_: int
    scaler_: Any
    _trained: Loss  # the loss, also if `loss` is changed later
    _rng: np.random.Generator

    def __init__(
        self,
        hidden: tuple[int, ...] = (100,),
        *,
        activation: Callable[[], Layer] = ReLU,
        dropout: float = 0.0,
        batch_norm: bool = False,
        standardize: bool = False,
        network: MakesNetwork | None = None,
        loss: Loss | None = None,
        optimizer: MakesOptimizer = Adam,
        lr: float = 1e-3,
        epochs: int = 200,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.standardize = standardize
        self.network = network
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.dtype = dtype

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a network; with `warm_start`, go on with that of the last call.

        Args:
            X: a table (N, features).
            y: what to predict for each row.
            sample_weight: weights (N,) of the rows in the loss, at least 0; one number stands for
                N equal ones. A row of weight 0 is left out.

        Raises:
            ValueError, TypeError: an option or data that do not fit.
            DivergenceError: the loss or a parameter is no longer finite.
        """
        self._check_options()
        first = not (self.warm_start and hasattr(self, "net_"))
        with self._unchanged_by_errors():
            x, t, weights = self._data(X, y, sample_weight, first=first, known=not first)
            if first:
                self._rng = self._generator()
            rows, held_back = self._split(t)
            if first:
                self._scale(x[rows], t[rows], None if weights is None else weights[rows])
            self._trained = self._default_loss() if self.loss is None else self.loss
            if first:
                self.net_ = self._network(x, t)
            self.optimizer_ = self._optimizer()
            self.history_ = self._train(x, t, weights, rows, held_back, self.epochs)
            self.n_iter_ = self.history_.epochs
        return self

    def _go_on(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> None:
        """One more epoch, on these rows."""
        self._check_options()
        if self.validation_fraction:
            raise ValueError(
                f"partial_fit trains on every row that it gets, so it needs validation_fraction=0; "
                f"got {shown(self.validation_fraction)}"
            )
        first = not hasattr(self, "net_")
        with self._unchanged_by_errors():
            x, t, weights = self._data(X, y, sample_weight, first=first, known=True)
            if first:
                self._rng = self._generator()
                self._scale(x, t, weights)
                self._trained = self._default_loss() if self.loss is None else self.loss
                self.net_ = self._network(x, t)
                self.optimizer_ = self._optimizer()
                self.history_ = self._train(x, t, weights, np.arange(len(x)), None, 1)
            else:
                self.history_ = self._one_more(x, t, weights)
            self.n_iter_ = self.history_.epochs

    @contextmanager
    def _unchanged_by_errors(self) -> Iterator[None]:
        """Give all attributes their values back if the body fails.

        With `warm_start`, the network is then as `tinynet.fit` leaves it, at the end of an epoch.
        """
        before = dict(self.__dict__)
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _one_more(self, x: Array, t: Array, weights: Array | None) -> History:
        """One epoch, without the rehearsal on a copy, which takes longer than few rows do."""
        weights = self._total_weights(t, weights)
        x, t, size = self._scaled(x), self._targets(t), self._batch_size(len(x))
        epochs = start(
            self.net_, self._trained, self.optimizer_, x, t, 1, size, self.shuffle, self._rng,
            "auto", sample_weight=weights, checked=True,
        )  # fmt: skip
        epoch = next(epochs)
        row = {"loss": epoch.loss, "lr": epoch.lr, "seconds": epoch.seconds}
        if self.history_.names == tuple(row):
            return self.history_.plus(row)
        return History({name: [value] for name, value in row.items()})

    def _check_options(self) -> None:
        """Refuse options that have no meaning, before anything is changed."""
        for name in ("batch_norm", "standardize", "shuffle", "warm_start"):
            boolean(getattr(self, name), name)
        float_dtype(self.dtype)
        fraction(self.dropout, "dropout")
        fraction(self.validation_fraction, "validation_fraction")
        positive_int(self.epochs, "epochs")
        optional(positive_int)(self.patience, "patience")
        if not callable(self.lr):
            positive(self.lr, "lr")
        if self.batch_size != "auto":
            if isinstance(self.batch_size, str):
                raise ValueError(f'batch_size must be an int or "auto"; got {self.batch_size!r}')
            positive_int(self.batch_size, "batch_size")
        for name, example in (("activation", "ReLU"), ("optimizer", "Adam"), ("network", "")):
            value = getattr(self, name)
            if (value is not None or example) and (
                not callable(value) or isinstance(value, Layer | Optimizer)
            ):
                what = f"a class such as {example}, or a function" if example else "a function"
                raise TypeError(f"{name} must be {what} that makes one; got {shown(value)}")
        if self.loss is not None:
            check_instance("loss", self.loss, Loss, "a loss such as MSELoss(), or None")
        if self.patience is not None and not self.validation_fraction:
            raise ValueError(
                f"patience={self.patience} watches the loss on rows that are not trained on: set "
                f"validation_fraction too, for example to 0.1"
            )

    def _data(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        first: bool,
        known: bool,
    ) -> tuple[Array, Array, Array | None]:
        """The rows that count, their targets or class indices, and their weights if they differ.

        `first` says that there is no network yet, `known` that the classes are known already.
        """
        raise NotImplementedError

    def _outputs(self, t: Array) -> int:
        """How many outputs the network needs."""
        raise NotImplementedError

    def _targets(self, t: Array) -> Array:
        """The targets in the form of the loss."""
        raise NotImplementedError

    def _default_loss(self) -> Loss:
        """What `loss=None` stands for."""
        raise NotImplementedError

    def _total_weights(self, t: Array, weights: Array | None) -> Array | None:
        """The weights of the rows in the loss."""
        return weights

    def _strata(self, t: Array) -> Array | None:
        """The classes that both parts of a split should have in the same shares."""
        return None

    def _split(self, t: Array) -> tuple[Array, Array | None]:
        """The rows to train on, and those to validate on."""
        rows, strata = np.arange(len(t)), self._strata(t)
        if not self.validation_fraction:
            return rows, None
        seed = int(self._rng.integers(2**31))
        try:
            kept, held_back = train_test_split(
                rows, test_size=self.validation_fraction, stratify=strata, random_state=seed
            )
            if strata is not None and len(np.unique(strata[kept])) < len(np.unique(strata)):
                raise ValueError("no row of some class would be left to train on")
        except ValueError as error:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} must leave rows of each class to "
                f"train on and some to validate on, which it does not with {len(t)} rows: {error}. "
                f"Choose another fraction, or 0, or give more rows"
            ) from error
        return kept, held_back

    def _scale(self, x: Array, t: Array, weights: Array | None) -> None:
        """Measure what `standardize` needs."""
        self.scaler_ = None
        if self.standardize:
            self.scaler_ = StandardScaler().fit(x, sample_weight=weights)

    def _generator(self) -> np.random.Generator:
        """The random numbers of initial weights, dropout and batches."""
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=4)
        return np.random.default_rng(seeds)

    def _network(self, x: Array, t: Array) -> Layer:
        inputs, outputs, rng = self.n_features_in_, self._outputs(t), self._rng
        dtype = float_dtype(self.dtype)
        if self.network is not None:
            net = self.network(inputs, outputs, rng)
            check_instance("what network returns", net, Layer, "a layer or network")
            net = net if net.params.dtype == dtype else Sequential(net, dtype=dtype)
            if (shape := net.predict(x[:1]).shape[1:]) != (outputs,):
                raise ValueError(
                    f"network must return one with {outputs} outputs for these targets and this "
                    f"loss, its second argument; the outputs for a row have the shape {shape}"
                )
            return net
        hidden = self.hidden if isinstance(self.hidden, tuple | list) else (self.hidden,)
        layers: list[Layer] = []
        for units in sizes(hidden, "hidden"):
            activation = self.activation()
            check_instance("what activation returns", activation, Layer, "a layer")
            layers.append(_dense(inputs, units, not self.batch_norm, rng))
            if self.batch_norm:
                layers.append(BatchNorm(units))
            layers.append(activation)
            if self.dropout:
                layers.append(Dropout(self.dropout, rng=rng))
            inputs = units
        return Sequential(*layers, _dense(inputs, outputs, True, rng), dtype=dtype)

    def _optimizer(self) -> Optimizer:
        optimizer = self.optimizer(self.net_, self.lr)
        check_instance("what optimizer returns", optimizer, Optimizer, "an optimizer")
        return optimizer

    def _train(
        self,
        x: Array,
        t: Array,
        weights: Array | None,
        rows: Array,
        held_back: Array | None,
        epochs: int,
    ) -> History:
        """Train on `rows` and validate on those that are held back."""
        weights = self._total_weights(t, weights)
        x, t = self._scaled(x), self._targets(t)
        options: dict[str, Any] = {}
        if held_back is not None:
            options["validation"] = (x[held_back], t[held_back])
            if weights is not None:
                options["validation"] += (weights[held_back],)
            options["patience"] = self.patience
            x, t = x[rows], t[rows]
            weights = None if weights is None else weights[rows]
        if weights is not None:
            options["sample_weight"] = weights
        return fit(
            self.net_,
            self._trained,
            self.optimizer_,
            x,
            t,
            epochs=epochs,
            batch_size=self._batch_size(len(x)),
            shuffle=self.shuffle,
            rng=self._rng,
            progress="auto" if self.verbose else "off",
            **options,
        )

    def _batch_size(self, examples: int) -> int:
        if self.batch_size != "auto":
            return positive_int(self.batch_size, "batch_size")
        size = min(_AUTO, examples)
        while self.batch_norm and size > 2 and examples % size == 1:
            size -= 1  # the statistics of one example would have no variance
        return size

    def _scaled(self, x: Array) -> Array:
        return x if self.scaler_ is None else self.scaler_.transform(x).astype(x.dtype, copy=False)

    def _raw_outputs(self, X: ArrayLike) -> Array:
        """The outputs of the network for the rows of a table."""
        check_is_fitted(self, "net_")
        x = validate_data(self, X, reset=False, dtype=self.net_.params.dtype, order="C")
        return predict(self.net_, self._scaled(x))


def _dense(inputs: int, outputs: int, bias: bool, rng: np.random.Generator) -> Dense:
    """A layer that starts as those of scikit-learn: W and b from Glorot's uniform distribution."""
    layer = Dense(inputs, outputs, bias=bias, init=glorot_uniform, rng=rng)
    if bias:
        bound = np.sqrt(6 / (inputs + outputs))
        layer.b = rng.uniform(-bound, bound, outputs)
    return layer


def counting(
    x: Array, t: Array, sample_weight: ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    """The rows whose weights are not 0, and these weights, or None where all are equal."""
    if sample_weight is None:
        return x, t, None
    if np.isscalar(sample_weight):
        sample_weight = np.full(len(x), sample_weight)
    weights = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array. Expected "
            f"either a scalar value or a 1D array of length {len(x)}."
        )
    check_consistent_length(x, weights)
    check_non_negative(weights, "sample_weight")
    counts = weights > 0
    if not counts.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    weights = weights[counts]
    return x[counts], t[counts], None if np.ptp(weights) == 0 else weights
