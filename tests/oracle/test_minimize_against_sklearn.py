"""minimize against scikit-learn's MLPRegressor(solver="lbfgs"), from the same start.

Its loss is half of ours, so it stops at half of our gradient. With the same steps, rounding leads
both to other minima after some hundred iterations; so the first 50 are compared.
"""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_friedman1, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from tinynet import Dense, MSELoss, ReLU, Sequential, Sigmoid, Tanh, minimize

SETS = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "friedman": lambda: make_friedman1(300, noise=0.1, random_state=0),
    "regression": lambda: make_regression(300, 10, n_informative=5, noise=5, random_state=0),
}
ACTIVATIONS = {"tanh": Tanh, "logistic": Sigmoid, "relu": ReLU}


class Regressor(MLPRegressor):
    """The same, and its network before the first iteration."""

    def _fit_lbfgs(self, *args, **kwargs):
        self.start = [[array.copy() for array in (*pair,)] for pair in self._pairs()]
        return super()._fit_lbfgs(*args, **kwargs)

    def _pairs(self):
        return zip(self.coefs_, self.intercepts_, strict=True)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", SETS)
def test_the_loss_is_as_low_in_no_more_iterations(name, activation, seed):
    x, t = SETS[name]()
    x, t = (x - x.mean(axis=0)) / x.std(axis=0), (t - t.mean()) / t.std()
    model = Regressor(
        hidden_layer_sizes=(20,),
        activation=activation,
        solver="lbfgs",
        alpha=0,
        max_iter=50,
        tol=1e-4,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, t)
    net = Sequential(Dense(x.shape[1], 20), ACTIVATIONS[activation](), Dense(20, 1))
    for layer, (W, b) in zip((net[0], net[2]), model.start, strict=True):
        layer.W, layer.b = W, b
    found = minimize(net, MSELoss(), x, t[:, np.newaxis], tolerance=2e-4, max_iterations=50)
    assert found.iterations <= model.n_iter_
    assert found.loss <= 1.01 * 2 * model.loss_
    assert found.loss == pytest.approx(2 * model.loss_, rel=0.01)
