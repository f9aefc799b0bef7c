"""Estimators for scikit-learn whose model is a network of tinynet.

They need the extra `sklearn`, and `import tinynet` does not import them:
`from tinynet.interop.sklearn import NeuralClassifier`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.special import expit, softmax

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
from tinynet.initializers import he_normal, lecun_normal
from tinynet.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    Mish,
    PReLU,
    ReLU,
    Sequential,
    SiLU,
)
from tinynet.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    KLDivLoss,
    Loss,
    MSELoss,
)
from tinynet.optimizers import Adam, Optimizer
from tinynet.text import shown
from tinynet.training import History, fit, predict
from tinynet.training.loop import start
from tinynet.types import Array

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data
except ImportError as error:
    raise ImportError(
        "tinynet.interop.sklearn needs scikit-learn 1.6 or newer: pip install 'scikit-learn>=1.6'"
    ) from error

__all__ = ["NeuralClassifier", "NeuralRegressor"]

MakesNetwork: TypeAlias = Callable[[int, int, np.random.Generator], Layer]
"""Takes the numbers of inputs and of outputs, and random numbers for the initial weights."""

MakesOptimizer: TypeAlias = Callable[[Layer, Any], Optimizer]
"""Takes the network and the learning rate, as the classes of the optimizers do."""

_RECTIFIERS = (ReLU, LeakyReLU, PReLU, ELU, GELU, SiLU, Mish)  # for which He's weights are made
_AUTO = 200  # examples in a batch, as in scikit-learn


class _Neural(BaseEstimator):
    """What the classifier and the regressor share: options, network, training."""

    # what fit sets
    net_: Layer
    optimizer_: Optimizer
    history_: History
    n_iter_: int
    n_features_in_: int
    scaler_: Any
    _trained: Loss  # what predict_proba has to know of
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
        x, t, weights = self._data(X, y, sample_weight, first=first, known=not first)
        if first:
            self._rng = self._generator()
        rows, held_back = self._split(t)
        if first:
            self._scale(x[rows], t[rows], None if weights is None else weights[rows])
        net = self._network(x, t) if first else self.net_
        optimizer = self._optimizer(net)
        history = self._train(net, optimizer, x, t, weights, rows, held_back, self.epochs)
        self.net_, self.optimizer_, self.history_ = net, optimizer, history
        self.n_iter_ = history.epochs
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
        x, t, weights = self._data(X, y, sample_weight, first=first, known=True)
        if first:
            self._rng = self._generator()
            self._scale(x, t, weights)
            net = self._network(x, t)
            optimizer = self._optimizer(net)
            history = self._train(net, optimizer, x, t, weights, np.arange(len(x)), None, 1)
            self.net_, self.optimizer_, self.history_ = net, optimizer, history
        else:
            self.history_ = self._one_more(x, t, weights)
        self.n_iter_ = self.history_.epochs

    def _one_more(self, x: Array, t: Array, weights: Array | None) -> History:
        """One epoch, without the rehearsal on a copy, which takes longer than few rows do."""
        weights = self._total_weights(t, weights)
        x, t, size = self._scaled(x), self._targets(t, self._trained), self._batch_size(len(x))
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

    def _targets(self, t: Array, loss: Loss) -> Array:
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
            init = he_normal if isinstance(activation, _RECTIFIERS) else lecun_normal
            layers.append(Dense(inputs, units, bias=not self.batch_norm, init=init, rng=rng))
            if self.batch_norm:
                layers.append(BatchNorm(units))
            layers.append(activation)
            if self.dropout:
                layers.append(Dropout(self.dropout, rng=rng))
            inputs = units
        return Sequential(*layers, Dense(inputs, outputs, rng=rng), dtype=dtype)

    def _optimizer(self, net: Layer) -> Optimizer:
        optimizer = self.optimizer(net, self.lr)
        check_instance("what optimizer returns", optimizer, Optimizer, "an optimizer")
        return optimizer

    def _train(
        self,
        net: Layer,
        optimizer: Optimizer,
        x: Array,
        t: Array,
        weights: Array | None,
        rows: Array,
        held_back: Array | None,
        epochs: int,
    ) -> History:
        """Train on `rows` and validate on those that are held back."""
        self._trained = loss = self._default_loss() if self.loss is None else self.loss
        weights = self._total_weights(t, weights)
        x, t = self._scaled(x), self._targets(t, loss)
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
            net,
            loss,
            optimizer,
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


class NeuralClassifier(ClassifierMixin, _Neural):
    """A classifier for scikit-learn: a network of dense layers, or any other of tinynet.

    p = softmax(net(x)), trained by cross-entropy, Adam and batches; for two classes the network has
    one output and p = σ(net(x)) is the probability of the second class. It takes part in whatever
    scikit-learn has for classifiers: pipelines, searches, cross-validation, calibration. Defaults
    are those of MLPClassifier, without its L2 penalty and with all epochs instead of a tolerance.

    Args:
        hidden: units of the hidden layers; () makes a linear model.
        activation: after each hidden layer, a class of layers or a function that makes one. What
            resembles ReLU starts with He's weights, anything else with LeCun's.
        dropout: the part of the hidden units that each step leaves out.
        batch_norm: whether a BatchNorm precedes each activation.
        standardize: whether the features get mean 0 and variance 1 first (those of the rows that
            are trained on); the attribute `scaler_` does it. Networks learn badly without it if
            features are large or of different sizes.
        network: a function of the numbers of inputs and outputs and of a Generator that makes the
            network, in place of `hidden`, `activation`, `dropout` and `batch_norm`. It ends
            without the softmax or sigmoid that the loss applies.
        loss: a loss; None stands for `BCEWithLogitsLoss` for two classes, and `CrossEntropyLoss`
            for more. These two and `BCELoss` get the targets that they are made for; others, such
            as `MSELoss` and `KLDivLoss`, rows of 0 with a 1 at the right class. A loss without an
            activation of its own then counts outputs as probabilities, after they are divided by
            their sum.
        optimizer: a class of optimizers, or a function of network and learning rate.
        lr: the learning rate, or a function of the step.
        epochs: passes over the rows.
        batch_size: rows in a step; "auto" stands for 200, or for all if there are fewer.
        shuffle: whether each epoch has the rows in a new order.
        validation_fraction: the part of the rows, with the same part of each class, that is not
            trained on; the loss on them is in `history_["validation_loss"]`.
        patience: stop when the loss on those rows has not fallen for so many epochs, and keep the
            network of the best one.
        class_weight: a dict of weights by class, or "balanced" for weights that make all classes
            count the same. They multiply the weights of the rows.
        random_state: an int for results that can be repeated.
        warm_start: whether `fit` goes on with the network of the last call, by a new optimizer.
        verbose: whether the epochs are shown.
        dtype: float type of the network, np.float64 or np.float32.

    Attributes:
        classes_: the labels, sorted.
        net_: the network; `tinynet.save` writes it to a file.
        history_: the results of the epochs, a `tinynet.History`.
        n_iter_: the number of epochs that were run.
        n_features_in_: the number of columns.
        feature_names_in_: their names, if X has names.

    Where all rows are one batch, as with "auto" up to 200 rows, a weight of 2 for a row is the same
    as that row twice. With smaller batches it is so on the average over many orders only, and not
    with `batch_norm`, whose means do not weigh.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_val_score
        >>> X, y = load_iris(return_X_y=True)
        >>> model = NeuralClassifier(hidden=(16,), lr=0.02, standardize=True, random_state=0)
        >>> bool(cross_val_score(model, X, y).mean() > 0.93)
        True
        >>> model.fit(X, y).predict_proba(X[:1]).round(1)
        array([[1., 0., 0.]])
        >>> model.net_
        Sequential(
            Dense(4, 16, ...),
            ReLU(),
            Dense(16, 3, ...),
            dtype=np.float64)
    """

    classes_: Array

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
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> None:
        super().__init__(
            hidden,
            activation=activation,
            dropout=dropout,
            batch_norm=batch_norm,
            standardize=standardize,
            network=network,
            loss=loss,
            optimizer=optimizer,
            lr=lr,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            validation_fraction=validation_fraction,
            patience=patience,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            dtype=dtype,
        )
        self.class_weight = class_weight

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on these rows, with the network and the optimizer of the calls before.

        Args:
            X, y, sample_weight: as for `fit`.
            classes: all labels that any call will have; needed in the first call only.

        Raises:
            ValueError: no `classes` in the first call, or others in a later one; a label that is
                none of them; `class_weight="balanced"`, which needs all rows.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" counts the classes of all rows, which partial_fit does '
                "not see: pass a dict of weights, or sample_weight"
            )
        fitted = hasattr(self, "net_")
        if classes is None and not fitted:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None:
            labels = unique_labels(classes)
            if fitted and not np.array_equal(labels, self.classes_):
                raise ValueError(
                    f"`classes={shown(classes)}` is not the same as on last call to partial_fit, "
                    f"was: {self.classes_}"
                )
            self.classes_ = _at_least_two(labels)
        self._go_on(X, y, sample_weight)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """The most probable label of each row, (N,)."""
        probabilities = self.predict_proba(X)
        labels: Array = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class, in the order of `classes_`, for each row, (N, classes)."""
        y, loss = self._raw_outputs(X), self._trained
        if isinstance(loss, CrossEntropyLoss) or loss.activation == "Softmax":
            probabilities: Array = softmax(y, axis=1)
            return probabilities
        if loss.activation == "Sigmoid":
            y = expit(y)
        elif isinstance(loss, KLDivLoss):
            y = np.exp(y)
        if y.shape[1] == 1:
            y = np.clip(y, 0, 1)
            return np.hstack([1 - y, y])
        y = np.maximum(y, 0)
        total = y.sum(axis=1, keepdims=True)
        return np.where(total > 0, y / np.where(total > 0, total, 1), 1 / y.shape[1])

    def _data(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        first: bool,
        known: bool,
    ) -> tuple[Array, Array, Array | None]:
        x, labels = validate_data(self, X, y, reset=first, dtype=float_dtype(self.dtype), order="C")
        check_classification_targets(labels)
        x, labels, weights = _counting(x, labels, sample_weight)
        found = unique_labels(labels)
        if not known:
            self.classes_ = _at_least_two(found)
        elif strange := set(found.tolist()) - set(self.classes_.tolist()):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {sorted(strange)} besides."
            )
        return x, np.searchsorted(self.classes_, labels), weights

    def _outputs(self, t: Array) -> int:
        loss = self._default_loss() if self.loss is None else self.loss
        single = loss.activation == "Sigmoid" or isinstance(loss, BCELoss)
        return 1 if single and len(self.classes_) == 2 else len(self.classes_)

    def _targets(self, t: Array, loss: Loss) -> Array:
        if isinstance(loss, CrossEntropyLoss):
            return t
        dtype = float_dtype(self.dtype)
        if self._outputs(t) == 1:
            return t.astype(dtype)[:, np.newaxis]
        return np.eye(len(self.classes_), dtype=dtype)[t]

    def _default_loss(self) -> Loss:
        return BCEWithLogitsLoss() if len(self.classes_) == 2 else CrossEntropyLoss()

    def _total_weights(self, t: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        if isinstance(self.class_weight, Mapping):
            labels = self.classes_[t]
            of_class = compute_class_weight(self.class_weight, classes=self.classes_, y=labels)
            check_non_negative(of_class, "class_weight")
        elif self.class_weight == "balanced":
            counts = np.bincount(t, weights, minlength=len(self.classes_))
            of_class = counts.sum() / (len(counts) * np.where(counts, counts, 1))
        else:
            raise ValueError(
                f'class_weight must be a dict of weights by class, "balanced" or None; got '
                f"{shown(self.class_weight)}"
            )
        total: Array = of_class[t] * (1 if weights is None else weights)
        return total

    def _strata(self, t: Array) -> Array | None:
        return t


class NeuralRegressor(RegressorMixin, _Neural):
    """A regressor for scikit-learn: a network of dense layers, or any other of tinynet.

    ŷ = net(x), trained by the mean squared error, Adam and batches, for one target or for several.
    Defaults are those of MLPRegressor, without its L2 penalty and with all epochs instead of a
    tolerance.

    Args:
        standardize: whether features and targets get mean 0 and variance 1 (over the rows that are
            trained on); losses are then those of the standardized targets. The attributes `scaler_`
            and `target_scaler_` do it, and `predict` gives the units of y.
        network: a function of the numbers of inputs and outputs and of a Generator that makes the
            network, in place of `hidden`, `activation`, `dropout` and `batch_norm`.
        loss: a loss of outputs and targets (N, targets); None stands for `MSELoss`.
        hidden, activation, dropout, batch_norm, optimizer, lr, epochs, batch_size, shuffle,
            validation_fraction, patience, random_state, warm_start, verbose, dtype: as for
            `NeuralClassifier`.

    Attributes:
        net_, history_, n_iter_, n_features_in_, feature_names_in_: as for `NeuralClassifier`.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = NeuralRegressor(hidden=(16,), standardize=True, epochs=50, random_state=0)
        >>> model.fit(X[:400], y[:400]).predict(X[400:]).shape
        (42,)
        >>> model.score(X[400:], y[400:]) > 0.5
        True
    """

    target_scaler_: Any

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch on these rows, with the network and the optimizer of the calls before.

        The arguments are those of `fit`. With `standardize`, the first call decides on the scales.

        Raises:
            ValueError: rows of another width, or another number of targets.
        """
        self._go_on(X, y, sample_weight)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """The predicted targets, (N,) or, if there are several, (N, targets)."""
        y = self._raw_outputs(X)
        if self.target_scaler_ is not None:
            y = self.target_scaler_.inverse_transform(y).astype(y.dtype, copy=False)
        return y[:, 0] if y.shape[1] == 1 else y

    def _data(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        first: bool,
        known: bool,
    ) -> tuple[Array, Array, Array | None]:
        dtype = float_dtype(self.dtype)
        x, t = validate_data(
            self, X, y, reset=first, multi_output=True, y_numeric=True, dtype=dtype, order="C"
        )
        if t.ndim == 2 and t.shape[1] == 1:
            t = column_or_1d(t, warn=True)
        return _counting(x, t.reshape(len(t), -1).astype(dtype), sample_weight)

    def _scale(self, x: Array, t: Array, weights: Array | None) -> None:
        super()._scale(x, t, weights)
        self.target_scaler_ = None
        if self.standardize:
            self.target_scaler_ = StandardScaler().fit(t, sample_weight=weights)

    def _outputs(self, t: Array) -> int:
        return t.shape[1]

    def _targets(self, t: Array, loss: Loss) -> Array:
        if self.target_scaler_ is None:
            return t
        scaled: Array = self.target_scaler_.transform(t).astype(t.dtype, copy=False)
        return scaled

    def _default_loss(self) -> Loss:
        return MSELoss()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _counting(
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


def _at_least_two(classes: Array) -> Array:
    if len(classes) < 2:
        raise ValueError(
            f"NeuralClassifier needs at least 2 classes to tell apart; y has only one class, "
            f"{classes[0]}, among the rows whose weight is not 0"
        )
    return classes
