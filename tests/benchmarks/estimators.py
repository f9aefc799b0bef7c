"""The estimators for scikit-learn beside those that scikit-learn has.

`python -m tests.benchmarks.estimators [ROUNDS]` prints two tables, in about three minutes.

The first one compares times of `fit`, on one core, of a layer of 100 rectifiers and Adam. Both
estimators take the same number of steps on batches of the same size. They fit in turns, ROUNDS
times, and each shows the best time; the ratio is that of scikit-learn's to tinynet's.

The second one compares accuracies in five folds, with all settings at their defaults, as they are
and with features of mean 0 and variance 1.
"""

import sys
import time
import warnings

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
    make_regression,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_limits

from tinynet.interop.sklearn import NeuralClassifier, NeuralRegressor

STEPS = {1: 2_000, 8: 2_000, 32: 2_000, 200: 1_000}  # about so many for each size of batch
SEEDS = range(3)


def tables():
    """Name, inputs, targets and the two kinds of estimators."""
    for name, load in (("digits", load_digits), ("breast cancer", load_breast_cancer)):
        X, y = load(return_X_y=True)
        yield f"{name} {len(X):,} x {X.shape[1]}", scale(X), y, NeuralClassifier, MLPClassifier
    X, y = make_classification(20_000, 20, n_informative=10, n_classes=4, random_state=0)
    yield "made, 4 classes, 20,000 x 20", X, y, NeuralClassifier, MLPClassifier
    X, y = make_regression(20_000, 20, noise=1.0, random_state=0)
    yield "made, numbers, 20,000 x 20", X, scale(y), NeuralRegressor, MLPRegressor


def seconds(estimator, X, y):
    start = time.perf_counter()
    estimator.fit(X, y)
    return time.perf_counter() - start


def times(rounds):
    heads = ["epochs", "tinynet s", "scikit-learn s", "ratio"]
    print(f"{'':30}{'batch':>6}{''.join(f'{head:>15}' for head in heads)}")
    for name, X, y, ours, theirs in tables():
        for batch_size, steps in STEPS.items():
            epochs = max(1, round(steps / -(-len(X) // batch_size)))
            pair = {
                "tinynet": ours(epochs=epochs, batch_size=batch_size, random_state=0),
                "scikit-learn": theirs(
                    max_iter=epochs, n_iter_no_change=epochs + 1, tol=0, alpha=0,
                    batch_size=batch_size, random_state=0,
                ),
            }  # fmt: skip
            best = dict.fromkeys(pair, np.inf)
            for _ in range(rounds):
                for each, estimator in pair.items():
                    best[each] = min(best[each], seconds(estimator, X, y))
            assert [estimator.n_iter_ for estimator in pair.values()] == [epochs, epochs]
            first, second = best.values()
            cells = [f"{epochs}", f"{first:.3f}", f"{second:.3f}", f"{second / first:.2f}"]
            print(f"{name:30}{batch_size:>6}{''.join(f'{cell:>15}' for cell in cells)}", flush=True)


def accuracies():
    kinds = {
        "tinynet": lambda seed: NeuralClassifier(random_state=seed),
        "MLPClassifier": lambda seed: MLPClassifier(random_state=seed),
        "tinynet, scaled": lambda seed: NeuralClassifier(standardize=True, random_state=seed),
        "MLPClassifier, scaled": lambda seed: make_pipeline(
            StandardScaler(), MLPClassifier(random_state=seed)
        ),
        "HistGradientBoosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    }
    print(f"{'accuracy in five folds, %':30}{''.join(f'{kind:>23}' for kind in kinds)}")
    for load in (load_iris, load_wine, load_breast_cancer, load_digits):
        X, y = load(return_X_y=True)
        cells = []
        for kind in kinds.values():
            scores = [
                cross_val_score(
                    kind(seed), X, y, cv=StratifiedKFold(5, shuffle=True, random_state=seed)
                )
                for seed in SEEDS
            ]
            cells.append(f"{100 * np.mean(scores):.1f}")
        print(f"{load.__name__:30}{''.join(f'{cell:>23}' for cell in cells)}", flush=True)


def main(rounds):
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        times(rounds)
        print()
        accuracies()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 3)
