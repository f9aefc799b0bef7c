"""minimize: SciPy's optimizers find minima, and leave the network with the best parameters."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from tinynet import (
    BatchNorm,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    Dropout,
    Frozen,
    HuberLoss,
    Layer,
    LayerNorm,
    Loss,
    Minimum,
    MSELoss,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    evaluate,
    minimize,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
T = np.sin(X @ [[1.0, 0.5], [-1.0, 0.3], [0.2, 1.0]])

METHODS = ["L-BFGS-B", "BFGS", "CG"]
methods = pytest.mark.parametrize("method", METHODS)


def network(*more, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(Dense(3, 6, rng=rng), Tanh(), *more, Dense(6, 2, rng=rng), dtype=dtype)


@methods
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_line_is_fitted_as_by_least_squares(method, dtype):
    """The loss of one Dense is quadratic, and its minimum known."""
    net, x, t = Dense(3, 2, rng=0, dtype=dtype), X.astype(dtype), T.astype(dtype)
    found = minimize(net, MSELoss(), x, t, method)
    with_ones = np.column_stack([X, np.ones(60)])
    wanted, *_ = np.linalg.lstsq(with_ones, T)
    np.testing.assert_allclose(np.vstack([net.W, net.b]), wanted, atol=1e-3)
    assert found.loss == pytest.approx(np.mean((with_ones @ wanted - T) ** 2), rel=1e-5)
    assert net.params.dtype == dtype


@methods
def test_the_gradient_is_small_where_it_ends_and_the_loss_is_that_of_the_network(method):
    net, loss = network(), MSELoss()
    start = loss.forward(net.forward(X), T)
    found = minimize(net, loss, X, T, method, tolerance=1e-3, max_iterations=5000)
    assert isinstance(found, Minimum)
    assert found.converged
    assert found.loss == pytest.approx(evaluate(net, MSELoss(), X, T)["loss"], rel=1e-12)
    assert np.abs(net.grads).max() <= 1e-3
    loss.forward(net.forward(X), T)
    grads = net.grads.copy()
    net.backward(loss.backward())
    np.testing.assert_allclose(grads, net.grads)
    assert len(found.history) == found.iterations + 1
    assert found.history[0] == start
    assert found.history[-1] == found.loss
    assert (np.diff(found.history) <= 0).all()
    assert found.evaluations > found.iterations
    assert found.message
    assert "history" not in repr(found)


@pytest.mark.parametrize("batch_size", [1, 7, 30, 60, 100])
def test_the_portions_of_the_data_do_not_change_the_result(batch_size):
    whole, portions = network(), network()
    one = minimize(whole, MSELoss(), X, T, max_iterations=20)
    other = minimize(portions, MSELoss(), X, T, max_iterations=20, batch_size=batch_size)
    np.testing.assert_allclose(other.history, one.history, rtol=1e-6)
    np.testing.assert_allclose(portions.params, whole.params, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(portions.grads, whole.grads, rtol=1e-3, atol=1e-6)


def test_portions_count_as_much_as_the_loss_says():
    labels = RNG.integers(0, 2, 60)
    labels[:25] = -100
    loss = CrossEntropyLoss(weight=[1.0, 3.0], ignore_index=-100)
    ends = []
    for batch_size in (None, 11):
        net = network()
        options = {"max_iterations": 5, "batch_size": batch_size}
        ends.append(minimize(net, loss, X, labels, **options).history)
    np.testing.assert_allclose(*ends, rtol=1e-8)


@pytest.mark.parametrize("batch_size", [None, 13])
def test_a_weight_is_a_number_of_copies(batch_size):
    weights = RNG.integers(0, 4, 60)
    one, other = network(), network()
    weighed = minimize(
        one, MSELoss(), X, T, max_iterations=10, sample_weight=weights, batch_size=batch_size
    )
    x, t = np.repeat(X, weights, axis=0), np.repeat(T, weights, axis=0)
    copies = minimize(other, MSELoss(), x, t, max_iterations=10)
    np.testing.assert_allclose(weighed.history, copies.history, rtol=1e-7)


def test_the_loss_of_the_caller_and_the_data_stay():
    loss, x, t = HuberLoss(), X.copy(), T.copy()
    before = dict(vars(loss))
    minimize(network(), loss, x, t, max_iterations=3)
    assert vars(loss) == before
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(t, T)


def test_a_part_of_a_network_may_be_minimized_and_the_rest_be_frozen():
    frozen = Frozen(Sequential(Dense(3, 6, rng=0), BatchNorm(6), Dropout(0.0)))
    net = Sequential(frozen, LayerNorm(6), Dense(6, 2, rng=1))
    buffers = {name: array.copy() for name, array in net.named_buffers()}
    found = minimize(net, MSELoss(), X, T, max_iterations=10)
    assert found.loss < found.history[0]
    for name, array in net.named_buffers():
        np.testing.assert_array_equal(array, buffers[name])


def test_the_iterations_are_limited():
    found = minimize(network(), MSELoss(), X, T, max_iterations=4, tolerance=1e-12)
    assert found.iterations == 4
    assert not found.converged


# the callback


@methods
def test_the_callback_gets_each_iteration_with_its_parameters(method):
    net, seen = network(), []

    def callback(iteration, loss):
        seen.append((iteration, loss, MSELoss().forward(net.predict(X), T)))

    found = minimize(net, MSELoss(), X, T, method, max_iterations=6, callback=callback)
    assert [iteration for iteration, _, _ in seen] == [*range(1, found.iterations + 1)]
    np.testing.assert_allclose([loss for _, loss, _ in seen], found.history[1:])
    np.testing.assert_allclose([loss for *_, loss in seen], found.history[1:])


@methods
def test_the_callback_may_stop(method):
    net = network()
    found = minimize(net, MSELoss(), X, T, method, callback=lambda iteration, loss: iteration == 3)
    assert found.iterations == 3
    assert not found.converged
    assert found.message == "the callback asked to stop"
    assert MSELoss().forward(net.predict(X), T) == pytest.approx(found.loss, rel=1e-12)


# errors and interrupts


class Failing(MSELoss):
    """The squared error, of which the pass after so many fails."""

    def __init__(self, passes):
        self.left = [None] * passes  # which a shallow copy shares

    def forward(self, y, t):
        if not self.left:
            raise RuntimeError("no more")
        self.left.pop()
        return super().forward(y, t)


@methods
@pytest.mark.parametrize("error", [RuntimeError("no more"), KeyboardInterrupt()], ids=repr)
def test_an_error_leaves_the_best_parameters(method, error):
    net, losses = network(), []

    def callback(iteration, loss):
        losses.append(loss)
        if iteration == 5:
            raise error

    with pytest.raises(type(error)):
        minimize(net, MSELoss(), X, T, method, callback=callback)
    assert len(losses) == 5
    assert MSELoss().forward(net.predict(X), T) == pytest.approx(min(losses), rel=1e-12)


def test_an_error_in_a_pass_leaves_the_best_parameters():
    net, loss = network(), Failing(20)
    start = MSELoss().forward(net.predict(X), T)
    with pytest.raises(RuntimeError, match="no more"):
        minimize(net, loss, X, T)
    assert MSELoss().forward(net.predict(X), T) < 0.9 * start


def test_ctrl_c_waits_for_the_end_of_a_pass_and_leaves_the_best_parameters():
    net, losses = network(), []

    def callback(iteration, loss):
        losses.append(loss)
        if iteration == 4:
            signal.raise_signal(signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            minimize(net, MSELoss(), X, T, callback=callback)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert len(losses) == 4
    assert MSELoss().forward(net.predict(X), T) <= min(losses) * (1 + 1e-12)


def test_a_loss_that_is_not_finite_at_the_start_is_an_error():
    net = network()
    net.params *= 1e200
    before = net.params.copy()
    with pytest.raises(DivergenceError, match="the loss at the start is inf"):
        minimize(net, MSELoss(), X, T)
    np.testing.assert_array_equal(net.params, before)


# what is no function of the parameters


class Noisy(Layer):
    """y = x + noise, by a class that tinynet does not know."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        return x + 0.1 * self.rng.normal(size=x.shape)

    def backward(self, dy):
        return dy


