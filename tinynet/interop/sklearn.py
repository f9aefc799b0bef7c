"""Estimators for scikit-learn whose model is a network of tinynet.

They need the extra `sklearn`, and `import tinynet` does not import them:
`from tinynet.interop.sklearn import NeuralClassifier`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.special import expit, softmax

from tinynet.checks import float_dtype
from tinynet.layers import Layer, ReLU
from tinynet.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    KLDivLoss,
    Loss,
    MSELoss,
)
from tinynet.optimizers import Adam
from tinynet.text import shown
from tinynet.types import Array

try:
    from sklearn.base import ClassifierMixin, RegressorMixin
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import column_or_1d
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import check_non_negative, validate_data

    from tinynet.interop.estimator import MakesNetwork, MakesOptimizer, NeuralEstimator, counting
except ImportError as error:
    raise ImportError(
        "tinynet.interop.sklearn needs scikit-learn 1.6 or newer: pip install 'scikit-learn>=1.6'"
    ) from error

__all__ = ["NeuralClassifier", "NeuralRegressor"]


class NeuralClassifier(ClassifierMixin, NeuralEstimator):
    """A classifier for scikit-learn: a network of dense layers, or any other of tinynet.

    p = softmax(net(x)), trained by cross-entropy, Adam and batches; for two classes the network has
    one output and p = σ(net(x)) is the probability of the second class. It takes part in whatever
    scikit-learn has for classifiers: pipelines, searches, cross-validation, calibration. Defaults
    and initial weights are those of MLPClassifier, without its L2 penalty and with all epochs
    instead of a tolerance.

    Args:
        hidden: units of the hidden layers; () makes a linear model.
        activation: after each hidden layer, a class of layers or a function that makes one.
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
        optimizer_: the optimizer, with which `partial_fit` goes on.
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
            dtype=np.float64,
        )
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
            if not fitted:
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
        x, labels, weights = counting(x, labels, sample_weight)
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
        single = self._trained.activation == "Sigmoid" or isinstance(self._trained, BCELoss)
        return 1 if single and len(self.classes_) == 2 else len(self.classes_)

    def _targets(self, t: Array) -> Array:
        if isinstance(self._trained, CrossEntropyLoss):
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


class NeuralRegressor(RegressorMixin, NeuralEstimator):
    """A regressor for scikit-learn: a network of dense layers, or any other of tinynet.

    ŷ = net(x), trained by the mean squared error, Adam and batches, for one target or for several.
    Defaults and initial weights are those of MLPRegressor, without its L2 penalty and with all
    epochs instead of a tolerance.

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
        >>> model = NeuralRegressor(hidden=(16,), lr=0.01, epochs=60, standardize=True)
        >>> model.fit(X[:350], y[:350]).predict(X[350:]).shape
        (92,)
        >>> model.score(X[350:], y[350:]) > 0.4
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
        return counting(x, t.reshape(len(t), -1).astype(dtype), sample_weight)

    def _scale(self, x: Array, t: Array, weights: Array | None) -> None:
        super()._scale(x, t, weights)
        self.target_scaler_ = None
        if self.standardize:
            self.target_scaler_ = StandardScaler().fit(t, sample_weight=weights)

    def _outputs(self, t: Array) -> int:
        return t.shape[1]

    def _targets(self, t: Array) -> Array:
        if self.target_scaler_ is None:
            return t
        scaled: Array = self.target_scaler_.transform(t).astype(t.dtype, copy=False)
        return scaled

    def _default_loss(self) -> Loss:
        return MSELoss()

    def _check_options(self) -> None:
        super()._check_options()
        if self.loss is not None and self.loss.activation:
            raise ValueError(
                f"loss must be one of numbers, such as MSELoss() or HuberLoss(); got "
                f"{self.loss!r}, whose outputs are not in the units of y. For probabilities, use "
                f"NeuralClassifier"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _at_least_two(classes: Array) -> Array:
    if len(classes) < 2:
        raise ValueError(
            f"NeuralClassifier needs at least 2 classes to tell apart; y has only one class, "
            f"{classes[0]}, among the rows whose weight is not 0"
        )
    return classes
