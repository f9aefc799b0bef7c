"""What is monitored, and the learning rate that becomes smaller on a plateau."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet import SGD, Dense, History, MSELoss, ReduceOnPlateau, fit, schedules

X = np.random.default_rng(0).normal(size=(20, 3))
T = X @ np.ones((3, 1))


def keras(values, factor, patience, min_delta=0.0):
    """The rates of Keras' callback, step by step, from the rate 1."""
    rate, best, wait, rates = 1.0, np.inf, 0, []
    for value in values:
        if value < best - min_delta:
            best, wait = value, 0
        else:
            wait += 1
            if wait >= patience:
                rate, wait = rate * factor, 0
        rates.append(rate)
    return rates


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=30),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_the_rates_are_those_of_keras(values, patience, min_delta):
    plateau = ReduceOnPlateau(0.5, patience, min_delta)
    expected = keras(values, 0.5, patience, min_delta)
    for epochs in range(1, len(values) + 1):
        history = History({"validation_loss": values[:epochs]})
        assert plateau.reduced(1.0, history) == expected[epochs - 1]
        mirrored = History({"accuracy": [-v for v in values[:epochs]]})
        assert plateau.reduced(1.0, mirrored, "accuracy", "max") == expected[epochs - 1]


def test_a_schedule_is_multiplied():
    plateau, schedule = ReduceOnPlateau(0.5, 1), schedules.step_decay(0.4, factor=0.5, every=2)
    history = History({"loss": [1.0, 1.0]})
    reduced = plateau.reduced(schedule, history, "loss")
    assert [reduced(step) for step in range(4)] == [0.2, 0.2, 0.1, 0.1]
    assert plateau.reduced(schedule, History({"loss": [1.0]}), "loss") is schedule


def run(epochs, path=None, resume=False, lr=1.5):
    net = Dense(3, 1, rng=0)
    optimizer = SGD(net, lr=lr)
    history = fit(
        net, MSELoss(), optimizer, X, T, epochs=epochs, batch_size=20, progress="off", rng=0,
        monitor="loss", reduce_on_plateau=ReduceOnPlateau(0.5, 1), checkpoint=path, resume=resume,
    )  # fmt: skip
    return net, optimizer, history


def test_fit_reduces_a_rate_that_is_too_large():
    _, optimizer, history = run(12)
    lr = history["lr"]
    assert lr[0] == 1.5
    assert lr[-1] <= 0.75
    assert (np.diff(lr) <= 0).all()
    assert optimizer.lr == 1.5
    assert history["loss"][-1] < history["loss"][0]


def test_a_resumed_run_has_the_same_rates_and_bytes(tmp_path):
    whole, _, history = run(9)
    run(4, tmp_path / "run.npz")
    resumed, _, again = run(9, tmp_path / "run.npz", resume=True)
    np.testing.assert_array_equal(resumed.params, whole.params)
    np.testing.assert_array_equal(again["lr"], history["lr"])


def test_a_rate_that_was_reduced_very_often_stays_positive():
    history = History({"loss": [1.0] * 2000})
    assert 0 < ReduceOnPlateau(0.1, 1).reduced(0.1, history, "loss") < 1e-300
    assert ReduceOnPlateau(0.1, 1, min_lr=1e-4).reduced(0.1, history, "loss") == 1e-4
    schedule = ReduceOnPlateau(0.1, 1).reduced(lambda step: float(step), history, "loss")
    assert schedule(0) == 0
    assert 0 < schedule(1) < 1e-300


def test_the_same_optimizer_may_resume(tmp_path):
    _, _, history = run(9)
    net = Dense(3, 1, rng=0)
    optimizer = SGD(net, lr=1.5)
    plateau = ReduceOnPlateau(0.5, 1)
    for epochs in (4, 9):
        again = fit(
            net, MSELoss(), optimizer, X, T, epochs=epochs, batch_size=20, progress="off", rng=0,
            monitor="loss", reduce_on_plateau=plateau, checkpoint=tmp_path / "run.npz",
            resume=epochs == 9,
        )  # fmt: skip
    np.testing.assert_array_equal(again["lr"], history["lr"])


def up_and_down(values):
    """A metric that is no function of the network, but of the epoch."""
    left = iter([values[0], *values])  # it is asked once before the first epoch
    return lambda y, t: next(left)


def test_patience_watches_a_metric_that_grows():
    net = Dense(3, 1, rng=0)
    parameters = []
    history = fit(
        net, MSELoss(), SGD(net, lr=0.01), X, T, epochs=9, batch_size=20, patience=2,
        validation=(X, T), metrics={"skill": up_and_down([0.1, 0.5, 0.4, 0.3, 0.9])},
        monitor="validation_skill", mode="max",
        progress=lambda number, row: parameters.append(net.params.copy()),
    )  # fmt: skip
    assert history.epochs == 4
    assert history.best_epoch == 2
    np.testing.assert_array_equal(net.params, parameters[1])


def test_patience_may_watch_the_training_loss():
    net = Dense(3, 1, rng=0)
    history = fit(
        net, MSELoss(), SGD(net, lr=1e-300), X, T, epochs=9, batch_size=20, patience=2,
        monitor="loss", progress="off", shuffle=False,
    )  # fmt: skip
    assert history.epochs == 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"monitor": "accuracy"}, "monitor must be one of the columns loss, lr, seconds"),
        ({"mode": "auto"}, "mode must be 'min' or 'max'; got 'auto'"),
        ({"patience": 3}, 'or monitor="loss"'),
        ({"mode": "max"}, "pass monitor"),
        ({"reduce_on_plateau": ReduceOnPlateau()}, 'or monitor="loss"'),
    ],
)
def test_what_cannot_be_monitored_is_said(options, text):
    net = Dense(3, 1, rng=0)
    before = net.params.copy()
    with pytest.raises(ValueError, match=text):
        fit(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=2, **options)
    np.testing.assert_array_equal(net.params, before)


@pytest.mark.parametrize("values", [[np.nan, 0.5, 0.4], [0.5, np.nan, 0.6]])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_nan_is_never_the_best(values, mode):
    history = History({"score": values}, monitor="score", mode=mode)
    assert not np.isnan(values[history.best_epoch - 1])