class Counting(Layer):
    """y = x, and the number of passes in a buffer."""

    buffers = ("passes",)

    def __init__(self):
        self.passes = np.zeros(1)

    def forward(self, x):
        self.passes += 1
        return x

    def predict(self, x):
        return x

    def backward(self, dy):
        return dy


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Dropout(0.5, rng=0), r"net must not draw random numbers in minimize; got Dropout\(0\.5"),
        (Frozen(Dropout(0.5, rng=0)), r"got Dropout\(0\.5"),
        (BatchNorm(6), r"running statistics that move in minimize; got BatchNorm\(6\). Put it in"),
        (Noisy(), "net and loss must give the same loss for the same parameters"),
        (Counting(), r"net must not have buffers that move in minimize; .* changes 2\.passes"),
    ],
    ids=repr,
)
def test_a_layer_that_draws_or_remembers_is_refused(layer, message):
    net = network(layer)
    before = {name: array.copy() for name, array in net.named_buffers()}
    params = net.params.copy()
    with pytest.raises(ValueError, match=message):
        minimize(net, MSELoss(), X, T)
    np.testing.assert_array_equal(net.params, params)
    for name, array in net.named_buffers():
        np.testing.assert_array_equal(array, before[name])


class Drifting(Loss):
    """A loss that depends on how often it was asked."""

    def __init__(self):
        self.passes = 0

    def forward(self, y, t):
        self.passes += 1
        self._d = y - t
        return (self._d**2).mean() + self.passes

    def backward(self):
        return 2 * self._d / self._d.size


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "Nelder-Mead"}, ValueError, r"method must be one of \('L-BFGS-B', 'BFGS', 'CG"),
        ({"method": None}, ValueError, "method must be one of"),
        ({"tolerance": 0}, ValueError, "tolerance must be a positive finite number"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be a positive int"),
        ({"batch_size": 0}, ValueError, "batch_size must be a positive int"),
        ({"callback": 3}, TypeError, "callback must be a function such as"),
        ({"sample_weight": np.zeros(60)}, ValueError, "sample_weight must have an example above 0"),
        ({"sample_weight": np.ones(6)}, ValueError, "sample_weight must hold one number for each"),
        ({"x": X[:5]}, ValueError, "x has 5 examples and t has 60"),
        ({"x": X[:, :2]}, ValueError, r"got x of shape \(60, 2\)"),
        ({"t": T[:, :1]}, ValueError, r"MSELoss got y of shape \(60, 2\) and t of shape \(60, 1\)"),
        ({"x": np.full((60, 3), np.nan)}, ValueError, "x must be finite"),
        ({"net": Sequential(ReLU())}, ValueError, "has no parameters to learn"),
        ({"net": Dense}, TypeError, r"net must be a layer .* The order is network, loss, x, t\."),
        ({"loss": Drifting()}, ValueError, "must give the same loss for the same parameters"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, error, message):
    good = {"net": network(), "loss": MSELoss(), "x": X, "t": T}
    before = good["net"].params.copy()
    with pytest.raises(error, match=message):
        minimize(**{**good, **arguments})
    np.testing.assert_array_equal(good["net"].params, before)


def test_a_classifier_separates_two_spirals_in_some_hundred_iterations():
    turns = np.linspace(0.5, 2.5, 60)
    arm = np.column_stack([turns * np.cos(3 * turns), turns * np.sin(3 * turns)])
    x, labels = np.vstack([arm, -arm]), np.repeat([0, 1], 60)
    rng = np.random.default_rng(0)
    net = Sequential(
        Dense(2, 16, rng=rng), Tanh(), Dense(16, 16, rng=rng), Sigmoid(), Dense(16, 2, rng=rng)
    )
    found = minimize(net, CrossEntropyLoss(), x, labels, max_iterations=600)
    assert found.loss < 0.01
    assert (net.predict(x).argmax(axis=1) == labels).all()


def test_the_optimizers_of_scipy_are_not_imported_before_they_are_needed():
    """They take five times as long as tinynet."""
    code = "import sys, tinynet; print(*(name for name in sys.modules if 'optimize.' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [name for name in done.stdout.split() if name.startswith("scipy")]
    assert not names
